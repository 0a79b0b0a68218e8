"""The loss of a bug detector: where the bug is, and what repairs it.

For a function with at most one bug, as in `learn.objectives.pointer_loss`: the cross-entropy of the place (or of none)
and, given the place, of the repair: of a variable any right occurrence will do (the reading `sum`), of an operator or
an exception type the right word. In a dense function every slot is right or wrong for itself, which teaches more at
each pass (as replaced token detection does; Clark et al., "ELECTRA", 2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.pointer_loss import pointer_log_probabilities, repair_loss
from phloem.nn.models.bug_detector import Verdicts, location_log_probabilities
from phloem.represent.bug_slots import EXCEPTION, OPERATOR, VARIABLE

if TYPE_CHECKING:
    from phloem.represent.bug_arrays import ReviewBatch

DENSE_WEIGHT = 0.3  # of the summed losses of a dense function's slots


class BugDetection:
    """The objective of a `BugDetector` on batches with bugs."""

    def __init__(self, dense_weight: float = DENSE_WEIGHT) -> None:
        self.dense_weight = dense_weight

    def __call__(self, model: Any, batch: ReviewBatch) -> Loss:
        verdicts: Verdicts = model(batch)
        rows = len(batch.lengths)
        location = self.location(verdicts.location, batch)
        repair = self.repair(verdicts, batch)
        value = (location.sum() + repair.sum()) / rows
        wrong = max(1, len(verdicts.asked))
        return Loss(
            value, {"location": float(location.detach().mean()), "repair": float(repair.detach().sum()) / wrong}
        )

    def location(self, logits: Tensor, batch: ReviewBatch) -> Tensor:
        """Of each function."""
        rows = len(batch.lengths)
        table = location_log_probabilities(logits, batch.row, batch.place, rows)
        error = torch.zeros(rows, dtype=torch.long, device=logits.device)
        error[batch.row[batch.wrong]] = batch.place[batch.wrong] + 1
        single = -table.gather(1, error[:, None])[:, 0]
        each = binary_cross_entropy_with_logits(logits, batch.wrong.to(logits.dtype), reduction="none")
        dense = torch.zeros_like(single).index_add(0, batch.row, each) * self.dense_weight
        return torch.where(batch.dense, dense, single)

    def repair(self, verdicts: Verdicts, batch: ReviewBatch) -> Tensor:
        """Of each slot that was asked about; 0 for those that are swapped or only removed."""
        asked = verdicts.asked
        kind, right = batch.kind[asked], batch.right[asked]
        losses = []
        uses = kind == VARIABLE
        if uses.any():
            logits = verdicts.variables[uses]
            target = batch.number[batch.row[asked[uses]]] == right[uses, None]
            losses.append(repair_loss(pointer_log_probabilities(logits, logits.isfinite()), target))
        closed = (kind == OPERATOR) | (kind == EXCEPTION)
        if closed.any():
            losses.append(cross_entropy(verdicts.words[closed], right[closed], reduction="none"))
        return torch.cat(losses) if losses else verdicts.location.new_zeros(1)
