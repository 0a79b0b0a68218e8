"""A bidirectional n-gram model: what may stand at a place, from its neighbours on both sides.

Feng et al., "CodeBERT" (2020, section 3.3), take two of them, of text and of code, as the generators of replaced units.
Both directions are interpolated counts (Jelinek and Mercer 1980): with c the count of a context in the training
data and k its length,

    p_k(x | context) = (c(context, x) + b p_{k-1}(x | shorter context)) / (c(context) + b)

down to p_0, the unigrams; the distribution at a place is the mean of the one from the n-1 units on the left and the one
from the n-1 on the right. b says how many times a context must have been seen to count for half.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Int64

BACKOFF = 1.0


class BidirectionalNgram:
    """Over units 0 to `units` - 1; fitted once, then fixed."""

    def __init__(self, units: int, n: int = 3) -> None:
        if n < 1:
            raise ValueError(f"an n-gram has at least one unit, not {n}")
        self.units, self.n = units, n
        self._unigrams = np.zeros(units)
        self._cumulated = self._unigrams
        self._counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)  # (side, *context) → next units

    def fit(self, sequences: Iterable[Sequence[int]]) -> BidirectionalNgram:
        """Count contexts of up to n-1 units on each side."""
        for sequence in sequences:
            row = [int(unit) for unit in sequence]
            for unit in row:
                self._unigrams[unit] += 1
            for side, directed in enumerate((row, row[::-1])):
                for place in range(1, len(directed)):
                    for length in range(1, min(self.n - 1, place) + 1):
                        context = tuple(directed[place - length : place])
                        self._counts[(side, *context)][directed[place]] += 1
        self._cumulated = np.cumsum(self._unigrams)
        return self

    def distribution(self, left: Sequence[int], right: Sequence[int]) -> Float[np.ndarray, " units"]:
        """p(x | the units on the left, the units on the right), both in the order of the text."""
        sides = (list(left), list(right)[::-1])
        from_left, from_right = (self._directed(side, context) for side, context in enumerate(sides))
        return (from_left + from_right) / 2

    def _directed(self, side: int, context: list[int]) -> Float[np.ndarray, " units"]:
        total = self._unigrams.sum()
        p = self._unigrams / total if total else np.full(self.units, 1 / self.units)
        for length in range(1, min(self.n - 1, len(context)) + 1):
            counts = self._counts.get((side, *context[-length:]))
            if counts is None:
                break
            seen = sum(counts.values())
            p = p * (BACKOFF / (seen + BACKOFF))
            p[list(counts)] += np.array(list(counts.values())) / (seen + BACKOFF)
        return p

    def sample(
        self,
        tokens: Int[np.ndarray, "batch time"],
        chosen: Bool[np.ndarray, "batch time"],
        own: Bool[np.ndarray, "batch time"],
        rng: np.random.Generator,
    ) -> Int64[np.ndarray, " chosen"]:
        """A unit for each chosen place, in row-major order; neighbours are read up to the first that is not `own`.

        Drawn as the equations say without making the distribution: a side at random, then from the longest context the
        seen units with probability c / (c + b), else from the next shorter one. The original may be drawn again.
        """
        rows, places = np.nonzero(chosen)
        drawn = np.empty(len(rows), np.int64)
        for number, (row, place) in enumerate(zip(rows.tolist(), places.tolist(), strict=True)):
            side = int(rng.integers(2))
            step = -1 if side == 0 else 1
            context: list[int] = []
            at = place + step
            while len(context) < self.n - 1 and 0 <= at < tokens.shape[1] and own[row, at]:
                context.insert(0, int(tokens[row, at]))
                at += step
            drawn[number] = self._draw(side, context, rng)
        return drawn

    def _draw(self, side: int, context: list[int], rng: np.random.Generator) -> int:
        for length in range(len(context), 0, -1):
            counts = self._counts.get((side, *context[-length:]))
            if counts is not None:
                seen = sum(counts.values())
                if rng.random() * (seen + BACKOFF) < seen:
                    return int(rng.choice(list(counts), p=np.array(list(counts.values())) / seen))
        total = float(self._cumulated[-1])
        if not total:
            return int(rng.integers(self.units))
        place = int(np.searchsorted(self._cumulated, rng.random() * total, side="right"))
        return min(place, self.units - 1)
