"""The contract of mixers: layers through which the positions of a sequence exchange information.

A mixer may be run over a whole sequence, over pieces of it with the state carried from one to the next, or step by
step; the results agree. What a mixer promises, it declares in its `Facts`, and the tests of all mixers hold it to
that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from jaxtyping import Bool, Float, Int64
from torch import Tensor

State = Any


class Facts(NamedTuple):
    """What a mixer declares about itself."""

    causal: bool  # output t depends on inputs up to t only
    cost: str  # of a sequence of n positions, in the usual notation: "n", "n log n", "n^2"
    state_size: Callable[[int], int]  # numbers that the state of one row holds after so many tokens
    streaming: bool = True  # `step` exists
    granularity: Literal["token", "segment"] = "token"  # what `forward` may be split at
    tolerance: float = 1e-8  # between equal forms, in float64


class Info(NamedTuple):
    """What a mixer may be told about a batch beside the vectors; None: nothing to tell."""

    lengths: Int64[Tensor, " batch"] | None = None  # of the rows; outputs behind are 0, the state is the one at the end
    resets: Bool[Tensor, "batch time"] | None = None  # a new document begins here and knows nothing of the one before
    positions: Int64[Tensor, "batch time"] | None = None
    mask: Any = None  # a graph, or who may see whom
    memory: Any = None  # of another sequence, for cross-attention


class Mixer(Protocol):
    """x is batch × time × width; a step takes batch × width."""

    facts: Facts

    def forward(
        self, x: Float[Tensor, "batch time width"], state: State = None, info: Info | None = None
    ) -> tuple[Float[Tensor, "batch time width"], State]: ...

    def step(self, x: Float[Tensor, "batch width"], state: State) -> tuple[Float[Tensor, "batch width"], State]: ...

    def initial_state(self, batch: int) -> State: ...
