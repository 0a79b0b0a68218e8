"""An LSTM with attention that may copy: the pointer-generator over one source.

See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator Networks" (ACL 2017, section 2.2): a word
is written from the vocabulary with probability g, or copied from where the attention is,

    p(w) = g p_vocabulary(w) + (1 - g) sum_{i: w_i = w} alpha_i          g = sigmoid(v . a_t + b)

Words of a source that are not of the vocabulary have ids behind it, V, V + 1 …, which mean something for this source
alone. The rest is `phloem.nn.models.seq2seq.Seq2Seq`; without copying it is that model, with as many weights but for v.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.models.seq2seq import Seq2Seq, Seq2SeqState, shift_right
from phloem.represent.base import UNK


class CopyBatch(NamedTuple):
    """A `TokenBatch` with what copying each place of the source writes."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, "batch steps"]
    copied: Int64[Tensor, "batch time"]


class CopyState(NamedTuple):
    """The writer's state, and what can be copied."""

    inner: Seq2SeqState
    copied: Int64[Tensor, "rows time"]


class CopyingSeq2Seq(nn.Module):
    """`extra` is how many words of a source may be outside of the target vocabulary."""

    def __init__(self, source_vocabulary: int, target_vocabulary: int, extra: int, **sizes: Any) -> None:
        super().__init__()
        self.words, self.extra = target_vocabulary, extra
        self.writer = Seq2Seq(source_vocabulary, target_vocabulary, attention=True, **sizes)
        self.gate = nn.Linear(self.writer.output.in_features, 1)

    def forward(self, batch: CopyBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced log probabilities over the vocabulary and the source's own words."""
        state, steps = self.start(batch), []
        for token in shift_right(batch.target).unbind(1):
            log, state = self.next(token, state)
            steps.append(log)
        return torch.stack(steps, dim=1)

    def start(self, batch: CopyBatch) -> CopyState:
        return CopyState(self.writer.start(batch), batch.copied)  # type: ignore[arg-type]

    def next(
        self, tokens: Int64[Tensor, " rows"], state: CopyState
    ) -> tuple[Float[Tensor, "rows vocabulary"], CopyState]:
        """Log probabilities of the word after `tokens`."""
        known = torch.where(tokens < self.words, tokens, UNK)
        logits, inner = self.writer.next(known, state.inner)
        assert inner.feed is not None
        assert inner.attention is not None
        gate = self.gate(inner.feed).sigmoid()
        own = gate * logits.softmax(dim=1)
        both = torch.cat([own, own.new_zeros(len(own), self.extra)], dim=1)
        both = both.scatter_add(1, state.copied, (1 - gate) * inner.attention)
        return both.clamp_min(1e-12).log(), CopyState(inner, state.copied)

    def trace(self, state: CopyState) -> Float[Tensor, "rows time"] | None:
        """The attention of the last step over the source."""
        return self.writer.trace(state.inner)

    def reorder(self, state: CopyState, index: Int64[Tensor, " rows"]) -> CopyState:
        return CopyState(self.writer.reorder(state.inner, index), state.copied[index])
