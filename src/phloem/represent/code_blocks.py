"""A Python file as blocks: the bodies of its functions and classes, and the lines between them.

Sahu et al., "Learning to Answer Semantic Queries over Code" (CodeQueries; ISEC 2024): what is relevant to a query are a
few blocks of a file. Here a block is a maximal run of tokens of one innermost function or class, or of none, so blocks
are disjoint, hold every token once, and make up the file again in order.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phloem.languages import by_name

_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")


class Token(NamedTuple):
    """A word, another character, or white space; places are characters of the file."""

    text: str
    start: int
    end: int


class Block(NamedTuple):
    """Tokens `first` to `last`, the last left out."""

    first: int
    last: int


def tokens_of(source: str) -> list[Token]:
    """The tokens of any text, broken or not; together they are the text."""
    return [Token(match[0], *match.span()) for match in _TOKEN.finditer(source)]


def blocks_of(source: str, tokens: list[Token] | None = None) -> list[Block]:
    """The blocks of a file in order; [] of an empty one."""
    tokens = tokens_of(source) if tokens is None else tokens
    if not tokens:
        return []
    owner = _owners(source, tokens)
    cuts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(tokens)]
    return [Block(first, last) for first, last in pairwise(cuts)]


def _owners(source: str, tokens: list[Token]) -> Int[np.ndarray, " tokens"]:
    """For each token the innermost function or class that it begins in, by number; -1 outside of all."""
    language = by_name("python")
    data = source.encode()
    tree = language.parse(data)
    kinds = language.kind_mask(frozenset({"function_definition", "class_definition"}))
    ends = np.cumsum([0, *(len(token.text.encode()) for token in tokens)])
    owner = np.full(len(tokens), -1)
    for number, node in enumerate(np.flatnonzero(kinds[tree.kind]).tolist()):  # the outer ones first
        owner[(ends[:-1] >= tree.start[node]) & (ends[:-1] < tree.end[node])] = number
    return owner
