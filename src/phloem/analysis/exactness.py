"""How exactly a written-down network does what it should: trials, wrong ones, and the largest error on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Exactness(NamedTuple):
    """`largest_error` is what rounding had to mend: 0 where the numbers themselves are exact."""

    trials: int
    wrong: int
    largest_error: float

    @property
    def exact(self) -> bool:
        return self.trials > 0 and self.wrong == 0


def tally(outcomes: Iterable[tuple[bool, float]]) -> Exactness:
    """The sum of single trials: whether each was right, and its error.

    >>> tally([(True, 0.0), (False, 0.5)])
    Exactness(trials=2, wrong=1, largest_error=0.5)
    """
    trials, wrong, largest = 0, 0, 0.0
    for right, error in outcomes:
        trials, wrong, largest = trials + 1, wrong + (not right), max(largest, error)
    return Exactness(trials, wrong, largest)
