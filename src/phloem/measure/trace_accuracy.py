"""How well a predicted execution trace agrees with the real one.

The definitions of CodeExecutor's released metric (Liu et al. 2023, section 4.2). Of prediction and gold alike a last
segment without a closed state is dropped, which drops an output that comes last, too. Then

- outputs: all printed texts are equal, over programs that print;
- trace: all segments are equal, and as many;
- lines: segment k is right if it equals the gold segment k; precision and recall over segments;
- identifiers: equal name-value pairs in line segments at the same place with the same line number, over all pairs.

Precision and recall are micro: counts are summed over the test before they are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.represent.execution_trace import Printed, Ran, Segment


class Counts(NamedTuple):
    """Of one program: addends of all figures."""

    printing: int  # 1 where the gold prints
    outputs: int
    trace: int
    right: int  # segments
    predicted: int
    wanted: int
    names_right: int  # identifiers
    names_predicted: int
    names_wanted: int


def whole(segments: Sequence[Segment]) -> list[Segment]:
    """The segments without a last one that no </state> ends."""
    found = list(segments)
    if found and not (isinstance(found[-1], Ran) and found[-1].closed):
        found.pop()
    return found


def count(gold: Sequence[Segment], predicted: Sequence[Segment]) -> Counts:
    """Compare two traces; the order of variables does not matter."""
    gold, predicted = whole(gold), whole(predicted)
    texts = [[each.text for each in side if isinstance(each, Printed)] for side in (gold, predicted)]
    names_right = 0
    for one, other in zip(gold, predicted, strict=False):
        if isinstance(one, Ran) and isinstance(other, Ran) and one.line == other.line:
            names_right += sum(other.state.get(name) == value for name, value in one.state.items())
    names = [sum(len(each.state) for each in side if isinstance(each, Ran)) for side in (gold, predicted)]
    return Counts(
        printing=int(bool(texts[0])),
        outputs=int(bool(texts[0]) and texts[0] == texts[1]),
        trace=int(gold == predicted),
        right=sum(one == other for one, other in zip(gold, predicted, strict=False)),
        predicted=len(predicted),
        wanted=len(gold),
        names_right=names_right,
        names_predicted=names[1],
        names_wanted=names[0],
    )


def addends(rows: Sequence[Counts]) -> Float[np.ndarray, "programs 9"]:
    """The counts of programs as rows."""
    return np.array(rows, np.float64).reshape(-1, len(Counts._fields))


def f1(sums: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any"]:
    """Micro F1 of (right, predicted, wanted): 2 right / (predicted + wanted), 0 of nothing."""
    both = sums[..., 1] + sums[..., 2]
    return np.divide(2 * sums[..., 0], both, out=np.zeros_like(both), where=both > 0)
