"""Which of a few pass sequences is worth most for a program: logits from its graph, or from 56 counts.

Liang et al., "Learning Compiler Pass Orders using Coreset and Normalized Value Prediction" (ICML 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.models.graph_edge_attention import EdgeAttentionGraph
from phloem.represent.program_graph_view import GraphBatch


class PassBatch(NamedTuple):
    """Programs as graphs and as counts, and what should be said of their sequences (a distribution)."""

    graph: GraphBatch
    counts: Float[Tensor, "programs features"]
    target: Float[Tensor, "programs sequences"]


class GraphPredictor(nn.Module):
    """Logits of sequences from the program's graph; options as those of `EdgeAttentionGraph`."""

    def __init__(self, keys: int, sequences: int, **options: int) -> None:
        super().__init__()
        self.graph = EdgeAttentionGraph(keys, sequences, **options)

    def forward(self, batch: PassBatch) -> Float[Tensor, "programs sequences"]:
        return self.graph(batch.graph)


class CountPredictor(nn.Module):
    """Logits of sequences from the logarithms of counts."""

    def __init__(self, features: int, sequences: int, *, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.LayerNorm(features), nn.Linear(features, hidden), nn.GELU()),
            *(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, sequences)),
        )

    def forward(self, batch: PassBatch) -> Float[Tensor, "programs sequences"]:
        return self.layers(torch.log1p(batch.counts))
