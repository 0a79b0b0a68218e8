"""The occurrences of identifiers in a piece of code, and its byte pairs with the identifier that each belongs to.

Wang et al., "CodeT5" (EMNLP 2021, section 3.2) mark the tokens that the parser calls identifiers: the label of
identifier tagging, and what masked identifier prediction hides. Two occurrences are the same name if their text is
equal; scopes are not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from phloem.languages.base import Language
from phloem.languages.tree import Tree, subtree_stops
from phloem.represent.byte_pairs import BytePairs


class Occurrence(NamedTuple):
    """Bytes `start:end` of the source hold the identifier `text`."""

    start: int
    end: int
    text: str


class MarkedTokens(NamedTuple):
    """Code as units of `BytePairs`. Units of one word are whole tokens of the code; `name` says which of the `names`,
    numbered by first appearance, a unit belongs to, -1 for none. A unit may begin with the blank before its word."""

    ids: Int32[np.ndarray, " units"]
    word: Int32[np.ndarray, " units"]
    name: Int32[np.ndarray, " units"]
    names: tuple[str, ...]


def identifier_occurrences(tree: Tree, language: Language) -> list[Occurrence]:
    """The leaves that the language calls identifiers, in source order."""
    chosen = language.kind_mask(language.identifier_kinds)[tree.kind]
    chosen &= subtree_stops(tree.parent) == np.arange(1, len(tree.parent) + 1)
    chosen &= tree.end > tree.start
    nodes = np.flatnonzero(chosen).tolist()
    return [Occurrence(int(tree.start[node]), int(tree.end[node]), tree.text(node)) for node in nodes]


def marked_tokens(
    tree: Tree, language: Language, units: BytePairs, *, without: tuple[int, int] | None = None
) -> MarkedTokens:
    """The units of the tree's source, bytes `without` (a docstring's) left out.

    The source is cut at identifiers, a single blank before one going with it, so that no unit holds more than one.
    """
    numbers: dict[str, int] = {}
    ids: list[int] = []
    word: list[int] = []
    name: list[int] = []

    def add(segment: bytes, number: int) -> None:
        found, words = units.encode_words(segment.decode("utf-8", "replace"))
        base = word[-1] + 1 if word else 0
        ids.extend(found)
        word.extend(base + each for each in words)
        name.extend([number] * len(found))

    hole = without or (len(tree.source), len(tree.source))
    at = 0
    for start, end, text in identifier_occurrences(tree, language):
        if start < hole[1] and end > hole[0]:
            continue
        before = _outside(tree.source, at, start, hole)
        if before.endswith(b" ") and not before.endswith(b"  "):
            before, lead = before[:-1], b" "
        else:
            lead = b""
        if before:
            add(before, -1)
        add(lead + tree.source[start:end], numbers.setdefault(text, len(numbers)))
        at = end
    if rest := _outside(tree.source, at, len(tree.source), hole):
        add(rest, -1)
    return MarkedTokens(np.array(ids, np.int32), np.array(word, np.int32), np.array(name, np.int32), tuple(numbers))


def _outside(source: bytes, start: int, end: int, hole: tuple[int, int]) -> bytes:
    """The bytes from `start` to `end` that do not lie in the hole."""
    return source[start : max(start, min(end, hole[0]))] + source[max(start, min(end, hole[1])) : end]
