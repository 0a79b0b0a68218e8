"""The losses of all exits of an encoder, weighted by depth and summed: hierarchical self-distillation.

Gurioli et al. (2025): L = Σ_e w_e L_e. The gradient of a shallow loss reaches the layers that lie below its exit, and
deep losses pass through these too; that is what makes shallow layers learn from deep ones. No teacher, no second pass.
The weights grow with depth, w_e = depth of e / number of layers; (0, …, 0, 1) is the training of a plain encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import Contrastive
from phloem.learn.objectives.in_context_classification import repository_loss
from phloem.learn.objectives.masked_lm import choose, hidden
from phloem.represent.repository_windows import WindowBatch


def depth_weights(exits: Sequence[int], layers: int) -> tuple[float, ...]:
    """w_e of each exit."""
    return tuple(exit / layers for exit in exits)


def last_only(exits: Sequence[int]) -> tuple[float, ...]:
    """The weights of a plain encoder."""
    return tuple(float(number == len(exits) - 1) for number in range(len(exits)))


def multi_exit_sum(loss: Callable[[int], Float[Tensor, ""]], weights: Sequence[float]) -> Float[Tensor, ""]:
    """Σ_e w_e loss(e); exits of weight 0 are not computed. Raises ValueError where all weights are 0."""
    parts = [weight * loss(number) for number, weight in enumerate(weights) if weight]
    if not parts:
        raise ValueError("some exit must have a weight")
    return torch.stack(parts).sum()


class MultiExitPretraining:
    """Masked units and in-context classification at each exit of a `MultiExitEncoder`; `units` is the vocabulary's."""

    def __init__(self, weights: Sequence[float], units: int) -> None:
        self.weights, self.units = weights, units

    def __call__(self, model: Any, batch: WindowBatch) -> Loss:
        chosen = choose(batch.content)
        states = model(hidden(batch.tokens, chosen, self.units), batch.real)

        def loss(number: int) -> Tensor:
            own = states[number]
            asked = repository_loss(model, own, batch, number)
            if not chosen.any():
                return asked
            return asked + cross_entropy(model.words(own[chosen], number), batch.tokens[chosen])

        return Loss(multi_exit_sum(loss, self.weights), {})


class PairTokens(NamedTuple):
    """Row r of the queries searches row r of the codes."""

    queries: Int64[Tensor, "pairs time"]
    query_real: Bool[Tensor, "pairs time"]
    codes: Int64[Tensor, "pairs code"]
    code_real: Bool[Tensor, "pairs code"]


class MultiExitContrastive:
    """CLIP, in both directions, at each exit of a `MultiExitEncoder`; `scale` multiplies the similarities."""

    def __init__(self, weights: Sequence[float], scale: float = 10.0) -> None:
        self.weights, self.contrastive = weights, Contrastive(1 / scale)

    def __call__(self, model: Any, batch: PairTokens) -> Loss:
        queries, codes = model(batch.queries, batch.query_real), model(batch.codes, batch.code_real)
        logs: dict[str, Any] = {}

        def loss(number: int) -> Tensor:
            one = model.projected(queries[number], batch.query_real, number)
            found = self.contrastive.of(one, model.projected(codes[number], batch.code_real, number))
            logs[f"found_{number}"] = found.logs["found"]
            return found.value

        return Loss(multi_exit_sum(loss, self.weights), logs)
