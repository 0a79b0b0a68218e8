"""How well bugs are found, pointed at, and repaired.

The figures of Vasic et al. 2019 (section 4) as Kanade et al. 2020 give them for examples of which some have a bug; a
location is the position that a model points at, 0 for "nothing is wrong".

    classification   of all: is there a bug or not
    true positive    of those without a bug: said so
    localisation     of those with a bug: the place is right
    repair           of those with a bug: what is proposed is right, wherever it is put
    joint            of those with a bug: both
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int


class LocaliseRepair(NamedTuple):
    """Shares; of no examples 0."""

    classification: float
    true_positive: float
    localisation: float
    repair: float
    joint: float


def localise_repair(
    error: Int[np.ndarray, " examples"], location: Int[np.ndarray, " examples"], repaired: Bool[np.ndarray, " examples"]
) -> LocaliseRepair:
    """`error` is where the bug is, `location` where the model points, `repaired` whether its repair is a right one."""
    error, location, repaired = np.asarray(error), np.asarray(location), np.asarray(repaired, bool)
    buggy = error > 0
    found = location == error
    return LocaliseRepair(
        _share((location > 0) == buggy),
        _share(location[~buggy] == 0),
        _share(found[buggy]),
        _share(repaired[buggy]),
        _share((found & repaired)[buggy]),
    )


def _share(hits: Bool[np.ndarray, " examples"]) -> float:
    return float(hits.mean()) if len(hits) else 0.0


def precision_at_rate(precision: float, rate: float, other: float) -> float:
    """The precision of findings where a share `other` of functions has a bug, from the one measured at `rate`.

    Right findings are taken to come in proportion to the functions with a bug, wrong ones to those without.

    >>> round(precision_at_rate(0.6, 0.5, 0.05), 3)
    0.073
    """
    right, wrong = precision * other / rate, (1 - precision) * (1 - other) / (1 - rate)
    return right / (right + wrong) if right + wrong else 0.0
