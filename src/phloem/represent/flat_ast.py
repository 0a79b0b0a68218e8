"""A syntax tree as one flat sequence of symbols, from which the tree can be rebuilt.

Guo et al., "UniXcoder: Unified Cross-Modal Pre-training for Code Representation" (ACL 2022, section 3.1, algorithm 1):

    F(leaf) = its text        F(t) = <t,left> F(c_1) … F(c_n) <t,right>     for a node of the type t with children c

F is invertible up to the types of leaves, but only if the children of a node hold all of its text: in Python's grammar
the content of the string 'a\\nb' has the escape sequence as its only child, and a and b belong to no leaf. So a node
whose children do not cover its text (blanks aside) is read as a leaf here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool

from phloem.errors import PhloemError
from phloem.languages.base import Language
from phloem.languages.tree import Tree, subtree_stops

_BLANKS = np.isin(np.arange(256), np.frombuffer(b" \t\n\r\f\v", np.uint8))


class Marker(NamedTuple):
    """Where a node of the type `kind` begins or ends; `str` writes it as <kind,left>."""

    kind: str
    side: Literal["left", "right"]

    def __str__(self) -> str:
        return f"<{self.kind},{self.side}>"


Symbol = Marker | str


class Branch(NamedTuple):
    """A node with children, each a branch or the text of a leaf."""

    kind: str
    children: tuple[Branch | str, ...]


def is_leaf(tree: Tree, exact: Bool[np.ndarray, " nodes"] | None = None) -> Bool[np.ndarray, " nodes"]:
    """The nodes that are read as leaves: without children, or with text that no child covers.

    Blanks need not be covered, except in the nodes marked by `exact`. Nodes inside such a leaf are marked, too, if they
    are leaves themselves; readers skip to the end of a leaf's subtree.
    """
    blank = _BLANKS[np.frombuffer(tree.source, np.uint8)]
    found = _uncovered(tree, ~blank)
    if exact is not None:
        found |= exact & _uncovered(tree, np.ones_like(blank))
    found |= subtree_stops(tree.parent) == np.arange(1, len(tree.parent) + 1)
    return found


def _uncovered(tree: Tree, counted: Bool[np.ndarray, " bytes"]) -> Bool[np.ndarray, " nodes"]:
    """Where children hold fewer of the counted bytes than the node."""
    before = np.concatenate([[0], np.cumsum(counted)])
    own = before[tree.end] - before[tree.start]
    children = np.zeros_like(own)
    np.add.at(children, tree.parent[1:], own[1:])
    return children < own


def flat_ast(tree: Tree, language: Language) -> list[Symbol]:
    """F of the tree's root.

    >>> from phloem.languages import by_name
    >>> " ".join(map(str, flat_ast(by_name("python").parse(b"a + 1"), by_name("python"))[2:5]))
    '<binary_operator,left> a +'
    """
    leaf, stops, kinds = is_leaf(tree).tolist(), subtree_stops(tree.parent).tolist(), kind_names(tree, language)
    symbols: list[Symbol] = []
    open_: list[tuple[int, str]] = []
    node, count = 0, len(kinds)
    while node < count:
        while open_ and open_[-1][0] <= node:
            symbols.append(Marker(open_.pop()[1], "right"))
        if leaf[node]:
            symbols.append(tree.text(node))
            node = stops[node]
        else:
            symbols.append(Marker(kinds[node], "left"))
            open_.append((stops[node], kinds[node]))
            node += 1
    symbols.extend(Marker(kind, "right") for _, kind in reversed(open_))
    return symbols


def unflatten(symbols: Iterable[Symbol]) -> Branch | str:
    """The inverse of `flat_ast`. Raises PhloemError where the markers do not nest or there is not one root."""
    open_: list[tuple[str, list[Branch | str]]] = [("", [])]
    for symbol in symbols:
        if isinstance(symbol, str):
            open_[-1][1].append(symbol)
        elif symbol.side == "left":
            open_.append((symbol.kind, []))
        else:
            kind, children = open_.pop()
            if kind != symbol.kind or not open_:
                raise PhloemError(f"{symbol} closes {f'<{kind},left>' if kind else 'nothing'}")
            open_[-1][1].append(Branch(kind, tuple(children)))
    if len(open_) != 1 or len(open_[0][1]) != 1:
        raise PhloemError("the symbols are not those of one tree")
    return open_[0][1][0]


def without_markers(symbols: Sequence[Symbol]) -> list[str]:
    """The leaves alone: what half of the samples hold in pretraining, and all of them in fine-tuning."""
    return [symbol for symbol in symbols if isinstance(symbol, str)]


def kind_names(tree: Tree, language: Language) -> list[str]:
    """The kind of each node by name; ERROR where the source did not parse."""
    names = language.kinds
    return [names[kind] if kind < len(names) else "ERROR" for kind in tree.kind.tolist()]
