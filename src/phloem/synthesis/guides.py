"""Guides of bottom-up search: new weights for the values of a finished weight, so that promising ones combine first.

BUSTLE (Odena et al., ICLR 2021, section 3 and released code): a model reads the property signature of the examples and
of a value and gives the probability that the value is a part of a solution; the less likely, the heavier it becomes.
Heuristics do the same without a model for strings when the output is one: what is a substring of the output on every
example stays light, what is far from it in edit distance becomes heavier. No value is lost: with a model alone a weight
grows by at most 6, with the heuristics by at most 4 more, so a solution of weight w with m operators is found by weight
w + 6 m, or w + 10 m. Inputs and constants stay where they are.

`LearnedCost` is the model of `nn.models.value_classifier` in NumPy, so that a search needs no torch. A whole level is
scored at once: what the first layer makes of the examples is the same for all values of a task, and values with the
same signature are scored once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int8

from phloem.errors import PhloemError
from phloem.represent.property_signature import CATEGORIES, EXAMPLES, VALUE, Signatures, example_signature
from phloem.synthesis.base import Spec
from phloem.synthesis.program import STRING, Type, Value

Model = Callable[[Int8[np.ndarray, "values 206"]], Float[np.ndarray, "values"]]
"""Signatures of the examples and of values, side by side -> the probability that each value is useful."""


class LearnedCost:
    """A value classifier as a guide's model: a multi-layer perceptron of two hidden layers."""

    def __init__(self, weights: Mapping[str, Float[np.ndarray, "..."]]) -> None:
        """`weights` as `ValueClassifier.weights` gives them. Raises PhloemError where they do not fit together."""
        try:
            table = np.asarray(weights["table.weight"], np.float32)
            hidden = table.shape[1]
            self.table: Float32[np.ndarray, "features categories hidden"] = table.reshape(-1, CATEGORIES, hidden)
            self.bias = np.asarray(weights["bias"], np.float32)
            self.second = np.asarray(weights["second.weight"], np.float32).T
            self.second_bias = np.asarray(weights["second.bias"], np.float32)
            self.last = np.asarray(weights["last.weight"], np.float32)[0]
            self.last_bias = float(np.asarray(weights["last.bias"])[0])
        except (KeyError, IndexError, ValueError) as error:
            raise PhloemError(f"these are not the weights of a learned cost: {error}") from error
        if len(self.table) != EXAMPLES + VALUE or self.second.shape[0] != hidden:
            raise PhloemError(f"a learned cost reads {EXAMPLES + VALUE} features, this one {len(self.table)}")
        self.known: tuple[bytes, Float32[np.ndarray, "hidden"]] | None = None

    @classmethod
    def load(cls, file: str | Path) -> LearnedCost:
        """The model of a safetensors file. Raises PhloemError where there is none."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return cls(load_file(str(file)))
        except (OSError, SafetensorError) as error:
            raise PhloemError(f"cannot read the learned cost {file}: {error}") from error

    def weights(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """What it was made from."""
        return {
            "table.weight": np.ascontiguousarray(self.table.reshape(-1, self.table.shape[2])),
            "bias": self.bias,
            "second.weight": np.ascontiguousarray(self.second.T),
            "second.bias": self.second_bias,
            "last.weight": self.last[None],
            "last.bias": np.array([self.last_bias], np.float32),
        }

    def __call__(self, signatures: Int8[np.ndarray, "values 206"]) -> Float32[np.ndarray, "values"]:
        """The probability that each value is useful; values of any tasks."""
        probabilities = np.empty(len(signatures), np.float32)
        keys = np.ascontiguousarray(signatures[:, :EXAMPLES]).view(np.dtype((np.void, EXAMPLES)))[:, 0]
        _, first, task = np.unique(keys, return_index=True, return_inverse=True)
        for number, row in enumerate(first.tolist()):
            chosen = task.ravel() == number
            probabilities[chosen] = self.scored(signatures[row, :EXAMPLES], signatures[chosen, EXAMPLES:])
        return probabilities

    def scored(
        self, examples: Int8[np.ndarray, "160"], values: Int8[np.ndarray, "values 46"]
    ) -> Float32[np.ndarray, "values"]:
        """The same for values of one task, given apart from its examples."""
        keys = np.ascontiguousarray(values).view(np.dtype((np.void, VALUE)))[:, 0]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        distinct = values[first]
        summed = self._of_examples(examples) + self.table[EXAMPLES + np.arange(VALUE), distinct].sum(1)
        hidden = np.maximum(np.maximum(summed, 0) @ self.second + self.second_bias, 0)
        logits = hidden @ self.last + self.last_bias
        return (1 / (1 + np.exp(-np.clip(logits, -30, 30))))[inverse.ravel()]

    def _of_examples(self, examples: Int8[np.ndarray, "160"]) -> Float32[np.ndarray, "hidden"]:
        key = examples.tobytes()
        if self.known is None or self.known[0] != key:
            self.known = key, self.bias + self.table[np.arange(EXAMPLES), examples].sum(0)
        return self.known[1]


@cache
def shipped() -> LearnedCost:
    """The learned cost in the package (see its MODEL_CARD.md). Raises PhloemError where the package lacks it."""
    return LearnedCost.load(str(files("phloem.pretrained") / "synth-guide" / "model.safetensors"))


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
        if weight <= 1:
            return new
        if self.heuristics and type == STRING:
            new = [self._by_form([str(each) for each in value], weight) for value in values]
        if self.model is not None and self.examples is not None:
            probabilities = self._probabilities(self.signatures.of(values), self.examples)
            new = [old + weight_delta(p) for old, p in zip(new, probabilities.tolist(), strict=True)]
        return new

    def _probabilities(
        self, signatures: Int8[np.ndarray, "values 46"], examples: Int8[np.ndarray, "160"]
    ) -> Float[np.ndarray, "values"]:
        if isinstance(self.model, LearnedCost):
            return self.model.scored(examples, signatures)
        assert self.model is not None
        return self.model(np.concatenate([np.broadcast_to(examples, (len(signatures), len(examples))), signatures], 1))

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
