"""An encoder-decoder whose every attention also reads learned keys and values: a prefix that can move to other models.

Li and Liang, "Prefix-Tuning" (ACL 2021, section 4); Sun et al., "TransCoder: Towards Unified Transferable Code
Representation Learning Inspired by Human Skills" (LREC-COLING 2024). L numbers are embedded and passed through a small
net to the keys and values of all blocks,

    [P_K ; P_V]_1..layers = W_2 tanh(W_1 E + b_1) + b_2        L × (2 · layers · heads · size)

and a head attends to them as to L more places on the left that every query sees:

    softmax(s Q [P_K ; K]^T + [0 B]) [P_V ; V]

An encoder-decoder has three such prefixes: of the encoder's self-attention, of the decoder's, and of the attention over
the memory. What stands in the prefix has no place: positions of real words, relative biases among them and their causal
order stay as they are, no padding mask ever hides a prefix, and its columns get the bias `offset`, 0 (-inf takes the
prefix out again). While decoding, the prefix is part of each row's cache and is repeated with the rows.

(The released class has a second, frozen prefix, and a third one, and loads all of them into one module; this is the
equation of the paper.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import pad

from phloem.nn.mixers.multihead_attention import additive, earlier, real_keys
from phloem.nn.models.blocks import Block, BlockCache
from phloem.nn.models.encoder_decoder import DecoderState, EncoderDecoder, encoder_bias
from phloem.nn.models.t5 import T5

KeyValue = tuple[Float[Tensor, "heads prefix size"], Float[Tensor, "heads prefix size"]]


class PrefixEncoder(nn.Module):
    """Keys and values of `layers` blocks for `length` places."""

    def __init__(
        self, length: int, layers: int, heads: int, size: int, *, width: int, inner: int = 128, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.shape = (length, layers, 2, heads, size)
        self.table = nn.Embedding(length, width)
        self.net = nn.Sequential(nn.Linear(width, inner), nn.Tanh(), nn.Linear(inner, layers * 2 * heads * size))
        self.dropout = nn.Dropout(dropout)

    def forward(self) -> list[KeyValue]:
        """Of each block."""
        states = self.dropout(self.net(self.table.weight)).view(self.shape)
        return [(key, value) for key, value in states.permute(1, 2, 3, 0, 4)]


class UniversalPrefix(nn.Module):
    """The three prefixes of an encoder-decoder: what is carried from task to task."""

    def __init__(
        self,
        length: int,
        layers: int,
        decoder_layers: int,
        heads: int,
        size: int,
        *,
        width: int,
        inner: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.length = length

        def part(blocks: int) -> PrefixEncoder:
            return PrefixEncoder(length, blocks, heads, size, width=width, inner=inner, dropout=dropout)

        self.encoder, self.decoder, self.memory = part(layers), part(decoder_layers), part(decoder_layers)


class PrefixedT5(EncoderDecoder):
    """A T5 that reads a prefix."""

    def __init__(self, body: T5, prefix: UniversalPrefix, *, offset: float = 0.0) -> None:
        super().__init__()
        self.body, self.prefix, self.offset = body, prefix, offset
        self.begin, self.end, self.pad, self.width = body.begin, body.end, body.pad, body.width

    def encode(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        body = self.body
        if embeddings is None:
            assert tokens is not None
            embeddings = body.table(tokens)
        x = body.dropout(embeddings)
        reads = encoder_bias(mask, lengths, body.encoder_positions(x.shape[1], x.shape[1]), x)
        reads = self.widened(reads)
        for block, own in zip(body.encoder, self.prefix.encoder(), strict=True):
            x, _ = block(x, reads, BlockCache(*repeated(own, len(x))))
        return cast(Tensor, body.dropout(body.encoder_norm(x)))

    def begun(self, memory: Float[Tensor, "rows time width"], lengths: Int64[Tensor, " rows"] | None) -> DecoderState:
        """The state before the first word: caches that hold the prefixes of each row."""
        return DecoderState(
            tuple(
                prefixed(cast(Block, block).empty(memory, memory=True), own, over_memory)
                for block, own, over_memory in zip(
                    self.body.decoder, self.prefix.decoder(), self.prefix.memory(), strict=True
                )
            ),
            lengths,
            0,
        )

    def extend(
        self, tokens: Int64[Tensor, "rows steps"], state: DecoderState
    ) -> tuple[list[Float[Tensor, "rows steps width"]], DecoderState]:
        """Several words more; `state.past` counts words, not what stands before them."""
        steps, past = tokens.shape[1], state.past
        x = self.embed_target(tokens, past)
        causal = earlier(steps, past, x.device) if steps > 1 else None
        own = self.widened(additive(causal, self.position_bias(steps, past), x.dtype))
        memory_key = state.caches[0].memory_key
        assert memory_key is not None
        real = real_keys(state.memory_lengths, memory_key.shape[2] - self.prefix.length)
        nothing = x.new_zeros(1, 1, 1, memory_key.shape[2] - self.prefix.length)
        memory = self.widened(additive(real, nothing, x.dtype))
        states, caches = [x], []
        for block, cache in zip(self.body.decoder, state.caches, strict=True):
            x, kept = block(x, own, cache, memory)
            states.append(x)
            caches.append(kept)
        states[-1] = self.decoded(x)
        return states, DecoderState(tuple(caches), state.memory_lengths, past + steps)

    def widened(
        self, bias: Float[Tensor, "#batch #heads #queries keys"] | None
    ) -> Float[Tensor, "#batch #heads #queries prefix_and_keys"]:
        """The bias with the prefix's columns on its left."""
        assert bias is not None
        return pad(bias, (self.prefix.length, 0), value=self.offset)

    def embed_target(self, tokens: Int64[Tensor, "rows steps"], past: int) -> Float[Tensor, "rows steps width"]:
        return self.body.embed_target(tokens, past)

    def position_bias(self, queries: int, past: int) -> Float[Tensor, "1 heads queries keys"]:
        return self.body.position_bias(queries, past)

    def decoded(self, x: Float[Tensor, "rows steps width"]) -> Float[Tensor, "rows steps width"]:
        return self.body.decoded(x)

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        return self.body.logits(states)


def repeated(own: KeyValue, rows: int) -> tuple[Tensor, Tensor]:
    """The same keys and values for each row."""
    key, value = (part[None].expand(rows, -1, -1, -1) for part in own)
    return key, value


def prefixed(cache: BlockCache, own: KeyValue, memory: KeyValue) -> BlockCache:
    """A cache without words that holds the prefix, and one before the memory's keys and values."""
    assert cache.memory_key is not None
    assert cache.memory_value is not None
    rows = len(cache.memory_key)
    key, value = repeated(own, rows)
    memory_key, memory_value = repeated(memory, rows)
    return BlockCache(
        key,
        value,
        torch.cat([memory_key, cache.memory_key], dim=2),
        torch.cat([memory_value, cache.memory_value], dim=2),
    )


def prefix_for(body: T5, length: int = 16, *, inner: int = 128, dropout: float = 0.0) -> UniversalPrefix:
    """A fresh prefix of the shape that a body needs."""
    config = body.config
    sizes: Sequence[int] = (length, config.layers, config.decoder_layers, config.heads, config.size)
    return UniversalPrefix(*sizes, width=config.width, inner=inner, dropout=dropout)
