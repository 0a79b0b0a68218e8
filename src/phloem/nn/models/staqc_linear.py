"""Logistic regression over sparse rows, with a penalty on the weights.

    minimise over w, b    mean_i log(1 + exp(-y_i (w·x_i + b))) + |w|² / (2 C n)        y in {-1, 1}

which is convex; L-BFGS finds its minimum from 0 whatever the seed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.represent.code_snippet_views import GramBatch


class Logistic(nn.Module):
    """Logits of the positive class."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features, 1, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, rows: GramBatch) -> Float64[Tensor, " rows"]:
        bags = nn.functional.embedding_bag(
            rows.ids, self.weight, rows.offsets, mode="sum", per_sample_weights=rows.weights
        )
        return bags[:, 0] + self.bias


def fit(rows: GramBatch, labels: Int64[Tensor, " rows"], features: int, strength: float = 1.0) -> Logistic:
    """The minimum; `strength` is C, the larger the less is held back."""
    model = Logistic(features)
    target = labels.double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-7, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        penalty = model.weight.square().sum() / (2 * strength * len(labels))
        value = binary_cross_entropy_with_logits(model(rows), target) + penalty
        value.backward()
        return value

    optimizer.step(loss)
    return model.requires_grad_(False)
