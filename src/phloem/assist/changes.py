"""Which lines of which files differ from a revision of git."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from phloem.errors import PhloemError

_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
Lines = list[tuple[int, int]]  # first and last changed line, 1-based


def changed_lines(revision: str, folder: str | Path = ".") -> dict[str, Lines]:
    """Changed lines of the working tree against `revision`, by real path; an untracked file is changed as a whole.

    `revision` is anything that `git diff` takes as one argument: a branch, a commit, `main...`. A deletion counts for
    the line before it and the one after it. Raises PhloemError outside a repository and for an unknown revision.
    """
    if revision.startswith("-") or not revision:
        raise PhloemError(f"--diff: {revision!r} is not a revision")
    root = _git(folder, "rev-parse", "--show-toplevel").rstrip("\n")
    quiet = ("-c", "core.quotepath=off", "-c", "diff.mnemonicPrefix=false", "-c", "diff.noprefix=false")
    output = _git(root, *quiet, "diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-renames", revision, "--")
    changed: dict[str, Lines] = {}
    here: Lines = []
    in_header = True
    for line in output.split("\n"):
        if line.startswith("diff --git "):
            in_header = True
        elif in_header and line.startswith("+++ "):
            here = changed.setdefault(os.path.realpath(os.path.join(root, _path(line[4:]))), [])
        elif hunk := _HUNK.match(line):
            in_header = False
            first, count = int(hunk[1]), int(hunk[2] if hunk[2] is not None else 1)
            here.append((first, first + count - 1) if count else (first, first + 1))
    for path in _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if path:
            changed[os.path.realpath(os.path.join(root, path))] = [(1, 1 << 60)]
    return changed


def touches(lines: Sequence[tuple[int, int]], first: int, last: int) -> bool:
    """Whether any of the changed ranges meets the lines from `first` to `last`."""
    return any(low <= last and high >= first for low, high in lines)


def _path(header: str) -> str:
    """The path of a +++ line: in C quotes where it has odd characters, with a tab behind where it has blanks."""
    header = header.rstrip("\t")
    if header.startswith('"'):
        raw = header[1:-1].encode("utf-8", "surrogateescape")
        header = raw.decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
    return header.removeprefix("b/")


def _git(folder: str | Path, *arguments: str) -> str:
    import subprocess

    command = ["git", "-C", os.fspath(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise PhloemError("--diff needs git, which is not installed") from error
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["failed"])[0].removeprefix("fatal: ")
        raise PhloemError(f"--diff: git: {reason}")
    return done.stdout.decode("utf-8", "surrogateescape")
