"""Guides of bottom-up search: new weights for the values of a finished weight, so that promising ones combine first.

BUSTLE (Odena et al., ICLR 2021, section 3 and released code): a model reads the property signature of the examples and
of a value and gives the probability that the value is a part of a solution; the less likely, the heavier it becomes.
Heuristics do the same without a model for strings when the output is one: what is a substring of the output on every
example stays light, what is far from it in edit distance becomes heavier. No value is lost: with a model alone a weight
grows by at most 6, with the heuristics by at most 4 more, so a solution of weight w with m operators is found by weight
w + 6 m, or w + 10 m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int8

from phloem.represent.property_signature import Signatures, example_signature
from phloem.synthesis.base import Spec
from phloem.synthesis.program import STRING, Type, Value

Model = Callable[[Int8[np.ndarray, "values 206"]], Float[np.ndarray, "values"]]
"""Signatures of the examples and of values, side by side -> the probability that each value is useful."""


def weight_delta(probability: float) -> int:
    """How much heavier a value becomes that has this probability of being useful: 0 to 6."""
    if probability > 0.6:
        return 0
    return 1 if probability > 0.4 else int(10 * (0.4 - probability) + 2)


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance, a column of the table at a time as the bits of two integers (Myers 1999, Hyyrö 2003)."""
    if not left or not right:
        return len(left) or len(right)
    places: dict[str, int] = {}
    for place, character in enumerate(left):
        places[character] = places.get(character, 0) | 1 << place
    every, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    rising, falling, distance = every, 0, len(left)
    for character in right:
        same = places.get(character, 0)
        straight = same | falling
        across = (((same & rising) + rising) ^ rising) | same
        up, down = falling | (every & ~(across | rising)), rising & across
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & every, (down << 1) & every
        rising, falling = down | (every & ~(straight | up)), up & straight
    return distance


def normalised(left: str, right: str) -> float:
    """Edit distance d as 2 d / (|left| + |right| + d), from 0 to 1 (Yujian, Bo 2007)."""
    distance = edit_distance(left, right)
    return 2 * distance / (len(left) + len(right) + distance) if distance else 0.0


class Reweighting:
    """BUSTLE's guide for one task: a model, the heuristics, or both."""

    def __init__(self, spec: Spec, model: Model | None = None, *, heuristics: bool = False) -> None:
        self.spec, self.model, self.heuristics = spec, model, heuristics and spec.result == STRING
        self.examples = example_signature(spec.inputs, spec.outputs) if model is not None else None
        self.signatures = Signatures(spec.outputs)
        self.distances: list[dict[str, float]] = [{} for _ in spec.outputs]

    def __call__(self, type: Type, values: Sequence[tuple[Value, ...]], weight: int) -> list[int]:
        """The new weights of values of one type that have this weight."""
        new = [weight] * len(values)
        if self.heuristics and type == STRING:
            new = [self._by_form([str(each) for each in value], weight) for value in values]
        if self.model is not None and self.examples is not None:
            signatures = self.signatures.of(values)
            repeated = np.broadcast_to(self.examples, (len(values), len(self.examples)))
            probabilities = self.model(np.concatenate([repeated, signatures], 1))
            new = [old + weight_delta(float(p)) for old, p in zip(new, probabilities, strict=True)]
        return new

    def _by_form(self, texts: list[str], weight: int) -> int:
        outputs = [str(output) for output in self.spec.outputs]
        inside = all(text in output for text, output in zip(texts, outputs, strict=True))
        far = max(self._distance(e, text, output) for e, (text, output) in enumerate(zip(texts, outputs, strict=True)))
        return max(weight, weight - 2 * inside + 1 + int(3 * far))

    def _distance(self, example: int, text: str, output: str) -> float:
        known = self.distances[example]
        if text not in known:
            known[text] = normalised(text, output)
        return known[text]
