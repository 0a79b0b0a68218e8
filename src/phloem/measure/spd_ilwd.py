"""How alike two learners are: by their predictions, and by the weights that these imply.

Akyürek et al. (ICLR 2023, section 4.1):

    SPD(A, B)  = E (A(D)(x) - B(D)(x))²                 squared predictor difference
    ILWD(A, B) = E |ŵ_A - ŵ_B|²                         implicit linear weight difference

ŵ is the least squares fit of a learner's predictions on many queries; of a linear predictor it is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Predictions = Float[np.ndarray, "tasks queries"]


class ImplicitWeights(NamedTuple):
    weights: Float[np.ndarray, "tasks d"]
    residual: Float[np.ndarray, " tasks"]  # mean square of what no linear function explains


def squared_differences(one: Predictions, other: Predictions) -> Float[np.ndarray, " tasks"]:
    """The mean over a task's queries."""
    return ((one - other) ** 2).mean(axis=1)


def spd(one: Predictions, other: Predictions) -> float:
    return float(squared_differences(one, other).mean())


def implicit_weights(predictions: Predictions, queries: Float[np.ndarray, "tasks queries d"]) -> ImplicitWeights:
    """The fit for each task, from at least as many queries as there are dimensions. Raises ValueError for fewer."""
    if queries.shape[1] < queries.shape[2]:
        raise ValueError(f"{queries.shape[1]} queries don't determine {queries.shape[2]} weights")
    weights = (np.linalg.pinv(queries) @ predictions[:, :, None])[:, :, 0]
    explained = np.einsum("td,tqd->tq", weights, queries)
    return ImplicitWeights(weights, squared_differences(predictions, explained))


def weight_differences(
    one: Predictions, other: Predictions, queries: Float[np.ndarray, "tasks queries d"]
) -> Float[np.ndarray, " tasks"]:
    """|ŵ_A - ŵ_B|² of each task; at as many examples as dimensions designs are nearly singular, so take the median."""
    difference = implicit_weights(one, queries).weights - implicit_weights(other, queries).weights
    return (difference**2).sum(axis=1)


def ilwd(one: Predictions, other: Predictions, queries: Float[np.ndarray, "tasks queries d"]) -> float:
    return float(weight_differences(one, other, queries).mean())
