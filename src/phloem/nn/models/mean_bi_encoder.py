"""A bi-encoder: one encoder for both sides, a row's vector is the mean of its units' states, of length 1."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.nn.models.cross_encoder import UnitPairs
from phloem.nn.models.text_encoder import TextEncoder


class MeanBiEncoder(nn.Module):
    """Rows are cut to `most` units and closed by the id `end`, as the encoder was pretrained to expect."""

    def __init__(self, encoder: TextEncoder, *, end: int, most: int) -> None:
        super().__init__()
        self.encoder, self.end, self.most = encoder, end, most

    def vectors(self, rows: list[list[int]]) -> Float[Tensor, "rows width"]:
        closed = [[*row[: self.most - 1], self.end] for row in rows]
        lengths = torch.tensor([len(row) for row in closed])
        time = int(lengths.max())
        tokens = torch.tensor([row + [0] * (time - len(row)) for row in closed])
        states = self.encoder(tokens, lengths)
        real = torch.arange(time) < lengths[:, None]
        return normalize((states * real[:, :, None]).sum(dim=1) / lengths[:, None], dim=1)

    def forward(self, batch: UnitPairs) -> tuple[Float[Tensor, "pairs width"], Float[Tensor, "pairs width"]]:
        """Of texts and codes."""
        return self.vectors(batch.texts), self.vectors(batch.codes)
