"""A second look at the first k: scores of a slow model over the candidates that a fast one put on top.

As CodeT5+ is evaluated (Wang et al., EMNLP 2023): the first k by cosine get the slow model's logit of "match" plus the
cosine; all others get -100. There the order of the others is left to chance; here it stays that of the cosine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int64

BEHIND = -100.0


def top(scores: Float[np.ndarray, "queries candidates"], k: int) -> Int64[np.ndarray, "queries k"]:
    """The first k candidates of each query, best first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def reranked(
    cosine: Float[np.ndarray, "queries candidates"],
    k: int,
    logits: Callable[[Int64[np.ndarray, "queries k"]], Float[np.ndarray, "queries k"]],
) -> Float[np.ndarray, "queries candidates"]:
    """Scores after the second look; `logits` gives those of "match" for candidates of each query."""
    first = top(cosine, k)
    found = BEHIND + cosine
    own = np.take_along_axis(cosine, first, axis=1)
    np.put_along_axis(found, first, logits(first) + own, axis=1)
    return found
