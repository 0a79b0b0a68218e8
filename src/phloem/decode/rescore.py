"""The log probability that a model gives to sequences that it did not search for, and reranking by it.

Sutskever et al. (2014, section 3.2) score T given S by sum_t log p(y_t | v, y_<t), the end mark included, and rescore
another system's list of the best by the even average of both scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from phloem.decode.base import Decodable, Hypothesis, rows_of
from phloem.represent.base import PAD, START


@torch.inference_mode()
def score(model: Callable[[Any], Tensor], source: Any, targets: Int64[Tensor, "rows time"]) -> Float64[Tensor, " rows"]:
    """Log probability of one target a source, end mark included, by one teacher-forced pass of `forward`.

    Rows end with PAD; a column of it is added where some row has none. `source` is a batch whose target is replaced.
    """
    if (targets != PAD).all(dim=1).any():
        targets = torch.nn.functional.pad(targets, (0, 1), value=PAD)
    steps = model(source._replace(target=targets)).log_softmax(dim=-1)
    each = steps.gather(2, targets[:, :, None])[:, :, 0].double()
    before_end = (targets == PAD).cumsum(dim=1) - (targets == PAD).long() == 0
    return each.where(before_end, 0.0).sum(dim=1)


@torch.inference_mode()
def score_lists(model: Decodable, source: Any, lists: Sequence[Sequence[tuple[int, ...]]]) -> list[list[float]]:
    """Log probability of any number of targets a source, end mark included; each source is read once."""
    if len(lists) != rows_of(source):
        raise ValueError(f"{len(lists)} lists for {rows_of(source)} sources")
    flat = [value for values in lists for value in values]
    if not flat:
        return [[] for _ in lists]
    device = source.target.device
    width = max(map(len, flat)) + 1
    targets = torch.tensor([[*value, *[PAD] * (width - len(value))] for value in flat], device=device)
    owner = torch.repeat_interleave(torch.tensor([len(values) for values in lists], device=device))
    state = model.reorder(model.start(source), owner)
    tokens = torch.full((len(flat),), START, dtype=torch.long, device=device)
    total = torch.zeros(len(flat), dtype=torch.float64, device=device)
    live = torch.ones(len(flat), dtype=torch.bool, device=device)
    for step in range(width):
        logits, state = model.next(tokens, state)
        tokens = targets[:, step]
        total += logits.log_softmax(dim=-1).gather(1, tokens[:, None])[:, 0].where(live, 0.0)
        live &= tokens != PAD
    scores = iter(total.tolist())
    return [[next(scores) for _ in values] for values in lists]


def rescore(
    lists: Sequence[Sequence[Hypothesis]], others: Sequence[Sequence[float]], weight: float = 0.5
) -> list[list[Hypothesis]]:
    """The same hypotheses, scored (1 - weight) * own + weight * other, best first."""
    return [
        sorted(
            (
                hypothesis._replace(score=(1 - weight) * hypothesis.score + weight * other)
                for hypothesis, other in zip(hypotheses, scores, strict=True)
            ),
            key=lambda hypothesis: -hypothesis.score,
        )
        for hypotheses, scores in zip(lists, others, strict=True)
    ]
