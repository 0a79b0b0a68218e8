"""How much of a tree was recovered: precision, recall and F1 over labelled constituents.

A constituent is (label, first token, last token), one for each inner node, the root and unary ones included. Equal ones
count as often as they occur in both trees. AST-Probe's published code counts a predicted one as right if it occurs
anywhere in the other tree (`clipped=False`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Constituent = tuple[str, int, int]


class Scores(NamedTuple):
    precision: float
    recall: float
    f1: float


def constituent_f1(predicted: Sequence[Constituent], true: Sequence[Constituent], *, clipped: bool = True) -> Scores:
    """Scores of one tree; without constituents on a side its share is 0, and 1 where both have none."""
    if not predicted and not true:
        return Scores(1.0, 1.0, 1.0)
    if clipped:
        found = recalled = (Counter(predicted) & Counter(true)).total()
    else:
        found = sum(one in set(true) for one in predicted)
        recalled = sum(one in set(predicted) for one in true)
    precision = found / len(predicted) if predicted else 0.0
    recall = recalled / len(true) if true else 0.0
    total = precision + recall
    return Scores(precision, recall, 2 * precision * recall / total if total else 0.0)
