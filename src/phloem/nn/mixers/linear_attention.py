"""Causal linear attention: a sum of outer products in place of a softmax.

Katharopoulos et al., "Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention" (ICML 2020). With
φ(u) = elu(u) + 1 of queries and keys of each head

    S_t = S_{t-1} + φ(k_t) v_t^T        z_t = z_{t-1} + φ(k_t)        y_t = W_o (φ(q_t)^T S_t) / (φ(q_t)^T z_t)

`forward` forms the scores φ(q) φ(k)^T of a whole piece and adds what the state holds of earlier ones.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu

from phloem.nn.mixers.base import Facts, Info


class LinearAttentionState(NamedTuple):
    products: Float[Tensor, "batch heads size size"]  # S
    keys: Float[Tensor, "batch heads size"]  # z


class LinearAttention(nn.Module):
    """Causal, with a state of fixed size."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} must be a multiple of {heads} heads")
        self.heads, self.size = heads, width // heads
        self.inputs = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.facts = Facts(causal=True, cost="n^2", state_size=lambda tokens: width * self.size + width)

    def initial_state(self, batch: int) -> LinearAttentionState:
        products = self.out.weight.new_zeros(batch, self.heads, self.size, self.size)
        return LinearAttentionState(products, products[..., 0])

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        state: LinearAttentionState | None = None,
        info: Info | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], LinearAttentionState]:
        """All positions; outputs behind a row's length are 0, and the state is the one at its end."""
        state, info = state or self.initial_state(len(x)), info or Info()
        query, key, value = rearrange(self.inputs(x), "b t (three h d) -> three b h t d", three=3, h=self.heads)
        query, key = elu(query) + 1, elu(key) + 1
        time = torch.arange(x.shape[1], device=x.device)
        document = x.new_zeros(x.shape[:2]) if info.resets is None else info.resets.to(x.dtype).cumsum(dim=1)
        real = time < (x.shape[1] if info.lengths is None else info.lengths[:, None])
        real = real.expand(x.shape[:2])
        seen = (time <= time[:, None]) & (document[:, None] == document[:, :, None]) & real[:, None]
        old = (document == 0).to(x.dtype)[:, None, :, None]  # what the state holds is of the first document here
        scores = query @ key.transpose(-1, -2) * seen[:, None]
        mixed = scores @ value + old * (query @ state.products)
        total = scores.sum(dim=-1, keepdim=True) + old * (query @ state.keys[..., None])
        y = self.out(rearrange(mixed / total.clamp(min=1e-9), "b h t d -> b t (h d)")) * real[:, :, None]
        last = (document * real).amax(dim=1, keepdim=True) if x.shape[1] else document.new_zeros(len(x), 1)
        kept = key * ((document == last) & real)[:, None, :, None]
        carried = (last == 0).to(x.dtype)[:, :, None]
        products = state.products * carried[..., None] + kept.transpose(-1, -2) @ value
        return y, LinearAttentionState(products, state.keys * carried + kept.sum(dim=2))

    def step(
        self, x: Float[Tensor, "batch width"], state: LinearAttentionState
    ) -> tuple[Float[Tensor, "batch width"], LinearAttentionState]:
        query, key, value = rearrange(self.inputs(x), "b (three h d) -> three b h d", three=3, h=self.heads)
        query, key = elu(query) + 1, elu(key) + 1
        products, keys = state.products + key[..., None] * value[:, :, None], state.keys + key
        mixed = (query[:, :, None] @ products)[:, :, 0] / (query * keys).sum(dim=-1, keepdim=True).clamp(min=1e-9)
        return self.out(rearrange(mixed, "b h d -> b (h d)")), LinearAttentionState(products, keys)
