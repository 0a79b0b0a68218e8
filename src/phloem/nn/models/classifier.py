"""A classifier: an encoder that gives one vector an example, at most one hidden layer, and a score a class."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Classifier(nn.Module):
    """Logits of the classes. Without a `hidden` layer it is logistic regression over the encoder's vector.

    The hidden layer is tanh's (Mou et al. 2016, section 3.5). `encoder.width` is the vector's.
    """

    def __init__(self, encoder: nn.Module, classes: int, *, hidden: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        width = int(encoder.width)  # type: ignore[arg-type]
        self.hidden = nn.Linear(width, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden or width, classes)

    def forward(self, batch: Any) -> Float[Tensor, "batch classes"]:
        vector = self.dropout(self.encoder(batch))
        if self.hidden is not None:
            vector = self.dropout(torch.tanh(self.hidden(vector)))
        return self.output(vector)
