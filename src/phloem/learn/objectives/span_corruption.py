"""Span corruption: spans of a sequence give way to sentinels, and the spans are the target.

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (T5, 2020, section
3.1.4). With spans s_1 … s_k of the sequence x and sentinels <1> … <k+1>

    source = x with <i> in the place of s_i          target = <1> s_1 <2> s_2 … <k> s_k <k+1>

Two ways to choose the spans, both hiding 15%:

- `segmented_spans`, T5's own: round(0.15 n) units in round(0.15 n / mean) spans; hidden and kept units are each cut at
  random into as many segments, which take turns.
- `whole_word_spans`, of CodeT5 (Wang et al. 2021, section 3.2): spans of 1 to 5 words, each number as likely, are put
  at random places until 15% of the units are hidden; no span splits a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from phloem.errors import PhloemError

SHARE = 0.15
_TRIES = 40  # at placing a span among others before it may be shortened

Span = tuple[int, int]
Ids = Int[np.ndarray, " units"]


class Pair(NamedTuple):
    """What a sequence-to-sequence model reads and writes, without marks of beginning and end."""

    source: Ids
    target: Ids


def segmented_spans(
    count: int,
    rng: np.random.Generator,
    *,
    share: float = SHARE,
    mean: float = 3.0,
    fixed: Bool[np.ndarray, " units"] | None = None,
) -> list[Span]:
    """Spans of a sequence of `count` units that hide round(share · count), at least 1 and not all.

    Units marked `fixed` (separators) are never hidden: a span around one is cut in two.
    """
    free = np.arange(count) if fixed is None else np.flatnonzero(~fixed)
    hidden = min(max(round(share * count), 1), len(free) - 1)
    if hidden < 1:
        return []
    spans = min(max(round(hidden / mean), 1), len(free) - hidden)
    taken, kept = _segments(hidden, spans, rng), _segments(len(free) - hidden, spans, rng)
    ends = np.cumsum(kept + taken)
    mask = np.zeros(count, bool)
    for end, length in zip(ends.tolist(), taken.tolist(), strict=True):
        mask[free[end - length : end]] = True
    return _runs(mask)


def _segments(total: int, count: int, rng: np.random.Generator) -> Int[np.ndarray, " segments"]:
    """`count` positive lengths that sum to `total`, each way as likely."""
    cuts = np.sort(rng.choice(total - 1, count - 1, replace=False)) + 1 if count > 1 else np.zeros(0, np.int64)
    return np.diff(np.concatenate([[0], cuts, [total]]))


def _runs(mask: Bool[np.ndarray, " units"]) -> list[Span]:
    """Where the runs of true places begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def whole_word_spans(
    word: Int[np.ndarray, " units"], rng: np.random.Generator, *, share: float = SHARE, longest: int = 5
) -> list[Span]:
    """Spans of whole words, in order, no two side by side; `word` numbers the words of the units from 0.

    They hide at least round(share · n) of the n units, and without the span that was chosen last they hide fewer.
    """
    if not len(word):
        return []
    starts = np.concatenate([np.flatnonzero(np.diff(word, prepend=-1)), [len(word)]])
    words = len(starts) - 1
    wanted = max(round(share * len(word)), 1)
    free = np.ones(words + 2, bool)  # a border on either side; False also beside a span
    spans: list[Span] = []
    hidden = 0
    while hidden < wanted and free[1:-1].any():
        first, length = _place(free, rng, longest)
        free[first - 1 : first + length + 1] = False
        span = int(starts[first - 1]), int(starts[first - 1 + length])
        hidden += span[1] - span[0]
        spans.append(span)
    return sorted(spans)


def _place(free: Bool[np.ndarray, " border"], rng: np.random.Generator, longest: int) -> Span:
    """A place and a length; after `_TRIES` without luck any free place, as long as it goes."""
    length = int(rng.integers(1, longest + 1))
    for _ in range(_TRIES):
        first = int(rng.integers(1, max(len(free) - length, 2)))
        if free[first : min(first + length, len(free) - 1)].all():
            return first, min(length, len(free) - 1 - first)
    first = 1 + int(rng.choice(np.flatnonzero(free[1:-1])))
    while length > 1 and not (first + length <= len(free) - 1 and free[first : first + length].all()):
        length -= 1
    return first, length


def corrupt(ids: Ids, spans: Sequence[Span], sentinel: Callable[[int], int], *, closing: bool = True) -> Pair:
    """The pair of a sequence and its spans; `closing` ends the target with one more sentinel, as T5 does."""
    source: list[np.ndarray] = []
    target: list[np.ndarray] = []
    at = 0
    for number, (start, end) in enumerate(spans):
        mark = np.array([sentinel(number)], ids.dtype)
        source += [ids[at:start], mark]
        target += [mark, ids[start:end]]
        at = end
    source.append(ids[at:])
    if closing:
        target.append(np.array([sentinel(len(spans))], ids.dtype))
    none = np.zeros(0, ids.dtype)
    return Pair(np.concatenate([none, *source]), np.concatenate([none, *target]))


def restore(source: Ids, target: Ids, is_sentinel: Callable[[int], bool]) -> Ids:
    """The sequence of a pair: sentinels of the source give way to what follows them in the target.

    A sentinel may stand at several places of the source. Raises PhloemError for one that the target lacks.
    """
    wanted = target.tolist()
    edges = [place for place, unit in enumerate(wanted) if is_sentinel(unit)]
    filling = {wanted[start]: wanted[start + 1 : end] for start, end in pairwise([*edges, len(wanted)])}
    found: list[int] = []
    for unit in source.tolist():
        if not is_sentinel(unit):
            found.append(unit)
        elif unit in filling:
            found += filling[unit]
        else:
            raise PhloemError(f"the target does not say what stands for the sentinel {unit}")
    return np.array(found, source.dtype)
