"""A graph network with states on edges and attention over the ends of edges; one vector, or logits, a graph.

Liang et al., "Learning Compiler Pass Orders using Coreset and Normalized Value Prediction" (ICML 2023, section 3.4).
For an edge from u to v with the state e, after layer normalisation of all three,

    [m_u ; m_v ; a_u ; a_v ; e'] = MLP([h_u ; h_v ; e])        a message and, per head, a score for either end
    w = softmax of the scores over all ends of edges at a vertex, of either direction
    h_v <- h_v + MLP(sum of w m over the ends at v)            e <- e + MLP(e')

The graph's vector is the mean of its vertices' states.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.represent.program_graph_view import KINDS, GraphBatch

POSITIONS = 8  # later operands share one embedding


def segment_softmax(
    scores: Float[Tensor, "ends heads"], segment: Int64[Tensor, " ends"], count: int
) -> Float[Tensor, "ends heads"]:
    """Softmax among the rows of each segment."""
    index = segment[:, None].expand_as(scores)
    top = scores.new_full((count, scores.shape[1]), -torch.inf).scatter_reduce(0, index, scores.detach(), "amax")
    raised = (scores - top[segment]).exp()
    return raised / torch.zeros_like(top).index_add(0, segment, raised)[segment]


def _mlp(width: int, inner: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, out))


class EdgeAttentionLayer(nn.Module):
    """See the module's docstring; `width` is a multiple of `heads`."""

    def __init__(self, width: int, edge_width: int, heads: int) -> None:
        super().__init__()
        self.width, self.edge_width, self.heads = width, edge_width, heads
        self.vertex_norm, self.edge_norm = nn.LayerNorm(width), nn.LayerNorm(edge_width)
        self.tell = _mlp(2 * width + edge_width, width, 2 * width + 2 * heads + edge_width)
        self.vertex_update, self.edge_update = _mlp(width, width, width), _mlp(edge_width, edge_width, edge_width)

    def forward(
        self,
        states: Float[Tensor, "vertices width"],
        edges: Float[Tensor, "edges edge_width"],
        source: Int64[Tensor, " edges"],
        target: Int64[Tensor, " edges"],
    ) -> tuple[Float[Tensor, "vertices width"], Float[Tensor, "edges edge_width"]]:
        normed = self.vertex_norm(states)
        told = self.tell(torch.cat([normed[source], normed[target], self.edge_norm(edges)], dim=1))
        sizes = [self.width, self.width, self.heads, self.heads, self.edge_width]
        to_source, to_target, score_source, score_target, new = told.split(sizes, dim=1)
        ends = torch.cat([source, target])
        share = segment_softmax(torch.cat([score_source, score_target]), ends, len(states))
        message = torch.cat([to_source, to_target]).unflatten(1, (self.heads, -1)) * share[:, :, None]
        received = torch.zeros_like(states).index_add(0, ends, message.flatten(1))
        return states + self.vertex_update(received), edges + self.edge_update(new)


class EdgeAttentionGraph(nn.Module):
    """Logits of a graph; `keys` counts the unknown key. Published: width 256, edge_width 64, heads 4, layers 8."""

    def __init__(
        self, keys: int, classes: int, *, width: int = 256, edge_width: int = 64, heads: int = 4, layers: int = 8
    ) -> None:
        super().__init__()
        self.keys = nn.Embedding(keys, width)
        self.kinds = nn.Embedding(KINDS, edge_width)
        self.positions = nn.Embedding(POSITIONS, edge_width)
        self.layers = nn.ModuleList([EdgeAttentionLayer(width, edge_width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, classes)

    def forward(self, batch: GraphBatch) -> Float[Tensor, "graphs classes"]:
        states = self.keys(batch.keys)
        edges = self.kinds(batch.kind) + self.positions(batch.position.clamp(max=POSITIONS - 1))
        for layer in self.layers:
            states, edges = layer(states, edges, batch.source, batch.target_vertex)
        graphs = int(batch.graph[-1]) + 1
        sums = states.new_zeros(graphs, states.shape[1]).index_add(0, batch.graph, self.norm(states))
        return self.output(sums / torch.bincount(batch.graph, minlength=graphs)[:, None])
