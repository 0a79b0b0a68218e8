"""Length complexity: circuits of linear threshold gates as chains of a linear next-token predictor.

Malach, "Auto-Regressive Next-Token Predictors are Universal Learners" (ICML 2024). A gate says whether an integer
combination of earlier bits reaches a threshold. A circuit's gates in topological order are a chain, each token of which
a linear predictor computes from those before it, so that T gates cost T tokens. The length complexity of a function is
the smallest such T; two chains for the parity of n bits bound it from above:

    running parity   z_{2i-1} = [p + x_i ≥ 2],  p' = z_{2i} = [p + x_i - 2 z_{2i-1} ≥ 1]           2n tokens
    binary count     z_k = [Σ x - Σ_{j>k} 2^j z_j ≥ 2^k],  k = ⌊log2 n⌋ … 0                        ⌊log2 n⌋ + 1 tokens

Neither is said to be the minimum. That one gate is not enough is decided exactly: the perceptron with integer weights
ends on every separable set (Novikoff 1962) and its weights stay bounded on every other (Block and Levin 1970), where
they therefore must come back to what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int64

from phloem.nn.models.linear_ar import LinearAR


class Gate(NamedTuple):
    """1 where Σ weights[place] · bit(place) ≥ threshold; places count inputs first, then gates."""

    weights: Mapping[int, int]
    threshold: int


class Circuit(NamedTuple):
    """Gates in topological order; the last one is the answer."""

    inputs: int
    gates: tuple[Gate, ...]


def running_parity(n: int) -> Circuit:
    """2n gates."""
    gates: list[Gate] = []
    for place in range(n):
        read = {place: 1} | ({n + 2 * place - 1: 1} if place else {})
        gates.append(Gate(read, 2))
        gates.append(Gate(read | {n + 2 * place: -2}, 1))
    return Circuit(n, tuple(gates))


def count_parity(n: int) -> Circuit:
    """The digits of Σ x, the highest first; the last one is the parity."""
    top = n.bit_length() - 1
    gates = []
    for digit in range(top, -1, -1):
        above = {n + top - higher: -(1 << higher) for higher in range(digit + 1, top + 1)}
        gates.append(Gate(dict.fromkeys(range(n), 1) | above, 1 << digit))
    return Circuit(n, tuple(gates))


def random_circuit(rng: np.random.Generator, inputs: int, gates: int) -> Circuit:
    """Each gate reads up to five earlier bits with weights of -3 … 3 and a threshold that it can reach and miss."""
    made = []
    for number in range(gates):
        places = rng.choice(inputs + number, size=min(5, inputs + number), replace=False)
        weights = {int(place): int(weight) for place, weight in zip(places, rng.integers(-3, 4, 5), strict=False)}
        low, high = sum(min(0, one) for one in weights.values()), sum(max(0, one) for one in weights.values())
        made.append(Gate(weights, int(rng.integers(low, high + 1))))
    return Circuit(inputs, tuple(made))


def evaluate(circuit: Circuit, bits: Int[np.ndarray, "rows inputs"]) -> Int64[np.ndarray, "rows gates"]:
    """The value of every gate."""
    known = [column.astype(np.int64) for column in bits.T]
    for gate in circuit.gates:
        total = sum((weight * known[place] for place, weight in gate.weights.items()), np.zeros(len(bits), np.int64))
        known.append((total >= gate.threshold).astype(np.int64))
    return np.stack(known[circuit.inputs :], axis=1)


def compiled(circuit: Circuit) -> LinearAR:
    """The predictor whose chain is the circuit: the logit of 1 is Σ w x - θ + 1/2 and that of 0 is 0."""
    model = LinearAR(2, circuit.inputs, len(circuit.gates)).double()
    with torch.no_grad():
        for step, gate in enumerate(circuit.gates):
            model.bias[step, 1] = 0.5 - gate.threshold
            for place, weight in gate.weights.items():
                model.weight[step, place, 1, 1] = weight
    return model


def separating(
    rows: Int[np.ndarray, "rows width"], labels: Sequence[bool] | np.ndarray
) -> Int64[np.ndarray, " width_and_bias"] | None:
    """Integer weights, the bias last, that are positive on rows labelled true and negative on the others; or None.

    Exact. Time grows with the square of the width over the margin: for sets of a few small integers.
    """
    signed = np.concatenate([rows, np.ones((len(rows), 1))], axis=1).astype(np.int64)
    signed *= np.where(np.asarray(labels, dtype=bool), 1, -1)[:, None]
    weights = np.zeros(signed.shape[1], dtype=np.int64)
    known: set[bytes] = set()
    while weights.tobytes() not in known:
        known.add(weights.tobytes())
        before = weights
        for row in signed:
            if row @ weights <= 0:
                weights = weights + row
        if weights is before:
            return weights
    return None
