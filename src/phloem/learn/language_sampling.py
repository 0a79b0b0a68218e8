"""Which language, or which kind of data, the next batch comes from.

With n_i items of source i and p_i = n_i / sum n (Conneau and Lample, "Cross-lingual Language Model Pretraining", 2019,
section 3.1; Liu et al., "mBART", 2020, equation 1):

    q_i = p_i^alpha / sum_j p_j^alpha

alpha 1 keeps the proportions, 0 takes all sources equally often; between, small sources are seen more than they are
large (PLBART and ERNIE-Code: 0.3, CodeT5's multi-task fine-tuning: 0.7). `capped` is T5's examples-proportional mixing
(Raffel et al. 2020, section 3.5.2): min(n_i, cap) over their sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def smoothed(counts: Sequence[float], alpha: float) -> Float[np.ndarray, " sources"]:
    """q of the sources. Raises ValueError for counts that are not all positive."""
    p = _shares(counts) ** alpha
    return p / p.sum()


def capped(counts: Sequence[float], cap: float) -> Float[np.ndarray, " sources"]:
    """Proportional to the counts, those above `cap` counted as it."""
    return _shares(np.minimum(counts, cap))


def _shares(counts: Sequence[float] | np.ndarray) -> Float[np.ndarray, " sources"]:
    numbers = np.asarray(counts, np.float64)
    if not len(numbers) or (numbers <= 0).any():
        raise ValueError("every source needs items to sample from")
    return numbers / numbers.sum()
