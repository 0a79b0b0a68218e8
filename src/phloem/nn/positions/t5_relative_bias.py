"""Relative positions as a number added to each score, shared by distances that are alike.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (JMLR 2020, section
2.1), after Shaw et al. (2018). The distance r = (place of the key) - (place of the query) falls into one of n buckets
and each head has one learned number a bucket. Of the buckets of one direction, m of them, distances below m/2 have one
each; greater ones share buckets that grow logarithmically up to the distance D, beyond which all are alike:

    bucket(r) = |r|                                                     |r| < m/2
                min( m/2 + floor( log(|r| / (m/2)) / log(D / (m/2)) m/2 ), m - 1 )   else

An encoder has n/2 buckets a direction, those behind the query first; a decoder has all n for what lies behind it.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


def bucket(
    distance: Int64[Tensor, "*shape"], buckets: int = 32, most: int = 128, *, both_directions: bool = True
) -> Int64[Tensor, "*shape"]:
    """The bucket of each distance; what lies ahead of a query counts as distance 0 where only one direction exists."""
    if both_directions:
        buckets //= 2
        ahead = (distance > 0).long() * buckets
        distance = distance.abs()
    else:
        ahead = torch.zeros_like(distance)
        distance = (-distance).clamp(min=0)
    exact = buckets // 2
    logarithm = torch.log(distance.clamp(min=1).float() / exact) / math.log(most / exact) * (buckets - exact)
    far = (exact + logarithm.long()).clamp(max=buckets - 1)
    return ahead + torch.where(distance < exact, distance, far)


class RelativeBias(nn.Module):
    """The table of numbers, `buckets` × `heads`."""

    def __init__(self, heads: int, *, buckets: int = 32, most: int = 128, both_directions: bool = True) -> None:
        super().__init__()
        self.table = nn.Embedding(buckets, heads)
        self.buckets, self.most, self.both_directions = buckets, most, both_directions
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, queries: int, keys: int, first: int = 0) -> Float[Tensor, "1 heads queries keys"]:
        """The bias of queries at the places from `first` over keys at the places from 0."""
        device = self.table.weight.device
        distance = torch.arange(keys, device=device) - torch.arange(first, first + queries, device=device)[:, None]
        index = bucket(distance, self.buckets, self.most, both_directions=self.both_directions)
        return self.table(index).permute(2, 0, 1)[None]
