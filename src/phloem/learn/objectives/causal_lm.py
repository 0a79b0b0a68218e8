"""Causal language modelling: each unit from those before it, by a model that only decodes.

    L = - mean_t log p(x_t | x_<t)        over the real places of a batch, from the first predicted one on

A model with a prefix (a mode's mark, a task's) is not asked to predict it.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.nn.models.prefix_mode_transformer import Sequences


def next_unit_loss(
    logits: Float[Tensor, "batch time vocabulary"],
    tokens: Int64[Tensor, "batch time"],
    lengths: Int64[Tensor, " batch"],
    first: int = 1,
) -> Float[Tensor, ""]:
    """The mean over places from `first` on; the logits at t are of the unit at t + 1."""
    places = torch.arange(1, tokens.shape[1], device=tokens.device)
    counted = (places < lengths[:, None]) & (places >= first)
    return cross_entropy(logits[:, :-1][counted], tokens[:, 1:][counted])


class CausalLM:
    """`model.causal(batch)` gives (tokens with their prefix, lengths, logits, the first predicted place)."""

    def __call__(self, model: Any, batch: Sequences) -> Loss:
        tokens, lengths, logits, first = model.causal(batch)
        value = next_unit_loss(logits, tokens, lengths, first)
        return Loss(value, {"unit_loss": float(value.detach())})
