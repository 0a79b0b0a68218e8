"""Made-up inputs: what examples might look like elsewhere, to see whether programs that agree on them still do.

Each is one small change of an example's input: a word more or fewer, words swapped, another case, other digits, a
separator missing or doubled. Deterministic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MOST = 80
EACH = 16  # rows of a change
WORDS = 6  # words of a cell that are changed
LONG = 500  # characters of a cell that is changed
PLAIN = 3  # of the changes below, those after which an input is as likely as before


def probes(rows: Sequence[tuple[str, ...]], *, plain: bool = False) -> list[tuple[str, ...]]:
    """Up to `MOST` rows that are not among the given ones, the plainest changes first; with `plain` these alone."""
    rows = [row for row in rows if all(len(cell) <= LONG for cell in row)]
    found: dict[tuple[str, ...], None] = {}
    changes = [
        [(row, j, changed) for row in rows[:10] for j, cell in enumerate(row) for changed in change(cell)]
        for change in (CHANGES[:PLAIN] if plain else CHANGES)
    ]
    for made in changes:
        for row, j, changed in made[:EACH]:
            found.setdefault((*row[:j], changed, *row[j + 1 :]), None)
    given = set(rows)
    return [row for row in found if row not in given and any(row)][:MOST]


def _another_word(cell: str) -> Iterator[str]:
    words = cell.split(" ")
    if len(words) > 1:
        yield " ".join([*words[:1], "Maria" if words[0][:1].isupper() else "and", *words[1:]])


def _one_word_fewer(cell: str) -> Iterator[str]:
    words = cell.split(" ")
    if len(words) > 2:
        yield " ".join([words[0], *words[2:]])


def _swapped(cell: str) -> Iterator[str]:
    words = cell.split(" ")
    if len(words) == 2:
        yield " ".join(reversed(words))


def _other_digits(cell: str) -> Iterator[str]:
    if re.search(r"\d", cell):
        yield re.sub(r"\d", lambda match: str((int(match[0]) * 7 + 3) % 10), cell)
        yield re.sub(r"\d+", lambda match: match[0] + "5", cell, count=1)


def _separator_again(cell: str) -> Iterator[str]:
    """The part up to the first separator, twice."""
    match = re.search(r"[^\w\s]", cell)
    if match and 0 < match.start() < len(cell) - 1:
        yield cell[: match.end()] + cell
    last = re.search(r"[^\w\s](?=[\w\s]*$)", cell)
    if last and 0 < last.start() < len(cell) - 1:
        yield cell + cell[last.start() :]


def _other_case(cell: str) -> Iterator[str]:
    yield from (changed for changed in (cell.lower(), cell.upper()) if changed != cell)


def _longer(cell: str) -> Iterator[str]:
    """Each word twice as long, and shorter by its last letter."""
    for match in list(re.finditer(r"[^\W\d_]{2,}", cell))[:WORDS]:
        word, before, after = match[0], cell[: match.start()], cell[match.end() :]
        yield f"{before}{word}{word.lower()}{after}"
        if len(word) > 2:
            yield f"{before}{word[:-1]}{after}"


def _without_separator(cell: str) -> Iterator[str]:
    changed = re.sub(r"[^\w\s]", "", cell, count=1)
    if changed != cell:
        yield changed


CHANGES = (
    _another_word,
    _longer,
    _other_digits,
    _one_word_fewer,
    _separator_again,
    _swapped,
    _other_case,
    _without_separator,
)
