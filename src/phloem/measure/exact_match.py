"""The share of examples that are predicted whole, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float


def matches(
    references: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]
) -> Float[np.ndarray, " examples"]:
    """1 where the words are the same in the same order, else 0."""
    pairs = zip(references, predictions, strict=True)
    return np.array([list(reference) == list(prediction) for reference, prediction in pairs], dtype=np.float64)


def exact_match(references: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]) -> float:
    """The share of whole matches; 0 of no examples."""
    found = matches(references, predictions)
    return float(found.mean()) if len(found) else 0.0
