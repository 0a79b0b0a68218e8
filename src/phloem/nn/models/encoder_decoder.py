"""What encoder-decoders of blocks have in common: the memory that is read once, and words that are written one a step.

A target y_1 … y_n (the end mark last) is learned with the inputs begin, y_1 … y_n-1. While decoding, each block keeps
the keys and values of the words so far and of the memory, so a step reads one word (Vaswani et al. 2017, section 3).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.multihead_attention import additive, both, earlier, real_keys
from phloem.nn.models.blocks import Block, BlockCache

LEFT_OUT = -100  # in targets: no word, as torch's cross-entropy has it


class DecoderState(NamedTuple):
    """What decoding keeps a row."""

    caches: tuple[BlockCache, ...]
    memory_lengths: Int64[Tensor, " rows"] | None
    past: int  # words read so far


class EncoderDecoder(nn.Module):
    """A `Decodable` over any source with `tokens` and `lengths`; ids are the model's own (`phloem.decode.marks`).

    A shape gives `encode`, the two embeddings, the decoder's blocks and its last norm, and `logits`.
    """

    decoder: nn.ModuleList
    begin: int
    end: int
    pad: int

    @abstractmethod
    def encode(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The memory: the encoder's last vectors."""

    @abstractmethod
    def embed_target(self, tokens: Int64[Tensor, "rows steps"], past: int) -> Float[Tensor, "rows steps width"]:
        """What the decoder's first block reads of words that follow `past` others."""

    @abstractmethod
    def position_bias(self, queries: int, past: int) -> Float[Tensor, "1 heads queries keys"] | None:
        """What the decoder adds to the scores of its own words."""

    @abstractmethod
    def decoded(self, x: Float[Tensor, "rows steps width"]) -> Float[Tensor, "rows steps width"]:
        """What `logits` reads of the last block's vectors."""

    @abstractmethod
    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the word at each place."""

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        lengths: Int64[Tensor, " batch"] | None,
        targets: Int64[Tensor, "batch steps"],
    ) -> Float[Tensor, "batch steps vocabulary"]:
        """Logits of each target's words, with the words before fed in."""
        return self.logits(self.decode(self.shifted(targets), self.encode(tokens, lengths), lengths))

    def shifted(self, targets: Int64[Tensor, "batch steps"]) -> Int64[Tensor, "batch steps"]:
        """What the decoder reads to write these targets; what a loss leaves out (LEFT_OUT) is read as padding."""
        read = torch.cat([torch.full_like(targets[:, :1], self.begin), targets[:, :-1]], dim=1)
        return read.masked_fill(read == LEFT_OUT, self.pad)

    def decode(
        self,
        inputs: Int64[Tensor, "batch steps"],
        memory: Float[Tensor, "batch time width"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch steps width"]:
        """What `logits` reads, for inputs that begin with the begin mark (`shifted`). `lengths` are the memory's."""
        states, _ = self.extend(inputs, self.begun(memory, lengths))
        return states[-1]

    def decoder_states(
        self,
        inputs: Int64[Tensor, "batch steps"],
        memory: Float[Tensor, "batch time width"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> list[Float[Tensor, "batch steps width"]]:
        """The vectors that go into the decoder's first block, then those after each block, the last ones as `logits`
        reads them."""
        return self.extend(inputs, self.begun(memory, lengths))[0]

    def begun(self, memory: Float[Tensor, "rows time width"], lengths: Int64[Tensor, " rows"] | None) -> DecoderState:
        """The state before the first word."""
        caches = tuple(_block(block).empty(memory, memory=True) for block in self.decoder)
        return DecoderState(caches, lengths, 0)

    def extend(
        self, tokens: Int64[Tensor, "rows steps"], state: DecoderState
    ) -> tuple[list[Float[Tensor, "rows steps width"]], DecoderState]:
        """Several words more: the vectors after each block, and the state with them in it."""
        steps, past = tokens.shape[1], state.past
        x = self.embed_target(tokens, past)
        mask = earlier(steps, past, x.device) if steps > 1 else None
        own = additive(mask, self.position_bias(steps, past), x.dtype)
        memory_key = state.caches[0].memory_key
        assert memory_key is not None
        memory = additive(real_keys(state.memory_lengths, memory_key.shape[2]), None, x.dtype)
        states, caches = [x], []
        for block, cache in zip(self.decoder, state.caches, strict=True):
            x, kept = block(x, own, cache, memory)
            states.append(x)
            caches.append(kept)
        states[-1] = self.decoded(x)
        return states, DecoderState(tuple(caches), state.memory_lengths, past + steps)

    def start(self, source: Any) -> DecoderState:
        """Read the sources once."""
        return self.begun(self.encode(source.tokens, source.lengths), source.lengths)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows vocabulary"], DecoderState]:
        """Logits of the word after `tokens`."""
        states, state = self.extend(tokens[:, None], state)
        return self.logits(states[-1][:, 0]), state

    def reorder(self, state: DecoderState, index: Int64[Tensor, " rows"]) -> DecoderState:
        lengths = None if state.memory_lengths is None else state.memory_lengths[index]
        return DecoderState(tuple(cache.rows(index) for cache in state.caches), lengths, state.past)

    def trace(self, state: DecoderState) -> None:
        """Attention is spread over heads and blocks, so no one row of it explains a step."""
        return None


def encoder_bias(
    mask: Bool[Tensor, "batch time time"] | None,
    lengths: Int64[Tensor, " batch"] | None,
    bias: Float[Tensor, "#batch #heads time time"] | None,
    x: Float[Tensor, "batch time width"],
) -> Float[Tensor, "#batch #heads #time time"] | None:
    """What an encoder's blocks add to the scores."""
    return additive(both(mask, real_keys(lengths, x.shape[1])), bias, x.dtype)


def _block(module: nn.Module) -> Block:
    assert isinstance(module, Block)
    return module
