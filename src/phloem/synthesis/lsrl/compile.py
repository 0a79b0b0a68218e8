"""Debranching: a program of LSRL as a single path of layers.

Petrov et al. (NeurIPS 2024, section 3.2) turn the graph into a path by rewriting it step by step. Here every variable
is an affine function of the vector that is carried along the path, so that Linear, Concat and Slice cost nothing and
neighbours fuse by themselves. A layer does all LinStates, all ReLUs or all Multiplicatives whose arguments are
known, and carries on whatever is still needed:

    LinState        s_t = A s_{t-1} + B c_t + b       x is carried with A = 0, B = I
    ReLU            max(W c_t + b, 0)                 x is carried as ReLU(x) - ReLU(-x), or as itself where x >= 0
    Multiplicative  (U c_t + u) * (V c_t + v)         x is carried as 1 * x

What remains at the end is one affine readout. Values and their order are those of the program, so that the path is
equal to it in rational numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from phloem.synthesis.lsrl.variables import (
    Concat,
    Linear,
    LinState,
    LsrlError,
    Matrix,
    Multiplicative,
    ReLU,
    Slice,
    Variable,
    exact,
    identity,
    ordered,
    product,
    the_input,
    zeros,
)

Kind = Literal["state", "relu", "multiply"]


class Layer(NamedTuple):
    """`arrays` of a state: A, B, bias, initial; of a relu: W, b; of a multiply: U, u, V, v."""

    kind: Kind
    arrays: tuple[Matrix, ...]

    @property
    def width(self) -> int:
        return len(self.arrays[0])

    def __call__(self, carried: np.ndarray, state: np.ndarray | None) -> np.ndarray:
        """One step; the new state is the value of a state layer."""
        if self.kind == "state":
            transition, reading, bias, _ = self.arrays
            assert state is not None
            return product(transition, state) + product(reading, carried) + bias
        if self.kind == "relu":
            return np.maximum(product(self.arrays[0], carried) + self.arrays[1], 0)
        left, left_bias, right, right_bias = self.arrays
        return (product(left, carried) + left_bias) * (product(right, carried) + right_bias)


class Path(NamedTuple):
    """Layers, and the readout W c + b of the last one's vector."""

    inputs: int
    layers: tuple[Layer, ...]
    readout: tuple[Matrix, Matrix]

    def floats(self) -> Path:
        """The same in float64."""
        layers = tuple(Layer(one.kind, tuple(array.astype(float) for array in one.arrays)) for one in self.layers)
        return Path(self.inputs, layers, (self.readout[0].astype(float), self.readout[1].astype(float)))

    @property
    def largest(self) -> float:
        """The largest weight."""
        arrays = [*self.readout, *(array for layer in self.layers for array in layer.arrays)]
        return max((float(np.abs(array).max()) for array in arrays if array.size), default=0.0)

    @property
    def weights(self) -> int:
        return sum(array.size for layer in self.layers for array in layer.arrays) + sum(a.size for a in self.readout)

    def run(self, inputs: Iterable[Sequence[Any]], *, clean: Path | None = None) -> Matrix:
        """The output at each step, (steps, size). With `clean`, states start each step from the values that they have
        on that path: what noise in the weights does is then that of one step."""
        floats = self.readout[0].dtype != object
        steps = []
        states = {number: one.arrays[3] for number, one in enumerate(self.layers) if one.kind == "state"}
        for step in inputs:
            start = np.array(step, dtype=float) if floats else exact(step)
            after, carried = self._step(start, states)
            steps.append(product(self.readout[0], carried) + self.readout[1])
            if clean is not None:
                after, _ = clean._step(start, states)
            states = after
        return np.array(steps).reshape(len(steps), len(self.readout[1]))

    def _step(self, carried: np.ndarray, states: dict[int, np.ndarray]) -> tuple[dict[int, np.ndarray], np.ndarray]:
        after = {}
        for number, layer in enumerate(self.layers):
            carried = layer(carried, states.get(number))
            if layer.kind == "state":
                after[number] = carried
        return after, carried


@dataclass
class Affine:
    """matrix · carried + bias; the columns grow as the carried vector is replaced."""

    matrix: Matrix
    bias: Matrix


@dataclass
class _Carried:
    """The carried vector: which of its elements are never negative, and the variables that can be read from it. Those
    that are `done` may be gone again, when nothing needs them any more."""

    size: int
    positive: np.ndarray
    known: dict[Variable, Affine]
    done: set[Variable] = field(default_factory=set)


def compile_path(output: Variable) -> Path:
    """The path that computes what the program computes. Raises LsrlError for several inputs."""
    order, source = ordered(output), the_input(output)
    start = Affine(identity(source.size), zeros(source.size, 1)[:, 0])
    carried = _Carried(source.size, np.zeros(source.size, dtype=bool), {source: start}, {source})
    layers: list[Layer] = []
    while True:
        ready = _absorb(order, carried)
        if output in carried.known:
            final = carried.known[output]
            return Path(source.size, tuple(layers), (final.matrix, final.bias))
        kind, chosen = _choose(ready)
        layers.append(_advance(kind, chosen, order, carried))


def _absorb(order: list[Variable], carried: _Carried) -> dict[Kind, list[Variable]]:
    """Express all affine variables whose parents are known; of the others, tell which could be computed now."""
    known = carried.known
    ready: dict[Kind, list[Variable]] = {"state": [], "relu": [], "multiply": []}
    for variable in order:
        if variable in carried.done or any(one not in known for one in variable.parents):
            continue
        if isinstance(variable, LinState):
            ready["state"].append(variable)
        elif isinstance(variable, ReLU):
            ready["relu"].append(variable)
        elif isinstance(variable, Multiplicative):
            ready["multiply"].append(variable)
        else:
            known[variable] = _affine(variable, [known[parent] for parent in variable.parents])
            carried.done.add(variable)
    return ready


def _affine(variable: Variable, parents: list[Affine]) -> Affine:
    first = parents[0]
    if isinstance(variable, Linear):
        return Affine(product(variable.matrix, first.matrix), product(variable.matrix, first.bias) + variable.bias)
    if isinstance(variable, Slice):
        return Affine(first.matrix[variable.start : variable.stop], first.bias[variable.start : variable.stop])
    if not isinstance(variable, Concat):
        raise LsrlError(f"{type(variable).__name__} is no variable of LSRL")
    return Affine(np.vstack([one.matrix for one in parents]), np.concatenate([one.bias for one in parents]))


def _choose(ready: dict[Kind, list[Variable]]) -> tuple[Kind, list[Variable]]:
    """States first: what they wait for is most often the longest chain; then whatever is most."""
    if ready["state"]:
        return "state", ready["state"]
    kind: Kind = "relu" if len(ready["relu"]) >= len(ready["multiply"]) else "multiply"
    return kind, ready[kind]


def _advance(kind: Kind, chosen: list[Variable], order: list[Variable], carried: _Carried) -> Layer:
    """Make one layer, and express everything that is known and needed by its vector."""
    live = _needed(order, chosen, carried)
    keep = np.zeros(carried.size, dtype=bool)
    for variable in live:
        keep |= (carried.known[variable].matrix != 0).any(axis=0)
    kept = np.flatnonzero(keep)
    arguments = [carried.known[variable.parents[0]] for variable in chosen]
    matrix = np.vstack([one.matrix for one in arguments])
    bias = np.concatenate([one.bias for one in arguments])
    back, positive, layer = _layer(kind, chosen, matrix, bias, kept, carried)
    # The old carried vector is `back` times the new one, on the elements that are kept.
    known = {
        variable: Affine(product(carried.known[variable].matrix, back), carried.known[variable].bias)
        for variable in live
    }
    size, place = back.shape[1], 0
    for variable in chosen:
        rows = zeros(variable.size, size)
        rows[np.arange(variable.size), place + np.arange(variable.size)] = 1
        known[variable] = Affine(rows, zeros(variable.size, 1)[:, 0])
        place += variable.size
    carried.size, carried.positive, carried.known = size, positive, known
    carried.done.update(chosen)
    return layer


def _needed(order: list[Variable], chosen: list[Variable], carried: _Carried) -> list[Variable]:
    """Known variables that one reads which is neither known nor computed in this layer."""
    waiting = [one for one in order if one not in carried.done and one not in chosen]
    live = {parent for one in waiting for parent in one.parents if parent in carried.known}
    return [one for one in order if one in live]


def _layer(
    kind: Kind, chosen: list[Variable], matrix: Matrix, bias: Matrix, kept: np.ndarray, carried: _Carried
) -> tuple[Matrix, np.ndarray, Layer]:
    """The layer; how the old vector is read from the new one; and which new elements are never negative.

    The new vector begins with the chosen variables."""
    through = zeros(len(kept), carried.size)
    through[np.arange(len(kept)), kept] = 1
    done = sum(variable.size for variable in chosen)
    if kind == "relu":
        both = [through[number] for number in range(len(kept))]
        signed = [number for number, old in enumerate(kept) if not carried.positive[old]]
        rows = np.vstack([matrix, *both, *(-through[number] for number in signed)])
        back = zeros(carried.size, len(rows))
        back[kept, done + np.arange(len(kept))] = 1
        back[kept[signed], done + len(kept) + np.arange(len(signed))] = -1
        return back, np.ones(len(rows), dtype=bool), Layer("relu", (rows, _padded(bias, len(rows))))
    back = zeros(carried.size, done + len(kept))
    back[kept, done + np.arange(len(kept))] = 1
    positive = np.concatenate([np.zeros(done, dtype=bool), carried.positive[kept]])
    if kind == "state":
        return back, positive, _state_layer(chosen, matrix, bias, through)
    halves = [_halves(variable.size) for variable in chosen]
    left, right = (_block([pair[side] for pair in halves]) for side in (0, 1))
    total = done + len(kept)
    ones = np.concatenate([product(left, bias), exact([1] * len(kept))])
    arrays = (
        np.vstack([product(left, matrix), zeros(len(kept), carried.size)]),
        ones,
        np.vstack([product(right, matrix), through]),
        _padded(product(right, bias), total),
    )
    return back, positive, Layer("multiply", arrays)


def _state_layer(chosen: list[Variable], matrix: Matrix, bias: Matrix, through: Matrix) -> Layer:
    states = [one for one in chosen if isinstance(one, LinState)]
    count = len(through)
    reading = _block([one.reading for one in states])
    transition = _block([*(one.transition for one in states), zeros(count, count)])
    own = product(reading, bias) + np.concatenate([one.bias for one in states])
    initial = np.concatenate([one.initial for one in states])
    total = len(own) + count
    rows = np.vstack([product(reading, matrix), through])
    return Layer("state", (transition, rows, _padded(own, total), _padded(initial, total)))


def _halves(size: int) -> tuple[Matrix, Matrix]:
    whole = identity(2 * size)
    return whole[:size], whole[size:]


def _block(matrices: list[Matrix]) -> Matrix:
    """A block-diagonal matrix."""
    out = zeros(sum(one.shape[0] for one in matrices), sum(one.shape[1] for one in matrices))
    row = column = 0
    for one in matrices:
        out[row : row + one.shape[0], column : column + one.shape[1]] = one
        row, column = row + one.shape[0], column + one.shape[1]
    return out


def _padded(vector: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([vector, exact([0] * (size - len(vector)))]) if size > len(vector) else vector
