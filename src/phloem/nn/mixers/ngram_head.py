"""N-gram heads: attention that is not learned, to what followed the last n tokens before.

Akyürek et al., "In-Context Language Learning: Architectures and Algorithms" (ICML 2024, section 6). With tokens x and
vectors h

    A[t, s] = 1 where s < t and x_{s-k} = x_{t-k+1} for k = 1 … n,  else 0;        rows divided by their sums
    y = W_0 (A h) + W_1 h                                                           each map with a bias

so that the n tokens before s are the last n tokens at t, and s holds what came next. Rows without a match are 0. The
state of a stream would be the whole past: the head is for whole sequences.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn


def followers(tokens: Int64[Tensor, "batch time"], n: int) -> Bool[Tensor, "batch time time"]:
    """Where the places of the second axis follow an earlier occurrence of the n tokens that end at the first."""
    time = tokens.shape[1]
    same = tokens[:, :, None] == tokens[:, None]
    matches = torch.ones_like(same)
    for k in range(n):  # x_{s-1-k} = x_{t-k}
        shifted = torch.zeros_like(same)
        if time > k + 1:
            shifted[:, k:, k + 1 :] = same[:, : time - k, : time - k - 1]
        matches &= shifted
    return matches.tril(-1)


class NgramHead(nn.Module):
    """Causal; its only weights are W_0, W_1 and their biases."""

    def __init__(self, width: int, n: int) -> None:
        super().__init__()
        if n < 1:
            raise ValueError(f"an n-gram has at least 1 token, not {n}")
        self.n = n
        self.followed, self.own = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self, h: Float[Tensor, "batch time width"], tokens: Int64[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time width"]:
        weights = followers(tokens, self.n).to(h.dtype)
        weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1)
        return self.followed(weights @ h) + self.own(h)
