"""A tagger: an encoder in both directions that gives every place of a sequence a class.

Places have learned vectors beside the rotations of attention, so that absolute ones can be told. What each head reads
can be asked for, and supervised (Weiss, Goldberg and Yahav, "Thinking Like Transformers", 2021, section 5).
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.transformer_encoder import EncoderLayer, TransformerEncoder
from phloem.nn.mixers.attention import SelfAttention
from phloem.nn.mixers.base import Info
from phloem.nn.positions.rotary import angles, rotate

IGNORED = -1  # as a target: places that don't count


class TaggedBatch(NamedTuple):
    """`patterns` are what the heads of each layer should read, each row summing to 1 or 0; () for no opinion."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, "batch time"]
    patterns: tuple[Float[Tensor, "batch heads time time"], ...] = ()


def attention_weights(
    attention: SelfAttention, x: Float[Tensor, "batch time width"], lengths: Int64[Tensor, " batch"]
) -> Float[Tensor, "batch heads time time"]:
    """How much each place reads of each, as the module's own fused kernel computes it; nothing behind the lengths."""
    query, key, _ = rearrange(attention.inputs(x), "b t (three h d) -> three b h t d", three=3, h=attention.heads)
    time = torch.arange(x.shape[1], device=x.device)
    angle = angles(time, attention.size, dtype=x.dtype)
    scores = rotate(query, angle) @ rotate(key, angle).transpose(-1, -2) / math.sqrt(attention.size)
    unreal = (time >= lengths[:, None])[:, None, None]
    return scores.masked_fill(unreal, -math.inf).softmax(dim=-1)


class Tagger(nn.Module):
    """Logits of `classes` at each of at most `longest` places."""

    def __init__(
        self, vocabulary: int, classes: int, *, width: int, layers: int, heads: int, longest: int, inner: int = 0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(longest, width)
        self.encoder = TransformerEncoder(width, layers=layers, heads=heads, inner=inner or 4 * width)
        self.output = nn.Linear(width, classes)

    def forward(self, batch: TaggedBatch) -> Float[Tensor, "batch time classes"]:
        return self.output(self.encoder(self._embed(batch.tokens), batch.lengths))

    def with_attention(
        self, batch: TaggedBatch
    ) -> tuple[Float[Tensor, "batch time classes"], list[Float[Tensor, "batch heads time time"]]]:
        """Logits, and what the heads of each layer read."""
        x, weights = self._embed(batch.tokens), []
        info = Info(lengths=batch.lengths)
        for layer in cast(list[EncoderLayer], list(self.encoder.layers)):
            weights.append(attention_weights(layer.attention, layer.attention_norm(x), batch.lengths))
            x = layer(x, info)
        return self.output(self.encoder.norm(x)), weights

    def _embed(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time width"]:
        return self.embedding(tokens) + self.places.weight[: tokens.shape[1]]
