"""Identifier tagging: whether each unit of the code is part of an identifier.

Wang et al., "CodeT5" (EMNLP 2021, section 3.2): binary cross-entropy over the units of the code, from the encoder's
states alone,

    L = - mean_i [ y_i log p_i + (1 - y_i) log (1 - p_i) ],      p_i = sigmoid(w · h_i)

so that the encoder learns what a highlighter of syntax knows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.learn.objectives.base import Loss
from phloem.represent.identifier_occurrences import MarkedTokens


class Tagged(NamedTuple):
    """Sequences with a label at each unit; `counted` are the units of code, text and marks are none."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    identifier: Bool[Tensor, "batch time"]
    counted: Bool[Tensor, "batch time"]


def identifier_labels(code: MarkedTokens) -> list[bool]:
    """True at each unit of an identifier."""
    return [number >= 0 for number in code.name.tolist()]


class IdentifierTagging:
    """`model.identifier(tokens, lengths)` gives a logit at each place."""

    def __call__(self, model: Any, batch: Tagged) -> Loss:
        logits = model.identifier(batch.tokens, batch.lengths)[batch.counted]
        wanted = batch.identifier[batch.counted]
        value = binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype))
        with torch.no_grad():
            right = ((logits > 0) == wanted).double().mean()
        return Loss(value, {"tagged": float(right)})
