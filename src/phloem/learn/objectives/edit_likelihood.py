"""The loss of a tree edit policy: cross entropy of the edit's tokens, and how wrong the guess of what is left is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.nn.functional import cross_entropy, l1_loss

from phloem.learn.objectives.base import Loss
from phloem.nn.models.tree_edit_policy import EditBatch

VALUE = 0.1  # weight of the second term


class EditLikelihood:
    """Means over predicted tokens and over examples."""

    def __call__(self, model: Callable[[Any], Any], batch: EditBatch) -> Loss:
        logits, guessed = model(batch)
        wanted = batch.predicted[:, 1:]
        likelihood = cross_entropy(logits[:, :-1][wanted], batch.tokens[:, 1:][wanted])
        value = l1_loss(guessed, batch.left)
        return Loss(
            likelihood + VALUE * value, {"likelihood": float(likelihood.detach()), "value": float(value.detach())}
        )
