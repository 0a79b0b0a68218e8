"""Does an expression find on the rows that wait what it found on the examples?

The last word and what follows the last semicolon are the same text in `a;b;c`, not in `p;q;last one`. A person gives
two examples, but the table shows the rows for which the program is meant, and there the wrong reading cuts in the
middle of something: it begins after a letter and a blank, where in the examples it began after a semicolon. So a
substring's surroundings (two characters before it and after it, its own first and last one; words are alike, and so
are numbers) are collected on the examples, and what is new on the rows that wait counts against the expression. A weak
prior from unlabelled inputs, as in Singh and Gulwani (Predicting a correct program in programming by example, CAV
2015, section 4), without training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

ROWS = 20  # rows that wait, of which all expressions are asked
UNSEEN = 4  # weight of each of the four surroundings that is new, if it is on all rows
NEAR = 2  # characters before and after, a word or number counted as one

Span = tuple[int, int] | None
"""Where a substring begins and ends; None where there is none."""


class Contexts:
    """The surroundings of substrings of some texts, those of the examples, and of others, those of rows that wait."""

    def __init__(self, texts: Sequence[str], waiting: Sequence[str]) -> None:
        self.texts, self.waiting = list(texts), [each for each in waiting if each]

    def penalty(self, spans: Sequence[Span], others: Sequence[Span]) -> int:
        """What counts against an expression with these spans in the texts, and those in the rows that wait."""
        if not self.waiting:
            return 0
        seen: tuple[set[str], ...] = (set(), set(), set(), set())
        for text, span in zip(self.texts, spans, strict=True):
            for known, each in zip(seen, _surroundings(text, span), strict=True):
                known.add(each)
        new = 0
        for text, span in zip(self.waiting, others, strict=True):
            if span is None or span[0] >= span[1]:
                new += len(seen)
                continue
            new += sum(each not in known for known, each in zip(seen, _surroundings(text, span), strict=True))
        return _price(new, len(seen), len(self.waiting))

    def boundary(self, places: Sequence[int], others: Sequence[int | None], *, end: bool) -> int:
        """The same for one end of a substring: what is outside of it, and its own first or last character."""
        if not self.waiting:
            return 0
        seen: tuple[set[str], set[str]] = (set(), set())
        for text, place in zip(self.texts, places, strict=True):
            for known, each in zip(seen, _side(text, place, end), strict=True):
                known.add(each)
        new = 0
        for text, other in zip(self.waiting, others, strict=True):
            if other is None:
                new += len(seen)
            else:
                new += sum(each not in known for known, each in zip(seen, _side(text, other, end), strict=True))
        return _price(new, len(seen), len(self.waiting))


def _price(new: int, most: int, rows: int) -> int:
    # One strange row of many says much: the root of the share.
    return round(UNSEEN * most * (new / most / rows) ** 0.5)


def _surroundings(text: str, span: Span) -> tuple[str, str, str, str]:
    start, end = span if span is not None else (0, 0)
    return *_side(text, start, end=False), *_side(text, end, end=True)


def _side(text: str, place: int, end: bool) -> tuple[str, str]:
    """What is outside of the start or end of a substring, and its first or last character."""
    if end:
        return after(text, place), _kind(text[max(place - 1, 0) : place])
    return before(text, place), _kind(text[place : place + 1])


@cache
def _kind(character: str) -> str:
    return "a" if character.isalpha() else "0" if character.isdigit() else character


def before(text: str, place: int) -> str:
    """What is before a place, the last first.

    >>> before("x, ab", 5), before("ab", 2)
    ('a ', 'a^')
    """
    found = ""
    while place > 0 and len(found) < NEAR:
        place -= 1
        kind = _kind(text[place])
        if not (kind in "a0" and found[-1:] == kind):
            found += kind
    return found.ljust(NEAR, "^")


def after(text: str, place: int) -> str:
    """What is after a place.

    >>> after("ab (c)", 2), after("ab", 1)
    (' (', 'a$')
    """
    found = ""
    while place < len(text) and len(found) < NEAR:
        kind = _kind(text[place])
        if not (kind in "a0" and found[-1:] == kind):
            found += kind
        place += 1
    return found.ljust(NEAR, "$")
