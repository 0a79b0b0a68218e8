"""The log likelihood of programs under a grammar that a model predicts.

A program is a sequence of decisions, each among the children that fit there: log P = Σ w[row, child] -
log Σ_possible exp w[row, ·] (Ellis et al. 2020, L_MAP when the programs are those of largest posterior).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phloem.learn.objectives.base import Loss
from phloem.nn.models.recognition import TaskBatch


class ProgramLikelihood:
    """Negative log likelihood, the mean over the tasks of a batch."""

    def __call__(self, model: Callable[[TaskBatch], Tensor], batch: TaskBatch) -> Loss:
        at = model(batch)[batch.decided, batch.row]  # decisions children
        normal = torch.logsumexp(at.masked_fill(~batch.possible, -torch.inf), dim=1)
        chosen = at.gather(1, batch.child[:, None]).squeeze(1)
        value = (normal - chosen).sum() / batch.tasks
        return Loss(value, {})
