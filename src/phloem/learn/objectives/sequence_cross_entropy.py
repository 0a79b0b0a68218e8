"""Cross-entropy of a target sequence under teacher forcing (Sutskever et al. 2014, section 3; Alon et al. 2019, 3.3).

    loss = 1/batch  sum_b  sum_{t <= end_b}  -log p(y_bt | y_b<t, source_b)

The sum runs over the words and the end mark, the FIRST padding symbol of a row: a model that is not taught to end
never ends. It is divided by the number of sequences, not of positions: long targets weigh more, as in the released
code2seq, and the padded width of a batch has no influence.

Label smoothing (Szegedy et al. 2016, section 7) mixes the target with the uniform distribution over the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from phloem.learn.objectives.base import Loss
from phloem.represent.base import PAD


def counted(target: Int64[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Which positions a target has: its words and its end mark, the first PAD."""
    ended = (target == PAD).cumsum(dim=1)
    return (ended == 0) | ((ended == 1) & (target == PAD))


@dataclass(frozen=True)
class SequenceCrossEntropy:
    """`model(batch)` gives logits Float[batch time vocabulary] for `batch.target` Int64[batch time].

    Logits are large, a vocabulary a position. A model that can leave out the positions behind the end marks offers
    `packed(batch)`: logits Float[packed vocabulary] and their positions Int64[packed] in the flattened target. The
    log has the loss a counted position, the logarithm of the perplexity.
    """

    label_smoothing: float = 0.0

    def __call__(self, model: Callable[[Any], Float[Tensor, "batch time vocabulary"]], batch: Any) -> Loss:
        target = batch.target
        packed = getattr(model, "packed", None)
        if packed is not None:
            logits, positions = packed(batch)
        else:
            positions = counted(target).flatten().nonzero()[:, 0]
            logits = model(batch).flatten(0, 1).index_select(0, positions)
        wanted = target.flatten()[positions]
        total = F.cross_entropy(logits, wanted, reduction="sum", label_smoothing=self.label_smoothing)
        return Loss(total / target.shape[0], {"position_loss": float(total.detach()) / len(positions)})
