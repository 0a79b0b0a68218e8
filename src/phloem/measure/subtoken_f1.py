"""Precision, recall and F1 over the subtokens of names, micro-averaged (Alon et al. 2019, section 4.1).

A predicted name is compared with the true one as a collection of subtokens. Unknown words and padding are dropped from
the prediction first. If the joined prediction equals the joined reference (getfile|name, get|file|name), every subtoken
of the reference counts as found. Otherwise each predicted subtoken that occurs in the reference is a true positive and
each other one a false positive, and each reference subtoken that was not predicted is a false negative. Order does not
matter, and repeated predictions count each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int64

DROPPED = frozenset({"<UNK>", "<PAD>", "<S>", "</S>", ""})


def counts(reference: Sequence[str], prediction: Sequence[str]) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of one name."""
    predicted = [word for word in prediction if word not in DROPPED]
    if "".join(predicted) == "".join(reference):
        return len(reference), 0, 0
    wanted, given = set(reference), set(predicted)
    true = sum(word in wanted for word in predicted)
    return true, len(predicted) - true, sum(word not in given for word in reference)


def count_all(
    references: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]
) -> Int64[np.ndarray, "examples 3"]:
    """`counts` of every example; the addends of the bootstrap."""
    rows = [counts(*pair) for pair in zip(references, predictions, strict=True)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def precision(sums: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any"]:
    """Of the predicted subtokens, the share that is right; 0 where nothing is predicted."""
    return _ratio(sums[..., 0], sums[..., 0] + sums[..., 1])


def recall(sums: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any"]:
    """Of the reference's subtokens, the share that is found."""
    return _ratio(sums[..., 0], sums[..., 0] + sums[..., 2])


def f1(sums: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any"]:
    """The harmonic mean of precision and recall; 0 where nothing is found."""
    share, found = precision(sums), recall(sums)
    return _ratio(2 * share * found, share + found)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=np.asarray(bottom) > 0)
