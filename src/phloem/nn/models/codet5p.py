"""CodeT5+: one encoder-decoder that embeds, matches and writes.

Wang et al., "CodeT5+: Open Code Large Language Models for Code Understanding and Generation" (EMNLP 2023, section 3.1):

- the vector of a text or code is the encoder's state at its first unit, mapped to 256 numbers and normed;
- matching: the text goes through the encoder, the code through the decoder, its first id OVERWRITTEN by the mark [ENC];
  the decoder's state at the code's end mark gives two logits, and every code has exactly one end mark;
- generation in both directions by the same weights.

A slow copy (`phloem.nn.models.momentum`) and two queues give the negatives of contrast.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.nn.models.encoder_decoder import DecoderState
from phloem.nn.models.momentum import DECAY, Momentum, Queue
from phloem.nn.models.t5 import T5
from phloem.represent.token_view import TokenBatch

VECTOR = 256


class PairBatch(NamedTuple):
    """Texts and codes between START and END, keys whose equal values mark equal texts or codes, and the same pairs as
    tasks of generation."""

    text: Int64[Tensor, "pairs time"]
    text_lengths: Int64[Tensor, " pairs"]
    code: Int64[Tensor, "pairs units"]
    code_lengths: Int64[Tensor, " pairs"]
    query_key: Int64[Tensor, " pairs"]
    code_key: Int64[Tensor, " pairs"]
    to_text: TokenBatch
    to_code: TokenBatch


class Embedder(nn.Module):
    """The encoder with its map to vectors."""

    def __init__(self, body: T5, width: int) -> None:
        super().__init__()
        self.body = body
        self.project = nn.Linear(body.width, width)

    def forward(
        self, tokens: Int64[Tensor, "rows time"], lengths: Int64[Tensor, " rows"]
    ) -> Float[Tensor, "rows vector"]:
        return normalize(self.project(self.body.encode(tokens, lengths)[:, 0]), dim=1)


class CodeT5Plus(nn.Module):
    """`enc` is the id of the mark that begins what is matched; `queue` is how many vectors each queue holds, 0 for
    negatives of the batch alone."""

    def __init__(self, body: T5, enc: int, *, queue: int = 0, decay: float = DECAY, vector: int = VECTOR) -> None:
        super().__init__()
        self.embed = Embedder(body, vector)
        self.head = nn.Linear(body.width, 2)
        self.temperature = nn.Parameter(torch.tensor(0.07))
        self.enc = enc
        self.slow = Momentum(self.embed, decay) if queue else None
        self.texts, self.codes = (Queue(queue, vector) if queue else None for _ in range(2))

    @property
    def body(self) -> T5:
        return self.embed.body

    def forward(self, batch: TokenBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of the targets."""
        return self.body(batch.tokens, batch.lengths, batch.target)

    def vectors(self, batch: PairBatch) -> tuple[Float[Tensor, "pairs vector"], Float[Tensor, "pairs vector"]]:
        """Of texts and codes."""
        return self.embed(batch.text, batch.text_lengths), self.embed(batch.code, batch.code_lengths)

    def slow_vectors(self, batch: PairBatch) -> tuple[Float[Tensor, "pairs vector"], Float[Tensor, "pairs vector"]]:
        """The same by the slow copy."""
        assert self.slow is not None
        slow = self.slow.model
        return slow(batch.text, batch.text_lengths), slow(batch.code, batch.code_lengths)

    def follow(self) -> None:
        """Let the slow copy follow."""
        if self.slow is not None:
            self.slow.follow(self.embed)

    def match(
        self, batch: PairBatch, left: Int64[Tensor, " pairs"], right: Int64[Tensor, " pairs"]
    ) -> Float[Tensor, " pairs"]:
        """The logit that text `left` and code `right` belong together: of two classes it is their difference."""
        memory = self.body.encode(batch.text, batch.text_lengths)[left]
        classes = self.classes(memory, batch.text_lengths[left], batch.code[right], batch.code_lengths[right])
        return classes[:, 1] - classes[:, 0]

    def classes(
        self,
        memory: Float[Tensor, "pairs time width"],
        memory_lengths: Int64[Tensor, " pairs"],
        code: Int64[Tensor, "pairs units"],
        code_lengths: Int64[Tensor, " pairs"],
    ) -> Float[Tensor, "pairs 2"]:
        """Logits of "no match" and "match"."""
        states = self.body.decode(matched(code, self.enc), memory, memory_lengths)
        last = states.gather(1, (code_lengths - 1)[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]
        return cast(Tensor, self.head(last))

    def start(self, source: Any) -> DecoderState:
        return self.body.start(source)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows vocabulary"], DecoderState]:
        return self.body.next(tokens, state)

    def reorder(self, state: DecoderState, index: Int64[Tensor, " rows"]) -> DecoderState:
        return self.body.reorder(state, index)

    def trace(self, state: DecoderState) -> None:
        """Nothing: attention is spread over heads and blocks."""
        return None


def matched(code: Int64[Tensor, "pairs units"], enc: int) -> Int64[Tensor, "pairs units"]:
    """Codes as the matching decoder reads them: the start mark overwritten."""
    read = code.clone()
    read[:, 0] = enc
    return read
