"""A cross-encoder: text and code are read together, and one number says whether they belong together.

Feng et al., "CodeBERT" (2020, section 4.1): the vector of [CLS] of the sequence [CLS] text [SEP] code [SEP] goes
through a dense layer to a two-way choice, of which the difference of the two logits is one logit. As every pair is
read, it is dear: a query and n codes take n passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.models.text_encoder import TextEncoder, TextPairs, text_pairs


class UnitPairs(NamedTuple):
    """Units of the texts and of the codes of some pairs, unpadded. Pairs with equal keys say the same."""

    texts: list[list[int]]
    codes: list[list[int]]
    query_key: Int64[np.ndarray, " pairs"]
    code_key: Int64[np.ndarray, " pairs"]


class CrossEncoder(nn.Module):
    """Over a `TextEncoder`, pretrained or not; `most` and `most_text` are the units that are read."""

    def __init__(self, encoder: TextEncoder, *, most: int = 200, most_text: int = 50, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.most, self.most_text = most, most_text
        width = encoder.table.embedding_dim
        self.dense, self.output = nn.Linear(width, width), nn.Linear(width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: TextPairs) -> Float[Tensor, " batch"]:
        """Logits that text and code belong together."""
        first = self.dropout(self.encoder(batch.tokens, batch.lengths)[:, 0])
        return self.output(self.dropout(torch.tanh(self.dense(first))))[:, 0]

    def match(
        self, batch: UnitPairs, left: Int64[Tensor, " rows"], right: Int64[Tensor, " rows"]
    ) -> Float[Tensor, " rows"]:
        """Logits of the texts `left` with the codes `right` of a batch."""
        texts = [batch.texts[row] for row in left.tolist()]
        return self(text_pairs(texts, [batch.codes[row] for row in right.tolist()], **self._cuts()))

    @torch.inference_mode()
    def scores(self, text: list[int], codes: Sequence[list[int]], at_once: int = 128) -> Float[Tensor, " codes"]:
        """Of one text with many codes; like lengths are read together, as padding costs."""
        order = sorted(range(len(codes)), key=lambda place: len(codes[place]))
        found = torch.empty(len(codes))
        for start in range(0, len(order), at_once):
            part = order[start : start + at_once]
            found[part] = self(text_pairs([text] * len(part), [codes[place] for place in part], **self._cuts()))
        return found

    def _cuts(self) -> dict[str, int]:
        return {"most": self.most, "most_text": self.most_text}
