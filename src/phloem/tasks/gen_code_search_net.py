"""GenCodeSearchNet's items and its matching task (Diera et al., "GenCodeSearchNet", 2023).

An item is one text, `comment [CODESPLIT] code`. Matching asks whether a comment and a code belong together: each item
is a positive pair, and gives a negative one, its comment with the code of another item whose text differs. The released
writers of five of the matching sets format negatives in another way than positives (a blank between all characters),
so that the format tells the label; here both come through the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np

MARK = "[CODESPLIT]"
_PARTED = f" {MARK} "


class Item(NamedTuple):
    """A comment and its code."""

    comment: str
    code: str


class Pair(NamedTuple):
    """A comment and a code, which belong together (`label` 1) or don't (0)."""

    comment: str
    code: str
    label: int


class Items(NamedTuple):
    """What a file holds, and how many lines were left out: with several marks, or with a tokenizer's own symbol."""

    items: list[Item]
    skipped: int


def text_of(item: Item) -> str:
    """The released format, a blank on both sides of the mark."""
    return f"{item.comment}{_PARTED}{item.code}"


def read(texts: Iterable[str], special: Sequence[str] = ()) -> Items:
    """The items of texts; `special` are the symbols of the tokenizer that will read them.

    >>> read(["sum [CODESPLIT] a + b", "x [CODESPLIT] y [CODESPLIT] z"])
    Items(items=[Item(comment='sum', code='a + b')], skipped=1)
    """
    items, skipped = [], 0
    for text in texts:
        parts = text.split(_PARTED)
        if len(parts) != 2 or text.count(MARK) != 1 or any(symbol in text for symbol in special):
            skipped += 1
        else:
            items.append(Item(*parts))
    return Items(items, skipped)


def matching(name: str, items: Sequence[Item], seed: int = 42) -> list[Pair]:
    """Each item as a positive pair, and with the code of another; half of the pairs are positive.

    The draw depends on the seed and on the set's name alone. Raises ValueError where all items have the same code.
    """
    if len({item.code for item in items}) < 2:
        raise ValueError(f"{name}: no two items differ in their code, so there is no negative pair")
    rng = np.random.default_rng([seed, crc32(name.encode())])
    pairs = []
    for item in items:
        other = items[int(rng.integers(len(items)))]
        while other.code == item.code:
            other = items[int(rng.integers(len(items)))]
        pairs += [Pair(*item, 1), Pair(item.comment, other.code, 0)]
    return pairs
