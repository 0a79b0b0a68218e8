"""The files that a job looks at: found under paths, filtered, and read with care, since any of them may be hostile.

A path that a person named and that does not exist is an error; a file that turns out to be too big, binary, not
UTF-8 or unreadable is skipped, with the reason kept, so that the job can name it at its end.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from phloem.errors import PhloemError
from phloem.languages import LANGUAGES, by_name, name_for_path

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_FILE_SIZE = 2_000_000
# Folders that hold other people's code or no code at all.
IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "build", "dist", "target"})


def bytes_of(size: str, option: str) -> int:
    """A size in words, of the option or setting `option`, which an error names.

    >>> bytes_of("2MB", ""), bytes_of("500k", ""), bytes_of("1000", "")
    (2000000, 500000, 1000)
    """
    match = re.fullmatch(r"(\d{1,15})\s*([KMG]?)B?", size.strip().upper())
    if match is None or int(match[1]) == 0:
        raise PhloemError(f"{option}: {size!r} is not a size like 2MB or 500000")
    return int(match[1]) * {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}[match[2]]


class SourceFile(NamedTuple):
    """A file as it was read; `path` is spelled as the person's argument leads to it."""

    path: str
    language: str  # of phloem.languages
    source: bytes


@dataclass
class Skipped:
    """Files that were not looked at, with one reason each."""

    files: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, reason: str) -> None:
        self.files.append((path, reason))

    def lines(self, limit: int = 10) -> list[str]:
        """One line a file up to `limit`, then one a reason with its count."""
        shown = [f"skipped {path}: {reason}" for path, reason in self.files[:limit]]
        rest = Counter(reason for _, reason in self.files[limit:])
        return shown + [f"skipped {count} more: {reason}" for reason, count in rest.most_common()]


def read_sources(
    paths: Sequence[str | Path],
    *,
    exclude: Sequence[str] = (),
    max_file_size: int = MAX_FILE_SIZE,
    language: str | None = None,
    skipped: Skipped | None = None,
) -> Iterator[SourceFile]:
    """Every source file under the paths once, language by language and sorted in each folder.

    `exclude` has patterns as in .gitignore, relative to the current folder; `language` is for files whose name does
    not tell. Hidden folders and those of IGNORED_FOLDERS are left out unless named. Raises PhloemError for a path
    that does not exist and for a single file of an unknown language.
    """
    skipped = skipped if skipped is not None else Skipped()
    for path, known in source_paths(paths, exclude=exclude, language=language, skipped=skipped):
        source = _read(path, max_file_size, skipped)
        if source is not None:
            yield SourceFile(path, known, source)


def source_paths(
    paths: Sequence[str | Path], *, exclude: Sequence[str] = (), language: str | None = None, skipped: Skipped
) -> Iterator[tuple[str, str]]:
    """The paths that `read_sources` reads, with their languages."""
    from pathspec import GitIgnoreSpec

    forced = by_name(language).name if language else None
    excluded = GitIgnoreSpec.from_lines(exclude)
    seen: set[str] = set()
    for path in sorted(_expand(paths, excluded, skipped), key=lambda path: name_for_path(path) or ""):
        known = name_for_path(path) or forced
        if known is None:
            raise PhloemError(f"{path}: not a source file of a known language ({', '.join(LANGUAGES)}); try --language")
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield path, known


def _expand(paths: Sequence[str | Path], excluded: GitIgnoreSpec, skipped: Skipped) -> Iterator[str]:
    for argument in paths:
        path = os.fspath(argument)
        if os.path.isdir(path):
            yield from _walk(path, excluded, skipped)
        elif os.path.lexists(path):
            if not _matches(excluded, path):
                yield path
        else:
            raise PhloemError(f"{path}: no such file or folder")


def _walk(folder: str, excluded: GitIgnoreSpec, skipped: Skipped) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        skipped.add(str(error.filename), error.strerror or "unreadable")

    for here, folders, files in os.walk(folder, onerror=unreadable):  # links to folders are not followed
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in IGNORED_FOLDERS
            and not _matches(excluded, os.path.join(here, name) + "/")
        )
        for name in sorted(files):
            path = os.path.normpath(os.path.join(here, name))
            if name_for_path(path) and not _matches(excluded, path):
                yield path


def _matches(excluded: GitIgnoreSpec, path: str) -> bool:
    relative = os.path.relpath(path) + ("/" if path.endswith("/") else "")
    return excluded.match_file(relative)


def _read(path: str, max_file_size: int, skipped: Skipped) -> bytes | None:
    try:
        status = os.stat(path)
        if not os.path.isfile(path):
            skipped.add(path, "not a regular file")
            return None
        if status.st_size > max_file_size:
            skipped.add(path, f"{status.st_size:,} bytes, above --max-file-size {max_file_size:,}")
            return None
        with open(path, "rb") as file:
            source = file.read(max_file_size + 1)
    except OSError as error:
        skipped.add(path, error.strerror or "unreadable")
        return None
    problem = unfit(source, max_file_size)
    if problem:
        skipped.add(path, problem)
        return None
    return source


def source_of_stdin(stream: BinaryIO, language: str, max_file_size: int = MAX_FILE_SIZE) -> SourceFile:
    """What stands on standard input. Raises PhloemError where it is unfit."""
    source = stream.read(max_file_size + 1)
    problem = unfit(source, max_file_size)
    if problem:
        raise PhloemError(f"stdin: {problem}")
    return SourceFile("<stdin>", by_name(language).name, source)


def unfit(source: bytes, max_file_size: int = MAX_FILE_SIZE) -> str | None:
    """Why bytes are not source code to look at, or None: too big, binary, not UTF-8."""
    if len(source) > max_file_size:
        return f"above --max-file-size {max_file_size:,}"
    if b"\0" in source:
        return "binary"
    try:
        source.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start})"
    return None
