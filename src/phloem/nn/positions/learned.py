"""Learned absolute positions: a vector for each place, added to the unit's.

Devlin et al., "BERT" (2019, section 3.1), after Gehring et al., "Convolutional Sequence to Sequence Learning" (2017,
section 3.1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Vectors of the places 0 to `most` - 1; a longer sequence raises ValueError."""

    def __init__(self, most: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(most, width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        time = x.shape[1]
        if time > self.table.num_embeddings:
            raise ValueError(f"there are positions for {self.table.num_embeddings} units, the sequence has {time}")
        return x + self.table(torch.arange(time, device=x.device))
