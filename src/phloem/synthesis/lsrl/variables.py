"""The variables of LSRL, and what a program of them computes.

Petrov et al. (NeurIPS 2024, section 3). A program is a directed acyclic graph of variables; each has one vector a time
step, and only LinState remembers anything:

    Input(d)                    x_t
    Linear(A, b)                A v + b
    ReLU                        max(v, 0)
    Concat, Slice               vectors joined, and a part of one
    LinState(A, B, bias, s_0)   s_t = A s_{t-1} + B v + bias; its value is the new state
    Multiplicative              the halves of v multiplied element by element (gated models alone have it)

`run` is the meaning: exact in rationals, or in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from phloem.errors import PhloemError

Matrix = np.ndarray  # two-dimensional, of exact numbers (dtype object) or float64
Number = int | float | Fraction


class LsrlError(PhloemError):
    """Variables that do not fit together."""


def exact(values: Any) -> Matrix:
    """An array of exact numbers: int or Fraction; a float is the rational that it stands for."""
    array = np.array(values, dtype=object)
    out = np.empty(array.shape, dtype=object)
    for place, value in np.ndenumerate(array):
        number = value if isinstance(value, int | Fraction) else Fraction(float(value))
        out[place] = number.numerator if isinstance(number, Fraction) and number.denominator == 1 else number
    return out


def identity(size: int) -> Matrix:
    return exact(np.eye(size, dtype=int))


def zeros(rows: int, columns: int) -> Matrix:
    return exact(np.zeros((rows, columns), dtype=int))


def product(left: Matrix, right: Matrix) -> Matrix:
    """A matrix product; exact ones skip zeros, of which compiled programs are full."""
    if left.dtype != object:
        return left @ right
    out = np.zeros((left.shape[0], *right.shape[1:]), dtype=object)
    for row, column in zip(*np.nonzero(left), strict=True):
        out[row] = out[row] + left[row, column] * right[column]
    return out


class Variable:
    """`size` is the length of its vector. +, - and multiples by numbers make Linear variables, [a:b] slices."""

    def __init__(self, size: int, *parents: Variable) -> None:
        if size < 1:
            raise LsrlError("a variable has at least one element")
        self.size, self.parents = size, parents

    def __add__(self, other: Variable | Number) -> Variable:
        if isinstance(other, Variable):
            _alike(self, other)
            return Linear(Concat(self, other), np.hstack([identity(self.size)] * 2))
        return Linear(self, identity(self.size), [other] * self.size)

    __radd__ = __add__

    def __mul__(self, factor: Number) -> Variable:
        return Linear(self, identity(self.size) * exact(factor)[()])

    __rmul__ = __mul__

    def __neg__(self) -> Variable:
        return self * -1

    def __sub__(self, other: Variable | Number) -> Variable:
        if isinstance(other, Variable):
            _alike(self, other)
            return Linear(Concat(self, other), np.hstack([identity(self.size), -identity(self.size)]))
        return self + -exact(other)[()]

    def __rsub__(self, other: Number) -> Variable:
        return Linear(self, -identity(self.size), [other] * self.size)

    def __getitem__(self, part: int | slice) -> Variable:
        if isinstance(part, int):
            part = slice(part, part + 1)
        start, stop, step = part.indices(self.size)
        if step != 1:
            raise LsrlError("a slice has no steps")
        return Slice(self, start, stop)


class Input(Variable):
    """What the program reads, one vector a step."""

    def __init__(self, size: int) -> None:
        super().__init__(size)


class Linear(Variable):
    def __init__(self, parent: Variable, matrix: Any, bias: Any = None) -> None:
        self.matrix = exact(matrix)
        if self.matrix.ndim != 2 or self.matrix.shape[1] != parent.size:
            raise LsrlError(f"a matrix of {parent.size} columns is needed, its shape is {self.matrix.shape}")
        self.bias = exact([0] * len(self.matrix) if bias is None else bias)
        super().__init__(len(self.matrix), parent)


class ReLU(Variable):
    def __init__(self, parent: Variable) -> None:
        super().__init__(parent.size, parent)


class Concat(Variable):
    def __init__(self, *parents: Variable) -> None:
        super().__init__(sum(parent.size for parent in parents), *parents)


class Slice(Variable):
    def __init__(self, parent: Variable, start: int, stop: int) -> None:
        if not 0 <= start < stop <= parent.size:
            raise LsrlError(f"{start}:{stop} is no part of {parent.size} elements")
        self.start, self.stop = start, stop
        super().__init__(stop - start, parent)


class LinState(Variable):
    """s_t = A s_{t-1} + B v_t + bias, from `initial`."""

    def __init__(self, parent: Variable, transition: Any, reading: Any, initial: Any = None, bias: Any = None) -> None:
        self.transition, self.reading = exact(transition), exact(reading)
        size = len(self.transition)
        if self.transition.shape != (size, size) or self.reading.shape != (size, parent.size):
            raise LsrlError(f"A is {self.transition.shape} and B {self.reading.shape} for {parent.size} inputs")
        self.initial = exact([0] * size if initial is None else initial)
        self.bias = exact([0] * size if bias is None else bias)
        super().__init__(size, parent)


class Multiplicative(Variable):
    def __init__(self, parent: Variable) -> None:
        if parent.size % 2:
            raise LsrlError(f"{parent.size} elements have no halves")
        super().__init__(parent.size // 2, parent)


def _alike(one: Variable, other: Variable) -> None:
    if one.size != other.size:
        raise LsrlError(f"{one.size} and {other.size} elements can't be added")


def ordered(output: Variable) -> list[Variable]:
    """All variables that the output depends on, parents first; without recursion."""
    done: dict[Variable, None] = {}
    waiting: list[tuple[Variable, bool]] = [(output, False)]
    while waiting:
        variable, expanded = waiting.pop()
        if variable in done:
            continue
        if expanded:
            done[variable] = None
        else:
            waiting.append((variable, True))
            waiting += [(parent, False) for parent in variable.parents if parent not in done]
    return list(done)


def the_input(output: Variable) -> Input:
    """The one input of a program. Raises LsrlError where there are others or none."""
    inputs = [variable for variable in ordered(output) if isinstance(variable, Input)]
    if len(inputs) != 1:
        raise LsrlError(f"a program has one Input, this one has {len(inputs)}")
    return inputs[0]


def run(output: Variable, inputs: Iterable[Sequence[Any]], *, floats: bool = False) -> Matrix:
    """The output at each step, (steps, size): exact numbers, or float64.

    Raises:
        LsrlError: a step has another number of elements than the input.
    """
    order, source = ordered(output), the_input(output)
    kept: dict[Variable, tuple[np.ndarray, ...]] = {}
    for variable in order:
        arrays: tuple[np.ndarray, ...] = ()
        if isinstance(variable, Linear):
            arrays = variable.matrix, variable.bias
        elif isinstance(variable, LinState):
            arrays = variable.transition, variable.reading, variable.bias
        kept[variable] = tuple(array.astype(float) for array in arrays) if floats else arrays
    states = {one: one.initial.astype(float) if floats else one.initial for one in order if isinstance(one, LinState)}
    steps = []
    for step in inputs:
        values: dict[Variable, np.ndarray] = {source: np.array(step, dtype=float) if floats else exact(step)}
        if values[source].shape != (source.size,):
            raise LsrlError(f"a step of {source.size} numbers is needed, its shape is {values[source].shape}")
        for variable in order:
            if variable is not source:
                parents = [values[parent] for parent in variable.parents]
                values[variable] = _value(variable, parents, kept[variable], states)
                if isinstance(variable, LinState):
                    states[variable] = values[variable]
        steps.append(values[output])
    return np.array(steps).reshape(len(steps), output.size)


def _value(
    variable: Variable,
    parents: list[np.ndarray],
    arrays: tuple[np.ndarray, ...],
    states: dict[LinState, np.ndarray],
) -> np.ndarray:
    first = parents[0]
    if isinstance(variable, Linear):
        return product(arrays[0], first) + arrays[1]
    if isinstance(variable, ReLU):
        return np.maximum(first, 0)
    if isinstance(variable, Concat):
        return np.concatenate(parents)
    if isinstance(variable, Slice):
        return first[variable.start : variable.stop]
    if isinstance(variable, LinState):
        return product(arrays[0], states[variable]) + product(arrays[1], first) + arrays[2]
    half = len(first) // 2
    return first[:half] * first[half:]
