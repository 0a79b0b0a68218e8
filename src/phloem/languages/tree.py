"""A syntax tree as a struct of arrays, in preorder.

A node is an index; the root is 0 and every subtree is a contiguous slice, so that a function is a slice of its
file. Names of kinds and fields are those of the language's grammar (`Language.kinds`, `Language.fields`).
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8, UInt16
from tree_sitter import Node
from tree_sitter import Tree as ParsedTree

NAMED, ERROR, MISSING = 1, 2, 4


class Tree(NamedTuple):
    """Arrays over the nodes in preorder; offsets are bytes into `source`.

    `kind` and `field` are the grammar's ids (field 0: none; kind 65535: an error), `parent` is -1 at the root,
    `flags` is a union of NAMED, ERROR and MISSING.
    """

    kind: UInt16[np.ndarray, "nodes"]
    field: UInt16[np.ndarray, "nodes"]
    parent: Int32[np.ndarray, "nodes"]
    start: Int32[np.ndarray, "nodes"]
    end: Int32[np.ndarray, "nodes"]
    flags: UInt8[np.ndarray, "nodes"]
    source: bytes

    def text(self, node: int) -> str:
        """The node's source, undecodable bytes replaced."""
        return self.source[self.start[node] : self.end[node]].decode("utf-8", "replace")


def flatten(parsed: ParsedTree, source: bytes) -> Tree:
    """Copy tree-sitter's tree into arrays: one pass with a cursor, no recursion, 17 bytes a node."""
    cursor = parsed.walk()
    kind = array("H")
    field = array("H")
    parent = array("i")
    start = array("i")
    end = array("i")
    flags = array("B")
    add_kind, add_field, add_parent = kind.append, field.append, parent.append
    add_start, add_end, add_flags = start.append, end.append, flags.append
    down, right, up = cursor.goto_first_child, cursor.goto_next_sibling, cursor.goto_parent
    broken = parsed.root_node.has_error
    ancestors: list[int] = []
    above, index = -1, 0
    while True:
        node: Node = cursor.node  # type: ignore[assignment]  # a cursor on a tree is never nowhere
        add_kind(node.kind_id)
        add_field(cursor.field_id or 0)
        add_parent(above)
        add_start(node.start_byte)
        add_end(node.end_byte)
        if broken:
            add_flags(node.is_named * NAMED | node.is_error * ERROR | node.is_missing * MISSING)
        else:
            add_flags(node.is_named)
        if down():
            ancestors.append(above)
            above = index
            index += 1
            continue
        index += 1
        while not right():
            if not up():
                return Tree(
                    np.frombuffer(kind, np.uint16),
                    np.frombuffer(field, np.uint16),
                    np.frombuffer(parent, np.int32),
                    np.frombuffer(start, np.int32),
                    np.frombuffer(end, np.int32),
                    np.frombuffer(flags, np.uint8),
                    source,
                )
            above = ancestors.pop()


def subtree_stops(parent: Int32[np.ndarray, "nodes"]) -> Int32[np.ndarray, "nodes"]:
    """For each node the index one past its last descendant.

    Follows last children by pointer doubling: log2(depth) vectorised passes.
    """
    nodes = np.arange(len(parent), dtype=np.int32)
    last = nodes.copy()
    last[parent[1:]] = nodes[1:]  # of repeated parents the last assignment stays
    while True:
        further = last[last]
        if np.array_equal(further, last):
            return last + 1
        last = further


def depths(parent: Int32[np.ndarray, "nodes"]) -> Int32[np.ndarray, "nodes"]:
    """Edges from the root to each node, by pointer doubling."""
    up = np.maximum(parent, 0)
    depth = (parent >= 0).astype(np.int32)
    while up.any():
        depth = depth + depth[up]
        up = up[up]
    return depth


def cut(tree: Tree, node: int, stop: int) -> Tree:
    """The subtree `node:stop` as a tree of its own, its source and offsets starting at the node's first byte."""
    first, last = int(tree.start[node]), int(tree.end[node])
    parent = tree.parent[node:stop] - np.int32(node)
    parent[0] = -1
    field = tree.field[node:stop].copy()
    field[0] = 0
    return Tree(
        tree.kind[node:stop],
        field,
        parent,
        tree.start[node:stop] - np.int32(first),
        tree.end[node:stop] - np.int32(first),
        tree.flags[node:stop],
        tree.source[first:last],
    )


def error_count(tree: Tree) -> int:
    """Places that did not parse: ERROR nodes and tokens that the parser had to make up."""
    return int(np.count_nonzero(tree.flags & (ERROR | MISSING)))
