"""Pooling of trees: which nodes of a graph stay, and how those that stay hang together.

Ye et al., "GNN-Coder" (2025), ASTGPool, after Gao and Ji, "Graph U-Nets" (2019) and Lee et al., "Self-Attention Graph
Pooling" (2019). With h_v the state of node v and c_v = log(1 + number of its children in the program's own tree),

    s_v = w · [h_v ; c_v] + b        kept: the k_g = max(1, ⌈r n_g⌉) highest of each graph        h'_v = tanh(s_v) h_v

Without c_v it is the plain top-k pooling. Two nodes that stay keep their edge, and a node whose parent goes is linked
to its nearest ancestor that stays: as graphs are trees (an array of parents), both are one rule, and the pooled graph
is an array of parents again. (How the paper reconnects is not recalled, nor whether it takes the logarithm.)

Scores are compared in steps of 2^-16: the last bits of a product of matrices depend on a row's place in them, which
must not decide between nodes that are alike. Of equal scores the earlier node in preorder stays.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

STEP = 2.0**16


class Forest(NamedTuple):
    """Nodes of the trees of a batch, tree after tree, each in preorder. `parent` is -1 where there is none.

    `counted` is c_v; `graph` says whose a node is."""

    states: Float[Tensor, "nodes width"]
    parent: Int64[Tensor, " nodes"]
    counted: Float[Tensor, " nodes"]
    graph: Int64[Tensor, " nodes"]
    graphs: int


def sizes_after(sizes: Int64[Tensor, " graphs"], ratio: float) -> Int64[Tensor, " graphs"]:
    """k_g. The product of floats may lie a little above a whole number (0.28 · 25), which is not to count."""
    return torch.ceil(ratio * sizes.double() - 1e-9).long().clamp(min=1)


def kept(
    scores: Float[Tensor, " nodes"], graph: Int64[Tensor, " nodes"], graphs: int, ratio: float
) -> Int64[Tensor, " kept"]:
    """The nodes that stay, in their order. Nodes stand graph after graph; of equal scores the first stays."""
    sizes = torch.bincount(graph, minlength=graphs)
    by_score = torch.argsort(torch.round(scores.detach() * STEP), descending=True, stable=True)
    order = by_score[torch.argsort(graph[by_score], stable=True)]
    rank = torch.arange(len(order)) - (sizes.cumsum(0) - sizes)[graph[order]]
    return order[rank < sizes_after(sizes, ratio)[graph[order]]].sort().values


def nearest_kept(parent: Int64[Tensor, " nodes"], stays: Int64[Tensor, " kept"]) -> Int64[Tensor, " kept"]:
    """For each kept node the number, among those kept, of its nearest kept ancestor; -1 where there is none."""
    nowhere = len(parent)
    is_kept = torch.zeros(nowhere + 1, dtype=torch.bool)
    is_kept[stays] = True
    is_kept[nowhere] = True
    up = torch.cat([torch.where(parent >= 0, parent, nowhere), torch.tensor([nowhere])])
    above = up[stays]
    while not bool(is_kept[above].all()):
        above = torch.where(is_kept[above], above, up[above])
    number = torch.full((nowhere + 1,), -1)
    number[stays] = torch.arange(len(stays))
    return number[above]


class TreePool(nn.Module):
    """One pooling; `by_children` says whether the score reads c_v. `ratio` is r, in (0, 1]."""

    def __init__(self, width: int, ratio: float = 0.5, *, by_children: bool = True) -> None:
        super().__init__()
        if not 0 < ratio <= 1:
            raise ValueError(f"the share of nodes that stay is in (0, 1], not {ratio}")
        self.ratio, self.by_children = ratio, by_children
        self.score = nn.Linear(width + by_children, 1)

    def scores(self, forest: Forest) -> Float[Tensor, " nodes"]:
        """s of each node."""
        read = [forest.states, forest.counted[:, None]] if self.by_children else [forest.states]
        return self.score(torch.cat(read, dim=1))[:, 0]

    def forward(self, forest: Forest) -> tuple[Forest, Int64[Tensor, " kept"]]:
        """The pooled trees, and which nodes they are."""
        scores = self.scores(forest)
        stays = kept(scores, forest.graph, forest.graphs, self.ratio)
        states = forest.states[stays] * torch.tanh(scores[stays])[:, None]
        parent = nearest_kept(forest.parent, stays)
        return Forest(states, parent, forest.counted[stays], forest.graph[stays], forest.graphs), stays
