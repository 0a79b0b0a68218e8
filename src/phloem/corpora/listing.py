"""The listing of what is mined: which files, of which project, in which order, in which chunk.

It is walked twice, without being held in memory: once to know the projects' sizes and licences, once to read. Chunks
are cut by the listed sizes, so that both walks, and the walk of a run that goes on, cut alike.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import distribution as metadata_of
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from phloem.corpora import licences, packages
from phloem.corpora.parsing import SourceFile, Unit
from phloem.corpora.sources import DAMAGED, Bomb, Entry, File, Folder, Skip, Source, open_source, skipped_path
from phloem.errors import PhloemError
from phloem.languages import LANGUAGES, by_name, name_for_path

CHUNK_BYTES = 16 << 20  # about 15,000 functions: what a kill can lose
UNIT_BYTES, UNIT_FILES = 512 << 10, 64
NAMED_SKIPS = 200  # paths named for each reason; the rest is counted
HEADERS_READ = 5  # files of a project whose first lines are asked for the licence where no other file tells it
_TESTS = re.compile(
    r"(^|/)(tests?|testing|__tests__|spec|androidTest)/"  # folders
    r"|(^|/)(test_[^/]*|conftest)\.py$"
    r"|(_test|_tests|_spec|\.test|\.spec)\.\w+$"
    r"|(Tests?|TestCase|IT)\.(java|cs)$"
)


@dataclass(frozen=True)
class MineSettings:
    """What is mined and how it is split; two runs with equal input and settings write equal corpora."""

    max_file_size: int = 2_000_000  # bytes
    project_depth: int = 0  # 0: a source is a project; n: its folders n levels down are
    languages: tuple[str, ...] = ()  # none: all
    tests: bool = True  # whether test folders and files are mined
    sdists: bool = False  # whether pip:NAME prefers source distributions, which hold tests too, to wheels
    seed: int = 0  # of the split

    def __post_init__(self) -> None:
        if self.max_file_size < 1 or self.project_depth < 0:
            raise PhloemError("the largest file size must be at least 1 and the project depth at least 0")
        object.__setattr__(self, "languages", tuple(sorted(by_name(name).name for name in self.languages)))


@dataclass
class Listing:
    """What the first walk found. Sizes are bytes of source by project, in the order of the walk."""

    sizes: dict[str, int] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    total: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_paths: dict[str, list[str]] = field(default_factory=dict)
    digest: str = ""

    def skip(self, reason: str, path: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        named = self.skipped_paths.setdefault(reason, [])
        if len(named) < NAMED_SKIPS:
            named.append(path)


def open_sources(sources: list[str], package_folder: Path, settings: MineSettings) -> list[Source]:
    """The sources named by a person, packages fetched. Raises PhloemError when one does not exist."""
    if not sources:
        raise PhloemError("nothing to mine: name a folder, a file, an archive, pip:NAME or installed")
    opened: list[Source] = []
    for source in sources:
        if source == "installed":
            opened += _installed()
        elif source.startswith("pip:"):
            opened.append(_package(source.removeprefix("pip:"), package_folder, settings))
        else:
            opened.append(open_source(Path(source)))
    return opened


def _package(name: str, folder: Path, settings: MineSettings) -> Source:
    """A package's wheel; its source distribution where it is preferred or the wheel holds compiled code only."""
    source = open_source(packages.fetch(name, folder, prefer="sdist" if settings.sdists else "wheel"))
    if not settings.sdists and not any(_wanted(entry, settings) for entry in source.entries(lambda *_: None)):
        source = open_source(packages.fetch(name, folder, prefer="sdist"))
    return source


def _installed() -> Iterator[Source]:
    """Top-level packages and modules of the running interpreter's site-packages."""
    distributions = packages_distributions()
    for root in dict.fromkeys(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")):
        for item in sorted(root.iterdir()):
            name = item.name.removesuffix(".py")
            licence = next(filter(None, map(_installed_licence, distributions.get(name, []))), "")
            if item.is_symlink() or name.startswith((".", "_")):
                continue
            if item.is_dir() and name.isidentifier():
                yield Folder(name, item, licence)
            elif item.is_file() and item.suffix == ".py":
                yield File(name, item, licence)


def _installed_licence(distribution: str) -> str:
    try:
        text = metadata_of(distribution).read_text("METADATA") or ""
    except (PackageNotFoundError, OSError, UnicodeError):
        return ""
    return licences.recognise("PKG-INFO", text.encode())


class _Listed(NamedTuple):
    source: Source
    entry: Entry
    project: str


def _walk(
    sources: list[Source], settings: MineSettings, skip: Skip, notice: Callable[[Source, Entry], None]
) -> Iterator[_Listed]:
    """Files to mine in their fixed order. Other files pass by `notice`."""
    for source in sources:
        for entry in source.entries(skip):
            if skipped_path(entry.path):
                continue
            if not _wanted(entry, settings):
                notice(source, entry)
            elif entry.size > settings.max_file_size:
                skip("larger than the largest file size", entry.path)
            else:
                yield _Listed(source, entry, _project(source, entry.path, settings.project_depth))


def _wanted(entry: Entry, settings: MineSettings) -> bool:
    language = name_for_path(entry.path)
    if language is None or (settings.languages and language not in settings.languages):
        return False
    return settings.tests or not _TESTS.search(entry.path)


def _project(source: Source, path: str, depth: int) -> str:
    folders = PurePosixPath(path).parts[:-1]
    return "/".join((source.name, *folders[:depth])) if depth and len(folders) >= depth else source.name


def list_sources(sources: list[Source], settings: MineSettings, tell: Callable[[int], None]) -> Listing:
    """Walk the sources without parsing. Raises PhloemError when they hold nothing to mine."""
    listing = Listing()
    digest = hashlib.sha256()
    told: dict[str, tuple[int, str]] = {}  # project → rank of what told its licence, licence
    languages: set[str] = set()
    headers: dict[str, int] = {}
    fallback: dict[str, Source] = {}

    def hear(project: str, rank: int, entry: Entry) -> None:
        if rank < told.get(project, (99, ""))[0]:
            try:
                licence = licences.recognise(entry.path, entry.read(licences.LARGEST))
            except DAMAGED:
                return
            if licence:
                told[project] = (rank, licence)

    def notice(source: Source, entry: Entry) -> None:
        rank = licences.rank(entry.path)
        if rank is not None:
            hear(_project(source, entry.path, settings.project_depth), rank, entry)

    for source, entry, project in _walk(sources, settings, listing.skip, notice):
        listing.sizes[project] = listing.sizes.get(project, 0) + entry.size
        listing.total += entry.size
        languages.add(name_for_path(entry.path) or "")
        digest.update(f"{project}\0{entry.path}\0{entry.size}\n".encode("utf-8", "surrogateescape"))
        if headers.setdefault(project, 0) < HEADERS_READ:
            headers[project] += 1
            hear(project, 50, entry)
        fallback.setdefault(project, source)
        tell(listing.total)
    if not listing.sizes:
        raise PhloemError(_nothing_found(listing, settings))
    for project, source in fallback.items():
        listing.licences[project] = told.get(project, told.get(source.name, (0, source.licence)))[1]
    listing.languages = sorted(languages)
    listing.digest = digest.hexdigest()
    return listing


def _nothing_found(listing: Listing, settings: MineSettings) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in listing.skipped.items())
    known = ", ".join(settings.languages or LANGUAGES)
    message = f"nothing to mine: no source file of a known language ({known})"
    return f"{message}; skipped: {reasons}" if reasons else message


def units(sources: list[Source], listing: Listing, settings: MineSettings, first_chunk: int) -> Iterator[Unit]:
    """The files, read, in units; those of chunks before `first_chunk` are passed over unread.

    What cannot be read is named in the unit's `unread`. A chunk has at least one unit."""
    files: list[SourceFile] = []
    unread: list[tuple[str, str]] = []
    position = chunk_bytes = unit_bytes = unit_files = chunk = 0
    for _, entry, project in _walk(sources, settings, lambda *_: None, lambda *_: None):
        full = chunk_bytes >= CHUNK_BYTES
        if full or unit_bytes >= UNIT_BYTES or unit_files >= UNIT_FILES:
            if chunk >= first_chunk:
                yield Unit(chunk, tuple(files), tuple(unread), position)
            files, unread, unit_bytes, unit_files = [], [], 0, 0
        if full:
            chunk, chunk_bytes = chunk + 1, 0
        position += entry.size
        chunk_bytes += entry.size
        unit_bytes += entry.size
        unit_files += 1
        if chunk >= first_chunk:
            try:
                content = entry.read(settings.max_file_size + 1)
            except Bomb:
                unread.append(("expands too much", entry.path))
            except DAMAGED as error:
                unread.append((f"unreadable ({type(error).__name__})", entry.path))
            else:
                if len(content) > settings.max_file_size:
                    unread.append(("larger than the largest file size", entry.path))
                else:
                    files.append(SourceFile(entry.path, project, listing.licences.get(project, ""), content))
    if unit_files and chunk >= first_chunk:
        yield Unit(chunk, tuple(files), tuple(unread), position)
