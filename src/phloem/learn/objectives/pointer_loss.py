"""Pointing at what is wrong and at what repairs it.

Vasic et al., "Neural Program Repair by Jointly Learning to Localize and Repair" (2019, section 3.2), as CuBERT uses it
(Kanade et al. 2020, section 3.2 and the released code). Two distributions over the positions of a sequence:

    loc = softmax over {0: nothing is wrong} and the candidates        rep = softmax over the candidates
    loss = mean over examples of  -log loc[error] + L_rep

    L_rep, reading `sum`:       -log sum_{i in target} rep[i]       (Vasic et al.: any right occurrence will do)
    L_rep, reading `released`:  -sum_{i in target} log rep[i]       (CuBERT's code: each has to have its share)

An example without a bug has no targets and its L_rep is 0. The released code multiplies logits by the mask of
candidates, so that a position which is none has the logit 0 and keeps mass; here that is the masking `multiplied`, and
`infinite` gives such positions -∞ and no mass at all.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from phloem.learn.objectives.base import Loss

Reading = Literal["sum", "released"]
Masking = Literal["infinite", "multiplied"]
LEAST = 1e-10  # probabilities are clipped at in the released code


class Pointed(NamedTuple):
    """What a model with two pointers gives, and the candidates; position 0 is the one for no bug."""

    location: Float[Tensor, "batch time"]  # logits
    repair: Float[Tensor, "batch time"]
    candidates: Bool[Tensor, "batch time"]


def pointer_log_probabilities(
    logits: Float[Tensor, "batch time"], mask: Bool[Tensor, "batch time"], masking: Masking = "infinite"
) -> Float[Tensor, "batch time"]:
    """Log-softmax over the masked positions. A row without any has -∞ everywhere, and gradients of 0."""
    if masking == "multiplied":
        return (logits * mask).log_softmax(dim=-1)
    some = mask.any(dim=-1, keepdim=True)
    found = logits.masked_fill(~mask & some, -math.inf).log_softmax(dim=-1)
    return found.masked_fill(~some, -math.inf)


def localisation_loss(log_location: Float[Tensor, "batch time"], error: Int64[Tensor, " batch"]) -> Tensor:
    """-log loc[error] of each example."""
    return -log_location.gather(1, error[:, None])[:, 0]


def repair_loss(
    log_repair: Float[Tensor, "batch time"], target: Bool[Tensor, "batch time"], reading: Reading = "sum"
) -> Float[Tensor, " batch"]:
    """L_rep of each example; 0, and without a gradient, where nothing is a target."""
    if reading == "released":
        return -(log_repair.clamp(min=math.log(LEAST)).masked_fill(~target, 0.0)).sum(dim=-1)
    some = target.any(dim=-1)
    marked = log_repair.masked_fill(~target, -math.inf)
    marked = torch.where(some[:, None], marked, torch.zeros_like(marked))  # rows of -∞ alone have no gradient
    return torch.where(some, -marked.logsumexp(dim=-1), torch.zeros_like(marked[:, 0]))


class PointerLoss:
    """The objective of a model that gives `Pointed`; a batch has `error`, the position of the bug or 0, and `target`,
    the positions of what should stand there."""

    def __init__(self, reading: Reading = "sum", masking: Masking = "infinite") -> None:
        self.reading: Reading = reading
        self.masking: Masking = masking

    def __call__(self, model: Any, batch: Any) -> Loss:
        pointed: Pointed = model(batch)
        located = pointed.candidates.clone()
        located[:, 0] = True
        log_location = pointer_log_probabilities(pointed.location, located, self.masking)
        log_repair = pointer_log_probabilities(pointed.repair, pointed.candidates, self.masking)
        location = localisation_loss(log_location, batch.error).mean()
        repair = repair_loss(log_repair, batch.target, self.reading).mean()
        return Loss(location + repair, {"location": float(location.detach()), "repair": float(repair.detach())})
