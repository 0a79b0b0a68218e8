"""Masked next-token prediction: how a decoder learns to read in both directions.

BehnamGhader et al., "LLM2Vec: Large Language Models Are Secretly Powerful Text Encoders" (COLM 2024, section 2.1). Of
the units 20% are chosen; of these 80% become a blank, 10% a random unit, 10% stay. All places read each other, and the
unit at place i is predicted from the state at i - 1, as the decoder was pretrained to:

    L = -mean over chosen i > 0 of log p( x_i | state i-1 )

Place 0 has no state before it and is never a target.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import Sequences

SHARE = 0.2


def masked_next_token_loss(
    logits: Float[Tensor, "batch time vocabulary"],
    tokens: Int64[Tensor, "batch time"],
    chosen: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Of the original `tokens` at the chosen places but the first; 0 without any."""
    places = chosen[:, 1:]
    if not places.any():
        return logits.sum() * 0.0
    return cross_entropy(logits[:, :-1][places], tokens[:, 1:][places])


class MaskedNextToken:
    """Of a decoder called with `causal=False`. `blank` is the unit that stands for what is hidden, ids from `first` to
    `size` - 1 are drawn at random."""

    def __init__(self, blank: int, size: int, *, first: int = 0, share: float = SHARE) -> None:
        self.blank, self.size, self.first, self.share = blank, size, first, share

    def __call__(self, model: Any, batch: Sequences) -> Loss:
        tokens, lengths = batch.tokens, batch.lengths
        real = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        chosen = real & (torch.rand(tokens.shape, device=tokens.device) < self.share)
        draw = torch.rand(tokens.shape, device=tokens.device)
        other = torch.randint(self.first, self.size, tokens.shape, device=tokens.device)
        hidden = torch.where(chosen & (draw < 0.8), self.blank, tokens)
        hidden = torch.where(chosen & (draw >= 0.8) & (draw < 0.9), other, hidden)
        logits = model.logits(model(hidden, lengths=lengths, causal=False))
        value = masked_next_token_loss(logits, tokens, chosen)
        return Loss(value, {"hidden_loss": float(value.detach())})
