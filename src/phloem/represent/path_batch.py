"""Batches of path contexts: ragged, each distinct value and path of a batch once, and the tries of its paths.

Half of the node positions of a batch of paths are shared: paths that leave the same terminal begin alike, paths that
arrive at the same one end alike. A recurrent network's state after a prefix depends on the prefix only, so a batch
carries the trie of its paths (read forward) and of its reversed paths (read backward): an encoder that walks them
level by level computes each distinct prefix once, exactly.

A batch is made of arrays (`path_arrays`), and of the same memory as tensors where a torch model reads it (`tensors`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Int, Int64

from phloem.represent.base import PAD
from phloem.represent.copying import Copies, Copying

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Trie(NamedTuple):
    """Distinct prefixes of a set of sequences, level by level: a node is a prefix, its parent the one shorter by one.

    Level l (prefixes of l + 1 labels) is the slice `levels[l]:levels[l + 1]` of the nodes; the first level's nodes have
    parent -1. `ends[i]` is the node of the whole i-th sequence.
    """

    label: Int64[Tensor, " trie_nodes"]
    parent: Int64[Tensor, " trie_nodes"]
    levels: tuple[int, ...]
    ends: Int64[Tensor, " paths"]

    def to(self, device: torch.device | str) -> Trie:
        """The trie on another device."""
        return Trie(self.label.to(device), self.parent.to(device), self.levels, self.ends.to(device))


class PathBatch(NamedTuple):
    """The contexts of example b are `offsets[b]:offsets[b + 1]`; `left` and `right` index bags, `path` indexes paths.

    A bag is the subtokens of one distinct value: bag v is `bag_ids[bag_offsets[v]:bag_offsets[v + 1]]`, the last one
    reaches the end (as `torch.nn.EmbeddingBag` reads it). `paths` are the distinct node-label sequences, PAD behind
    `path_lengths`. Each row of `target` ends with at least one PAD.
    """

    offsets: Int64[Tensor, batch + 1]
    left: Int64[Tensor, " contexts"]
    right: Int64[Tensor, " contexts"]
    path: Int64[Tensor, " contexts"]
    bag_ids: Int64[Tensor, " subtokens"]
    bag_offsets: Int64[Tensor, " bags"]
    paths: Int64[Tensor, "paths nodes"]
    path_lengths: Int64[Tensor, " paths"]
    target: Int64[Tensor, "batch time"]
    prefixes: Trie
    suffixes: Trie  # of the reversed paths
    copies: Copies | None = None  # for a model that copies

    def to(self, device: torch.device | str) -> PathBatch:
        """The batch on another device."""
        import torch

        if torch.device(device) == self.offsets.device:
            return self
        return PathBatch._make(None if part is None else part.to(device) for part in self)


def ragged_positions(
    starts: Int[np.ndarray, " rows"], counts: Int[np.ndarray, " rows"]
) -> tuple[Int64[np.ndarray, " positions"], Int64[np.ndarray, rows + 1]]:
    """Positions `starts[i] : starts[i] + counts[i]` of all rows in one array, and the offsets of the rows in it."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    positions = np.arange(offsets[-1]) + np.repeat(np.asarray(starts, np.int64) - offsets[:-1], counts)
    return positions, offsets


def draw(
    counts: Int[np.ndarray, " rows"], limit: int, rng: np.random.Generator | None
) -> tuple[Int64[np.ndarray, " drawn"], Int64[np.ndarray, rows + 1]]:
    """At most `limit` numbers below `counts[i]` a row, without replacement, ascending; the first ones without `rng`."""
    taken = np.minimum(counts, limit)
    drawn, offsets = ragged_positions(np.zeros(len(counts), np.int64), taken)
    large = np.flatnonzero(counts > limit) if rng is not None else np.empty(0, np.int64)
    if rng is not None and len(large):
        keys = rng.random((len(large), int(counts[large].max())), dtype=np.float32)
        keys[np.arange(keys.shape[1]) >= counts[large, None]] = 2.0
        chosen = np.sort(np.argpartition(keys, limit - 1, axis=1)[:, :limit], axis=1)
        drawn[offsets[large, None] + np.arange(limit)] = chosen
    return drawn, offsets


def trie(rows: Int[np.ndarray, "paths nodes"], lengths: Int[np.ndarray, " paths"]) -> Trie:
    """`trie_arrays` as tensors."""
    return _trie_tensors(trie_arrays(rows, lengths))


def trie_arrays(rows: Int[np.ndarray, "paths nodes"], lengths: Int[np.ndarray, " paths"]) -> Any:
    """The trie of sequences that are padded with PAD. One sort, then whole columns: no loop over sequences."""
    order = np.lexsort(rows.T[::-1]) if rows.size else np.arange(len(rows))
    rows, lengths = rows[order], lengths[order]
    differs = np.ones(rows.shape, bool)
    differs[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
    begins = differs & (rows != PAD)  # the prefix that ends here is met for the first time
    sizes = begins.sum(axis=0)
    levels = np.concatenate([[0], np.cumsum(sizes)])
    node = np.cumsum(begins, axis=0) - 1 + levels[:-1]
    level, row = np.nonzero(begins.T)
    parent = np.where(level > 0, node[row, level - 1], -1)
    ends = np.empty(len(rows), np.int64)
    ends[order] = node[np.arange(len(rows)), np.maximum(lengths, 1) - 1] if rows.size else 0
    deep = int((sizes > 0).sum())
    made: Any = Trie
    return made(rows[row, level].astype(np.int64), parent.astype(np.int64), tuple(levels[: deep + 1].tolist()), ends)


def reversed_rows(
    rows: Int[np.ndarray, "paths nodes"], lengths: Int[np.ndarray, " paths"]
) -> Int[np.ndarray, "paths nodes"]:
    """Each padded sequence read from its end, padding behind again."""
    column = lengths[:, None] - 1 - np.arange(rows.shape[1])
    return np.where(column >= 0, np.take_along_axis(rows, np.maximum(column, 0), axis=1), PAD)


class Table(NamedTuple):
    """Ragged rows of ids, on disk or in memory: row i is `ids[offsets[i]:offsets[i + 1]]`."""

    ids: Int[np.ndarray, " ids"]
    offsets: Int64[np.ndarray, rows + 1]

    def take(self, rows: Int[np.ndarray, " taken"]) -> Table:
        """These rows, copied."""
        starts = self.offsets[rows]
        positions, offsets = ragged_positions(starts, self.offsets[rows + 1] - starts)
        return Table(self.ids[positions], offsets)


def path_arrays(
    offsets: Int64[np.ndarray, batch + 1],
    left: Int[np.ndarray, " contexts"],
    right: Int[np.ndarray, " contexts"],
    path: Int[np.ndarray, " contexts"],
    values: Table,
    paths: Table,
    target: Int[np.ndarray, "batch time"],
    copying: Copying | None = None,
    spelled: Int[np.ndarray, "batch time"] | None = None,
) -> Any:
    """A `PathBatch` of arrays, from contexts whose ends and paths index `values` and `paths`.

    What is not referred to is left out. With `copying` it has copies, and the words of the target which are unknown but
    are among them, as the subtokens `spelled` tell, have their ids.
    """
    used_values, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    used_paths, path = np.unique(path, return_inverse=True)
    bags = values.take(used_values)
    nodes = paths.take(used_paths)
    lengths = np.diff(nodes.offsets)
    rows = np.full((len(lengths), int(lengths.max(initial=0))), PAD, np.int64)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = nodes.ids
    ends = ends.reshape(2, -1)
    copies = None
    if copying is not None:
        copies = copying.offered(offsets, ends.T, bags.ids, bags.offsets[:-1])
        target = copying.targets(target, np.zeros_like(target) if spelled is None else spelled, copies.beyond)
    made: Any = PathBatch
    return made(
        offsets,
        ends[0].astype(np.int64),
        ends[1].astype(np.int64),
        path.astype(np.int64),
        bags.ids.astype(np.int64),
        bags.offsets[:-1],
        rows,
        lengths,
        target.astype(np.int64),
        trie_arrays(rows, lengths),
        trie_arrays(reversed_rows(rows, lengths), lengths),
        copies,
    )


def tensors(arrays: Any) -> PathBatch:
    """A batch of arrays as tensors, which share their memory."""
    import torch

    *parts, prefixes, suffixes, copies = arrays
    offered = None if copies is None else Copies._make(map(torch.from_numpy, copies))
    made: Any = PathBatch
    return made(*map(torch.from_numpy, parts), _trie_tensors(prefixes), _trie_tensors(suffixes), offered)


def _trie_tensors(arrays: Any) -> Trie:
    from torch import from_numpy

    return Trie(from_numpy(arrays.label), from_numpy(arrays.parent), arrays.levels, from_numpy(arrays.ends))


def path_batch(
    offsets: Int64[np.ndarray, batch + 1],
    left: Int[np.ndarray, " contexts"],
    right: Int[np.ndarray, " contexts"],
    path: Int[np.ndarray, " contexts"],
    values: Table,
    paths: Table,
    target: Int[np.ndarray, "batch time"],
    copying: Copying | None = None,
    spelled: Int[np.ndarray, "batch time"] | None = None,
) -> PathBatch:
    """`path_arrays` as tensors."""
    return tensors(path_arrays(offsets, left, right, path, values, paths, target, copying, spelled))
