"""A language model that only decodes and goes on from prompts.

The layers of `DecoderLM`; keys and values are kept, so that a step reads one unit, and prompts of different lengths lie
in one batch, padded on the right: padding is never read, and each row counts its own places. `places` is "rotary" or
"none": without any (Haviv et al., "Transformer Language Models without Positional Encodings Still Learn Positional
Information", 2022) what a place knows of its number comes from the causal mask alone, which carries further to longer
sequences (Kazemnejad et al. 2023).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import gelu

from phloem.nn.mixers.attention import AttentionState
from phloem.nn.mixers.base import Info
from phloem.nn.models.decoder_lm import DecoderLayer, DecoderLM

Places = Literal["rotary", "none"]


class PromptState(NamedTuple):
    """What decoding keeps a row: the layers' pasts, and the prompt's last unit until it was read."""

    layers: tuple[AttentionState, ...]
    waiting: Int64[Tensor, " rows"] | None


class PromptedDecoder(DecoderLM):
    """A `Decodable` over sources with `tokens` and `lengths` (at least 1), the prompts; PAD ends."""

    def __init__(
        self, units: int, *, width: int, layers: int, heads: int, inner: int = 0, places: Places = "rotary"
    ) -> None:
        super().__init__(units, width=width, layers=layers, heads=heads, inner=inner)
        self.places = places

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time units"]:
        """The logits at t are of the unit at t + 1. What is behind a row's end changes nothing before it."""
        return self.logits(self.extend(tokens, None, None)[0])

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places units"]:
        return self.norm(states) @ self.table.weight.T

    def extend(
        self,
        tokens: Int64[Tensor, "rows steps"],
        past: tuple[AttentionState, ...] | None,
        lengths: Int64[Tensor, " rows"] | None,
    ) -> tuple[Float[Tensor, "rows steps width"], tuple[AttentionState, ...]]:
        """Several units more, the first `lengths` of each row real: the last layer's vectors and the new past."""
        info = Info(lengths=lengths, positions=torch.zeros_like(tokens) if self.places == "none" else None)
        x, kept = self.table(tokens), []
        for number, layer in enumerate(self.decoder_layers()):
            mixed, state = layer.attention(layer.attention_norm(x), past[number] if past else None, info)
            kept.append(state)
            x = x + mixed
            x = x + layer.down(gelu(layer.up(layer.inner_norm(x)), approximate="tanh"))
        return x, tuple(kept)

    def decoder_layers(self) -> list[DecoderLayer]:
        return cast(list[DecoderLayer], list(self.layers))

    def start(self, source: Any) -> PromptState:
        """Read the prompts but for their last unit, which the first `next` reads."""
        last = source.tokens.gather(1, (source.lengths - 1)[:, None])[:, 0]
        _, past = self.extend(source.tokens, None, source.lengths - 1)
        return PromptState(past, last)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: PromptState
    ) -> tuple[Float[Tensor, "rows units"], PromptState]:
        """Logits of the unit after `tokens`; the first time after the prompts, whatever `tokens` are."""
        tokens = tokens if state.waiting is None else state.waiting
        x, past = self.extend(tokens[:, None], state.layers, None)
        return self.logits(x[:, 0]), PromptState(past, None)

    def reorder(self, state: PromptState, index: Int64[Tensor, " rows"]) -> PromptState:
        waiting = None if state.waiting is None else state.waiting[index]
        layers = tuple(AttentionState(*(part[index] for part in layer)) for layer in state.layers)
        return PromptState(layers, waiting)

    def trace(self, state: PromptState) -> None:
        """Attention is spread over heads and layers, so no one row of it explains a step."""
        return None
