"""How spread out a set of vectors is on the unit sphere: three figures, all without pairs of a vector with itself.

- mean pairwise cosine, mean_{i≠j} x_i·x_j: lower is more spread out.
- mean nearest angle, mean_i arccos max_{j≠i} x_i·x_j: higher is more spread out.
- uniformity (Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
  Hypersphere", 2020, equation 2), log mean_{i≠j} exp(-t |x_i - x_j|²) with t = 2: lower is more spread out.

(Ye et al., "GNN-Coder", 2025, report a "mean angular margin", lower being better; it is not one of these by name.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

TEMPERATURE = 2.0


class Spread(NamedTuple):
    """The three figures of a set; the angle is in radians."""

    mean_cosine: float
    nearest_angle: float
    uniformity: float


def spread(vectors: Float[np.ndarray, "vectors width"]) -> Spread:
    """The figures of at least two vectors, whose lengths are made 1 first.

    Raises ValueError for fewer, or for a vector of length 0."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(vectors) < 2 or not lengths.all():
        raise ValueError("the spread is that of two vectors or more, none of them 0")
    unit = vectors / lengths
    cosine = np.clip(unit @ unit.T, -1.0, 1.0)
    other = ~np.eye(len(unit), dtype=bool)
    nearest = np.where(other, cosine, -np.inf).max(axis=1)
    squares = 2.0 - 2.0 * cosine[other]
    return Spread(
        float(cosine[other].mean()),
        float(np.arccos(nearest).mean()),
        float(np.log(np.exp(-TEMPERATURE * squares).mean())),
    )
