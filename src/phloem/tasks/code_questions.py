"""Questions about Python files as a task: the spans that answer, and the pieces of a file that a model reads.

CodeQueries (Sahu et al. 2024): all places are tokens of the file, whatever part of it is read, so that what is
predicted on windows, on a beginning or on joined blocks is compared with the spans of the whole file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.corpora.lint_labelled_code import QUERIES, labelled
from phloem.nn.models.span_tagger import windows
from phloem.represent.byte_pairs import END, BytePairs
from phloem.represent.code_blocks import Block, blocks_of, tokens_of
from phloem.represent.span_tags import I, O, Span, tags_of


class Instance(NamedTuple):
    """A question and a file; spans and blocks count tokens of the file."""

    query: str
    tokens: tuple[tuple[int, ...], ...]  # the units of each token
    spans: tuple[Span, ...]
    blocks: tuple[Block, ...]

    def relevant(self) -> list[Block]:
        """The blocks that hold a span; the first one where there is none."""
        own = [
            one for one in self.blocks if any(one.first < span.last and span.first < one.last for span in self.spans)
        ]
        return own or list(self.blocks[:1])


def instance(source: str, query: str, units: BytePairs) -> Instance:
    """A labelled file. Raises SyntaxError where it does not parse."""
    found = labelled(source, QUERIES[query])
    tokens = tokens_of(source)
    starts, ends = np.array([token.start for token in tokens]), np.array([token.end for token in tokens])
    spans = []
    for places, fact in ((found.answers, False), (found.facts, True)):
        for first, last in places:
            begin = int(np.searchsorted(ends, first, "right"))
            spans.append(Span(begin, int(np.searchsorted(starts, last, "left")), fact))
    disjoint: list[Span] = []
    for span in sorted(spans):  # of nested ones the outer one
        if not disjoint or span.first >= disjoint[-1].last:
            disjoint.append(span)
    coded = tuple(tuple(units.encode(token.text)) for token in tokens)
    return Instance(query, coded, tuple(disjoint), tuple(blocks_of(source, tokens)))


class Piece(NamedTuple):
    """Code as units, each with the token that it is of (-1: a mark between blocks), and its tags."""

    units: list[int]
    owners: list[int]
    tags: list[int]


def piece(one: Instance, blocks: Sequence[Block]) -> Piece:
    """Blocks in file order with a mark between them."""
    tags = tags_of(one.spans, len(one.tokens))
    units, owners, found = [], [], []
    for number, block in enumerate(blocks):
        if number:
            units.append(END)
            owners.append(-1)
            found.append(O)
        for token in range(block.first, block.last):
            for place, unit in enumerate(one.tokens[token]):
                units.append(unit)
                owners.append(token)
                found.append(tags[token] if place == 0 or tags[token] == O else I)
    return Piece(units, owners, found)


def cut(whole: Piece, size: int) -> list[Piece]:
    """Pieces of at most so many units, one behind the other."""
    sides = (windows(side, size) for side in whole)
    return [Piece(*part) for part in zip(*sides, strict=True)]
