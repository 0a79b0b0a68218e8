"""An ensemble decodes as one model: the average of the output distributions (Sutskever et al. 2014, section 3.6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from phloem.decode.base import Decodable


class Ensemble:
    """Models over one vocabulary, mostly of the same recipe trained from different seeds."""

    def __init__(self, models: Sequence[Decodable]) -> None:
        if not models:
            raise ValueError("an ensemble needs at least one model")
        self.models = tuple(models)

    def start(self, source: Any) -> tuple[Any, ...]:
        return tuple(model.start(source) for model in self.models)

    def next(self, tokens: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        """Log probabilities of the averaged distribution, and every model's new state."""
        steps = [model.next(tokens, part) for model, part in zip(self.models, state, strict=True)]
        logs = torch.stack([logits.log_softmax(dim=-1) for logits, _ in steps])
        return logs.logsumexp(dim=0) - math.log(len(steps)), tuple(part for _, part in steps)

    def reorder(self, state: tuple[Any, ...], index: Tensor) -> tuple[Any, ...]:
        return tuple(model.reorder(part, index) for model, part in zip(self.models, state, strict=True))

    def trace(self, state: tuple[Any, ...]) -> Tensor | None:
        """The mean of the models' attention, where all of them have one."""
        traces = [model.trace(part) for model, part in zip(self.models, state, strict=True)]
        present = [trace for trace in traces if trace is not None]
        return torch.stack(present).mean(dim=0) if len(present) == len(traces) else None
