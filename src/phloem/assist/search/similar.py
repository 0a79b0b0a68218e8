"""The definition that FILE:NAME means, read from the file as it is now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from phloem.assist.places import place
from phloem.assist.search.files import Found, language_of, read
from phloem.assist.search.rows import Work, rows_of
from phloem.assist.sources import MAX_FILE_SIZE
from phloem.errors import PhloemError

LISTED = 12  # names that an error lists


class Source(NamedTuple):
    """A definition of a file."""

    file: Path
    name: str
    line: int
    language: str
    code: str  # as it is embedded

    def path_below(self, root: Path) -> str:
        """The file's path in the tree; "" where it is outside."""
        real = self.file.resolve()
        return real.relative_to(root).as_posix() if real.is_relative_to(root) else ""


def read_definition(text: str) -> Source:
    """What FILE:NAME (or FILE:NAME:LINE, or FILE:Class.name) means.

    Raises PhloemError for a file that is not there or unfit, and for a name that none or several in it have.
    """
    where = place(text.strip())
    if not where.file.is_file():
        raise PhloemError(f"{where.file}: no such file")
    language = language_of(where.file.name)
    if language is None:
        raise PhloemError(f"{where.file}: not a source file of a known language")
    folder, name = os.path.split(os.path.abspath(where.file))
    problem = read(folder, name).problem
    if problem:
        raise PhloemError(f"{where.file}: {problem}")
    rows = rows_of(Work(folder, ((Found(name, language, 0, 0), ""),), MAX_FILE_SIZE), None)
    columns = ["name", "qualified_name", "line", "end_line", "language"]
    there = [
        {**row, "text": text} for row, text in zip(rows.batch.select(columns).to_pylist(), rows.texts, strict=True)
    ]
    named = [row for row in there if where.name in (row["name"], row["qualified_name"])]
    wanted = [row for row in named if where.line is None or row["line"] <= where.line <= row["end_line"]]
    if not wanted:
        names = list(dict.fromkeys(row["qualified_name"] for row in there))
        listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
        raise PhloemError(f"{where.file} has no {where.name}; it has {listed or 'no definitions'}")
    if len(wanted) > 1:
        lines = ", ".join(str(row["line"]) for row in wanted)
        raise PhloemError(f"{where.file} has {where.name} on lines {lines}: say which as FILE:{where.name}:LINE")
    row = wanted[0]
    return Source(where.file, row["name"], row["line"], row["language"], row["text"])
