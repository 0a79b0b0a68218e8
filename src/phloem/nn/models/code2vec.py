"""Code2vec: the attention-pooled bag of contexts predicts a whole name (Alon et al., POPL 2019).

A name is one word of a vocabulary, so that its sequence is that word and the end mark: the model is a `Decodable` whose
second word is always the end.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.code2vec import Code2VecEncoder
from phloem.represent.base import PAD, START
from phloem.represent.path_batch import PathBatch

NEVER = -1e30


class Names(NamedTuple):
    """Logits of names by row, and whether the row's name has been written."""

    logits: Float[Tensor, "rows names"]
    attention: Float[Tensor, "rows positions"]
    written: bool


class Code2Vec(nn.Module):
    """Bags of path contexts to whole names."""

    def __init__(self, encoder: Code2VecEncoder, names: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.names = nn.Linear(encoder.combine.out_features, names, bias=False)
        forbidden = torch.zeros(names)
        forbidden[[PAD, START]] = NEVER
        self.register_buffer("forbidden", forbidden, persistent=False)

    def logits(self, batch: PathBatch) -> tuple[Float[Tensor, "batch names"], Float[Tensor, "batch positions"]]:
        code, attention = self.encoder(batch)
        return self.names(code) + self.forbidden, attention

    def forward(self, batch: PathBatch) -> Float[Tensor, "batch time names"]:
        """Logits of the name at the first position, certainty of the end behind it."""
        names, _ = self.logits(batch)
        return torch.stack([names, *[self.end(names)] * (batch.target.shape[1] - 1)], dim=1)

    def end(self, like: Float[Tensor, "rows names"]) -> Float[Tensor, "rows names"]:
        """Logits that say: the end."""
        certain = torch.full_like(like, NEVER)
        certain[:, PAD] = 0.0
        return certain

    def start(self, source: PathBatch) -> Names:
        return Names(*self.logits(source), False)

    def next(self, tokens: Int64[Tensor, " rows"], state: Names) -> tuple[Float[Tensor, "rows names"], Names]:
        logits = self.end(state.logits) if state.written else state.logits
        return logits, state._replace(written=True)

    def reorder(self, state: Names, index: Int64[Tensor, " rows"]) -> Names:
        return state._replace(logits=state.logits[index], attention=state.attention[index])

    def trace(self, state: Names) -> Float[Tensor, "rows positions"]:
        """The attention over each row's contexts, the same at every step."""
        return state.attention
