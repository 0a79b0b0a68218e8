"""An encoder-decoder of code with the head that tags identifiers.

Wang et al., "CodeT5" (EMNLP 2021, section 3): the body has T5's shape (or BART's), the head is one vector w over the
encoder's states, p_i = sigmoid(w · h_i). The body's marks are the vocabulary's own: START begins a target, PAD ends it.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.models.encoder_decoder import DecoderState, EncoderDecoder
from phloem.represent.token_view import TokenBatch


class CodeEncoderDecoder(nn.Module):
    """A `Decodable`; called with a batch it gives the teacher-forced logits of its targets."""

    def __init__(self, body: EncoderDecoder, width: int) -> None:
        super().__init__()
        self.body = body
        self.tag = nn.Linear(width, 1)

    def forward(self, batch: TokenBatch) -> Float[Tensor, "batch steps vocabulary"]:
        logits: Tensor = self.body(batch.tokens, batch.lengths, batch.target)
        return logits

    def identifier(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch time"]:
        """Logits that each unit is part of an identifier."""
        logits: Tensor = self.tag(self.body.encode(tokens, lengths))[..., 0]
        return logits

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
        return self.body.trace(state)
