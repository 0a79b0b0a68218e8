"""Twenty of the 62 algorithmic tasks of MIPS: a sequence of small integers in, one integer out at every step.

Michaud et al. (2024, table 1). The tasks are algorithms, so that what is drawn here is the data itself. Those were
taken whose networks are small; names are those of the published list without "rnn_" and "_numerical".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

Inputs = Int64[np.ndarray, "sequences time inputs"]
Outputs = Int64[np.ndarray, "sequences time"]


class SequenceTask(NamedTuple):
    """`values` are the bounds of the inputs, the upper one excluded."""

    inputs: int
    values: tuple[int, int]
    answer: Callable[[Inputs], Outputs]

    def draw(self, rng: np.random.Generator, sequences: int, time: int) -> tuple[Inputs, Outputs]:
        x = rng.integers(*self.values, (sequences, time, self.inputs))
        return x, self.answer(x)


def _delayed(x: Inputs, steps: int) -> Outputs:
    """Zeros stand before the beginning."""
    return np.pad(x[:, :, 0], ((0, 0), (steps, 0)))[:, : x.shape[1]]


def _last(weights: tuple[int, ...]) -> Callable[[Inputs], Outputs]:
    """Σ_k weights[k] x_{t-k}."""
    return lambda x: np.sum([weight * _delayed(x, steps) for steps, weight in enumerate(weights)], axis=0)


def _newton(force: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Inputs], Outputs]:
    """v ← v + force(x_t, place), place ← place + v."""

    def places(x: Inputs) -> Outputs:
        place, speed, made = np.zeros(len(x), np.int64), np.zeros(len(x), np.int64), []
        for step in x[:, :, 0].T:
            speed = speed + force(step, place)
            place = place + speed
            made.append(place)
        return np.stack(made, axis=1)

    return places


def _added(x: Inputs) -> Outputs:
    """Two binary numbers, the lowest digit first, and the digits of their sum."""
    carry, digits = np.zeros(len(x), np.int64), []
    for total in x.sum(axis=2).T:
        digits.append((total + carry) % 2)
        carry = (total + carry) // 2
    return np.stack(digits, axis=1)


NUMBERS, BITS = (-3, 4), (0, 2)
TASKS = {
    "identity": SequenceTask(1, NUMBERS, _last((1,))),
    "prev1": SequenceTask(1, NUMBERS, _last((0, 1))),
    "prev2": SequenceTask(1, NUMBERS, _last((0, 0, 1))),
    "prev3": SequenceTask(1, NUMBERS, _last((0, 0, 0, 1))),
    "sum": SequenceTask(1, NUMBERS, lambda x: x[:, :, 0].cumsum(axis=1)),
    "sum_last2": SequenceTask(1, NUMBERS, _last((1, 1))),
    "sum_last3": SequenceTask(1, NUMBERS, _last((1, 1, 1))),
    "sum_last4": SequenceTask(1, NUMBERS, _last((1, 1, 1, 1))),
    "diff_last2": SequenceTask(1, NUMBERS, _last((1, -1))),
    "alternating_last3": SequenceTask(1, NUMBERS, _last((1, -1, 1))),
    "newton_freebody": SequenceTask(1, NUMBERS, _newton(lambda force, place: force)),
    "newton_gravity": SequenceTask(1, NUMBERS, _newton(lambda force, place: force - 1)),
    "newton_spring": SequenceTask(1, NUMBERS, _newton(lambda force, place: force - place)),
    "abs_value": SequenceTask(1, NUMBERS, lambda x: np.abs(x[:, :, 0])),
    "bitwise_not": SequenceTask(1, BITS, lambda x: 1 - x[:, :, 0]),
    "bitwise_and": SequenceTask(2, BITS, lambda x: x[:, :, 0] & x[:, :, 1]),
    "bitwise_or": SequenceTask(2, BITS, lambda x: x[:, :, 0] | x[:, :, 1]),
    "bitwise_xor": SequenceTask(2, BITS, lambda x: x[:, :, 0] ^ x[:, :, 1]),
    "parity": SequenceTask(1, BITS, lambda x: x[:, :, 0].cumsum(axis=1) % 2),
    "bit_addition": SequenceTask(2, BITS, _added),
}
