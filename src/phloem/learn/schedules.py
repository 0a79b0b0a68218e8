"""Learning rates over a run, as factors of the base rate.

A schedule sees how far the run is, counted two ways: in epochs (a fraction of a pass counts), and as the fraction of
the whole budget that is used. `staircase` counts epochs: rate * decay ** floor((epoch - after) / every). The release
of code2seq (Alon et al. 2019) takes decay 0.95 every epoch; Sutskever et al. (2014, section 3.4) halve the rate every
half epoch once 5 are done: decay 0.5, every 0.5, after 4.5. `cosine` (Loshchilov and Hutter 2017) and `linear` fall
to zero with the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """How far a run is before a step: steps and epochs done, and the fraction (0 to 1) of the budget used."""

    step: int
    epoch: float
    fraction: float


Schedule = Callable[[Place], float]


def staircase(decay: float, every: float = 1.0, after: float = 0.0) -> Schedule:
    """Multiply by `decay` each time `every` epochs have passed since `after`; decay 1 is a constant rate."""

    def factor(place: Place) -> float:
        stairs = math.floor((place.epoch - after) / every + 1e-9)  # 0.3 / 0.1 must be 3 stairs
        return decay ** max(0, stairs)

    return factor


def cosine(place: Place) -> float:
    """Half a cosine from one to zero."""
    return 0.5 * (1 + math.cos(math.pi * place.fraction))


def linear(place: Place) -> float:
    """A straight line from one to zero."""
    return 1 - place.fraction


def warmed(schedule: Schedule, steps: int) -> Schedule:
    """The first `steps` steps climb in a straight line to the schedule."""
    if steps <= 0:
        return schedule
    return lambda place: min(1.0, (place.step + 1) / steps) * schedule(place)
