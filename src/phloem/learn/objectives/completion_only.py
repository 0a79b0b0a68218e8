"""Causal language modelling of completions: what was given is read and never learned.

    L = - mean over learned units x_t of  log p(x_t | x_<t)

as fine-tuning on prompts with answers has it (Nye et al., "Show Your Work", 2021, section 2; Pasewark et al.,
"Re-Tuning", 2024, section 3). The last unit of a prompt predicts the first of its completion, so it has a gradient; the
place that predicts a unit of a prompt has none.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.represent.completions import Completions

Model = Callable[[Int64[Tensor, "batch time"]], Float[Tensor, "batch time units"]]


class CompletionOnly:
    """`model(tokens)` gives at each place the logits of the next unit."""

    def __call__(self, model: Model, batch: Completions) -> Loss:
        logits = model(batch.tokens)
        wanted = batch.learned[:, 1:]
        chosen, targets = logits[:, :-1][wanted], batch.tokens[:, 1:][wanted]
        value = cross_entropy(chosen, targets)
        with torch.no_grad():
            right = float((chosen.argmax(-1) == targets).double().mean())
        return Loss(value, {"accuracy": right, "units": float(len(targets))})
