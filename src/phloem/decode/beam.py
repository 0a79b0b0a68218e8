"""Beam search (Sutskever et al. 2014, section 3.2), over all sources of a batch at once.

At each step every partial hypothesis of a source is extended by every word, and the `width` best by log probability are
kept. One that took the end mark leaves the beam for the list of finished ones; the others are extended again. A source
is done when nothing is left to extend, or when `width` are finished and no partial one can still beat them (a log
probability only falls); it then leaves the batch, so that no step computes what is settled. After `length` words the
end mark is all that may follow.

With `no_repeat` = n, no sequence of n words is written twice in a hypothesis (Paulus, Xiong and Socher, "A Deep
Reinforced Model for Abstractive Summarization", ICLR 2018, section 2.5), nor a word twice in a row.

Width 1 is greedy decoding. A beam that never drops a partial hypothesis is exhaustive search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from phloem.decode.base import Decodable, Hypothesis, rows_of
from phloem.represent.base import PAD, START


class _Step(NamedTuple):
    """One step of the whole batch; rows are those that the model computed in it."""

    token: Tensor  # what each row was given
    parent: Tensor  # its row in the step before
    trace: Tensor | None


class _Finished(NamedTuple):
    """Hypotheses that took the end mark in one step."""

    source: Tensor
    row: Tensor  # of this step
    score: Tensor
    step: int


@dataclass(frozen=True)
class Beam:
    """Search that keeps `width` hypotheses a source.

    `length_penalty` > 0 ranks finished ones by log probability / (words + 1) ** length_penalty; 0 is the paper's
    search. Ids of `forbid` are never taken. Scores are log probabilities in any case, and the greatest number of
    words is `length`.
    """

    width: int
    length_penalty: float = 0.0
    forbid: tuple[int, ...] = ()
    no_repeat: int = 0  # 0: anything may be repeated

    @torch.inference_mode()
    def __call__(self, model: Decodable, source: Any, *, length: int) -> list[list[Hypothesis]]:
        """Up to `width` hypotheses for each source, best first."""
        count, device = rows_of(source), source.target.device
        state = model.start(source)
        sources = torch.arange(count, device=device)  # those still searched
        live = torch.zeros(count, 1, dtype=torch.float64, device=device)  # scores, -inf where a place is empty
        best = torch.full((count, self.width), -torch.inf, dtype=torch.float64, device=device)  # finished, of `sources`
        tokens = torch.full((count,), START, dtype=torch.long, device=device)
        parent = torch.arange(count, device=device)
        written = tokens[:, None][:, :0]  # the words of each row
        steps: list[_Step] = []
        finished: list[_Finished] = []
        for step in range(length + 1):
            logits, state = model.next(tokens, state)
            steps.append(_Step(tokens, parent, model.trace(state)))
            scores, rows, words = self._extend(logits, live, written, last=step == length)
            ended = (words == PAD) & (scores > -torch.inf)
            owner = sources[:, None].expand_as(words)
            finished.append(_Finished(owner[ended], rows[ended], scores[ended], step))
            best = torch.cat([best, scores.masked_fill(~ended, -torch.inf)], dim=1).topk(self.width, dim=1).values
            live = scores.masked_fill(words == PAD, -torch.inf)
            open_ = self._open(live, best)
            if step == length or not open_.any():
                break
            sources, live, best = sources[open_], live[open_], best[open_]
            parent, tokens = rows[open_].flatten(), words[open_].flatten()
            state = model.reorder(state, parent)
            if self.no_repeat:
                written = torch.cat([written.index_select(0, parent), tokens[:, None]], dim=1)
        return self._hypotheses(count, steps, finished)

    def _extend(
        self,
        logits: Tensor,
        live: Float64[Tensor, "sources places"],
        written: Int64[Tensor, "rows step"],
        last: bool,
    ) -> tuple[Float64[Tensor, "sources width"], Int64[Tensor, "sources width"], Int64[Tensor, "sources width"]]:
        """The best extensions of each source: their scores, the rows that they extend, and the words."""
        sources, places = live.shape
        log_probabilities = logits.log_softmax(dim=-1)
        if self.forbid:
            log_probabilities[:, list(self.forbid)] = -torch.inf
        if self.no_repeat and written.shape[1]:
            rows, words = repeats(written, self.no_repeat)
            log_probabilities[rows, words] = -torch.inf
        if last:
            log_probabilities = log_probabilities[:, PAD : PAD + 1]
        # The best of all extensions of a source are among the best of each place: two small searches, not a large one.
        each = log_probabilities.topk(min(self.width, log_probabilities.shape[-1]), dim=-1)
        choices = each.values.shape[-1]
        total = (live[:, :, None] + each.values.view(sources, places, choices)).flatten(1)
        scores, pick = total.topk(min(self.width, total.shape[1]), dim=1)
        words = each.indices.view(sources, places * choices).gather(1, pick)
        rows = pick // choices + places * torch.arange(sources, device=live.device)[:, None]
        return scores, rows, words

    def _open(self, live: Tensor, best: Tensor) -> Tensor:
        """Which sources have a partial hypothesis that may still get into their finished list."""
        top = live.max(dim=1).values
        full = best[:, -1] >= top if self.length_penalty == 0 else torch.zeros_like(top, dtype=torch.bool)
        return (top > -torch.inf) & ~full

    def _hypotheses(self, count: int, steps: list[_Step], finished: list[_Finished]) -> list[list[Hypothesis]]:
        """Walk back from the end marks, all that ended in a step at once."""
        ranked: list[list[tuple[float, Hypothesis]]] = [[] for _ in range(count)]
        for group in finished:
            row, words, traces = group.row, [], []
            for step in range(group.step, -1, -1):
                at = steps[step]
                words.append(at.token[row])
                if at.trace is not None:
                    traces.append(at.trace[row])
                row = at.parent[row]
            values = torch.stack(words[::-1], dim=1)[:, 1:].tolist()
            traced = torch.stack(traces[::-1], dim=1) if traces else [None] * len(values)
            weight = (group.step + 1) ** self.length_penalty
            for source, value, score, trace in zip(
                group.source.tolist(), values, group.score.tolist(), traced, strict=True
            ):
                ranked[source].append((score / weight, Hypothesis(tuple(value), score, trace)))
        for found in ranked:
            found.sort(key=lambda entry: -entry[0])
        return [[hypothesis for _, hypothesis in found[: self.width]] for found in ranked]


def repeats(
    written: Int64[Tensor, "rows step"], size: int
) -> tuple[Int64[Tensor, " banned"], Int64[Tensor, " banned"]]:
    """Rows and words such that the word would end a sequence of `size` words that the row has, or repeat its last."""
    rows, step = written.shape
    again = torch.ones(rows, max(0, step - size + 1), dtype=torch.bool, device=written.device)
    for back in range(1, size):  # the words before the next one, against those at each earlier place
        again &= written[:, size - 1 - back : step - back][:, : again.shape[1]] == written[:, step - back, None]
    row, place = again.nonzero(as_tuple=True)
    own = torch.arange(rows, device=written.device)
    return torch.cat([row, own]), torch.cat([written[row, place + size - 1], written[:, -1]])
