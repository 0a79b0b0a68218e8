"""pass@k: the chance that one of k samples is right.

Chen et al., "Evaluating Large Language Models Trained on Code" (2021, section 2.1). Of n samples of a problem c are
right; drawing k of them without replacement misses them all with the probability C(n - c, k) / C(n, k), so

    pass@k = mean over problems of 1 - C(n - c, k) / C(n, k)

is unbiased, unlike 1 - (1 - c/n)^k.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from jaxtyping import Float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Of one problem. Raises ValueError for more draws than samples."""
    if not 0 <= right <= samples or not 1 <= k <= samples:
        raise ValueError(f"{k} of {samples} samples, {right} of them right, cannot be drawn")
    return 1 - comb(samples - right, k) / comb(samples, k)


def passed(counts: Sequence[tuple[int, int]], k: int) -> Float[np.ndarray, " problems"]:
    """Of each problem's (samples, right ones); the figure is the mean."""
    return np.array([pass_at_k(samples, right, k) for samples, right in counts])
