"""A classifier over the layers of an encoder, of which the upper ones may be cut off.

Grishina et al. (2023). The combined vector goes through dropout and one linear layer, or through RoBERTa's head
(dropout, a tanh layer, dropout, a linear one). `cut` leaves an encoder's first layers only; the work falls with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.layer_combiner import LayerCombiner
from phloem.nn.models.roberta import Roberta


class LabelledRows(NamedTuple):
    """Sequences of units between a first and a closing mark, and their classes."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, " batch"]


def cut(roberta: Roberta, layers: int) -> Roberta:
    """A copy with the first `layers` layers and without the head of words."""
    made = Roberta(replace(roberta.config, layers=layers))
    del made.words
    made.load_state_dict({name: roberta.state_dict()[name] for name in made.state_dict()})
    return made.to(roberta.table.weight).train(roberta.training)


class LayerClassifier(nn.Module):
    """Logits of classes. With the option `last_layer_cls` and one linear layer the encoder's tanh pooler is used, where
    it has one."""

    def __init__(
        self, encoder: Roberta, combiner: LayerCombiner, classes: int, *, hidden: bool = False, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder, self.combiner = encoder, combiner
        self.pools = combiner.option == "last_layer_cls" and not hidden and encoder.pool is not None
        if not self.pools:
            encoder.pool = None
        self.dropout = nn.Dropout(dropout)
        self.inner = nn.Linear(encoder.width, encoder.width) if hidden else None
        self.output = nn.Linear(encoder.width, classes)

    def forward(self, batch: LabelledRows) -> Float[Tensor, "batch classes"]:
        states = self.encoder.states(batch.tokens, None, batch.lengths)
        place = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
        ordinary = (place > 0) & (place < batch.lengths[:, None] - 1)
        vector: Any = self.combiner(states, ordinary)
        if self.pools:
            vector = self.encoder.pooled(states[-1])
        vector = self.dropout(vector)
        if self.inner is not None:
            vector = self.dropout(torch.tanh(self.inner(vector)))
        return self.output(vector)
