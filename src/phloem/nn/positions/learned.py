"""Learned absolute positions: a vector for each place, added to the unit's.

Devlin et al., "BERT" (2019, section 3.1), after Gehring et al., "Convolutional Sequence to Sequence Learning" (2017,
section 3.1). RoBERTa's and BART's tables begin at row 2: the rows before were of padding (`first`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Vectors of the places 0 to `most` - 1, of which the table's row `first` is the first; a place beyond them raises
    ValueError."""

    def __init__(self, most: int, width: int, first: int = 0) -> None:
        super().__init__()
        self.most, self.first = most, first
        self.table = nn.Embedding(most + first, width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(
        self, x: Float[Tensor, "batch time width"], places: Int64[Tensor, "*batch time"] | None = None
    ) -> Float[Tensor, "batch time width"]:
        """`places` are those of the units, in order from 0 unless given. -1 and below reach the rows before `first`."""
        if places is None:
            places = torch.arange(x.shape[1], device=x.device)
        if places.numel() and int(places.max()) >= self.most:
            raise ValueError(f"there are positions for {self.most} units, the sequence has {int(places.max()) + 1}")
        return x + self.table(places + self.first)
