"""A function that a person named: FILE:NAME, or FILE:NAME:LINE where a file has several of that name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from phloem.errors import PhloemError


class Place(NamedTuple):
    """`line` is any line of the definition."""

    file: Path
    name: str
    line: int | None


def place(text: str) -> Place:
    """Raises PhloemError where the text is no such place.

    >>> place("src/lib.py:read:12").name
    'read'
    """
    head, _, last = text.rpartition(":")
    line = None
    if head and last.isdigit():
        line = int(last)
        head, _, last = head.rpartition(":")
    if not head or not last:
        raise PhloemError(f"{text}: say which function as FILE:NAME or FILE:NAME:LINE")
    return Place(Path(head), last, line)
