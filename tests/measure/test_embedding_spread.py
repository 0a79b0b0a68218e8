"""How spread out vectors are, on sets whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from phloem.measure.embedding_spread import spread


@pytest.mark.row("S098", 4)
@pytest.mark.parametrize(
    ("vectors", "cosine", "angle", "uniformity"),
    [
        (np.eye(4), 0.0, math.pi / 2, -4.0),
        (np.tile([[0.6, 0.8]], (4, 1)), 1.0, 0.0, 0.0),
        (np.array([[1.0, 0.0], [-1.0, 0.0]]), -1.0, math.pi, -8.0),
    ],
)
def test_known_sets(vectors: np.ndarray, cosine: float, angle: float, uniformity: float) -> None:
    for scale in (1.0, 3.0):
        found = spread(vectors * scale)
        assert found.mean_cosine == pytest.approx(cosine, abs=1e-9)
        assert found.nearest_angle == pytest.approx(angle, abs=1e-6)
        assert found.uniformity == pytest.approx(uniformity, abs=1e-6)


@pytest.mark.row("S098", 4)
def test_as_a_loop_over_pairs() -> None:
    vectors = np.random.default_rng(0).normal(size=(9, 5))
    unit = [vector / math.sqrt(sum(vector**2)) for vector in vectors]
    pairs = [(i, j) for i in range(9) for j in range(9) if i != j]
    found = spread(vectors)
    assert found.mean_cosine == pytest.approx(np.mean([unit[i] @ unit[j] for i, j in pairs]))
    nearest = [max(unit[i] @ unit[j] for j in range(9) if j != i) for i in range(9)]
    assert found.nearest_angle == pytest.approx(np.mean(np.arccos(nearest)))
    losses = [math.exp(-2 * float(np.sum((unit[i] - unit[j]) ** 2))) for i, j in pairs]
    assert found.uniformity == pytest.approx(math.log(np.mean(losses)))


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.array([[1.0, 0.0], [0.0, 0.0]])])
def test_too_few_or_empty(vectors: np.ndarray) -> None:
    with pytest.raises(ValueError, match="two vectors"):
        spread(vectors)
