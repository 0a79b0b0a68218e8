"""Transformers by hand that learn in context: one step of gradient descent, and ridge regression.

Gradient descent (von Oswald et al., "Transformers Learn In-Context by Gradient Descent", 2023; Akyürek et al., ICLR
2023, theorem 1): with columns z_i = (x_i, y_i) and a query (x, 0), attention without a softmax

    out = Σ_i (V z_i) (K z_i · Q z)       K = Q = the x part,  V = 2α times the y part

is 2α Σ_i y_i x_i·x, the prediction after one full-batch step from 0.

Ridge (Akyürek et al., theorem 2): the inverse of λI + Σ x_i x_i^T is kept and each example updates it by Sherman and
Morrison's formula, S^-1 <- S^-1 - S^-1 u v^T S^-1 / (1 + v^T S^-1 u) with u = v = x_i: O(1) layers an example.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LinearAttention(nn.Module):
    """One head without a softmax: each column gets Σ_i (V z_i)(K z_i · Q z)."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.key, self.query = (nn.Linear(width, size, bias=False, dtype=torch.float64) for _ in range(2))
        self.value = nn.Linear(width, width, bias=False, dtype=torch.float64)

    def forward(self, z: Float[Tensor, "batch columns width"]) -> Float[Tensor, "batch columns width"]:
        scores = self.query(z) @ self.key(z).transpose(1, 2)
        return z + scores @ self.value(z)


def gradient_step(d: int, step: float) -> LinearAttention:
    """The layer that writes one step's prediction where a query's y is to stand. Columns are (x, y)."""
    layer = LinearAttention(d + 1, d)
    eye = torch.eye(d + 1, dtype=torch.float64)
    with torch.no_grad():
        layer.key.weight.copy_(eye[:d])
        layer.query.weight.copy_(eye[:d])
        layer.value.weight.copy_(2 * step * eye[d][:, None] * eye[d])
    return layer


def predicted_by_step(
    x: Float[Tensor, "batch examples d"],
    y: Float[Tensor, "batch examples"],
    query: Float[Tensor, "batch d"],
    step: float,
) -> Float[Tensor, " batch"]:
    """The layer applied to the examples and a query with y = 0."""
    columns = torch.cat([x, y[:, :, None]], dim=2)
    asked = torch.cat([query, query.new_zeros(len(query), 1)], dim=1)
    z = torch.cat([columns, asked[:, None]], dim=1)
    return gradient_step(x.shape[2], step)(z)[:, -1, -1]


def ridge_by_updates(
    x: Float[Tensor, "batch examples d"], y: Float[Tensor, "batch examples"], penalty: float
) -> Float[Tensor, "batch d"]:
    """The weights after all examples, one Sherman-Morrison update each."""
    batch, examples, d = x.shape
    inverse = torch.eye(d, dtype=x.dtype).expand(batch, d, d) / penalty
    moment = x.new_zeros(batch, d)
    for place in range(examples):
        u = x[:, place]
        moved = torch.einsum("bde,be->bd", inverse, u)
        divisor = 1 + (u * moved).sum(dim=1)
        inverse = inverse - moved[:, :, None] * moved[:, None] / divisor[:, None, None]
        moment = moment + y[:, place, None] * u
    return torch.einsum("bde,be->bd", inverse, moment)
