"""Masked language modelling over byte pairs (Devlin et al., "BERT", 2019, section 3.1).

Of the places each is chosen with the probability `share`; of the chosen units 80% become the mark <mask>, 10% a random
unit, 10% stay, and the loss is the cross-entropy of the original unit at the chosen places.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.represent.byte_pairs import MASK, SPECIALS

SHARE = 0.15


def hidden_units(
    tokens: Int64[Tensor, "batch time"], chosen: Bool[Tensor, "batch time"], size: int
) -> Int64[Tensor, "batch time"]:
    """The units with the chosen ones hidden; `size` is that of the vocabulary, whose marks are never drawn."""
    draw = torch.rand(tokens.shape, device=tokens.device)
    other = torch.randint(len(SPECIALS), size, tokens.shape, device=tokens.device)
    corrupted = torch.where(chosen & (draw < 0.8), MASK, tokens)
    return torch.where(chosen & (draw >= 0.8) & (draw < 0.9), other, corrupted)


def unit_loss(
    model: Any,
    states: Float[Tensor, "batch time width"],
    tokens: Int64[Tensor, "batch time"],
    chosen: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Of the original units at the chosen places; 0 without any. `model.logits` is the word head."""
    if not chosen.any():
        return states.sum() * 0.0
    return cross_entropy(model.logits(states[chosen]), tokens[chosen])
