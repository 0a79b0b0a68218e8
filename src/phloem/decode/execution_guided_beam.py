"""Beam search that runs what it has written so far and drops what can't become right.

"DP-Beam" of RobustFill (Devlin et al., ICML 2017, section 5.2): a program is a concatenation, so as soon as an
expression is complete its output is known, and if that is no prefix of what is left of an observed output, no
continuation is of use. The search asks an `Execution`, which knows the language and the examples; it sees tokens alone.

A step extends every hypothesis of a source by every token and goes through the extensions, best first, until `width` of
them have passed; a hypothesis that ends has to pass too. So unlike a filter behind a beam it never holds a place for a
hypothesis that is already wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float64
from torch import Tensor

from phloem.decode.base import Decodable, Hypothesis, rows_of
from phloem.represent.base import PAD, START


class Execution(Protocol):
    """What running partial outputs tells."""

    def start(self, source: int) -> Any:
        """The state of a source's empty hypothesis: anything but None."""

    def extend(self, state: Any, token: int) -> Any | None:
        """The state after one more token, or after the end (PAD); None where it can't become right."""


class _Partial(NamedTuple):
    value: tuple[int, ...]
    score: float
    state: Any
    row: int  # of the model's state


@dataclass(frozen=True)
class ExecutionGuidedBeam:
    """Keeps `width` partial hypotheses a source. Of the tokens after each of them the `looked_at` likeliest are
    tried."""

    width: int
    looked_at: int = 64

    @torch.inference_mode()
    def __call__(self, model: Decodable, source: Any, execution: Execution, *, length: int) -> list[list[Hypothesis]]:
        """For each source up to `width` hypotheses that passed to their end, best first; [] where none did."""
        count, device = rows_of(source), source.target.device
        state = model.start(source)
        live = [[_Partial((), 0.0, execution.start(i), i)] for i in range(count)]
        tokens = torch.full((count,), START, dtype=torch.long, device=device)
        finished: list[list[Hypothesis]] = [[] for _ in range(count)]
        for step in range(length + 1):
            logits, state = model.next(tokens, state)
            log_probabilities = logits.log_softmax(-1).double()
            for i, partials in enumerate(live):
                live[i] = self._extended(partials, log_probabilities, execution, finished[i], last=step == length)
            kept = [each for partials in live for each in partials]
            if not kept:
                break
            tokens = torch.tensor([each.value[-1] for each in kept], device=device)
            state = model.reorder(state, torch.tensor([each.row for each in kept], device=device))
            numbers = iter(range(len(kept)))
            live = [[each._replace(row=next(numbers)) for each in partials] for partials in live]
        return [sorted(found, key=lambda each: -each.score)[: self.width] for found in finished]

    def _extended(
        self,
        partials: list[_Partial],
        log_probabilities: Float64[Tensor, "rows tokens"],
        execution: Execution,
        finished: list[Hypothesis],
        *,
        last: bool,
    ) -> list[_Partial]:
        """The next partial hypotheses of one source; those that end are added to `finished`."""
        if not partials:
            return []
        rows = log_probabilities[[each.row for each in partials]]
        each = rows.topk(min(self.looked_at, rows.shape[1]), dim=1)
        totals = each.values + torch.tensor([partial.score for partial in partials], dtype=torch.float64)[:, None]
        order = totals.flatten().argsort(descending=True, stable=True)
        kept: list[_Partial] = []
        worst = sorted((found.score for found in finished), reverse=True)[self.width - 1 : self.width]
        for place, score, token in zip(
            order.tolist(), totals.flatten()[order].tolist(), each.indices.flatten()[order].tolist(), strict=True
        ):
            if len(kept) == self.width or (worst and score <= worst[0]):
                break  # a log probability only falls: nothing behind this can be among the best
            partial = partials[place // each.indices.shape[1]]
            if last and token != PAD:
                continue
            after = execution.extend(partial.state, token)
            if after is None:
                continue
            if token == PAD:
                finished.append(Hypothesis(partial.value, score))
            else:
                kept.append(_Partial((*partial.value, token), score, after, partial.row))
        return kept
