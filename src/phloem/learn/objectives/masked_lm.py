"""Masked language modelling: units are hidden and predicted from the rest.

Devlin et al., "BERT" (2019, section 3.1): of the units a share is chosen; of the chosen 80% become [MASK], 10% a random
unit, 10% stay, and the loss is the cross-entropy of the original unit at the chosen places. With `full` all chosen ones
become [MASK] (Zhang et al., "Code Representation Learning at Scale", 2024, section 3.1: code is less robust to random
replacements than prose). As in CodeBERT (Feng et al. 2020, section 3.3) units of text and of code are chosen alike, and
`bimodal_only` leaves rows without text out.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.nn.models.text_encoder import TextPairs
from phloem.represent.subwords import MASK, SPECIALS

SHARE = 0.15


def choose(places: Bool[Tensor, "batch time"], share: float = SHARE) -> Bool[Tensor, "batch time"]:
    """Each of the places with the probability `share`, by torch's generator."""
    return places & (torch.rand(places.shape, device=places.device) < share)


def hidden(
    tokens: Int64[Tensor, "batch time"], chosen: Bool[Tensor, "batch time"], units: int, *, full: bool = False
) -> Int64[Tensor, "batch time"]:
    """The tokens with the chosen ones hidden; random units are none of the special ones."""
    if full:
        return tokens.masked_fill(chosen, MASK)
    draw = torch.rand(tokens.shape, device=tokens.device)
    other = torch.randint(len(SPECIALS), units, tokens.shape, device=tokens.device)
    corrupted = torch.where(chosen & (draw < 0.8), MASK, tokens)
    return torch.where(chosen & (draw >= 0.8) & (draw < 0.9), other, corrupted)


class MaskedLM:
    """The objective of a `TextEncoder` on `TextPairs`; where nothing was chosen the loss is 0."""

    def __init__(self, units: int, *, share: float = SHARE, full: bool = False, bimodal_only: bool = False) -> None:
        self.units, self.share, self.full, self.bimodal_only = units, share, full, bimodal_only

    def __call__(self, model: Any, batch: TextPairs) -> Loss:
        places = batch.text | batch.code
        if self.bimodal_only:
            places = places & batch.text.any(dim=1, keepdim=True)
        chosen = choose(places, self.share)
        states = model(hidden(batch.tokens, chosen, self.units, full=self.full), batch.lengths)
        if not chosen.any():
            return Loss(states.sum() * 0.0, {"masked": 0.0})
        value = cross_entropy(model.words(states[chosen]), batch.tokens[chosen])
        return Loss(value, {"masked": float(chosen.sum())})
