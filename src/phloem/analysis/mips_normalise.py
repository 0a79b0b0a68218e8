"""The gauge of a recurrent network, and normal forms of it.

Michaud et al., "Opening the AI black box" (2024, section 2.2). The states of h_t = f(h_{t-1}, x_t), y_t = g(h_t) may be
replaced by T h + c with any invertible T: the first and last maps of f, the first of g and h_0 absorb the change, and
the network's answers stay. Normalisers choose T and c, each for a figure of its own:

    whitened     the covariance of states becomes the identity                  off-diagonal covariance
    jordan       the real Jordan form of a linear transition, in which a block of a repeated eigenvalue is a chain
                 v, N v, N² v … and so has constant diagonals (Toeplitz)         entries outside of the form
    debiased     the fixed point moves to 0                                     norm of the bias
    rounded      weights near integers become integers                          distance of weights to integers

A normaliser's result is taken only where its figure falls and all answers stay right, and no farther from integers than
they were, or than LOOSE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phloem.nn.models.minimal_rnn import MinimalRNN

NEAR = 0.15  # eigenvalues closer than this are one, which training did not quite reach
INTEGER = 0.02  # weights closer than this to an integer are tried as it
LOOSE = 0.02  # outputs within this of their integers are as good as on them

Map = tuple[np.ndarray, np.ndarray]  # matrix, bias


class Recurrence(NamedTuple):
    """A network in float64; the first matrix of f reads [h; x]."""

    f: tuple[Map, ...]
    g: tuple[Map, ...]
    start: Float[np.ndarray, " hidden"]

    @property
    def linear(self) -> bool:
        return len(self.f) == 1

    @property
    def transition(self) -> Float[np.ndarray, "hidden hidden"]:
        """Of a linear f."""
        return self.f[0][0][:, : len(self.start)]


class Normaliser(NamedTuple):
    figure: Callable[[Recurrence, np.ndarray], float]  # of a network and inputs
    apply: Callable[[Recurrence, np.ndarray], Recurrence]
    linear_only: bool


def recurrence_of(model: MinimalRNN) -> Recurrence:
    maps = [
        tuple(
            (one.get_parameter("weight").detach().double().numpy(), one.get_parameter("bias").detach().double().numpy())
            for one in many
        )
        for many in (model.f, model.g)
    ]
    return Recurrence(maps[0], maps[1], np.zeros(model.hidden))


def run(
    rnn: Recurrence, x: Int[np.ndarray, "sequences time inputs"]
) -> tuple[Float[np.ndarray, "sequences time+1 hidden"], Float[np.ndarray, "sequences time outputs"]]:
    """States, the first one of them h_0, and outputs."""
    state = np.broadcast_to(rnn.start, (len(x), len(rnn.start)))
    states = [state]
    for time in range(x.shape[1]):
        state = _through(rnn.f, np.concatenate([state, x[:, time]], axis=1))
        states.append(state)
    reached = np.stack(states, axis=1)
    return reached, _through(rnn.g, reached[:, 1:])


def _through(maps: tuple[Map, ...], x: np.ndarray) -> np.ndarray:
    for number, (matrix, bias) in enumerate(maps):
        x = (x if number == 0 else np.maximum(x, 0)) @ matrix.T + bias
    return x


def accuracy(rnn: Recurrence, x: np.ndarray, y: Int[np.ndarray, "sequences time"]) -> float:
    """The share of steps whose rounded output is right."""
    return float((np.rint(run(rnn, x)[1][:, :, 0]) == y).mean())


def regauged(
    rnn: Recurrence, t: Float[np.ndarray, "hidden hidden"], c: Float[np.ndarray, " hidden"] | None = None
) -> Recurrence:
    """The same function of states T h + c. Raises LinAlgError for a T that is not invertible."""
    c = np.zeros(len(rnn.start)) if c is None else c
    back = np.linalg.inv(t)

    def reading(one: Map) -> Map:
        matrix, bias = one
        read = matrix[:, : len(c)] @ back
        return np.concatenate([read, matrix[:, len(c) :]], axis=1), bias - read @ c

    f = (reading(rnn.f[0]), *rnn.f[1:])
    f = (*f[:-1], (t @ f[-1][0], t @ f[-1][1] + c))
    return Recurrence(f, (reading(rnn.g[0]), *rnn.g[1:]), t @ rnn.start + c)


def normalised(rnn: Recurrence, x: np.ndarray, y: np.ndarray) -> tuple[Recurrence, dict[str, tuple[float, float]]]:
    """All normalisers in turn, and each one's figure before and after it."""
    figures = {}
    for name, one in NORMALISERS.items():
        if one.linear_only and not rnn.linear:
            continue
        before = one.figure(rnn, x)
        changed = _attempt(rnn, one, x)
        if one.figure(changed, x) < before and _farthest(changed, x, y) <= max(LOOSE, 1.01 * _farthest(rnn, x, y)):
            rnn = changed
        figures[name] = before, one.figure(rnn, x)
    return rnn, figures


def _farthest(rnn: Recurrence, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(run(rnn, x)[1][:, :, 0] - y).max())


def _attempt(rnn: Recurrence, one: Normaliser, x: np.ndarray) -> Recurrence:
    try:
        return one.apply(rnn, x)
    except np.linalg.LinAlgError:
        return rnn


def _covariance(rnn: Recurrence, x: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(run(rnn, x)[0][:, 1:].reshape(-1, len(rnn.start)).T))


def off_diagonal(rnn: Recurrence, x: np.ndarray) -> float:
    """Of the covariance of states, over its trace."""
    covariance = _covariance(rnn, x)
    return float(np.abs(covariance - np.diag(np.diag(covariance))).sum() / max(np.trace(covariance), 1e-12))


def whitened(rnn: Recurrence, x: np.ndarray) -> Recurrence:
    """Directions in which states do not move keep their scale."""
    values, vectors = np.linalg.eigh(_covariance(rnn, x))
    scale = np.where(values > 1e-9 * values.max(), values, 1.0) ** -0.5
    return regauged(rnn, scale[:, None] * vectors.T)


def off_jordan(rnn: Recurrence, x: np.ndarray) -> float:
    """What stands outside of the diagonal, the one above it and rotations [[a, b], [-b, a]]."""
    matrix = rnn.transition
    rows, columns = np.indices(matrix.shape)
    mass = np.abs(matrix)[(columns < rows - 1) | (columns > rows + 1)].sum()
    below, above = np.diag(matrix, -1), np.diag(matrix, 1)
    even = np.isclose(np.diag(matrix)[1:], np.diag(matrix)[:-1], atol=1e-6) & np.isclose(below, -above, atol=1e-6)
    return float(mass + np.abs(below)[~even].sum())


def jordan(rnn: Recurrence, x: np.ndarray) -> Recurrence:
    """Eigenvalues that are near each other are one."""
    matrix = rnn.transition
    values, vectors = np.linalg.eig(matrix)
    columns: list[np.ndarray] = []
    left = list(range(len(values)))
    while left:
        first = left.pop(0)
        near = [first, *(other for other in left if abs(values[other] - values[first]) < NEAR)]
        value = values[near].mean()
        if abs(value.imag) > 1e-9:
            twin = min(left, key=lambda other: abs(values[other] - values[first].conj()))
            left.remove(twin)
            columns += [vectors[:, first].real, vectors[:, first].imag]
            continue
        left = [other for other in left if other not in near]
        columns += _chain(matrix - value.real * np.eye(len(matrix)), len(near))
    return regauged(rnn, np.linalg.inv(np.stack(columns, axis=1)))


def _chain(nilpotent: np.ndarray, size: int) -> list[np.ndarray]:
    """A basis of the space that the power `size` sends to 0: a chain if there is one, else any."""
    space = np.linalg.svd(np.linalg.matrix_power(nilpotent, size))[2][-size:].T
    inner = np.linalg.pinv(space) @ nilpotent @ space
    if size == 1 or np.abs(inner).max() < NEAR:
        return list(space.T)
    last = np.linalg.svd(np.linalg.matrix_power(inner, size - 1))[2][0]
    chain = [last]
    for _ in range(size - 1):
        chain.insert(0, inner @ chain[0])
    return [space @ one for one in chain]


def bias_norm(rnn: Recurrence, x: np.ndarray) -> float:
    return float(np.linalg.norm(rnn.f[-1][1]))


def debiased(rnn: Recurrence, x: np.ndarray) -> Recurrence:
    """c with b + c - W c = 0, or as near to it as there is one."""
    matrix = rnn.transition
    c = np.linalg.lstsq(matrix - np.eye(len(matrix)), rnn.f[0][1], rcond=1e-3)[0]
    return regauged(rnn, np.eye(len(matrix)), c)


def integer_distance(rnn: Recurrence, x: np.ndarray) -> float:
    return float(sum(np.abs(part - np.rint(part)).sum() for one in (*rnn.f, *rnn.g) for part in one))


def rounded(rnn: Recurrence, x: np.ndarray) -> Recurrence:
    """Weights within INTEGER of an integer, as long as the rounded answers to `x` stay."""

    def near(part: np.ndarray) -> np.ndarray:
        whole = np.rint(part)
        return np.where(np.abs(part - whole) < INTEGER, whole, part)

    return Recurrence(
        tuple((near(matrix), near(bias)) for matrix, bias in rnn.f),
        tuple((near(matrix), near(bias)) for matrix, bias in rnn.g),
        near(rnn.start),
    )


NORMALISERS = {
    "whitened": Normaliser(off_diagonal, whitened, linear_only=False),
    "jordan": Normaliser(off_jordan, jordan, linear_only=True),
    "debiased": Normaliser(bias_norm, debiased, linear_only=True),
    "rounded": Normaliser(integer_distance, rounded, linear_only=False),
}
