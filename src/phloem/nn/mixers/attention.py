"""Self-attention of several heads, in both directions or causal, with rotary positions.

Vaswani et al., "Attention Is All You Need" (2017, section 3.2). With queries, keys and values of each head

    Q = x W_q   K = x W_k   V = x W_v      y = concat_h( softmax(Q_h K_h^T / sqrt(d_h) + M) V_h ) W_o

M is 0 where a position may be read and -∞ elsewhere. `attention_reference` is the equation; the module uses the fused
kernel of torch. The causal form has a state, the keys and values so far, and can go on from it; the one in both
directions reads a whole sequence at once and has neither state nor steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from phloem.nn.mixers.base import Facts, Info
from phloem.nn.positions.rotary import angles, rotate


class AttentionState(NamedTuple):
    """Keys (turned by their positions) and values of the past; documents are numbered as they begin."""

    key: Float[Tensor, "batch heads past size"]
    value: Float[Tensor, "batch heads past size"]
    document: Int64[Tensor, "batch past"]
    length: Int64[Tensor, " batch"]  # tokens of the past in each row


def attention_reference(
    query: Float[Tensor, "batch heads queries size"],
    key: Float[Tensor, "batch heads keys size"],
    value: Float[Tensor, "batch heads keys size"],
    mask: Bool[Tensor, "batch #heads queries keys"],
) -> Float[Tensor, "batch heads queries size"]:
    """The equation; a query that may read nothing gives 0."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
    return weights.nan_to_num(0.0) @ value


class SelfAttention(nn.Module):
    """As a mixer; `info.lengths`, `info.resets`, `info.positions` and `info.mask` (who may read whom) are heeded."""

    def __init__(self, width: int, heads: int, *, causal: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width {width} must be an even multiple of {heads} heads")
        self.heads, self.size, self.dropout = heads, width // heads, dropout
        self.inputs = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.facts = Facts(
            causal=causal,
            cost="n^2",
            state_size=(lambda tokens: tokens * (2 * width + 1) + 1) if causal else (lambda tokens: 0),
            streaming=causal,
            granularity="token" if causal else "segment",
        )

    def initial_state(self, batch: int) -> AttentionState | None:
        """The empty past; None where attention goes in both directions."""
        if not self.facts.causal:
            return None
        empty = self.out.weight.new_zeros(batch, self.heads, 0, self.size)
        none = torch.zeros(batch, 0, dtype=torch.long, device=empty.device)
        return AttentionState(empty, empty, none, none.new_zeros(batch))

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        state: AttentionState | None = None,
        info: Info | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], AttentionState | None]:
        """All positions; outputs behind a row's length are 0."""
        info = info or Info()
        query, key, value = rearrange(self.inputs(x), "b t (three h d) -> three b h t d", three=3, h=self.heads)
        if self.facts.causal:
            state = state or self.initial_state(len(x))
            assert state is not None
            return self._causal(query, key, value, state, info)
        if state is not None:
            raise ValueError("attention in both directions has no state: give it the whole sequence")
        time = torch.arange(x.shape[1], device=x.device)
        positions = time if info.positions is None else info.positions
        angle = angles(positions, self.size, dtype=x.dtype)
        mask = None if info.lengths is None else (time < info.lengths[:, None])[:, None, None]
        if info.resets is not None:
            document = info.resets.long().cumsum(dim=1)
            mask = _both(mask, (document[:, :, None] == document[:, None])[:, None])
        if info.mask is not None:
            mask = _both(mask, info.mask)
        y = self._read(rotate(query, angle), rotate(key, angle), value, mask)
        return (y if info.lengths is None else y * (time < info.lengths[:, None])[:, :, None]), None

    def _causal(
        self, query: Tensor, key: Tensor, value: Tensor, state: AttentionState, info: Info
    ) -> tuple[Tensor, AttentionState]:
        batch, _, steps, _ = query.shape
        time = torch.arange(steps, device=query.device)
        lengths = torch.full_like(state.length, steps) if info.lengths is None else info.lengths.clamp(max=steps)
        positions = state.length[:, None] + time if info.positions is None else info.positions
        angle = angles(positions, self.size, dtype=query.dtype)
        known = torch.cat([state.document, state.document.new_zeros(batch, 1)], dim=1)
        before = known.amax(dim=1, keepdim=True)  # places behind a row's length are numbered -1
        started = time.new_zeros(batch, steps) if info.resets is None else info.resets.long().cumsum(dim=1)
        document = before + started
        real = time < lengths[:, None]
        keys = torch.cat([state.key, rotate(key, angle)], dim=2)
        values = torch.cat([state.value, value], dim=2)
        documents = torch.cat([state.document, torch.where(real, document, -1)], dim=1)
        past = keys.shape[2] - steps
        earlier = torch.arange(keys.shape[2], device=query.device) <= past + time[:, None]
        mask = (earlier & (documents[:, None] == document[:, :, None]))[:, None]
        if info.mask is not None:
            mask = mask & info.mask
        y = self._read(rotate(query, angle), keys, values, mask)
        after = AttentionState(keys, values, documents, state.length + lengths)
        return (y if info.lengths is None else y * real[:, :, None]), after

    def _read(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The mixed values through the output's matrix; queries that may read nothing give 0."""
        mixed = scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0
        )
        if mask is not None:
            mixed = mixed.masked_fill(~mask.any(dim=-1, keepdim=True), 0.0)
        return self.out(rearrange(mixed, "b h t d -> b t (h d)"))

    def step(
        self, x: Float[Tensor, "batch width"], state: AttentionState
    ) -> tuple[Float[Tensor, "batch width"], AttentionState]:
        """One position more. Raises ValueError where attention goes in both directions."""
        if not self.facts.causal:
            raise ValueError("attention in both directions has no steps")
        y, after = self.forward(x[:, None], state)
        assert after is not None
        return y[:, 0], after


def _both(one: Tensor | None, other: Tensor) -> Tensor:
    return other if one is None else one & other
