"""Substrings by pairs of positions: `substr(x, i, n)` with i and n (or the end k, n = k - i) from a bank of integers.

A bank of a few thousand integer vectors gives millions of pairs, far more than enumeration reaches; but only the pairs
matter whose substring occurs in the wanted output of every example. That question is a table per example, `start` ×
`end` of the source string, asked for all pairs at once and for the next example only where the last one agreed. This is
the position-pair idea of FlashFill (Gulwani, POPL 2011, section 4) with an enumerated position language.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

PAIRS = 1 << 18  # that are looked at at once
LONGEST = 600  # characters of a source; the tables are quadratic


class Positions(NamedTuple):
    """Integer vectors of a bank: their values, the weight of their program, their row."""

    values: Int64[np.ndarray, "integers examples"]
    weights: Int64[np.ndarray, "integers"]
    rows: Int64[np.ndarray, "integers"]


class Slices(NamedTuple):
    """Pairs that survived: indices into the positions, whether the second is a length or an end, start and end."""

    first: Int64[np.ndarray, "slices"]
    second: Int64[np.ndarray, "slices"]
    by_end: Bool[np.ndarray, "slices"]
    weights: Int64[np.ndarray, "slices"]
    starts: Int64[np.ndarray, "slices examples"]
    ends: Int64[np.ndarray, "slices examples"]


def occurs(text: str, output: str) -> Bool[np.ndarray, "starts ends"]:
    """Whether text[a:b] is a substring of the output, for all 0 <= a, b <= len(text); "" (b <= a) is."""
    size = len(text)
    found = np.ones((size + 1, size + 1), bool)
    for start in range(size):
        end = start + 1
        while end <= size and text[start:end] in output:
            end += 1
        found[start, end:] = False
    return found


def pairs(
    texts: list[str],
    outputs: list[str],
    positions: Positions,
    *,
    by_end: bool,
    bound: int,
    most: int,
    origin: int = 0,
    restated: bool = True,
) -> Slices:
    """The slices of the source strings that occur in every output, cheapest first, at most `most`.

    `bound`: pairs that weigh more are not looked at. A length weighs its own; an end as well, and where the length
    must be written as end minus start (`restated`), one more and the start once more. `origin`: the number of the
    first character; where it is 1 a start or length out of range fails, else it gives ""."""
    tables = [occurs(text, output) for text, output in zip(texts, outputs, strict=True)]
    sizes = np.array([len(text) for text in texts])
    order = np.argsort(positions.weights, kind="stable")
    values, weights = positions.values[order], positions.weights[order]
    begins, finishes = values - origin, values - origin if by_end else values
    inside = (begins >= 0) & (begins < np.maximum(sizes, 1))
    starts = np.flatnonzero(inside.any(1))
    seconds = np.flatnonzero((finishes > 0).any(1))
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    kept = 0
    step = max(1, PAIRS // max(1, len(seconds)))
    for low in range(0, len(starts), step):
        chosen = starts[low : low + step]
        extra = weights[chosen] * 2 + 1 if by_end and restated else weights[chosen]
        first, second = np.nonzero(extra[:, None] + weights[seconds][None, :] <= bound)
        first, second = chosen[first], seconds[second]
        for e, table in enumerate(tables):
            start, finish = begins[first, e], finishes[second, e]
            begin, end = _span(start, finish, int(sizes[e]), by_end)
            fine = table[begin, end]
            if origin:
                fine &= (start >= 0) & (finish >= (start if by_end else 0))
            first, second = first[fine], second[fine]
        if len(first):
            parts.append((first, second))
            kept += len(first)
            if kept > 40 * most:
                break
    if not parts:
        return _empty(len(texts))
    first, second = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
    return _cheapest(first, second, begins, finishes, weights, sizes, order, by_end, most, by_end and restated)


def _span(
    start: np.ndarray, second: np.ndarray, size: int, by_end: bool
) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
    """Start and end within the string; both 0 where the slice is empty."""
    end = np.minimum(second if by_end else start + second, size)
    empty = (start < 0) | (end <= start)
    return np.where(empty, 0, start), np.where(empty, 0, end)


def _cheapest(
    first: np.ndarray,
    second: np.ndarray,
    begins: np.ndarray,
    finishes: np.ndarray,
    weights: np.ndarray,
    sizes: np.ndarray,
    order: np.ndarray,
    by_end: bool,
    most: int,
    restated: bool,
) -> Slices:
    spans = [_span(begins[first, e], finishes[second, e], int(size), by_end) for e, size in enumerate(sizes)]
    starts, ends = np.stack([a for a, _ in spans], 1), np.stack([b for _, b in spans], 1)
    cost = weights[first] + weights[second] + (weights[first] + 1 if restated else 0)
    nonempty = np.flatnonzero((ends > starts).any(1))
    rank = nonempty[np.argsort(cost[nonempty], kind="stable")]
    factors = np.random.default_rng(0).integers(1, 1 << 62, 2 * len(sizes)).astype(np.uint64) | np.uint64(1)
    key = np.concatenate([starts, ends], 1)[rank].astype(np.uint64) @ factors
    _, at = np.unique(key, return_index=True)
    keep = rank[np.sort(at)[:most]]
    return Slices(
        order[first[keep]], order[second[keep]], np.full(len(keep), by_end), cost[keep], starts[keep], ends[keep]
    )


def _empty(examples: int) -> Slices:
    none, wide = np.empty(0, np.int64), np.empty((0, examples), np.int64)
    return Slices(none, none, np.empty(0, bool), none, wide, wide)
