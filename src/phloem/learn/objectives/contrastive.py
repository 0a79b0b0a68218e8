"""InfoNCE: of all codes of a batch, the query's own; and of all queries, the code's own.

van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018, equation 4), with the
other pairs of the batch as negatives and both directions averaged (Radford et al., "Learning Transferable Visual Models
From Natural Language Supervision", 2021, figure 3). With unit vectors q_i and c_j and a temperature τ

    L = -½ mean_i [ log softmax_j(q_i·c_j / τ)_i + log softmax_j(c_i·q_j / τ)_i ]

Pairs that say the same (equal queries, or equal codes) are no negatives of each other: their similarities are left out.

With `weighting`, close negatives weigh more without labels (Zhang et al., "Code Representation Learning at Scale", ICLR
2024, section 3.2): of an anchor with K negatives, the negative k has the weight g_k = K softmax_k(s_k / τ), whose mean
is 1. The gradient does not flow through g.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss


def same_rows(*keys: Any) -> Bool[Tensor, "pairs pairs"]:
    """Which pairs of rows are equal in one of the keys (arrays of numbers)."""
    columns = [torch.as_tensor(key) for key in keys]
    return torch.stack([column[:, None] == column[None] for column in columns]).any(dim=0)


def hard_negative_weights(
    scores: Float[Tensor, "anchors candidates"], negative: Bool[Tensor, "anchors candidates"]
) -> Float[Tensor, "anchors candidates"]:
    """g of each negative, of mean 1 over an anchor's negatives; 0 elsewhere. `scores` are similarities over τ."""
    count = negative.sum(dim=1, keepdim=True)
    shares = scores.detach().masked_fill(~negative, -math.inf).softmax(dim=1)
    return torch.where(negative, shares * count, 0.0)


def info_nce(
    scores: Float[Tensor, "pairs pairs"],
    same: Bool[Tensor, "pairs pairs"] | None = None,
    *,
    weighting: bool = False,
) -> Float[Tensor, ""]:
    """The mean over rows of -log softmax at the diagonal; `scores` are similarities over τ.

    `same` marks the pairs that are no negatives (its diagonal does not matter).
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    left_out = torch.zeros_like(own) if same is None else same & ~own
    if weighting:
        negative = ~(own | left_out)
        scores = scores + hard_negative_weights(scores, negative).masked_fill(~negative, 1.0).log()
    scores = scores.masked_fill(left_out, -math.inf)
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


class Contrastive:
    """The objective of a model that maps a batch of pairs to query and code vectors, each pairs × width, normalised.

    The batch has `query_key` and `code_key`, whose equal values mark equal texts.
    """

    def __init__(self, temperature: float = 0.05, *, weighting: bool = False) -> None:
        self.temperature, self.weighting = temperature, weighting

    def __call__(self, model: Callable[[Any], Any], batch: Any) -> Loss:
        queries, codes = model(batch)
        same = same_rows(batch.query_key, batch.code_key).to(queries.device)
        return self.of(queries, codes, same)

    def of(
        self, queries: Float[Tensor, "pairs width"], codes: Float[Tensor, "pairs width"], same: Tensor | None = None
    ) -> Loss:
        """The loss of vectors."""
        scores = queries @ codes.T / self.temperature
        forward = info_nce(scores, same, weighting=self.weighting)
        backward = info_nce(scores.T, same, weighting=self.weighting)
        found = (scores.detach().argmax(dim=1) == torch.arange(len(scores), device=scores.device)).float().mean()
        return Loss((forward + backward) / 2, {"found": float(found)})
