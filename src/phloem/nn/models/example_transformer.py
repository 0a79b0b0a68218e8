"""A Transformer that reads examples apart and writes one sequence about all of them.

The model of ExeDec (Shi et al., ICLR 2024, section 4 and appendix): every example is encoded by itself, the encodings
are laid side by side, and the decoder attends to all. Positions are relative, as learned numbers that are added to the
scores (Raffel et al. 2020), in the encoder, in the decoder and between them. Where the target has one part an example,
`aligned` positions make the distance between a part and its example the same for all (aligned_relative.py).

In ExeDec an example's output is encoded with attention to its encoded input. Here input and output are one sequence of
the encoder, so that each attends to the other, too.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import relu

from phloem.nn.models.seq2seq import shift_right, written
from phloem.nn.positions.aligned_relative import aligned_positions, next_position
from phloem.nn.positions.t5_relative_bias import RelativeBias, bucket


class ExampleTokens(NamedTuple):
    """Of each task the tokens of its examples, and the sequence to write."""

    tokens: Int64[Tensor, "batch examples time"]
    lengths: Int64[Tensor, "batch examples"]
    target: Int64[Tensor, "batch steps"]


class BiasedAttention(nn.Module):
    """Multi-head attention with numbers added to the scores, and no scale: T5's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def read(self, x: Float[Tensor, "batch time width"]) -> tuple[Tensor, Tensor]:
        """Keys and values, each batch heads time size."""
        key, value = rearrange(self.key_value(x), "b t (two h d) -> two b h t d", two=2, h=self.heads)
        return key, value

    def forward(
        self,
        x: Float[Tensor, "batch queries width"],
        key: Float[Tensor, "batch heads time size"],
        value: Float[Tensor, "batch heads time size"],
        bias: Float[Tensor, "#batch #heads queries time"],
    ) -> Float[Tensor, "batch queries width"]:
        query = rearrange(self.query(x), "b t (h d) -> b h t d", h=self.heads)
        weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias).softmax(-1)
        return self.out(rearrange(weights @ value, "b h t d -> b t (h d)"))


class Block(nn.Module):
    """Self-attention, attention to the source in a decoder, and a feed-forward layer, each normalised before."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float, *, crosses: bool) -> None:
        super().__init__()
        self.attention = BiasedAttention(width, heads)
        self.cross = BiasedAttention(width, heads) if crosses else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 + crosses))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        own: tuple[Tensor, Tensor] | None,
        bias: Float[Tensor, "#batch #heads time keys"],
        source: tuple[Tensor, Tensor] | None = None,
        source_bias: Float[Tensor, "#batch #heads time source"] | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], tuple[Tensor, Tensor]]:
        """`own` are keys and values of places before these; returned with theirs."""
        normed = self.norms[0](x)
        key, value = self.attention.read(normed)
        if own is not None:
            key, value = torch.cat([own[0], key], 2), torch.cat([own[1], value], 2)
        x = x + self.dropout(self.attention(normed, key, value, bias))
        if self.cross is not None and source is not None and source_bias is not None:
            x = x + self.dropout(self.cross(self.norms[1](x), *source, source_bias))
        return x + self.dropout(self.down(relu(self.up(self.norms[-1](x))))), (key, value)


class ExampleState(NamedTuple):
    """What decoding keeps a row."""

    source: tuple[tuple[Tensor, Tensor], ...]  # keys and values of the examples, a layer each
    places: Int64[Tensor, " source"]
    mask: Float[Tensor, "rows 1 1 source"]
    own: tuple[tuple[Tensor, Tensor], ...] | None
    steps: int
    position: Int64[Tensor, " rows"]


class ExampleTransformer(nn.Module):
    """Encoder and decoder of the same depth over one vocabulary."""

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int = 512,
        heads: int = 4,
        layers: int = 3,
        inner: int = 1024,
        dropout: float = 0.1,
        longest: int = 60,
        separator: int | None = None,
    ) -> None:
        """`longest` places are counted for each example. With a `separator` the decoder's positions are aligned."""
        super().__init__()
        self.longest, self.separator = longest, separator
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.scale = math.sqrt(width)
        self.encoder = nn.ModuleList(Block(width, heads, inner, dropout, crosses=False) for _ in range(layers))
        self.decoder = nn.ModuleList(Block(width, heads, inner, dropout, crosses=True) for _ in range(layers))
        self.encoder_bias = RelativeBias(heads, most=longest)
        self.decoder_bias = RelativeBias(heads, most=longest, both_directions=False)
        self.cross_bias = nn.Embedding(32, heads)
        nn.init.normal_(self.cross_bias.weight, std=0.02)
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.output = nn.Linear(width, vocabulary, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: ExampleTokens) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of every target position."""
        return self.output(self._decoded(batch))

    def packed(self, batch: ExampleTokens) -> tuple[Float[Tensor, "packed vocabulary"], Int64[Tensor, " packed"]]:
        """Logits of tokens and end marks only, and their positions in the flattened target."""
        positions = written(batch.target)
        return self.output(self._decoded(batch).flatten(0, 1).index_select(0, positions)), positions

    def start(self, batch: ExampleTokens) -> ExampleState:
        """Encode every example by itself, and lay them side by side."""
        count, examples, time = batch.tokens.shape
        real = torch.arange(time, device=batch.tokens.device) < batch.lengths[:, :, None]
        bias = self.encoder_bias(time, time) + _masked(real.flatten(0, 1)[:, None, None])
        x = self.dropout(self.embedding(batch.tokens.flatten(0, 1)) * self.scale)
        for block in self.encoder:
            x, _ = block(x, None, bias)
        memory = self.encoder_norm(x).unflatten(0, (count, examples)).flatten(1, 2)
        decoder = cast(list[Block], list(self.decoder))
        source = tuple(block.cross.read(memory) for block in decoder if block.cross is not None)
        begin = torch.zeros(count, dtype=torch.long, device=x.device)
        mask = _masked(real.flatten(1)[:, None, None])
        places = (torch.arange(examples)[:, None] * self.longest + torch.arange(time)).flatten().to(x.device)
        return ExampleState(source, places, mask, None, 0, begin)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: ExampleState
    ) -> tuple[Float[Tensor, "rows vocabulary"], ExampleState]:
        """Logits of the token after `tokens`."""
        decoded, state = self._decode(tokens[:, None], state.position[:, None], state)
        return self.output(decoded[:, 0]), state

    def reorder(self, state: ExampleState, index: Int64[Tensor, " rows"]) -> ExampleState:
        source = tuple((key[index], value[index]) for key, value in state.source)
        own = None if state.own is None else tuple((key[index], value[index]) for key, value in state.own)
        return state._replace(source=source, mask=state.mask[index], own=own, position=state.position[index])

    def trace(self, state: ExampleState) -> None:
        """Attention is spread over heads and layers, so no one row of it explains a step."""
        return None

    def positions(self, tokens: Int64[Tensor, "batch time"]) -> Int64[Tensor, "batch time"]:
        """Of what the decoder reads: aligned with the examples, or from 0 on."""
        if self.separator is not None:
            return aligned_positions(tokens, self.separator, self.longest)
        return torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)

    def _decoded(self, batch: ExampleTokens) -> Float[Tensor, "batch steps width"]:
        tokens = shift_right(batch.target)
        return self._decode(tokens, self.positions(tokens), self.start(batch))[0]

    def _decode(
        self, tokens: Int64[Tensor, "rows time"], positions: Int64[Tensor, "rows time"], state: ExampleState
    ) -> tuple[Float[Tensor, "rows time width"], ExampleState]:
        time = tokens.shape[1]
        places = torch.arange(state.steps + time, device=tokens.device)
        ahead: Bool[Tensor, "time keys"] = places > places[state.steps :, None]
        bias = self.decoder_bias(time, state.steps + time, state.steps) + _masked(~ahead)
        index = bucket(state.places - positions[:, :, None], 32, self.longest)
        cross = self.cross_bias(index).permute(0, 3, 1, 2) + state.mask
        x, own = self.dropout(self.embedding(tokens) * self.scale), []
        for number, block in enumerate(self.decoder):
            before = None if state.own is None else state.own[number]
            x, kept = block(x, before, bias, state.source[number], cross)
            own.append(kept)
        after = positions[:, -1] + 1
        if self.separator is not None:
            after = next_position(positions[:, -1], tokens[:, -1], self.separator, self.longest)
        state = state._replace(own=tuple(own), steps=state.steps + time, position=after)
        return self.decoder_norm(x), state


def _masked(real: Bool[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """0 where something may be read, else a number that leaves it no weight."""
    return torch.zeros(real.shape, dtype=torch.get_default_dtype(), device=real.device).masked_fill_(~real, -1e9)
