"""The encoder-decoder of BART's shape.

Lewis et al., "BART: Denoising Sequence-to-Sequence Pre-training" (ACL 2020, section 2.1): the Transformer of Vaswani et
al. (2017) with learned places, GELU, a norm behind the sum of units and places, and the norm behind each part. One
table of unit vectors serves both sides and the output, which has a bias a word. PLBART (Ahmad et al. 2021) scales the
unit vectors by √width. BART's targets begin with the end mark of the sentence before: `begin` is `end`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.multihead_attention import MultiHeadAttention
from phloem.nn.models.blocks import Block, FeedForward
from phloem.nn.models.encoder_decoder import EncoderDecoder, encoder_bias
from phloem.nn.positions.learned import LearnedPositions


@dataclass(frozen=True)
class BartConfig:
    """Sizes (those of PLBART-base unless given). `first_place` rows of the table of places come before place 0's;
    `scaled` multiplies unit vectors by √width; `begin` and `end` are the marks of a target."""

    vocabulary: int = 50005
    width: int = 768
    layers: int = 6
    decoder_layers: int = 6
    heads: int = 12
    decoder_heads: int = 12
    inner: int = 3072
    decoder_inner: int = 3072
    places: int = 1024
    first_place: int = 2
    scaled: bool = True
    activation: str = "gelu"
    dropout: float = 0.0
    pad: int = 1
    begin: int = 2
    end: int = 2


class Bart(EncoderDecoder):
    """Sequences to sequences; `encode`, `decode`, `logits`, and decoding word by word."""

    def __init__(self, config: BartConfig) -> None:
        super().__init__()
        self.config, self.width = config, config.width
        self.pad, self.begin, self.end = config.pad, config.begin, config.end
        self.table = nn.Embedding(config.vocabulary, config.width)
        self.encoder_positions, self.decoder_positions = (
            LearnedPositions(config.places, config.width, config.first_place) for _ in range(2)
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.encoder = nn.ModuleList(_block(config, memory=False) for _ in range(config.layers))
        self.decoder = nn.ModuleList(_block(config, memory=True) for _ in range(config.decoder_layers))
        self.output_bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.table.weight, std=0.02)

    def encode(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The memory. Row r of `mask` says whom place r reads, padding left out in any case."""
        return self.states(tokens, lengths, mask, embeddings=embeddings)[-1]

    def states(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors that go into the encoder's first block, then those after each block. `embeddings` stand for the
        scaled unit vectors, before places are added."""
        if embeddings is None:
            if tokens is None:
                raise ValueError("give units or embeddings")
            embeddings = self._units(tokens)
        x = self.dropout(self.encoder_norm(self.encoder_positions(embeddings)))
        reads = encoder_bias(mask, lengths, bias, x)
        states = [x]
        for block in self.encoder:
            x, _ = block(x, reads)
            states.append(x)
        return states

    def embed_target(self, tokens: Int64[Tensor, "rows steps"], past: int) -> Float[Tensor, "rows steps width"]:
        places = torch.arange(past, past + tokens.shape[1], device=tokens.device)
        return self.dropout(self.decoder_norm(self.decoder_positions(self._units(tokens), places)))

    def position_bias(self, queries: int, past: int) -> None:
        return None

    def decoded(self, x: Float[Tensor, "rows steps width"]) -> Float[Tensor, "rows steps width"]:
        return x

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the word at each place."""
        return states @ self.table.weight.T + self.output_bias

    def _units(self, tokens: Tensor) -> Tensor:
        units = cast(Tensor, self.table(tokens))
        return units * math.sqrt(self.width) if self.config.scaled else units


def _block(config: BartConfig, *, memory: bool) -> Block:
    heads = config.decoder_heads if memory else config.heads
    inner = config.decoder_inner if memory else config.inner
    return Block(
        MultiHeadAttention(config.width, heads, dropout=config.dropout),
        FeedForward(config.width, inner, activation=config.activation),
        lambda: nn.LayerNorm(config.width),
        memory_attention=MultiHeadAttention(config.width, heads, dropout=config.dropout) if memory else None,
        norm_first=False,
        dropout=config.dropout,
    )
