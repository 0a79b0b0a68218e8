"""What a model offers to decoding, and what a search returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jaxtyping import Float, Int64

if TYPE_CHECKING:
    from torch import Tensor

State = Any


class Hypothesis(NamedTuple):
    """A decoded sequence, end mark left out. `score` is its log probability, end mark included."""

    value: tuple[int, ...]
    score: float
    trace: Any = (
        None  # what the model recorded a step (the attention over its source), one row a word and one for the end
    )


class Decodable(Protocol):
    """Any sequence model: `start` reads the source once, `next` extends every row by one token."""

    def start(self, source: Any) -> State: ...

    def next(self, tokens: Int64[Tensor, " rows"], state: State) -> tuple[Float[Tensor, "rows vocabulary"], State]: ...

    def reorder(self, state: State, index: Int64[Tensor, " rows"]) -> State: ...

    def trace(self, state: State) -> Tensor | None:
        """What the last step attended to: rows by source positions (padded with zeros), or None."""
        ...


class Search(Protocol):
    """Decodes every source of a batch; hypotheses come best first."""

    def __call__(self, model: Decodable, source: Any, *, length: int) -> list[list[Hypothesis]]: ...


def rows_of(source: Any) -> int:
    """How many sources a batch holds: every batch has a `target`, Int64[rows time], of any time (also 0)."""
    return source.target.shape[0]
