"""Greedy decoding: take the likeliest word, give it back to the model, until it says that it is done.

After `length` words the end mark is taken whatever its probability, so that every hypothesis is a whole sequence and
its score is the log probability of that sequence, end mark included.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phloem.decode.base import Decodable, Hypothesis, rows_of
from phloem.represent.base import PAD, START


@torch.inference_mode()
def greedy(model: Decodable, source: Any, *, length: int, forbid: tuple[int, ...] = ()) -> list[list[Hypothesis]]:
    """One hypothesis for each source of the batch. Ids of `forbid` are never taken.

    `length` is the greatest number of words. The trace has a row for every word and one for the end mark.
    """
    rows = rows_of(source)
    state = model.start(source)
    device = source.target.device
    tokens = torch.full((rows,), START, dtype=torch.long, device=device)
    live = torch.ones(rows, dtype=torch.bool, device=device)
    scores = torch.zeros(rows, dtype=torch.float64, device=device)
    words: list[Tensor] = []
    traces: list[Tensor] = []
    for step in range(length + 1):
        logits, state = model.next(tokens, state)
        log_probabilities = logits.log_softmax(dim=-1)
        if forbid:
            log_probabilities[:, list(forbid)] = -torch.inf
        best, tokens = log_probabilities.max(dim=-1) if step < length else ending(log_probabilities)
        tokens = tokens.where(live, PAD)
        scores += best.where(live, 0.0)
        live &= tokens != PAD
        words.append(tokens)
        if (trace := model.trace(state)) is not None:
            traces.append(trace)
        if not live.any():
            break
    found = torch.stack(words, dim=1).tolist()
    lengths = [row.index(PAD) for row in found]
    traced = torch.stack(traces, dim=1) if traces else None
    return [
        [Hypothesis(tuple(row[:end]), score, None if traced is None else traced[number, : end + 1])]
        for number, (row, end, score) in enumerate(zip(found, lengths, scores.tolist(), strict=True))
    ]


def ending(log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """The end mark for every row, with its log probability."""
    return log_probabilities[:, PAD], torch.full_like(log_probabilities[:, 0], PAD, dtype=torch.long)
