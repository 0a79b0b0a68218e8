"""The lattice on which states lie, and the integers that they are.

Michaud et al., "Opening the AI black box" (2024, section 2.3). States h = A k + c + noise with integer k are found as

    1. differences of states lie on the lattice of A itself; the shortest independent ones are a first basis;
    2. while a difference is no integer combination, what is left of it takes a basis vector's place (Euclid's algorithm
       in several dimensions: the volume shrinks each time);
    3. A and c by least squares on the rounded k.

A is found up to a unimodular matrix, c up to the lattice. Where states fall into few clusters, which always lie on some
lattice, a parallelepiped whose corners they are is looked for first: its edges make k a vector of bits.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

ZERO = 8.0  # noises: a difference below is none
FRACTION = 0.2  # a coordinate farther from integers than this is none
SHORTEST = 4000  # differences that are looked at
CORNERS = 16


class Lattice(NamedTuple):
    basis: Float[np.ndarray, "space rank"]
    origin: Float[np.ndarray, " space"]

    def encode(self, points: Float[np.ndarray, "*points space"]) -> Int64[np.ndarray, "*points rank"]:
        return np.rint((points - self.origin) @ np.linalg.pinv(self.basis).T).astype(np.int64)

    def decode(self, numbers: Int64[np.ndarray, "*points rank"]) -> Float[np.ndarray, "*points space"]:
        return numbers @ self.basis.T + self.origin


def find_lattice(points: Float[np.ndarray, "points space"], noise: float) -> Lattice | None:
    """The lattice of points whose noise has the standard deviation `noise`; None if they lie on none.

    Rank 0 (all points equal) is none. At most about a thousand points: all pairs of different ones are formed.
    """
    middle = points.mean(axis=0)
    _, values, axes = np.linalg.svd(points - middle, full_matrices=False)
    axes = axes[values / np.sqrt(len(points)) > 3 * noise]
    if not len(axes):
        return None
    flat = (points - middle) @ axes.T
    centres = clusters(flat, ZERO * noise, most=len(flat))
    assert centres is not None
    short = _short_differences(centres, noise)
    basis = _first_basis(short, noise, len(axes))
    basis = None if basis is None else _refined(short, basis, noise)
    if basis is None:
        return None
    numbers = np.rint((flat - flat[0]) @ np.linalg.inv(basis))
    design = np.concatenate([numbers, np.ones((len(flat), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(design, flat, rcond=None)
    if np.abs(design @ solved - flat).max() > ZERO * noise:
        return None
    return Lattice(axes.T @ solved[:-1].T, middle + solved[-1] @ axes)


def _short_differences(flat: np.ndarray, noise: float) -> Float[np.ndarray, "differences rank"]:
    """The shortest that are no noise, by length."""
    rows, columns = np.triu_indices(len(flat), 1)
    differences = flat[rows] - flat[columns]
    lengths = np.linalg.norm(differences, axis=1)
    real = np.flatnonzero(lengths > ZERO * noise)
    if len(real) > SHORTEST:
        real = real[np.argpartition(lengths[real], SHORTEST)[:SHORTEST]]
    return differences[real[np.argsort(lengths[real], kind="stable")]]


def _first_basis(short: np.ndarray, noise: float, rank: int) -> np.ndarray | None:
    chosen: list[np.ndarray] = []
    frame = np.zeros((0, rank))
    for one in short:
        beside = one - frame.T @ (frame @ one)
        multiple = np.linalg.norm(one) / np.linalg.norm(short[0])  # the frame's own noise, as often
        if np.linalg.norm(beside) > ZERO * noise * (1 + multiple):
            chosen.append(one)
            frame = np.linalg.qr(np.stack(chosen).T)[0].T
        if len(chosen) == rank:
            return np.stack(chosen)
    return None


def _refined(short: np.ndarray, basis: np.ndarray, noise: float) -> np.ndarray | None:
    """Euclid's steps, then least squares on the differences. None if the basis shrinks to noise."""
    while True:
        numbers = short @ np.linalg.inv(basis)
        whole = np.rint(numbers)
        fits = np.abs(numbers - whole).max(axis=1) < FRACTION
        if fits.all():
            return np.linalg.lstsq(whole, short, rcond=None)[0]
        if fits.sum() > 4 * len(basis):  # noise adds up in long combinations: first make the basis exact
            better = np.linalg.lstsq(whole[fits], short[fits], rcond=None)
            if better[2] == len(basis):
                basis = better[0]
                numbers = short @ np.linalg.inv(basis)
                whole = np.rint(numbers)
                if (np.abs(numbers - whole).max(axis=1) < FRACTION).all():
                    continue
        odd = int(np.abs(numbers - whole).max(axis=1).argmax())
        rest = numbers[odd] - whole[odd]
        basis = basis.copy()
        basis[np.abs(rest).argmax()] = rest @ basis
        if np.linalg.norm(basis, axis=1).min() < ZERO * noise or abs(np.linalg.det(basis)) < noise ** len(basis):
            return None


def clusters(
    points: Float[np.ndarray, "points space"], radius: float, most: int = CORNERS
) -> Float[np.ndarray, "clusters space"] | None:
    """Centres of groups of points, each within `radius` of its first one; None if there are more than `most`."""
    centres, left = [], points
    while len(left):
        near = np.linalg.norm(left - left[0], axis=1) < radius
        centres.append(left[near].mean(axis=0))
        left = left[~near]
        if len(centres) > most:
            return None
    return np.stack(centres)


def parallelepiped(centres: Float[np.ndarray, "clusters space"], tolerance: float) -> Lattice | None:
    """A corner and edges to others such that every centre is the corner and a sum of edges; fewest edges first."""
    for edges in range(1, min(4, len(centres))):
        if len(centres) > 1 << edges:
            continue
        for corner in range(len(centres)):
            others = [number for number in range(len(centres)) if number != corner]
            for ends in combinations(others, edges):
                basis = (centres[list(ends)] - centres[corner]).T
                if np.linalg.matrix_rank(basis, tol=tolerance) < edges:
                    continue
                lattice = Lattice(basis, centres[corner])
                bits = lattice.encode(centres)
                if bits.min() < 0 or bits.max() > 1:
                    continue
                if np.abs(lattice.decode(bits) - centres).max() < tolerance:
                    return lattice
    return None


def state_lattice(states: Float[np.ndarray, "states hidden"]) -> Lattice | None:
    """Bits where a few clusters are corners, else the lattice under the least noise that finds one."""
    size = float(np.sqrt(((states - states.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if size < 1e-9:
        return None
    centres = clusters(states, 0.1 * size)
    if centres is not None and (corners := parallelepiped(centres, 0.1 * size)) is not None:
        return corners
    few = states[np.linspace(0, len(states) - 1, min(len(states), 800)).astype(int)]
    for noise in (1e-4, 1e-3, 4e-3):
        found = find_lattice(few, noise * size)
        if found is not None and np.abs(found.decode(found.encode(states)) - states).max() < ZERO * noise * size:
            return found
    return None
