"""Searches over models that have marks of their own.

Every search here begins with START and takes PAD as the end of a sequence (`phloem.represent.base`). A published model
begins and ends with ids of its own; `OwnMarks` stands between: START is the model's begin mark, and PAD changes places
with its end mark. In a hypothesis the end mark never stands, so where its id does, id PAD is meant, and `own` puts that
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phloem.decode.base import Decodable
from phloem.represent.base import PAD


class MarkedState(NamedTuple):
    inner: Any
    begun: bool


class OwnMarks:
    """A `Decodable` over a model with `begin` and `end`, or with those given."""

    def __init__(self, model: Decodable, begin: int | None = None, end: int | None = None) -> None:
        self.model = model
        self.begin = int(model.begin) if begin is None else begin  # type: ignore[attr-defined]
        self.end = int(model.end) if end is None else end  # type: ignore[attr-defined]

    def start(self, source: Any) -> MarkedState:
        return MarkedState(self.model.start(source), False)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: MarkedState
    ) -> tuple[Float[Tensor, "rows vocabulary"], MarkedState]:
        tokens = self._swapped(tokens) if state.begun else torch.full_like(tokens, self.begin)
        logits, inner = self.model.next(tokens, state.inner)
        order = torch.arange(logits.shape[1], device=logits.device)
        order[PAD], order[self.end] = self.end, PAD
        return logits[:, order], MarkedState(inner, True)

    def reorder(self, state: MarkedState, index: Int64[Tensor, " rows"]) -> MarkedState:
        return MarkedState(self.model.reorder(state.inner, index), state.begun)

    def trace(self, state: MarkedState) -> Tensor | None:
        return self.model.trace(state.inner)

    def own(self, value: Sequence[int]) -> list[int]:
        """The model's ids of a hypothesis's value."""
        return [PAD if token == self.end else token for token in value]

    def _swapped(self, tokens: Tensor) -> Tensor:
        return torch.where(tokens == PAD, self.end, torch.where(tokens == self.end, PAD, tokens))
