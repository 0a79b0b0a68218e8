"""A graph network over syntax trees whose pooling keeps a few nodes a level.

Ye et al., "GNN-Coder" (2025). A node starts from its type and the vector t_v that a text encoder gives its content,

    h_v = W [one-hot(type_v) ; t_v]

(the one-hot part is a table of vectors). A level is a layer of mean aggregation over the neighbours, parent and
children (Hamilton, Ying and Leskovec, "Inductive Representation Learning on Large Graphs", 2017),

    h_v <- relu(W_1 h_v + W_2 mean_{u in N(v)} h_u + b)

then a pooling (`phloem.nn.encoders.graph_pool`), then a readout [mean_v h_v ; max_v h_v] of each graph. The readouts of
all levels are summed and go through a net of one hidden layer. With `ratio` None nothing is pooled.

Nodes are put in the order of (tree, preorder) first, so that how a batch is stored changes no bit of what comes out.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.graph_pool import Forest, TreePool
from phloem.represent.ast_graph import GraphBatch


def in_order(batch: GraphBatch) -> GraphBatch:
    """The same batch stored tree after tree, each in preorder."""
    order = torch.argsort(batch.position, stable=True)
    order = order[torch.argsort(batch.graph[order], stable=True)]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    parent = batch.parent[order]
    return GraphBatch(
        batch.kind[order],
        batch.text[order],
        torch.where(parent >= 0, place[parent.clamp(min=0)], -1),
        batch.children[order],
        batch.position[order],
        batch.graph[order],
        batch.graphs,
    )


def neighbour_mean(
    states: Float[Tensor, "nodes width"], parent: Int64[Tensor, " nodes"]
) -> Float[Tensor, "nodes width"]:
    """The mean of parent and children of each node; 0 for a node that has neither."""
    child = (parent >= 0).nonzero()[:, 0]
    above = parent[child]
    count = torch.bincount(above, minlength=len(parent)) + (parent >= 0)
    total = torch.zeros_like(states).index_add(0, above, states[child]).index_add(0, child, states[above])
    return total / count.clamp(min=1)[:, None]


def readout(
    states: Float[Tensor, "nodes width"], graph: Int64[Tensor, " nodes"], graphs: int
) -> Float[Tensor, "graphs 2*width"]:
    """Mean and maximum of each graph, which has a node at least."""
    count = torch.bincount(graph, minlength=graphs)[:, None]
    mean = states.new_zeros(graphs, states.shape[1]).index_add(0, graph, states) / count
    index = graph[:, None].expand_as(states)
    highest = states.new_zeros(graphs, states.shape[1]).scatter_reduce(0, index, states, "amax", include_self=False)
    return torch.cat([mean, highest], dim=1)


class MeanAggregation(nn.Module):
    """One layer of GraphSAGE's mean form over a tree's edges, both ways."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.others = nn.Linear(width, width, bias=False)

    def forward(
        self, states: Float[Tensor, "nodes width"], parent: Int64[Tensor, " nodes"]
    ) -> Float[Tensor, "nodes width"]:
        return torch.relu(self.own(states) + self.others(neighbour_mean(states, parent)))


class AstGraphEncoder(nn.Module):
    """Trees to vectors. `ratio` None reads out without pooling; `by_children` gives the pooling c_v."""

    def __init__(
        self,
        kinds: int,
        text_width: int,
        *,
        width: int = 128,
        output: int = 128,
        levels: int = 3,
        ratio: float | None = 0.5,
        by_children: bool = True,
    ) -> None:
        super().__init__()
        self.kind = nn.Embedding(kinds, width)
        self.content = nn.Linear(text_width, width, bias=False)
        self.layers = nn.ModuleList(MeanAggregation(width) for _ in range(levels))
        pools = 0 if ratio is None else levels
        self.pools = nn.ModuleList(TreePool(width, ratio or 1.0, by_children=by_children) for _ in range(pools))
        self.output = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, output))

    def forward(self, batch: GraphBatch, texts: Float[Tensor, "texts text_width"]) -> Float[Tensor, "graphs output"]:
        """`texts` are the vectors of all contents."""
        batch = in_order(batch)
        states = self.kind(batch.kind) + self.content(texts[batch.text])
        counted = torch.log1p(batch.children.to(states.dtype))
        forest = Forest(states, batch.parent, counted, batch.graph, batch.graphs)
        total = states.new_zeros(())
        for level, layer in enumerate(self.layers):
            forest = forest._replace(states=layer(forest.states, forest.parent))
            if self.pools:
                forest, _ = self.pools[level](forest)
            total = total + readout(forest.states, forest.graph, forest.graphs)
        return self.output(total)
