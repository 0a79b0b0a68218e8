"""Rank loss: predicted distances should have the order of the true ones, whatever their size.

Shen et al., "Straight to the Tree: Constituency Parsing with Neural Syntactic Distance" (2018); Hernández López et al.
(2022, section 4.3). Over all ordered pairs of gaps of one sequence with d_i > d_j

    L = Σ max(0, 1 - (d^_i - d^_j)) / number of such pairs

the sum and the number being those of the whole batch.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import relu


def rank_loss(
    predicted: Float[Tensor, "batch gaps"], true: Float[Tensor, "batch gaps"], real: Bool[Tensor, "batch gaps"]
) -> Float[Tensor, ""]:
    """0 where no two gaps of a sequence differ; gaps that are not `real` are in no pair."""
    larger = (true[:, :, None] > true[:, None]) & real[:, :, None] & real[:, None]
    loss = relu(1 - (predicted[:, :, None] - predicted[:, None]))
    return (loss * larger).sum() / larger.sum().clamp(min=1)
