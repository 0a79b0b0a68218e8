"""Attention of several heads of one sequence over any keys and values, with whatever is added to the scores.

Vaswani et al., "Attention Is All You Need" (2017, section 3.2.2). For a sequence x and another one z (or x itself)

    Q = x W_q + b_q    K = z W_k + b_k    V = z W_v + b_v    y = concat_h( softmax(s Q_h K_h^T + B_h) V_h ) W_o + b_o

B is added to the scores: 0 or -∞ where it says who reads whom, and numbers where it says how far apart places are
(Raffel et al. 2020, section 2.1). s is 1/√d_h, or 1 in the models that put it into the first values of W_q. Positions,
masks and the keys and values of earlier words are the caller's, so that one module serves encoders, decoders and
attention over a memory; `phloem.nn.mixers.attention` is the self-contained mixer with rotary positions.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class MultiHeadAttention(nn.Module):
    """`size` is a head's, width / heads unless given; `biases` and `out_bias` say which maps have a bias."""

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        size: int | None = None,
        biases: bool = True,
        out_bias: bool | None = None,
        scaled: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if size is None and width % heads:
            raise ValueError(f"width {width} must be a multiple of {heads} heads")
        self.heads, self.size, self.dropout = heads, size or width // heads, dropout
        self.scale = 1 / math.sqrt(self.size) if scaled else 1.0
        self.query = nn.Linear(width, heads * self.size, bias=biases)
        self.key = nn.Linear(width, heads * self.size, bias=biases)
        self.value = nn.Linear(width, heads * self.size, bias=biases)
        self.out = nn.Linear(heads * self.size, width, bias=biases if out_bias is None else out_bias)

    def read(
        self, z: Float[Tensor, "batch keys width"]
    ) -> tuple[Float[Tensor, "batch heads keys size"], Float[Tensor, "batch heads keys size"]]:
        """Keys and values of a sequence, so that they can be kept."""
        key = rearrange(self.key(z), "b t (h d) -> b h t d", h=self.heads)
        return key, rearrange(self.value(z), "b t (h d) -> b h t d", h=self.heads)

    def forward(
        self,
        x: Float[Tensor, "batch queries width"],
        key: Float[Tensor, "batch heads keys size"],
        value: Float[Tensor, "batch heads keys size"],
        bias: Float[Tensor, "#batch #heads #queries keys"] | None = None,
    ) -> Float[Tensor, "batch queries width"]:
        query = rearrange(self.query(x), "b t (h d) -> b h t d", h=self.heads)
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout, scale=self.scale)
        return self.out(rearrange(mixed, "b h t d -> b t (h d)"))

    def weights(
        self,
        x: Float[Tensor, "batch queries width"],
        key: Float[Tensor, "batch heads keys size"],
        bias: Float[Tensor, "#batch #heads #queries keys"] | None = None,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """How much each query reads of each key, for those who look inside."""
        query = rearrange(self.query(x), "b t (h d) -> b h t d", h=self.heads)
        scores = self.scale * query @ key.transpose(-1, -2)
        return (scores if bias is None else scores + bias).softmax(dim=-1)


def real_keys(lengths: Int64[Tensor, " batch"] | None, time: int) -> Bool[Tensor, "batch 1 time"] | None:
    """Who may be read where rows end at their lengths; None: everybody."""
    return None if lengths is None else (torch.arange(time, device=lengths.device) < lengths[:, None])[:, None]


def both(one: Bool[Tensor, "..."] | None, other: Bool[Tensor, "..."] | None) -> Bool[Tensor, "..."] | None:
    """What two masks allow; None allows everything."""
    return other if one is None else one if other is None else one & other


def additive(
    mask: Bool[Tensor, "#batch #queries keys"] | None,
    bias: Float[Tensor, "#batch #heads queries keys"] | None,
    dtype: torch.dtype,
) -> Float[Tensor, "#batch #heads #queries keys"] | None:
    """What is added to the scores: the bias where the mask allows, else the least finite number.

    A query that may read nothing so reads everything alike; what comes of it is finite and means nothing.
    """
    if mask is None:
        return bias
    least = torch.finfo(dtype).min
    if bias is None:
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, least)[:, None]
    return bias.to(dtype).masked_fill(~mask[:, None], least)


def earlier(queries: int, past: int, device: torch.device) -> Bool[Tensor, "1 queries keys"]:
    """The causal mask of queries that follow `past` others: each reads itself and what lies before."""
    keys = torch.arange(past + queries, device=device)
    return (keys <= past + torch.arange(queries, device=device)[:, None])[None]
