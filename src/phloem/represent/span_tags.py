"""Spans as tags of tokens, and back.

CodeQueries (Sahu et al. 2024) after Ramshaw and Marcus (1995): B begins an answer, F a supporting fact, I continues
either, O is outside, and NONE stands at marks, the query and padding. The first tag of a span is put right after
another span, too, so that touching spans stay two; the released labels give a span that begins where another ends an I
there, which makes them one (`merge_touching`). Reading tags, an I that nothing began is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

B, I, O, F, NONE = range(5)  # noqa: E741  # the field's letters
TAGS = 5


class Span(NamedTuple):
    """Tokens `first` to `last`, the last left out; a supporting fact, or an answer."""

    first: int
    last: int
    fact: bool = False


def tags_of(spans: Iterable[Span], length: int, *, merge_touching: bool = False) -> list[int]:
    """The tags of disjoint spans in a sequence; what lies behind its end is cut off."""
    tags = [O] * length
    for span in sorted(spans):
        for place in range(span.first, min(span.last, length)):
            tags[place] = I
        touches = 0 < span.first <= length and tags[span.first - 1] != O
        if span.first < length and not (merge_touching and touches):
            tags[span.first] = F if span.fact else B
    return tags


def spans_of(tags: Sequence[int]) -> list[Span]:
    """The spans of tags, in order."""
    found: list[Span] = []
    begun = -1
    for place, tag in enumerate([*tags, O]):
        if begun >= 0 and tag != I:
            found.append(Span(begun, place, tags[begun] == F))
            begun = -1
        if tag in (B, F):
            begun = place
    return found
