"""Two towers over a frozen text encoder: a query is read by it, a program by a graph network over its syntax tree.

Ye et al., "GNN-Coder: Boosting Semantic Code Retrieval with Combined GNNs and Transformer" (2025). With T the frozen
encoder, G the graph network over nodes that T has read, and P_q, P_c nets of one hidden layer,

    e_query = P_q T(query)        e_code = G(tree) + P_c T(code)        score = e_query · e_code / (|e_query| |e_code|)

either summand of e_code alone is a contender, too. The scores are multiplied by a learned scale, as CLIP does (Radford
et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.nn.encoders.ast_graph import AstGraphEncoder
from phloem.represent.ast_graph import GraphBatch

HIGHEST_SCALE = 100.0
FIRST_SCALE = 1 / 0.07


class GraphPairs(NamedTuple):
    """Pairs of a query and a program. `queries` and `codes` are T's vectors of the whole texts, `contents` those of the
    nodes' texts, which `graphs.text` numbers. Pairs with equal keys say the same."""

    queries: Float[Tensor, "pairs text_width"]
    codes: Float[Tensor, "pairs text_width"]
    graphs: GraphBatch
    contents: Float[Tensor, "texts text_width"]
    query_key: Int64[np.ndarray, " pairs"]
    code_key: Int64[np.ndarray, " pairs"]


def projection(inside: int, hidden: int, outside: int) -> nn.Sequential:
    """A net of one hidden layer."""
    return nn.Sequential(nn.Linear(inside, hidden), nn.ReLU(), nn.Linear(hidden, outside))


class GnnCoder(nn.Module):
    """`graph` or `text_hidden`, the width of P_c's hidden layer, may be None, not both."""

    def __init__(
        self, text_width: int, output: int, *, graph: AstGraphEncoder | None, text_hidden: int | None = 256
    ) -> None:
        super().__init__()
        if graph is None and text_hidden is None:
            raise ValueError("a program is read as a graph, as a text, or both")
        self.graph = graph
        self.text = None if text_hidden is None else projection(text_width, text_hidden, output)
        self.query = projection(text_width, 256, output)
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def scale(self) -> Float[Tensor, ""]:
        """What the cosines are multiplied by; at most HIGHEST_SCALE."""
        return self.log_scale.exp().clamp(max=HIGHEST_SCALE)

    def queries(self, vectors: Float[Tensor, "queries text_width"]) -> Float[Tensor, "queries output"]:
        """Unit vectors of queries."""
        return normalize(self.query(vectors), dim=1)

    def codes(self, batch: GraphPairs) -> Float[Tensor, "pairs output"]:
        """Unit vectors of programs."""
        parts = [] if self.graph is None else [self.graph(batch.graphs, batch.contents)]
        parts += [] if self.text is None else [self.text(batch.codes)]
        return normalize(torch.stack(parts).sum(dim=0), dim=1)

    def forward(self, batch: GraphPairs) -> tuple[Float[Tensor, "pairs output"], Float[Tensor, "pairs output"]]:
        return self.queries(batch.queries), self.codes(batch)
