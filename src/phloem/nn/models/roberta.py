"""The encoder of BERT's shape as RoBERTa has it.

Devlin et al., "BERT" (2019); Liu et al., "RoBERTa" (2019): units, places and (one) segment are added and normed, blocks
read in both directions with the norm behind each sum, and a head predicts the unit at a place with the table of unit
vectors as its last matrix. CodeBERT, GraphCodeBERT and UniXcoder have this shape; what they change is who may read whom
(the mask, for each pair of places), the places (`places`), and the vectors that go in (`embeddings`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.mixers.multihead_attention import MultiHeadAttention, additive, both, real_keys
from phloem.nn.models.blocks import Block, FeedForward
from phloem.nn.positions.learned import LearnedPositions


@dataclass(frozen=True)
class RobertaConfig:
    """Sizes (those of CodeBERT unless given). `places` are the units that a sequence may have; `first_place` rows of
    the table of places come before that of place 0; `pad` is the id behind a row's end."""

    vocabulary: int = 50265
    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    places: int = 512
    first_place: int = 2
    segments: int = 1
    pad: int = 1
    activation: str = "gelu"
    epsilon: float = 1e-5
    dropout: float = 0.0
    pooler: bool = False


class WordHead(nn.Module):
    """Logits of the unit at a place; the last matrix is the table of unit vectors (Press and Wolf 2017)."""

    def __init__(self, vocabulary: int, width: int, epsilon: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, table: Float[Tensor, "vocabulary width"]) -> Tensor:
        return self.norm(gelu(self.dense(states))) @ table.T + self.bias


class Roberta(nn.Module):
    """Units to vectors. With `config.pooler` there is a tanh layer over the first place's vector, too."""

    def __init__(self, config: RobertaConfig) -> None:
        super().__init__()
        self.config, self.width = config, config.width
        self.table = nn.Embedding(config.vocabulary, config.width)
        self.positions = LearnedPositions(config.places, config.width, config.first_place)
        self.segments = nn.Embedding(config.segments, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.layers))
        self.words = WordHead(config.vocabulary, config.width, config.epsilon)
        self.pool = nn.Linear(config.width, config.width) if config.pooler else None
        for part in (self.table, self.segments):
            nn.init.normal_(part.weight, std=0.02)

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        *,
        places: Int64[Tensor, "batch time"] | None = None,
        segments: Int64[Tensor, "batch time"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The last block's vectors; those of padding mean nothing."""
        return self.states(tokens, mask, lengths, embeddings, places=places, segments=segments, bias=bias)[-1]

    def states(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        *,
        places: Int64[Tensor, "batch time"] | None = None,
        segments: Int64[Tensor, "batch time"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors that go into the first block, then those after each block.

        Row r of `mask` says whom place r reads, padding (`lengths`) left out in any case; `embeddings` stand for the
        unit vectors, before places are added; `places` are counted from 0; `bias` is added to the scores of all blocks.
        """
        x = self.embed(tokens) if embeddings is None else embeddings
        x = self.positions(x, places)
        x = x + (self.segments.weight[0] if segments is None else self.segments(segments))
        x = self.dropout(self.norm(x))
        reads = additive(both(mask, real_keys(lengths, x.shape[1])), bias, x.dtype)
        states = [x]
        for block in self.blocks:
            x, _ = block(x, reads)
            states.append(x)
        return states

    def embed(self, tokens: Int64[Tensor, "batch time"] | None) -> Float[Tensor, "batch time width"]:
        """Unit vectors alone. Raises ValueError without units."""
        if tokens is None:
            raise ValueError("give units or embeddings")
        return self.table(tokens)

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the unit at each place."""
        return cast(Tensor, self.words(states, self.table.weight))

    def pooled(self, states: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch width"]:
        """The first place's vector, through the tanh layer where there is one."""
        first = states[:, 0]
        return first if self.pool is None else torch.tanh(self.pool(first))


def _block(config: RobertaConfig) -> Block:
    attention = MultiHeadAttention(config.width, config.heads, dropout=config.dropout)
    feed_forward = FeedForward(config.width, config.inner, activation=config.activation)
    return Block(
        attention,
        feed_forward,
        lambda: nn.LayerNorm(config.width, eps=config.epsilon),
        norm_first=False,
        dropout=config.dropout,
    )
