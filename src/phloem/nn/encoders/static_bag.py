"""A text's vector as the weighted mean of its units' vectors: an encoder without layers.

For a text with the distinct units u, each c_u times and first at place p_u,

    v = Σ_u exp(g (a_u + b(p_u))) log2(1 + c_u) e_u        normalised to length 1, g = 6

with one table of vectors e for queries and code, weights a of their own for each, and for code a weight b that falls
with the place, as what a function is about stands in its heading. Vectors and weights are learned together from pairs;
that a learned weight a unit takes the place of inverse document frequencies is the idea of Wieting et al., "Towards
Universal Paraphrastic Sentence Embeddings" (2016) and Arora et al., "A Simple but Tough-to-Beat Baseline for Sentence
Embeddings" (2017) carried further.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize

from phloem.represent.bags import BUCKETS, Bags

Side = Literal["query", "code"]
GAIN = 6.0  # of weights over their parameters: Adam moves all by about the rate, and weights have further to go


class StaticBag(nn.Module):
    """Bags of units to unit vectors; a bag without units is 0."""

    def __init__(self, units: int, width: int = 256) -> None:
        super().__init__()
        self.table = nn.Embedding(units, width)
        self.query_weight = nn.Parameter(torch.zeros(units))
        self.code_weight = nn.Parameter(torch.zeros(units))
        self.place_weight = nn.Parameter(torch.zeros(BUCKETS))
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, bags: Bags, side: Side) -> Float[Tensor, "rows width"]:
        return normalize(self.sums(bags, side), dim=1)

    def sums(self, bags: Bags, side: Side) -> Float[Tensor, "rows width"]:
        """The weighted sums, not normalised."""
        device = self.table.weight.device
        ids = torch.from_numpy(bags.ids).long().to(device)
        weight = (self.query_weight if side == "query" else self.code_weight)[ids]
        if side == "code":
            weight = weight + self.place_weight[torch.from_numpy(bags.place).long().to(device)]
        return embedding_bag(
            ids,
            self.table.weight,
            torch.from_numpy(bags.offsets[:-1]).to(device),
            mode="sum",
            per_sample_weights=(GAIN * weight).exp() * torch.from_numpy(bags.damped).to(device),
        )
