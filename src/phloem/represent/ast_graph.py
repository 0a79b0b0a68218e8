"""A program as a graph over its syntax tree, each node with the text that it stands for.

Ye et al., "GNN-Coder: Boosting Semantic Code Retrieval with Combined GNNs and Transformer" (2025): the nodes are those
of the syntax tree, the edges lead from parent to child and back, and a node is the pair of its type and its content,
the source of its subtree. Here nodes are the grammar's named ones, in preorder; the first `most` of these are kept,
which always hold the parents of what they hold. The same text occurs at many nodes (an expression statement and its
call, every use of a name), so contents are numbered: what reads them reads each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int32, Int64
from torch import Tensor

from phloem.languages.base import Language
from phloem.languages.tree import NAMED
from phloem.represent.node_types import named_nodes


class AstGraph(NamedTuple):
    """Named nodes of one program in preorder. `parent` is -1 at the root, `children` are counted before any cut."""

    kind: list[str]
    parent: Int32[np.ndarray, " nodes"]
    children: Int32[np.ndarray, " nodes"]
    content: list[str]


class GraphBatch(NamedTuple):
    """The nodes of several trees. `parent` indexes nodes of the batch (-1 at a root), `graph` says whose a node is,
    `position` is its place in its tree's preorder, `children` how many it had there, `text` the number of its content.

    Nodes may be stored in any order."""

    kind: Int64[Tensor, " nodes"]
    text: Int64[Tensor, " nodes"]
    parent: Int64[Tensor, " nodes"]
    children: Int64[Tensor, " nodes"]
    position: Int64[Tensor, " nodes"]
    graph: Int64[Tensor, " nodes"]
    graphs: int


def ast_graph(source: str, language: Language, most: int = 256) -> AstGraph:
    """The graph of a text; broken code gives a graph, too.

    >>> from phloem.languages import by_name
    >>> graph = ast_graph("f(x)", by_name("python"))
    >>> list(zip(graph.kind, graph.parent.tolist(), graph.content))[:3]
    [('module', -1, 'f(x)'), ('expression_statement', 0, 'f(x)'), ('call', 1, 'f(x)')]
    """
    tree = language.parse(source.encode("utf-8", "replace"))
    kinds, parent = named_nodes(tree, np.zeros(len(tree.kind), bool))
    keep = (tree.flags & NAMED) > 0
    keep[0] = True
    nodes = np.flatnonzero(keep)[:most]
    children = np.bincount(parent[1:], minlength=len(parent)).astype(np.int32)
    names = language.kinds
    return AstGraph(
        [names[kind] if kind < len(names) else "ERROR" for kind in kinds[:most].tolist()],
        parent[:most],
        children[:most],
        [tree.text(int(node)) for node in nodes],
    )


class GraphNumbers(NamedTuple):
    """A program's graph with kinds and contents as numbers."""

    kind: Int64[np.ndarray, " nodes"]
    text: Int64[np.ndarray, " nodes"]
    parent: Int64[np.ndarray, " nodes"]
    children: Int64[np.ndarray, " nodes"]


class Numbering:
    """Numbers of kinds, from training programs (0: unknown), and of contents, from whatever is asked."""

    def __init__(self, graphs: Iterable[AstGraph]) -> None:
        kinds = sorted({kind for graph in graphs for kind in graph.kind})
        self.kinds = {kind: number for number, kind in enumerate(kinds, 1)}
        self.texts: dict[str, int] = {}

    def __call__(self, graph: AstGraph) -> GraphNumbers:
        """Contents that were not seen before get new numbers."""
        return GraphNumbers(
            np.array([self.kinds.get(kind, 0) for kind in graph.kind], np.int64),
            np.array([self.texts.setdefault(text, len(self.texts)) for text in graph.content], np.int64),
            graph.parent.astype(np.int64),
            graph.children.astype(np.int64),
        )


def collate(graphs: Sequence[GraphNumbers]) -> GraphBatch:
    """The batch of graphs, one after the other."""
    sizes = np.array([len(graph.kind) for graph in graphs])
    begins = np.repeat(np.cumsum(sizes) - sizes, sizes)
    parent = np.concatenate([graph.parent for graph in graphs])
    return GraphBatch(
        kind=torch.from_numpy(np.concatenate([graph.kind for graph in graphs])),
        text=torch.from_numpy(np.concatenate([graph.text for graph in graphs])),
        parent=torch.from_numpy(np.where(parent >= 0, parent + begins, -1)),
        children=torch.from_numpy(np.concatenate([graph.children for graph in graphs])),
        position=torch.from_numpy(np.arange(len(parent)) - begins),
        graph=torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
        graphs=len(graphs),
    )
