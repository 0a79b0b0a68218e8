"""Program graphs as arrays for a network: keys from a vocabulary, edges by type, graphs side by side in a batch.

A key is the opcode of an instruction or the type of a variable or constant (`program_graph`). Keys that the training
graphs do not have share one number, UNKNOWN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int32, Int64
from torch import Tensor

from phloem.represent.program_graph import ProgramGraph

UNKNOWN = 0
KINDS = 3  # control, data, call


class GraphArrays(NamedTuple):
    """One graph. The columns of `edges` are source, target, type and position."""

    keys: Int32[np.ndarray, " vertices"]
    edges: Int32[np.ndarray, "edges 4"]


class GraphBatch(NamedTuple):
    """Graphs side by side, their vertices numbered through."""

    keys: Int64[Tensor, " vertices"]
    root: Bool[Tensor, " vertices"]  # the marked vertex of each graph; nothing where nothing is asked
    source: Int64[Tensor, " edges"]
    target_vertex: Int64[Tensor, " edges"]
    kind: Int64[Tensor, " edges"]
    position: Int64[Tensor, " edges"]
    graph: Int64[Tensor, " vertices"]  # the graph of each vertex
    target: Int64[Tensor, " vertices"]  # what a network should say: a class a vertex


class KeyVocabulary:
    """Numbers for keys; the most frequent first, at most `most` of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = list(keys)
        self._numbers = {key: number for number, key in enumerate(self.keys, start=1)}

    @classmethod
    def fit(cls, graphs: Iterable[ProgramGraph], most: int = 2230) -> KeyVocabulary:
        counts = Counter(key for graph in graphs for key in graph.keys)
        return cls([key for key, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]])

    @property
    def size(self) -> int:
        """With UNKNOWN."""
        return len(self.keys) + 1

    def arrays(self, graph: ProgramGraph) -> GraphArrays:
        keys = np.array([self._numbers.get(key, UNKNOWN) for key in graph.keys], np.int32)
        edges = np.stack([graph.source, graph.target, graph.edge_kind.astype(np.int32), graph.position], axis=1)
        return GraphArrays(keys, edges)


def collate_graphs(
    graphs: Sequence[GraphArrays], roots: Sequence[int | None], targets: Sequence[np.ndarray] | None = None
) -> GraphBatch:
    """Graphs side by side, one vertex of each marked or none."""
    counts = np.array([len(graph.keys) for graph in graphs])
    starts = np.concatenate([[0], counts.cumsum()])[:-1]
    keys = np.concatenate([graph.keys for graph in graphs]).astype(np.int64)
    shift = np.zeros(4, np.int64)
    shift[:2] = 1
    edges = np.concatenate(
        [graph.edges.astype(np.int64) + start * shift for graph, start in zip(graphs, starts, strict=True)]
    )
    marked = np.zeros(len(keys), bool)
    marked[[start + root for start, root in zip(starts.tolist(), roots, strict=True) if root is not None]] = True
    target = np.zeros(len(keys), np.int64) if targets is None else np.concatenate(targets).astype(np.int64)
    source, to, kind, position = (torch.from_numpy(np.ascontiguousarray(column)) for column in edges.T)
    return GraphBatch(
        torch.from_numpy(keys),
        torch.from_numpy(marked),
        source,
        to,
        kind,
        position,
        torch.from_numpy(np.repeat(np.arange(len(graphs)), counts)),
        torch.from_numpy(target),
    )
