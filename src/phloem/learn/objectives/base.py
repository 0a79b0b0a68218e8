"""The contract of objectives: a loss over a model and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from jaxtyping import Float
from torch import Tensor


class Loss(NamedTuple):
    """What to minimise, and named figures for the log that cost nothing to compute on the way."""

    value: Float[Tensor, ""]
    logs: dict[str, float]


class Objective(Protocol):
    """A mean over the examples of a batch, so that the mean over equal shares of a batch is the loss of the whole."""

    def __call__(self, model: Callable[[Any], Tensor], batch: Any) -> Loss: ...
