"""An encoder of units with the heads that it is pretrained by.

Devlin et al., "BERT" (2019): units and positions, layers of self-attention in both directions. The word head predicts
the unit that stood at a place, with the table of unit vectors as its last matrix (Press and Wolf, "Using the Output
Embedding to Improve Language Models", 2017); the originality head says whether the unit at a place is the original one
(Clark et al., "ELECTRA", 2020; Feng et al., "CodeBERT", 2020).

A pair of texts is one sequence [CLS] w_1 … w_n [SEP] c_1 … c_m [SEP]; which part a unit is of is told by places alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.encoders.transformer_encoder import TransformerEncoder
from phloem.nn.positions.learned import LearnedPositions
from phloem.represent.subwords import CLS, PAD, SEP


class TextPairs(NamedTuple):
    """Sequences of a text and a code; `text` and `code` mark the units of either, special ones are of neither.

    A row of code alone has no unit of text."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    text: Bool[Tensor, "batch time"]
    code: Bool[Tensor, "batch time"]

    def real(self) -> Bool[Tensor, "batch time"]:
        """The places that are not padding."""
        return torch.arange(self.tokens.shape[1], device=self.tokens.device) < self.lengths[:, None]


def text_pairs(texts: list[list[int]], codes: list[list[int]], *, most: int = 256, most_text: int = 64) -> TextPairs:
    """The batch of these units; texts are cut to `most_text` first, then codes so that `most` units are left."""
    rows, text_marks, code_marks = [], [], []
    for text, code in zip(texts, codes, strict=True):
        text = text[:most_text]
        code = code[: most - len(text) - 3]
        head = [CLS, *text, SEP] if text else [CLS]
        rows.append([*head, *code, SEP])
        text_marks.append([False] + [True] * len(text) + [False] * (len(rows[-1]) - 1 - len(text)))
        code_marks.append([False] * len(head) + [True] * len(code) + [False])
    longest = max(map(len, rows), default=1)
    tokens = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    marks = [[row + [False] * (longest - len(row)) for row in side] for side in (text_marks, code_marks)]
    return TextPairs(tokens, torch.tensor([len(row) for row in rows]), *(torch.tensor(side) for side in marks))


class TextEncoder(nn.Module):
    """Units to vectors; `words` and `original` are the heads over these."""

    def __init__(
        self, units: int, *, width: int = 128, layers: int = 4, heads: int = 4, inner: int = 512, most: int = 256
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(units, width)
        self.positions = LearnedPositions(most, width)
        self.norm = nn.LayerNorm(width)
        self.encoder = TransformerEncoder(width, layers=layers, heads=heads, inner=inner)
        self.word_dense = nn.Linear(width, width)
        self.word_norm = nn.LayerNorm(width)
        self.word_bias = nn.Parameter(torch.zeros(units))
        self.original_dense = nn.Linear(width, width)
        self.original_out = nn.Linear(width, 1)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch time width"]:
        """The last layer's vectors; those of padding mean nothing."""
        return self.encoder(self.norm(self.positions(self.table(tokens))), lengths)

    def words(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places units"]:
        """Logits of the unit at each place."""
        return self.word_norm(gelu(self.word_dense(states))) @ self.table.weight.T + self.word_bias

    def original(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places"]:
        """Logits that the unit at each place is the original."""
        return self.original_out(gelu(self.original_dense(states)))[..., 0]
