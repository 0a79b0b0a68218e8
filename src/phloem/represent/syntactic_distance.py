"""A syntax tree as three sequences over its tokens, and back.

Hernández López et al., "AST-Probe: Recovering abstract syntax trees from hidden representations of pre-trained
language models" (ASE 2022, section 4), after Shen et al., "Straight to the Tree" (2018). The tree is made binary:
chains of inner nodes with one child become one label, joined by SEPARATOR; a chain that ends in one token becomes that
token's unary label; of more than two children the first stays on the left, the rest goes under new nodes without a
label on the right. Then for n tokens

    d_i  for each of the n - 1 gaps the height of the lowest common ancestor of its two tokens
    c_i  that ancestor's label, EMPTY for a new node
    u_i  for each token its unary label, EMPTY for none

With h(token) = 0 and h(node) = max(h(left), h(right)) + 1 the tree follows: it is split at the first largest d, again
and again. Labels of tokens themselves are not kept. Comments and docstrings are no tokens, a string is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import ERROR, MISSING, depths
from phloem.represent.tokens import terminals

SEPARATOR, EMPTY, BAD_ROOT = "+", "", "bad_root"
DEEPEST = 200  # levels of a tree that is read


class SyntaxNode(NamedTuple):
    """An inner node with children, or a token: a node with none and its number."""

    label: str
    children: tuple[SyntaxNode, ...] = ()
    token: int = -1


class Distances(NamedTuple):
    """The three sequences."""

    heights: tuple[float, ...]  # n - 1
    labels: tuple[str, ...]  # n - 1
    unary: tuple[str, ...]  # n


def syntax_tree(example: Example) -> SyntaxNode | None:
    """The tree of an example over its tokens; None where it does not parse, is too deep or has no token."""
    tree = example.tree
    if (tree.flags & (ERROR | MISSING)).any():
        return None
    tokens = terminals(example)
    if not len(tokens) or depths(tree.parent).max() > DEEPEST:
        return None
    kinds = by_name(example.language).kinds
    number = {int(node): place for place, node in enumerate(tokens)}
    parts: list[list[SyntaxNode]] = [[] for _ in tree.kind]
    for node in range(len(tree.kind) - 1, -1, -1):
        if node in number:
            made = SyntaxNode(kinds[tree.kind[node]], (), number[node])
        elif parts[node]:
            made = SyntaxNode(kinds[tree.kind[node]], tuple(reversed(parts[node])))
        else:
            continue
        if node:
            parts[tree.parent[node]].append(made)
    return made if node == 0 and (parts[0] or 0 in number) else None


def to_distances(tree: SyntaxNode) -> Distances:
    """The sequences of a tree."""
    heights: list[float] = []
    labels: list[str] = []
    unary: list[str] = []

    def walk(node: SyntaxNode) -> int:
        """Writes a node's tokens and gaps, and returns its height."""
        chain = []
        while len(node.children) == 1:
            chain.append(node.label)
            node = node.children[0]
        if not node.children:
            unary.append(SEPARATOR.join(chain))
            return 0
        gaps, below = [], []
        for place, child in enumerate(node.children):
            if place:
                gaps.append(len(heights))
                heights.append(0)
                labels.append(EMPTY)
            below.append(walk(child))
        labels[gaps[0]] = SEPARATOR.join([*chain, node.label])
        height = below[-1]
        for gap, left in zip(reversed(gaps), reversed(below[:-1]), strict=True):
            height = max(left, height) + 1
            heights[gap] = height
        return height

    walk(tree)
    return Distances(tuple(heights), tuple(labels), tuple(unary))


def to_tree(distances: Distances) -> SyntaxNode:
    """The tree of sequences, whatever they hold; a root without a label is named BAD_ROOT."""
    heights, labels, unary = distances
    left, right, root = _splits(heights)
    made: dict[int, list[SyntaxNode]] = {}

    def of(gap: int, token: int) -> list[SyntaxNode]:
        """What stands on one side of a gap: another gap's nodes, or a token."""
        return made.pop(gap) if gap >= 0 else [_labelled(unary[token], [SyntaxNode("", (), token)])[0]]

    for gap in _children_first(left, right, root):
        parts = [*of(left[gap], gap), *of(right[gap], gap + 1)]
        name = labels[gap] or (BAD_ROOT if gap == root else EMPTY)
        made[gap] = _labelled(name, parts)
    return made[root][0] if root >= 0 else of(-1, 0)[0]


def _labelled(name: str, nodes: list[SyntaxNode]) -> list[SyntaxNode]:
    """The nodes under a chain of labels; as they are where there is none."""
    if name == EMPTY:
        return nodes
    for label in reversed(name.split(SEPARATOR)):
        nodes = [SyntaxNode(label, tuple(nodes))]
    return nodes


def _splits(heights: Sequence[float]) -> tuple[list[int], list[int], int]:
    """For each gap those that split its two sides (-1: a token), and the one that splits the whole."""
    left, right = [-1] * len(heights), [-1] * len(heights)
    open_gaps: list[int] = []
    for gap, height in enumerate(heights):
        below = -1
        while open_gaps and heights[open_gaps[-1]] < height:
            below = open_gaps.pop()
        left[gap] = below
        if open_gaps:
            right[open_gaps[-1]] = gap
        open_gaps.append(gap)
    return left, right, open_gaps[0] if open_gaps else -1


def _children_first(left: list[int], right: list[int], root: int) -> list[int]:
    order, stack = [], [root] if root >= 0 else []
    while stack:
        gap = stack.pop()
        order.append(gap)
        stack += [side for side in (left[gap], right[gap]) if side >= 0]
    return order[::-1]


def constituents(tree: SyntaxNode) -> list[tuple[str, int, int]]:
    """(label, first token, last token) of every inner node, parents before their children."""
    nodes: list[SyntaxNode] = []
    parents: list[int] = []
    stack = [(tree, -1)]
    while stack:
        node, parent = stack.pop()
        stack += [(child, len(nodes)) for child in reversed(node.children)]
        nodes.append(node)
        parents.append(parent)
    first = [node.token if not node.children else -1 for node in nodes]
    last = first.copy()
    for place in range(len(nodes) - 1, 0, -1):  # children come behind their parents, the last one first here
        parent = parents[place]
        first[parent] = first[place]
        last[parent] = max(last[parent], last[place])
    return [(node.label, first[n], last[n]) for n, node in enumerate(nodes) if node.children]


def token_texts(example: Example) -> list[str]:
    """The tokens that `syntax_tree` numbers."""
    return [example.tree.text(int(node)) for node in np.asarray(terminals(example))]
