"""ProGraML's network: a class for every vertex of a program graph, given which vertex is marked.

Cummins et al., "ProGraML" (2020, ICML 2021, section 4):

    h_v^0 = [embedding(key) ; 50 x one-hot(marked or not)]          the selector is fixed
    h^T   = T steps of a gated graph network (nn/encoders/gated_graph)
    logits_v = sigmoid(f([h_v^0 ; h_v^T])) * g(h_v^T)               f, g linear

and, as a baseline that knows no edges, a bidirectional LSTM over the vertices in the order of the listing.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from phloem.nn.encoders.gated_graph import Edges, Gate, GatedGraph
from phloem.represent.program_graph_view import KINDS, GraphBatch

SELECTOR = 50.0  # the published value of a set mark
CLASSES = 2


def selector(batch: GraphBatch) -> Float[Tensor, "vertices 2"]:
    """(50, 0) for a marked vertex and (0, 50) for any other."""
    return SELECTOR * torch.stack([batch.root, ~batch.root], dim=1).to(torch.get_default_dtype())


class VertexReadout(nn.Module):
    """sigmoid(f([first ; last])) * g(last)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, classes)
        self.value = nn.Linear(width, classes)

    def forward(
        self, first: Float[Tensor, "vertices width"], last: Float[Tensor, "vertices width"]
    ) -> Float[Tensor, "vertices classes"]:
        return torch.sigmoid(self.gate(torch.cat([first, last], dim=1))) * self.value(last)


class GraphVertexClassifier(nn.Module):
    """Logits of every vertex. `keys` counts the unknown key; other arguments as in `GatedGraph`."""

    def __init__(
        self,
        keys: int,
        *,
        embedding: int = 32,
        steps: int = 30,
        gate: Gate | None = "before",
        backward: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(keys, embedding)
        width = embedding + CLASSES
        self.graph = GatedGraph(width, KINDS, steps=steps, gate=gate, backward=backward, silent=2)
        self.readout = VertexReadout(width, CLASSES)

    def forward(self, batch: GraphBatch, steps: int | None = None) -> Float[Tensor, "vertices 2"]:
        first = torch.cat([self.embedding(batch.keys), selector(batch)], dim=1)
        edges = Edges(batch.source, batch.target_vertex, batch.kind, batch.position)
        return self.readout(first, self.graph(first, edges, steps))


class VertexLstm(nn.Module):
    """A bidirectional LSTM over the vertices of each graph in their order, without edges."""

    def __init__(self, keys: int, *, embedding: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(keys, embedding)
        self.lstm = nn.LSTM(embedding + 2, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, CLASSES)

    def forward(self, batch: GraphBatch, steps: int | None = None) -> Float[Tensor, "vertices 2"]:
        """`steps` has no meaning here; the models are asked alike."""
        inputs = torch.cat([self.embedding(batch.keys), selector(batch) / SELECTOR], dim=1)
        counts = torch.bincount(batch.graph).tolist()
        padded = pad_sequence(list(inputs.split(counts)), batch_first=True)
        lengths = torch.tensor(counts)
        packed = nn.utils.rnn.pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        out, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        real = torch.arange(out.shape[1])[None] < lengths[:, None]
        return self.output(out[real])
