"""A function as the sequence of its tokens, split into subtokens: what a model reads that knows nothing of trees.

The tokens are the leaves of the syntax tree in source order, a string literal as one. Comments and the docstring are
left out, and punctuation that only separates (brackets, commas, colons: the layout says as much). Names, strings and
numbers become values as in path contexts (`phloem.represent.values`), so that models of tokens and of paths see the
same words; operators stand for themselves. The function's own name becomes METHOD_NAME wherever it occurs, in recursive
calls and in functions within it too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, Int64

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import subtree_stops
from phloem.represent.values import LONGEST_TEXT, METHOD_NAME, MOST_TEXTS, bare, subtoken_value

SEPARATORS = frozenset("()[]{},;:.") | {"->", "=>", "::"}


def inside(stops: Int[np.ndarray, nodes], tops: Int64[np.ndarray, tops]) -> Bool[np.ndarray, nodes]:
    """Which nodes lie below one of `tops`, these left out."""
    change = np.zeros(len(stops) + 1, np.int64)
    np.add.at(change, tops + 1, 1)
    np.add.at(change, stops[tops], -1)
    return np.cumsum(change[:-1]) > 0


def terminals(example: Example) -> Int64[np.ndarray, terminals]:
    """The nodes of the tree that are tokens: leaves and whole string literals, no comment, no docstring."""
    tree, language = example.tree, by_name(example.language)
    stops = subtree_stops(tree.parent)
    string = language.kind_mask(language.string_kinds)[tree.kind]
    comment = language.kind_mask(language.comment_kinds)[tree.kind]
    within = inside(stops, np.flatnonzero(string | comment))
    leaf = (stops == np.arange(1, len(stops) + 1)) & (tree.end > tree.start)
    token = (leaf | string) & ~within & ~comment
    if example.doc_span is not None:
        first, last = example.doc_span
        token &= (tree.start >= last) | (tree.end <= first)
    return np.flatnonzero(token)


class Subtokens:
    """Splits tokens, each distinct text once."""

    def __init__(self, most: int = 5) -> None:
        """Of a token the first `most` subtokens count."""
        self.most = most
        self._known: dict[bytes, tuple[str, tuple[str, ...]]] = {}  # its text without quotes, and its subtokens

    def of(self, example: Example) -> list[str]:
        """The subtokens of a function in order."""
        source, known = example.tree.source, self._known
        if len(known) > MOST_TEXTS:
            known.clear()
        tokens = terminals(example)
        starts, ends = example.tree.start[tokens].tolist(), example.tree.end[tokens].tolist()
        words: list[str] = []
        for node, start, end in zip(tokens.tolist(), starts, ends, strict=True):
            text = source[start:end]
            found = known.get(text)
            if found is None:
                found = known[text] = self._split(text[: 4 * LONGEST_TEXT].decode("utf-8", "replace"))
            content, parts = found
            words += (METHOD_NAME,) if node == example.name_node or content == example.name else parts
        return words

    def _split(self, text: str) -> tuple[str, tuple[str, ...]]:
        content, value = bare(text), subtoken_value(text)
        if value:
            return content, tuple(value.split("|")[: self.most])
        operator = text.strip()
        separates = not operator or operator in SEPARATORS or content is not text
        return content, () if separates else (operator,)
