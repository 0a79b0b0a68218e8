"""Beam search and scores of given sequences over NumPy arrays: `decode.beam` and `decode.rescore` without torch.

The algorithm is `Beam`'s (Sutskever et al. 2014, section 3.2), step for step: each step extends every partial
hypothesis of a source by every word and keeps the `width` best; one that took the end mark is finished; a source is
done when nothing is left to extend, or when `width` are finished and no partial one can still beat them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32, Float64, Int

from phloem.decode.base import Hypothesis
from phloem.represent.base import PAD, START

BLOCK = 32  # rows of logits


class Steps(Protocol):
    """A model whose rows lie together by source, equally many a source; its states have `only` and `attention`."""

    def next(self, tokens: Int[np.ndarray, " rows"], state: Any) -> tuple[Float32[np.ndarray, "rows words"], Any]: ...


class _Step(NamedTuple):
    token: np.ndarray  # what each row was given
    parent: np.ndarray  # its row in the step before
    trace: np.ndarray | None


class Banned(NamedTuple):
    """Words that some rows may not take."""

    row: Int[np.ndarray, " banned"]
    word: Int[np.ndarray, " banned"]


def repeats(written: Int[np.ndarray, "rows step"], size: int) -> Banned:
    """Words that would end a sequence of `size` words that their row has, or repeat its last one."""
    rows, step = written.shape
    again = np.ones((rows, max(0, step - size + 1)), bool)
    for back in range(1, size):  # the words before the next one, against those at each earlier place
        again &= written[:, size - 1 - back : step - back][:, : again.shape[1]] == written[:, step - back, None]
    row, place = again.nonzero()
    return Banned(
        np.concatenate([row, np.arange(rows)]), np.concatenate([written[row, place + size - 1], written[:, -1]])
    )


def log_normalizer(logits: Float32[np.ndarray, "rows words"]) -> Float32[np.ndarray, "rows 1"]:
    """log Σ exp of each row, by which logits less it are log probabilities."""
    top = logits.max(axis=1, keepdims=True)
    shares = logits - top
    return top + np.log(np.exp(shares, out=shares).sum(axis=1, keepdims=True))


def best_words(
    logits: Float32[np.ndarray, "rows words"], count: int, forbid: Sequence[int], banned: Banned | None = None
) -> tuple[Float32[np.ndarray, "rows count"], Int[np.ndarray, "rows count"]]:
    """The `count` greatest log probabilities of each row, not those of `forbid` or `banned` in a row, and their words.

    Writes on `logits`. A few searches for the maximum are faster than any sort, in blocks of rows that stay in the
    processor's cache.
    """
    values, words = np.empty((len(logits), count), np.float32), np.empty((len(logits), count), np.int64)
    for start in range(0, len(logits), BLOCK):
        block = logits[start : start + BLOCK]
        block -= log_normalizer(block)
        block[:, list(forbid)] = -np.inf
        if banned is not None:
            here = (banned.row >= start) & (banned.row < start + BLOCK)
            block[banned.row[here] - start, banned.word[here]] = -np.inf
        row = np.arange(len(block))
        for place in range(count):
            word = block.argmax(axis=1)
            values[start : start + BLOCK, place] = block[row, word]
            words[start : start + BLOCK, place] = word
            block[row, word] = -np.inf
    return values, words


def scores(model: Steps, state: Any, targets: Int[np.ndarray, "rows time"]) -> Float64[np.ndarray, " rows"]:
    """Log probability of one target a source, end mark included. Each row of `targets` ends with PAD."""
    tokens = np.full(len(targets), START)
    total, live = np.zeros(len(targets)), np.ones(len(targets), bool)
    for column in targets.T:
        logits, state = model.next(tokens, state)
        chosen = np.take_along_axis(logits, column[:, None], axis=1) - log_normalizer(logits)
        total += np.where(live, chosen[:, 0], 0.0)
        live &= column != PAD
        tokens = column
        if not live.any():
            break
    return total


def beam(
    model: Steps, state: Any, *, width: int, length: int, forbid: Sequence[int] = (), no_repeat: int = 0
) -> list[list[Hypothesis]]:
    """Up to `width` hypotheses of at most `length` words for each source of a state before the first word, best first.

    Ids of `forbid` are never taken; with `no_repeat` = n, no n words and no word at once are written twice.
    """
    count = len(state.hidden)
    sources, live = np.arange(count), np.zeros((count, 1))
    best = np.full((count, width), -np.inf)
    tokens, parent = np.full(count, START), np.arange(count)
    written = np.empty((count, 0), np.int64)
    steps: list[_Step] = []
    ranked: list[list[Hypothesis]] = [[] for _ in range(count)]
    for step in range(length + 1):
        logits, state = model.next(tokens, state)
        steps.append(_Step(tokens, parent, state.attention))
        banned = repeats(written, no_repeat) if no_repeat and step else None
        values, rows, words = _extended(logits, live, width, forbid, banned, last=step == length)
        ended = (words == PAD) & (values > -np.inf)
        for source, place in np.argwhere(ended).tolist():
            hypothesis = _walked_back(steps, int(rows[source, place]), float(values[source, place]))
            ranked[int(sources[source])].append(hypothesis)
        best = -np.sort(-np.concatenate([best, np.where(ended, values, -np.inf)], axis=1), axis=1)[:, :width]
        live = np.where(words == PAD, -np.inf, values)
        top = live.max(axis=1)
        open_ = np.flatnonzero((top > -np.inf) & (best[:, -1] < top))
        if step == length or not len(open_):
            break
        sources, live, best = sources[open_], live[open_], best[open_]
        parent, tokens = rows[open_].ravel(), words[open_].ravel()
        state = state.only(open_, parent)
        if no_repeat:
            written = np.concatenate([written[parent], tokens[:, None]], axis=1)
    return [sorted(found, key=lambda hypothesis: -hypothesis.score)[:width] for found in ranked]


def _extended(
    logits: Float32[np.ndarray, "rows words"],
    live: Float64[np.ndarray, "sources places"],
    width: int,
    forbid: Sequence[int],
    banned: Banned | None,
    last: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `width` best extensions of each source (fewer where there are fewer): scores, rows and words."""
    if last:
        values = logits[:, PAD : PAD + 1] - log_normalizer(logits)
        each = np.full((len(logits), 1), PAD)
    else:
        values, each = best_words(logits, min(width, logits.shape[1]), forbid, banned)
    choices = values.shape[1]
    places = live.shape[1]
    total = (live[:, :, None] + values.reshape(len(live), places, choices)).reshape(len(live), -1)
    pick = np.argsort(-total, axis=1, kind="stable")[:, :width]
    rows = pick // choices + places * np.arange(len(live))[:, None]
    words = np.take_along_axis(each.reshape(len(live), -1), pick, axis=1)
    return np.take_along_axis(total, pick, axis=1), rows, words


def _walked_back(steps: list[_Step], row: int, score: float) -> Hypothesis:
    """The hypothesis whose end mark was taken from a row of the last step."""
    words, traces = [], []
    for step in reversed(steps):
        words.append(int(step.token[row]))
        if step.trace is not None:
            traces.append(step.trace[row])
        row = int(step.parent[row])
    return Hypothesis(tuple(words[-2::-1]), score, np.stack(traces[::-1]) if traces else None)
