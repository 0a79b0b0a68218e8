"""Where code is found: folders, files and archives, walked in a fixed order without trusting them.

Every source yields its entries in the same order each time. Nothing is extracted to disk and no name of an archive is
ever used as a path of this machine. Sizes are checked before content is read, and what an archive says of its sizes is
checked again while it is read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol, cast

from pathspec import GitIgnoreSpec

from phloem.errors import PhloemError
from phloem.languages import extensions, name_for_path

SKIPPED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "__pycache__", "site-packages", "dist-packages", "venv", "env", "__MACOSX"}
    | {"_vendor", "vendor", "vendored", "third_party", "third-party", "thirdparty"}
)
LARGEST_EXPANSION = 200  # an archive that grows more than this is a bomb; source code shrinks 3- to 10-fold
FREE_EXPANSION = 64 << 20  # bytes of any archive before its expansion is judged
LARGEST_HEADER = 1 << 20  # of a tar member's extended header, which is read whole
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, RuntimeError, ValueError),
)

Skip = Callable[[str, str], None]  # reason, path
Rules = list[tuple[Path, GitIgnoreSpec]]  # of a folder, those of the folders above it first


class Entry(NamedTuple):
    """A file of a source. `read(limit)` must be called before the next entry is asked for."""

    path: str
    size: int
    read: Callable[[int], bytes]


class Source(Protocol):
    """`name` is the project's unless sub-folders are projects; `path` says where it is, for messages."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def licence(self) -> str:
        """Of all projects in it whose own files tell none."""
        ...

    def entries(self, skip: Skip) -> Iterator[Entry]: ...


class Bomb(ValueError):
    """An archive that expands too much."""


@dataclass(frozen=True)
class Folder:
    name: str
    path: Path
    licence: str = ""

    def entries(self, skip: Skip) -> Iterator[Entry]:
        """Depth first with a stack of our own: folders may be nested deeper than Python's recursion."""
        stack = [(self.path, "", _ignored_above(self.path))]
        while stack:
            folder, prefix, ignored = stack.pop()
            try:
                with os.scandir(folder) as listing:
                    found = sorted(listing, key=lambda item: item.name)
            except OSError as error:
                skip(f"unreadable folder ({error.strerror})", prefix or str(folder))
                continue
            if ignored or not prefix:
                ignored = _with_ignore_file(folder, ignored)
            below = []
            for item in found:
                path = prefix + item.name
                if item.is_symlink():
                    skip("symbolic link", path)
                elif item.is_dir(follow_symlinks=False):
                    if not _is_ignored(Path(item.path), True, ignored):
                        below.append((Path(item.path), path + "/", ignored))
                elif item.is_file(follow_symlinks=False) and not _is_ignored(Path(item.path), False, ignored):
                    yield Entry(path, item.stat(follow_symlinks=False).st_size, _reader(Path(item.path)))
            stack += [(each, name, rules) for each, name, rules in reversed(below) if not skipped_path(name)]


def _reader(path: Path) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        with path.open("rb") as stream:
            return stream.read(limit)

    return read


def _ignored_above(folder: Path) -> Rules:
    """Rules of a git checkout that the folder lies in; none, and none are read below, when it lies in none."""
    folder = folder.resolve()
    checkout = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if checkout is None:
        return []
    rules: Rules = [(checkout, GitIgnoreSpec.from_lines([".git/"]))]
    for each in reversed([parent for parent in folder.parents if parent.is_relative_to(checkout)]):
        rules = _with_ignore_file(each, rules)
    # a folder that its checkout ignores, and that was named all the same, is no part of the checkout
    return [] if folder != checkout and _is_ignored(folder, True, rules) else rules


def _with_ignore_file(folder: Path, rules: Rules) -> Rules:
    if not rules:
        return rules
    try:
        lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
        return [*rules, (folder.resolve(), GitIgnoreSpec.from_lines(lines))]
    except (OSError, ValueError):
        return rules


def _is_ignored(path: Path, is_folder: bool, rules: Rules) -> bool:
    """The deepest .gitignore that speaks of the path decides."""
    for base, spec in reversed(rules):
        try:
            verdict = spec.check_file(path.relative_to(base).as_posix() + ("/" if is_folder else "")).include
        except ValueError:
            continue
        if verdict is not None:
            return verdict
    return False


@dataclass(frozen=True)
class File:
    name: str
    path: Path
    licence: str = ""

    def entries(self, skip: Skip) -> Iterator[Entry]:
        yield Entry(self.path.name, self.path.stat().st_size, _reader(self.path))


def _safe_name(name: str) -> str | None:
    """A member's name with forward slashes; None for absolute names, drives and `..`."""
    name = name.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or (parts[0][1:2] == ":") or "\0" in name:
        return None
    return "/".join(part for part in parts if part not in ("", "."))


@dataclass(frozen=True)
class Zip:
    """Also jars and wheels."""

    name: str
    path: Path
    licence: str = ""

    def entries(self, skip: Skip) -> Iterator[Entry]:
        allowance = [max(FREE_EXPANSION, LARGEST_EXPANSION * self.path.stat().st_size)]
        try:
            with zipfile.ZipFile(self.path) as archive:
                for member in archive.infolist():
                    if member.is_dir():
                        continue
                    path = _safe_name(member.filename)
                    if path is None:
                        skip("unsafe name in an archive", member.filename)
                    elif stat.S_ISLNK(member.external_attr >> 16):
                        skip("symbolic link", path)
                    elif member.flag_bits & 1:
                        skip("encrypted", path)
                    else:
                        yield Entry(path, member.file_size, self._reader(archive, member, allowance))
        except DAMAGED as error:
            skip("expands too much" if isinstance(error, Bomb) else "damaged archive", str(self.path))

    def _reader(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowance: list[int]
    ) -> Callable[[int], bytes]:
        def read(limit: int) -> bytes:
            with archive.open(member) as stream:
                data = stream.read(limit)
            allowance[0] -= len(data)
            if allowance[0] < 0:
                raise Bomb(f"{self.path.name} expands too much")
            return data

        return read


_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class _TarMember(tarfile.TarInfo):
    """A member whose extended headers (long names, pax records), which tarfile reads whole, are of bounded size."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > LARGEST_HEADER:
            raise tarfile.ReadError("a header is too large")
        return super()._proc_member(archive)  # type: ignore[misc]


def _uncompressed(path: Path) -> IO[bytes]:
    """The stream of a tar. tarfile's own decompression takes a truncated gzip for a whole one."""
    with path.open("rb") as start:
        magic = start.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(path))
    if magic.startswith(b"BZh"):
        return bz2.open(path)
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.open(path)
    return path.open("rb")


@dataclass(frozen=True)
class Tar:
    """A tar, plain or compressed (sdists), read as a stream: members come once, in their order."""

    name: str
    path: Path
    licence: str = ""

    def entries(self, skip: Skip) -> Iterator[Entry]:
        allowance = max(FREE_EXPANSION, LARGEST_EXPANSION * self.path.stat().st_size)
        try:
            with (
                _uncompressed(self.path) as stream,
                tarfile.open(fileobj=stream, mode="r|", tarinfo=_TarMember) as archive,
            ):
                for member in archive:
                    archive.members = []  # type: ignore[attr-defined]  # a stream can't go back to them
                    if member.offset_data + member.size > allowance:
                        raise Bomb(f"{self.path.name} expands too much")
                    path = _safe_name(member.name)
                    if path is None:
                        skip("unsafe name in an archive", member.name)
                    elif member.issym() or member.islnk():
                        skip("symbolic link", path)
                    elif member.isreg():
                        yield Entry(path, member.size, self._reader(archive, member))
        except DAMAGED as error:
            skip("expands too much" if isinstance(error, Bomb) else "damaged archive", str(self.path))

    def _reader(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[int], bytes]:
        def read(limit: int) -> bytes:
            stream = archive.extractfile(member)
            return stream.read(limit) if stream else b""

        return read


def skipped_path(path: str) -> bool:
    """Whether a path lies in a hidden or vendored folder, or is hidden itself."""
    return any(part in SKIPPED_FOLDERS or part.startswith(".") for part in PurePosixPath(path).parts)


def project_name(path: Path) -> str:
    """`django-6.0.tar.gz` → django, `commons-io_2.11.0.orig.tar.xz` → commons-io, `six-1.17-py3-none-any.whl` → six."""
    name = path.name
    for ending in (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".tar", ".zip", ".whl", ".jar"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            if ".orig" in name:
                return name.split("_", 1)[0]
            if ending == ".whl":
                return name.split("-", 1)[0]
            return re.sub(r"-v?\d+(\.\d.*)?$", "", name) or name
    return name


def open_source(path: Path) -> Source:
    """The source at a path. Raises PhloemError when there is none or it is nothing that can be mined."""
    path = Path(os.path.abspath(path))
    if not path.exists():
        raise PhloemError(f"{path} does not exist")
    resolved = path.resolve()
    if resolved.is_dir():
        return Folder(resolved.name or "root", resolved)
    if not resolved.is_file():
        raise PhloemError(f"{path} is neither a file nor a folder")
    if name_for_path(resolved) is not None:
        return File(resolved.name, resolved)
    try:
        if zipfile.is_zipfile(resolved):
            return Zip(project_name(path), resolved)
        if tarfile.is_tarfile(resolved):
            return Tar(project_name(path), resolved)
    except DAMAGED as error:
        raise PhloemError(f"{path} cannot be read: {error}") from error
    endings = " ".join(ending for group in extensions().values() for ending in group)
    raise PhloemError(f"{path} is neither a folder, a zip, a tar nor a source file ({endings})")
