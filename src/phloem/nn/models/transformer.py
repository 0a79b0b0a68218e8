"""A small Transformer encoder-decoder over tokens.

Vaswani et al., "Attention Is All You Need" (2017, section 3), with the normalisation before each sublayer
(Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020), which trains without warm-up:

        x <- x + Attention(LN x)        x <- x + W_2 relu(W_1 LN x)        Attention = softmax(Q K^T / sqrt(d)) V

Positions are the sinusoids of section 3.5, so that no length is special. Decoding keeps the keys and values of the
words written so far and those of the source, and reads one token a step.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention

from phloem.nn.models.seq2seq import shift_right, written
from phloem.represent.token_view import TokenBatch


def sinusoids(positions: Int64[Tensor, " time"], width: int) -> Float[Tensor, "time width"]:
    """Sines in the even columns and cosines in the odd ones; wavelengths from 2 pi to 10,000 * 2 pi."""
    rate = torch.exp(torch.arange(0, width, 2, device=positions.device) * (-math.log(10_000.0) / width))
    angle = positions[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).to(torch.get_default_dtype())


class Attention(nn.Module):
    """Multi-head attention of queries over given keys and values, so that these can be kept."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.dropout = dropout

    def read(self, x: Float[Tensor, "batch time width"]) -> tuple[Tensor, " Tensor"]:
        """Keys and values, each batch heads time size."""
        key, value = rearrange(self.key_value(x), "b t (two h d) -> two b h t d", two=2, h=self.heads)
        return key, value

    def forward(
        self,
        x: Float[Tensor, "batch queries width"],
        key: Float[Tensor, "batch heads time size"],
        value: Float[Tensor, "batch heads time size"],
        mask: Bool[Tensor, "batch 1 1 time"] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch queries width"]:
        query = rearrange(self.query(x), "b t (h d) -> b h t d", h=self.heads)
        mixed = scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(rearrange(mixed, "b h t d -> b t (h d)"))


class FeedForward(nn.Module):
    """Two linear maps with a relu between, at each position alone."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        return self.down(relu(self.up(x)))


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, inner)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time width"], mask: Bool[Tensor, "batch 1 1 time"]
    ) -> Float[Tensor, "batch time width"]:
        normed = self.norms[0](x)
        x = x + self.dropout(self.attention(normed, *self.attention.read(normed), mask=mask))
        return x + self.dropout(self.feed_forward(self.norms[1](x)))


class LayerCache(NamedTuple):
    """Keys and values of one decoder layer, each rows heads time size: of the words so far, and of the source."""

    key: Tensor
    value: Tensor
    source_key: Tensor
    source_value: Tensor


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads, dropout)
        self.source_attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, inner)
        self.dropout = nn.Dropout(dropout)

    def empty(self, memory: Float[Tensor, "batch time width"]) -> LayerCache:
        """The cache before the first word: the source's keys and values, computed once."""
        source_key, source_value = self.source_attention.read(memory)
        none = source_key[:, :, :0]
        return LayerCache(none, none, source_key, source_value)

    def forward(
        self, x: Float[Tensor, "batch steps width"], cache: LayerCache, mask: Bool[Tensor, "batch 1 1 time"]
    ) -> tuple[Float[Tensor, "batch steps width"], LayerCache]:
        """Several first words at once (teacher forcing), or one word after those in the cache."""
        normed = self.norms[0](x)
        key, value = self.attention.read(normed)
        key, value = torch.cat([cache.key, key], dim=2), torch.cat([cache.value, value], dim=2)
        x = x + self.dropout(self.attention(normed, key, value, causal=x.shape[1] > 1))
        mixed = self.source_attention(self.norms[1](x), cache.source_key, cache.source_value, mask=mask)
        x = x + self.dropout(mixed)
        x = x + self.dropout(self.feed_forward(self.norms[2](x)))
        return x, cache._replace(key=key, value=value)


class TransformerState(NamedTuple):
    """What decoding keeps a row."""

    layers: tuple[LayerCache, ...]
    mask: Bool[Tensor, "rows 1 1 time"]  # true positions of the source
    position: int


class Transformer(nn.Module):
    """Encoder and decoder of the same depth; embeddings scaled by sqrt(width) before positions are added."""

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        *,
        width: int = 128,
        heads: int = 4,
        layers: int = 2,
        inner: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width {width} must be an even multiple of {heads} heads")
        self.width = width
        self.source_embedding = nn.Embedding(source_vocabulary, width)
        self.target_embedding = nn.Embedding(target_vocabulary, width)
        self.encoder = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(width, heads, inner, dropout) for _ in range(layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.decoder_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, target_vocabulary, bias=False)
        self.dropout = nn.Dropout(dropout)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=width**-0.5)

    def forward(self, batch: TokenBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of every target position."""
        decoded, _ = self._decode(shift_right(batch.target), self.start(batch))
        return self.output(decoded)

    def packed(self, batch: TokenBatch) -> tuple[Float[Tensor, "packed vocabulary"], Int64[Tensor, " packed"]]:
        """Logits of words and end marks only, and their positions in the flattened target."""
        decoded, _ = self._decode(shift_right(batch.target), self.start(batch))
        positions = written(batch.target)
        return self.output(decoded.flatten(0, 1).index_select(0, positions)), positions

    def start(self, batch: TokenBatch) -> TransformerState:
        """Read the source once; the decoder's keys and values of it are computed here."""
        time = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
        mask = (time < batch.lengths[:, None])[:, None, None]
        x = self._embed(self.source_embedding, batch.tokens, 0)
        for layer in self.encoder:
            x = layer(x, mask)
        memory = self.encoder_norm(x)
        return TransformerState(tuple(layer.empty(memory) for layer in self.decoder_layers()), mask, 0)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: TransformerState
    ) -> tuple[Float[Tensor, "rows vocabulary"], TransformerState]:
        """Logits of the token after `tokens`."""
        decoded, state = self._decode(tokens[:, None], state)
        return self.output(decoded[:, 0]), state

    def reorder(self, state: TransformerState, index: Int64[Tensor, " rows"]) -> TransformerState:
        layers = tuple(LayerCache(*(part[index] for part in cache)) for cache in state.layers)
        return TransformerState(layers, state.mask[index], state.position)

    def decoder_layers(self) -> list[DecoderLayer]:
        return cast(list[DecoderLayer], list(self.decoder))

    def trace(self, state: TransformerState) -> None:
        """Attention is spread over heads and layers, so no one row of it explains a step."""
        return None

    def _decode(
        self, tokens: Int64[Tensor, "rows steps"], state: TransformerState
    ) -> tuple[Float[Tensor, "rows steps width"], TransformerState]:
        """What the output layer reads."""
        x = self._embed(self.target_embedding, tokens, state.position)
        caches = []
        for layer, cache in zip(self.decoder_layers(), state.layers, strict=True):
            x, kept = layer(x, cache, state.mask)
            caches.append(kept)
        return self.decoder_norm(x), TransformerState(tuple(caches), state.mask, state.position + tokens.shape[1])

    def _embed(
        self, embedding: nn.Embedding, tokens: Int64[Tensor, "rows time"], first: int
    ) -> Float[Tensor, "rows time width"]:
        positions = torch.arange(first, first + tokens.shape[1], device=tokens.device)
        x = embedding(tokens) * math.sqrt(self.width)
        return self.dropout(x + sinusoids(positions, self.width).to(x.dtype))
