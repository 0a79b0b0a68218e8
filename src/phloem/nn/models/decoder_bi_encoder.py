"""A decoder that gives vectors of queries and documents.

Muennighoff, "SGPT: GPT Sentence Embeddings for Semantic Search" (2022, section 3.1): a causal model's states behind the
last norm, pooled by the position-weighted mean. For asymmetric search (section 3.2) the ids of brackets go around the
units, [ ] around a query's and { } around a document's: ordinary units, put in as ids so that they merge with nothing,
and read and pooled as the others are.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.nn.encoders.pooling import weighted_mean
from phloem.nn.models.cross_encoder import UnitPairs
from phloem.nn.models.gpt2 import Gpt2

Pooling = Literal["weighted", "mean", "last"]
Side = Literal["query", "document"]


class Brackets(NamedTuple):
    """Ids around a query's units and around a document's."""

    query: tuple[int, int]
    document: tuple[int, int]

    def around(self, row: list[int], side: Side) -> list[int]:
        """The row with two ids more."""
        first, last = self.query if side == "query" else self.document
        return [first, *row, last]


def pooled(
    states: Float[Tensor, "batch time width"], real: Bool[Tensor, "batch time"], pooling: Pooling
) -> Float[Tensor, "batch width"]:
    """One vector a row."""
    if pooling == "weighted":
        return weighted_mean(states, real)
    if pooling == "mean":
        return (states * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True).clamp(min=1)
    last = (real * torch.arange(1, real.shape[1] + 1, device=real.device)).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), last]


class DecoderBiEncoder(nn.Module):
    """Unit rows of either side to unit vectors. `causal=False` reads both directions with the same weights.

    The units of `instruction` are read before a query's and left out of its vector (BehnamGhader et al., "LLM2Vec",
    2024, section 3)."""

    def __init__(
        self,
        decoder: Gpt2,
        brackets: Brackets | None = None,
        *,
        pooling: Pooling = "weighted",
        causal: bool = True,
        most: int = 128,
        instruction: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.instruction = instruction
        self.decoder, self.brackets = decoder, brackets
        self.pooling, self.causal, self.most = pooling, causal, most

    def vectors(self, rows: list[list[int]], side: Side) -> Float[Tensor, "rows width"]:
        """Of length 1. Rows are cut to `most` units, brackets not counted."""
        rows = [row[: self.most] for row in rows]
        if self.brackets is not None:
            rows = [self.brackets.around(row, side) for row in rows]
        before = list(self.instruction) if side == "query" else []
        rows = [[*before, *row] for row in rows]
        lengths = torch.tensor([max(len(row), 1) for row in rows])
        time = int(lengths.max())
        tokens = torch.tensor([row + [0] * (time - len(row)) for row in rows])
        states = self.decoder(tokens, lengths=lengths, causal=self.causal)
        place = torch.arange(time)
        real = (place < lengths[:, None]) & ((place >= len(before)) | (lengths[:, None] <= len(before)))
        return normalize(pooled(states, real, self.pooling), dim=1)

    def forward(self, batch: UnitPairs) -> tuple[Float[Tensor, "pairs width"], Float[Tensor, "pairs width"]]:
        """Of the texts as queries, and of the codes as documents."""
        return self.vectors(batch.texts, "query"), self.vectors(batch.codes, "document")
