"""Contrast of text and code in one set of vectors, with weighted negatives.

Zhang et al., "Code Representation Learning at Scale" (ICLR 2024, section 3.2). The 2N vectors of N pairs lie in one
set; partner(i) is the other half of i's pair, and with s = cosine, τ the temperature and N(i) the negatives of i

    l(i) = -log  e^{s(i, partner)/τ} / ( e^{s(i, partner)/τ} + Σ_{k in N(i)} g_ik e^{s(i,k)/τ} )        L = mean_i l(i)

    g_ik = K e^{s(i,k)/τ} / Σ_{k' in N(i)} e^{s(i,k')/τ}        K = |N(i)|

so close negatives weigh more, 1 on average; no gradient flows through g unless asked for. N(i) are all others ("all",
as published) or those of the other side ("cross", which with g = 1 is InfoNCE in both directions). Vectors of pairs
that say the same are no negatives, and count neither in the sum nor in K.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import same_rows

Negatives = Literal["all", "cross"]


def bimodal_contrast(
    texts: Float[Tensor, "pairs width"],
    codes: Float[Tensor, "pairs width"],
    same: Bool[Tensor, "pairs pairs"] | None = None,
    *,
    temperature: float = 0.05,
    negatives: Negatives = "all",
    weighting: bool = True,
    mean_weight: bool = True,
    stop_gradient: bool = True,
) -> Float[Tensor, ""]:
    """The loss of unit vectors. `mean_weight=False` leaves K out of g, so that the weights sum to 1."""
    count = len(texts)
    rows = torch.cat([texts, codes])
    scores = rows @ rows.T / temperature
    allowed = negative_places(count, same, negatives).to(rows.device)
    partner = torch.arange(2 * count, device=rows.device).roll(count)
    own = scores[torch.arange(2 * count, device=rows.device), partner]
    weighted = scores
    if weighting:
        weighted = scores + log_weights(scores.detach() if stop_gradient else scores, allowed, mean_weight)
    others = weighted.masked_fill(~allowed, -math.inf)
    return (torch.cat([own[:, None], others], dim=1).logsumexp(dim=1) - own).mean()


def negative_places(
    count: int, same: Bool[Tensor, "pairs pairs"] | None, negatives: Negatives
) -> Bool[Tensor, "rows rows"]:
    """Which of the 2 · `count` vectors are negatives of each."""
    left_out = torch.eye(count, dtype=torch.bool)
    if same is not None:
        left_out = left_out | same.cpu()
    allowed = ~left_out.repeat(2, 2)
    if negatives == "cross":
        side = torch.arange(2 * count) < count
        allowed &= side[:, None] != side
    return allowed


def log_weights(
    scores: Float[Tensor, "rows rows"], allowed: Bool[Tensor, "rows rows"], mean_weight: bool = True
) -> Float[Tensor, "rows rows"]:
    """log g; 0 where there is no negative."""
    shares = scores.masked_fill(~allowed, -math.inf).log_softmax(dim=1)
    if mean_weight:
        shares = shares + allowed.sum(dim=1, keepdim=True).clamp(min=1).to(shares.dtype).log()
    return torch.where(allowed, shares, 0.0)


class BimodalContrastive:
    """The objective of a model that maps a batch to unit vectors of texts and codes; batches have `query_key` and
    `code_key`."""

    def __init__(self, temperature: float = 0.05, *, negatives: Negatives = "all", weighting: bool = True) -> None:
        self.temperature, self.negatives, self.weighting = temperature, negatives, weighting

    def __call__(self, model: Callable[[Any], Any], batch: Any) -> Loss:
        texts, codes = model(batch)
        value = bimodal_contrast(
            texts,
            codes,
            same_rows(batch.query_key, batch.code_key),
            temperature=self.temperature,
            negatives=self.negatives,
            weighting=self.weighting,
        )
        found = ((texts @ codes.T).argmax(dim=1) == torch.arange(len(texts), device=texts.device)).float().mean()
        return Loss(value, {"found": float(found)})
