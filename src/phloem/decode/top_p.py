"""Sampling from the nucleus: the fewest likeliest tokens whose probabilities sum to p (Holtzman et al., ICLR 2020).

    V_p = the smallest set of tokens with Σ_{v in V_p} P(v) >= p        P'(v) = P(v) / Σ_{V_p} P  on V_p, else 0

`temperature` divides the logits first; p = 1 samples from the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phloem.decode.base import Decodable, Hypothesis, rows_of
from phloem.represent.base import PAD, START


def nucleus(logits: Float[Tensor, "rows vocabulary"], p: float) -> Float[Tensor, "rows vocabulary"]:
    """Probabilities of the tokens of the nucleus, others 0; the likeliest token is always in it."""
    probabilities = logits.softmax(-1)
    ordered, index = probabilities.sort(dim=-1, descending=True)
    outside = ordered.cumsum(-1) - ordered >= p  # what comes before is enough
    outside[:, 0] = False
    kept = torch.zeros_like(probabilities).scatter_(-1, index, ordered.masked_fill(outside, 0.0))
    return kept / kept.sum(-1, keepdim=True)


@dataclass(frozen=True)
class TopP:
    """`count` samples for each source, a function of `seed`. Scores are the model's log probabilities."""

    count: int
    p: float = 0.9
    temperature: float = 1.0
    seed: int = 0

    @torch.inference_mode()
    def __call__(self, model: Decodable, source: Any, *, length: int) -> list[list[Hypothesis]]:
        """Samples that ended within `length` tokens, in the order in which they were drawn."""
        rows, device = rows_of(source) * self.count, source.target.device
        generator = torch.Generator(device).manual_seed(self.seed)
        owner = torch.arange(rows_of(source), device=device).repeat_interleave(self.count)
        state = model.reorder(model.start(source), owner)
        tokens = torch.full((rows,), START, dtype=torch.long, device=device)
        ended = torch.zeros(rows, dtype=torch.bool, device=device)
        scores, written = torch.zeros(rows, dtype=torch.float64, device=device), []
        for _ in range(length + 1):
            logits, state = model.next(tokens, state)
            chosen: Int64[Tensor, " rows"] = torch.multinomial(
                nucleus(logits / self.temperature, self.p), 1, generator=generator
            )[:, 0]
            chosen = chosen.masked_fill(ended, PAD)
            gained = logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0].double()
            scores += gained.masked_fill(ended, 0.0)
            written.append(chosen)
            ended |= chosen == PAD
            tokens = chosen
            if ended.all():
                break
        found: list[list[Hypothesis]] = [[] for _ in range(rows_of(source))]
        values = torch.stack(written, 1).tolist()
        for at, done, value, score in zip(owner.tolist(), ended.tolist(), values, scores.tolist(), strict=True):
            if done:
                found[at].append(Hypothesis(tuple(value[: value.index(PAD)]), score))
        return found
