"""The files of a tree that an index covers, walked and read with care.

Left out are hidden folders, folders of other people's code, and what `.gitignore` and `.phloemignore` files (of every
folder, the deepest deciding) or the settings' `exclude` name; links are not followed. A file that turns out to be too
big, binary, not UTF-8, generated or minified is left out too, and counted.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from phloem.assist.sources import IGNORED_FOLDERS, MAX_FILE_SIZE, Skipped, unfit
from phloem.languages import name_for_path

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".phloemignore")
_MARKDOWN = (".md", ".markdown")
_GENERATED = re.compile(
    rb"^[^\S\n]*(?:#|//|/\*|\*|<!--|--|;|\"\"\"|''').{0,200}?"
    rb"(?:@generated\b|\bauto-?generated\b|\bautomatically generated\b|\b(?:is|was|code|file) generated\b"
    rb"|\bgenerated (?:by|from|with|using)\b|\bdo not (?:edit|modify)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD = 1_500  # bytes in which a file says that it is generated
_LONG_LINE, _MEAN_LINE, _SMALL = 5_000, 300, 2_000  # bytes; files under _SMALL are not judged by their lines
RACY = 2_000_000_000  # ns: a file as young as this may change again without a new time


class Found(NamedTuple):
    """A file of the tree: its path from the root with slashes, and what the file system says of it."""

    path: str
    language: str  # of phloem.languages, or "markdown"
    size: int
    modified: int  # ns


class Read(NamedTuple):
    """A file as it was read: `problem` says why there is no source."""

    source: bytes
    digest: str
    modified: int  # ns before reading; 0 where the file is so young that its time proves nothing
    size: int
    problem: str


def language_of(path: str) -> str | None:
    return "markdown" if path.lower().endswith(_MARKDOWN) else name_for_path(path)


@dataclass(frozen=True)
class _Rules:
    """The patterns that hold in a folder: each ignore file's, with the depth of its folder; the last decides."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def ignores(self, path: str) -> bool:
        """`path` is absolute, with slashes, a folder's with one at its end."""
        for base, spec in reversed(self.specs):
            verdict = spec.check_file(path[len(base) :]).include
            if verdict is not None:
                return verdict
        return False

    def within(self, folder: str, names: Sequence[str]) -> _Rules:
        """With those of the folder's ignore files, whose names are in its listing."""
        from pathspec import GitIgnoreSpec

        added = []
        for name in names:
            try:
                lines = Path(folder, name).read_text("utf-8", "replace").splitlines()
                spec = GitIgnoreSpec.from_lines(lines)
            except (OSError, ValueError):
                continue
            if len(spec):
                added.append((folder.rstrip("/") + "/", spec))
        return _Rules((*self.specs, *added)) if added else self


def walk(root: Path, exclude: Sequence[str] = (), skipped: Skipped | None = None) -> Iterator[Found]:
    """The files of a tree in the order of their paths. `exclude` has patterns as in .gitignore, from the root.

    A stack of our own: folders may be nested deeper than Python's recursion.
    """
    from pathspec import GitIgnoreSpec

    skipped = skipped if skipped is not None else Skipped()
    base = os.fspath(root).replace(os.sep, "/")
    above = _rules_above(base)
    always = _Rules(((base.rstrip("/") + "/", GitIgnoreSpec.from_lines(exclude)),)) if exclude else _Rules()
    stack = [(base, "", above)]
    while stack:
        folder, prefix, rules = stack.pop()
        try:
            with os.scandir(folder) as listing:
                items = sorted(listing, key=lambda item: item.name)
        except OSError as error:
            skipped.add(prefix or folder, error.strerror or "unreadable")
            continue
        there = {item.name for item in items}
        rules = rules.within(folder, [name for name in IGNORE_FILES if name in there])
        below = []
        for item in items:
            path, full = prefix + item.name, f"{folder.rstrip('/')}/{item.name}"
            try:
                if item.is_dir(follow_symlinks=False):
                    if not _unwanted(item.name) and not rules.ignores(full + "/") and not always.ignores(full + "/"):
                        below.append((full, path + "/", rules))
                    continue
                language = language_of(item.name)
                if language is None or not item.is_file(follow_symlinks=False):
                    continue
                if rules.ignores(full) or always.ignores(full):
                    continue
                if not _is_text(path):
                    skipped.add(ascii(path), "its name is not UTF-8")
                    continue
                status = item.stat(follow_symlinks=False)
            except OSError as error:
                skipped.add(path, error.strerror or "unreadable")
                continue
            yield Found(path, language, status.st_size, status.st_mtime_ns)
        stack += reversed(below)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unwanted(folder: str) -> bool:
    return folder.startswith(".") or folder in IGNORED_FOLDERS


def _rules_above(root: str) -> _Rules:
    """The ignore files of the folders above, up to the checkout's root; none where the root lies in no checkout."""
    path = Path(root)
    checkout = next((each for each in (path, *path.parents) if (each / ".git").exists()), None)
    rules = _Rules()
    if checkout is None or checkout == path:
        return rules
    for folder in reversed([each for each in path.parents if each.is_relative_to(checkout)]):
        rules = rules.within(folder.as_posix(), [name for name in IGNORE_FILES if (folder / name).is_file()])
    # a folder that its checkout ignores, and that was named all the same, is indexed
    return _Rules() if rules.ignores(root.rstrip("/") + "/") else rules


def read(root: str, path: str, max_file_size: int = MAX_FILE_SIZE) -> Read:
    """The file's bytes with what identifies them.

    The time is that of before reading: a file that changes while it is read looks changed to the next run.
    """
    try:
        with open(os.path.join(root, path), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > max_file_size:
                return Read(b"", "", status.st_mtime_ns, status.st_size, "larger than --max-file-size")
            source = file.read(max_file_size + 1)
    except OSError as error:
        return Read(b"", "", 0, 0, error.strerror or "unreadable")
    young = time.time_ns() - status.st_mtime_ns < RACY
    digest = hashlib.blake2b(source, digest_size=16).hexdigest()
    problem = unfit(source, max_file_size) or machine_made(path, source) or ""
    if problem.startswith("not UTF-8"):
        problem = "not UTF-8"
    return Read(b"" if problem else source, digest, 0 if young else status.st_mtime_ns, status.st_size, problem)


def machine_made(path: str, source: bytes) -> str | None:
    """Whether a file is "generated" or "minified", which nobody searches for; None for what people wrote."""
    if ".min." in os.path.basename(path).lower():
        return "minified"
    if _GENERATED.search(source[:_HEAD]):
        return "generated"
    if len(source) > _SMALL and not path.lower().endswith(_MARKDOWN):
        lines = source.count(b"\n") + 1
        if len(source) / lines > _MEAN_LINE or max(map(len, source.split(b"\n"))) > _LONG_LINE:
            return "minified"
    return None
