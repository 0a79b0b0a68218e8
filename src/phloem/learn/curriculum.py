"""Stages of training, from easy to hard.

Bengio et al., "Curriculum Learning" (ICML 2009); CodeExecutor's stages (Liu et al. 2023, section 3.3): single lines
first, then single lines and short programs, then all three sets, one drawn a batch at fixed rates. `spread` has the
same steps and, over all of them, the same number of batches of each set, mixed from the start: the comparison in which
only the order differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Stage(NamedTuple):
    """A share of the steps, and the rate of each set in it."""

    share: float
    rates: tuple[float, ...]


CODE_EXECUTOR = (Stage(0.3, (1.0, 0.0, 0.0)), Stage(0.3, (0.5, 0.5, 0.0)), Stage(0.4, (0.33, 0.33, 0.34)))
"""Single lines, tutorial, mutated programs; the published rates of the last stage."""


def spread(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """One stage with the sets in the proportion that they have over all stages."""
    total: Float[np.ndarray, " sets"] = np.zeros(len(stages[0].rates))
    for stage in stages:
        total += stage.share * np.array(stage.rates) / sum(stage.rates)
    return (Stage(sum(stage.share for stage in stages), tuple((total / total.sum()).tolist())),)
