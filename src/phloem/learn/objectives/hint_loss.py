"""The loss of executing an algorithm: every step's hints, the outputs, and a price for open gates.

Veličković et al. (ICML 2022): squared error for scalars, binary cross-entropy for masks, cross-entropy over nodes for
one-hot masks and pointers. A hint's loss is its mean over the steps that a run has; hints and outputs are added up:

    loss = Σ_hints + Σ_outputs + price · mean G²

with the gates G of G-ForgetNet (Bohde et al., ICLR 2024), whose published form of the penalty and price are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from phloem.corpora.clrs import Kind
from phloem.learn.objectives.base import Loss


def errors(kind: Kind, logits: Float[Tensor, "... nodes"], truth: Float[Tensor, "... nodes"]) -> Tensor:
    """A loss for each node; of a one-hot mask the whole stands at its node."""
    if kind == "scalar":
        return (logits - truth).square()
    if kind == "mask":
        return binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if kind == "mask one":
        return -truth * logits.log_softmax(-1)
    return -(one_hot(truth.long(), logits.shape[-1]) * logits.log_softmax(-1)).sum(-1)


def mean(kind: Kind, loss: Tensor, mask: Tensor) -> Float[Tensor, ""]:
    """Over the nodes that are there, and over samples for a one-hot mask."""
    counted = mask[..., 0] if kind == "mask one" else mask
    return (loss * mask).sum() / counted.sum().clamp(min=1)


def _sum(losses: list[Tensor]) -> float:
    return float(torch.stack(losses).detach().sum())


@dataclass(frozen=True)
class HintLoss:
    """`batch` is a ClrsBatch, the model a ClrsNetwork."""

    price: float = 0.1

    def __call__(self, model: Any, batch: Any) -> Loss:
        trace = model(batch)
        steps = torch.arange(len(trace.hints), device=batch.lengths.device)
        running = (batch.lengths > steps[:, None] + 1)[:, :, None] & batch.mask
        hints, outputs = [], []
        for name, truth in zip(model.names["hint"], batch.hints, strict=True):
            kind = model.probes[name].kind
            told = torch.stack([each[name] for each in trace.hints])
            hints.append(mean(kind, errors(kind, told, truth[1:]), running))
        for name, truth in zip(model.names["output"], batch.outputs, strict=True):
            kind = model.probes[name].kind
            outputs.append(mean(kind, errors(kind, trace.outputs[name], truth), batch.mask))
        total = torch.stack(hints + outputs).sum()
        logs = {"hints": _sum(hints), "outputs": _sum(outputs)}
        if trace.gates is not None:
            open_gates = trace.gates[running]
            total = total + self.price * open_gates.square().mean()
            logs["gate"] = float(open_gates.detach().mean())
        return Loss(total, logs)
