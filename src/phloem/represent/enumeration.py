"""All paths between terminals within the limits of a preset, for a whole forest at once.

With width <= 2 the partners of a terminal t_i under one ancestor lie under the next two siblings of t_i's branch.
Terminals of one depth below neighbouring siblings are neighbours in the list of terminals sorted by (depth, order),
so for each (t_i, edges up, edges down), here called a CELL, the partners are one range of that list, found by binary
search. Contexts are therefore counted before any is made, a random subset is drawn without making the rest, and the
work is proportional to what comes out, never to the square of the terminals.

Each half of a path (up to the ancestor, down from it) gets an id, one level from the last, so that a path is a pair of
ids and distinct paths are distinct pairs: exact, without comparing node sequences.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from phloem.represent.forest import Forest
from phloem.represent.preset import PathPreset


class Enumeration(NamedTuple):
    """Pairs of terminals (indices into `Forest.leaves`) with their paths, in order of left terminals."""

    left: Int64[np.ndarray, "contexts"]
    right: Int64[np.ndarray, "contexts"]
    path: Int64[np.ndarray, "contexts"]
    paths: Int32[np.ndarray, "paths max_nodes"]  # label ids, padded with -1
    offsets: Int64[np.ndarray, "examples+1"]


class _Cells(NamedTuple):
    """Non-empty cells; the partners of a cell are order[first : first + size]."""

    leaf: Int64[np.ndarray, "cells"]
    up: Int64[np.ndarray, "cells"]
    down: Int64[np.ndarray, "cells"]
    first: Int64[np.ndarray, "cells"]
    size: Int32[np.ndarray, "cells"]
    order: Int64[np.ndarray, "leaves"]
    offsets: Int64[np.ndarray, "examples+1"]  # cells of each example


def enumerate_paths(
    forest: Forest, preset: PathPreset, labels: int, limit: int | None, rng: np.random.Generator
) -> Enumeration:
    """The paths of a forest whose label ids are below `labels`; at most `limit` an example, drawn at random."""
    ancestor = _ancestors(forest, preset.max_edges)
    cells = _cells(forest, preset, ancestor)
    cell, rank, offsets = _chosen(cells, limit, rng)
    left, right = cells.leaf[cell], cells.order[cells.first[cell] + rank]
    up, down = cells.up[cell], cells.down[cell]
    up_half = _halves(ancestor, forest.end[forest.leaves], forest.up, labels)
    down_half = _halves(ancestor, forest.end[forest.leaves], forest.down, labels)
    key = up_half[up, left] * (down_half.max(initial=0) + 1) + down_half[down - 1, right]
    sample, path = _distinct(key)
    paths = _sequences(forest, ancestor, left[sample], right[sample], up[sample], down[sample])
    return Enumeration(left, right, path, paths, offsets)


def _ancestors(forest: Forest, edges: int) -> Int32[np.ndarray, "edges leaves"]:
    """The nodes 0 … edges - 1 edges above each terminal, -1 beyond the root."""
    ancestor = np.empty((edges, len(forest.leaves)), np.int32)
    ancestor[0] = forest.leaves
    for k in range(1, edges):
        ancestor[k] = np.where(ancestor[k - 1] >= 0, forest.parent[ancestor[k - 1]], -1)
    return ancestor


def _cells(forest: Forest, preset: PathPreset, ancestor: Int32[np.ndarray, "edges leaves"]) -> _Cells:
    nodes, leaves = len(forest.parent), len(forest.leaves)
    depth = forest.depth()
    leaves_before = np.searchsorted(forest.leaves, np.arange(nodes + 1))
    after = leaves_before[forest.stop]
    if preset.width == "siblings":
        until = after[_last_in_width(forest, preset.max_width)]
    else:
        until = after[np.maximum(forest.parent, 0)]
    branches = np.flatnonzero((until > after) & (forest.parent >= 0) & (after > leaves_before[:nodes]))
    # Row 0 of the table is empty, then a row a branch, then a row for each terminal that is not a leaf of the tree.
    inner = np.flatnonzero(forest.stop[forest.leaves] > forest.leaves + 1)
    row = np.zeros(nodes + 1, np.int32)
    row[branches] = np.arange(1, len(branches) + 1)
    own_row = np.zeros(leaves, np.int32)
    own_row[inner] = np.arange(len(branches) + 1, len(branches) + len(inner) + 1)
    lowest = np.concatenate([after[branches], inner + 1])
    highest = np.concatenate([until[branches], after[forest.leaves[inner]]])
    top = np.concatenate([depth[branches] - 1, depth[forest.leaves[inner]]])

    leaf_depth = depth[forest.leaves].astype(np.int64)
    order = np.argsort(leaf_depth, kind="stable")
    sorted_keys = leaf_depth[order] * (leaves + 1) + order
    level = (top[:, None] + np.arange(1, preset.max_edges + 1)) * (leaves + 1)
    none = np.zeros((1, preset.max_edges), np.int32)
    first = np.concatenate([none, np.searchsorted(sorted_keys, level + lowest[:, None]).astype(np.int32)])
    count = np.concatenate([none, np.searchsorted(sorted_keys, level + highest[:, None]).astype(np.int32)]) - first

    ups, downs = _shapes(preset, starts_inside=len(inner) > 0)
    rows = np.concatenate([own_row[None], row[ancestor]]).T
    counts = count[rows[:, ups], downs - 1].ravel()
    cells = np.flatnonzero(counts)
    leaf, shape = np.divmod(cells, len(ups))
    up, down = ups[shape], downs[shape]
    offsets = np.searchsorted(leaf, forest.leaf_offsets)
    return _Cells(leaf, up, down, first[rows[leaf, up], down - 1], counts[cells], order, offsets)


def _last_in_width(forest: Forest, width: int) -> Int32[np.ndarray, "nodes"]:
    """The last sibling after each node whose child index is at most `width` greater."""
    sibling = forest.next_sibling()
    reach = sibling
    if forest.child_number is None:
        for _ in range(width - 1):
            reach = sibling[reach]
        return reach
    reach = np.arange(len(sibling), dtype=np.int32)
    while True:
        further = sibling[reach]
        near = (further != reach) & (forest.child_number[further] - forest.child_number <= width)
        if not near.any():
            return reach
        reach = np.where(near, further, reach)


def _shapes(preset: PathPreset, starts_inside: bool) -> tuple[Int64[np.ndarray, "shapes"], Int64[np.ndarray, "shapes"]]:
    """The allowed (edges up, edges down); a path of 0 edges up starts at a terminal that holds the other one."""
    shapes = [
        (up, down)
        for up in range(0 if starts_inside else 1, preset.max_edges)
        for down in range(1, preset.max_edges - up + 1)
        if preset.width == "siblings" or abs(up - down) <= preset.max_width
    ]
    ups, downs = zip(*shapes, strict=True)
    return np.array(ups), np.array(downs)


def _chosen(
    cells: _Cells, limit: int | None, rng: np.random.Generator
) -> tuple[Int64[np.ndarray, "contexts"], Int64[np.ndarray, "contexts"], Int64[np.ndarray, "examples+1"]]:
    """The contexts to make: their cells, their ranks within their cells, and the offsets of examples."""
    total = np.concatenate([[0], np.cumsum(cells.size, dtype=np.int64)])
    before = total[cells.offsets]
    sizes = np.diff(before)
    over = np.flatnonzero(sizes > limit) if limit is not None else np.zeros(0, np.int64)
    if limit is None or not len(over):
        cell = np.repeat(np.arange(len(cells.size)), cells.size)
        return cell, np.arange(len(cell)) - total[cell], before
    small = cells.size.copy()
    for example in over:
        small[cells.offsets[example] : cells.offsets[example + 1]] = 0
    cell = np.repeat(np.arange(len(small)), small)
    rank = np.arange(len(cell)) - np.concatenate([[0], np.cumsum(small, dtype=np.int64)])[cell]
    drawn = np.concatenate(
        [before[example] + np.sort(rng.choice(sizes[example], limit, replace=False, shuffle=False)) for example in over]
    )
    drawn_cell = np.searchsorted(total, drawn, side="right") - 1
    cell, rank = np.concatenate([cell, drawn_cell]), np.concatenate([rank, drawn - total[drawn_cell]])
    back = np.argsort(cell, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, limit))])
    return cell[back], rank[back], offsets


def _halves(
    ancestor: Int32[np.ndarray, "edges leaves"],
    end: Int32[np.ndarray, "leaves"],
    label: Int32[np.ndarray, "nodes"],
    labels: int,
) -> Int64[np.ndarray, "edges leaves"]:
    """Ids of the label sequences from each terminal to its ancestors; equal sequences, equal ids."""
    half = np.empty(ancestor.shape, np.int64)
    used = 0
    previous = end.astype(np.int64)
    for k in range(len(ancestor)):
        if k:
            above = np.where(ancestor[k] >= 0, label[ancestor[k]], labels)
            previous = _distinct(previous * (labels + 1) + above)[1]
        half[k] = previous + used
        used += int(previous.max(initial=0)) + 1
    return half


def _distinct(key: Int64[np.ndarray, "n"]) -> tuple[Int64[np.ndarray, "distinct"], Int64[np.ndarray, "n"]]:
    """The index of one key of each kind, and for each key its kind. np.unique can't without a slower, stable sort."""
    order = np.argsort(key)
    ordered = key[order]
    first = np.empty(len(key), bool)
    first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    kind = np.empty(len(key), np.int64)
    kind[order] = np.cumsum(first) - 1
    return order[first], kind


def _sequences(
    forest: Forest,
    ancestor: Int32[np.ndarray, "edges leaves"],
    left: Int64[np.ndarray, "paths"],
    right: Int64[np.ndarray, "paths"],
    up: Int64[np.ndarray, "paths"],
    down: Int64[np.ndarray, "paths"],
) -> Int32[np.ndarray, "paths max_nodes"]:
    """Label sequences written out: column c is c edges from the left terminal."""
    edges = len(ancestor)
    paths = np.full((len(left), edges + 1), -1, np.int32)
    paths[:, 0] = forest.end[forest.leaves[left]]
    for c in range(1, edges + 1):
        rising = np.flatnonzero(c <= up)
        if c < edges:
            paths[rising, c] = forest.up[ancestor[c, left[rising]]]
        falling = np.flatnonzero((c > up) & (c < up + down))
        paths[falling, c] = forest.down[ancestor[(up + down)[falling] - c, right[falling]]]
        ending = np.flatnonzero(c == up + down)
        paths[ending, c] = forest.end[forest.leaves[right[ending]]]
    return paths


def distinct_rows(
    rows: Int32[np.ndarray, "rows columns"],
) -> tuple[Int64[np.ndarray, "distinct"], Int64[np.ndarray, "rows"]]:
    """The index of one row of each kind, and for each row its kind. Exact: a prefix at a time."""
    base = int(rows.max(initial=0)) + 2
    kind = np.zeros(len(rows), np.int64)
    sample = np.arange(min(len(rows), 1))
    for column in rows.T:
        sample, kind = _distinct(kind * base + (column + 1))
    return sample, kind
