"""Sequence to sequence with LSTMs: with attention over the source, or through its final state alone.

Two published models are settings of one composition.

- Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks" (2014, section 2): a deep LSTM
  reads the source, reversed; its final state, h and c of every layer, starts a second deep LSTM, which writes the
  target. Nothing else of the source is kept: `attention=False, bidirectional=False, reverse=True`.
- The baseline of Alon et al., "code2seq" (2019, section 4.1): a two-layer bidirectional LSTM over the subtokens of
  the code, a two-layer decoder that attends over all its positions with Luong, Pham and Manning's general score and
  input feeding (2015, sections 3.1 and 3.3): `attention=True, bidirectional=True`.

        score_ti = h_t^T W_a m_i         alpha_t = softmax_i over the true positions
        a_t = tanh(W_c [h_t; sum_i alpha_ti m_i])    x_{t+1} = [E y_t; a_t]    logits_t = W_s a_t
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.encoders.lstm import LSTMEncoder, reverse_source
from phloem.represent.base import PAD, START
from phloem.represent.token_view import TokenBatch


class Seq2SeqState(NamedTuple):
    """The decoder's state a row; the last four are empty without attention."""

    hidden: Float[Tensor, "layers rows width"]
    cell: Float[Tensor, "layers rows width"]
    feed: Float[Tensor, "rows width"] | None = None  # a_{t-1}, the attentional state that is fed back
    memory: Float[Tensor, "rows time width"] | None = None
    mask: Bool[Tensor, "rows time"] | None = None  # true positions of the source
    attention: Float[Tensor, "rows time"] | None = None  # of the last step


def shift_right(target: Int64[Tensor, "batch steps"]) -> Int64[Tensor, "batch steps"]:
    """What the decoder reads under teacher forcing: START, then the target without its last position."""
    return torch.cat([torch.full_like(target[:, :1], START), target[:, :-1]], dim=1)


def written(target: Int64[Tensor, "batch steps"]) -> Int64[Tensor, " packed"]:
    """The positions of words and end marks in the flattened target: those with no PAD before them."""
    padding = target == PAD
    return ((padding.cumsum(dim=1) - padding.long()) == 0).flatten().nonzero()[:, 0]


class Seq2Seq(nn.Module):
    """An LSTM encoder and an LSTM decoder of the same depth and width.

    `width` is the decoder's; a bidirectional encoder has half of it in each direction, so that its final states,
    concatenated, start the decoder. `uniform` draws all weights from [-uniform, uniform] (0.08 in Sutskever et al.).
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        *,
        embedding: int = 64,
        width: int = 128,
        layers: int = 2,
        bidirectional: bool = True,
        attention: bool = True,
        reverse: bool = False,
        dropout: float = 0.25,
        uniform: float | None = None,
    ) -> None:
        super().__init__()
        self.reverse = reverse
        self.attends = attention
        between = dropout if layers > 1 else 0.0
        self.source_embedding = nn.Embedding(source_vocabulary, embedding)
        self.target_embedding = nn.Embedding(target_vocabulary, embedding)
        self.encoder = LSTMEncoder(embedding, width, layers=layers, bidirectional=bidirectional, dropout=dropout)
        fed = embedding + width if attention else embedding
        self.decoder = nn.LSTM(fed, width, layers, batch_first=True, dropout=between)
        if attention:
            self.score = nn.Linear(width, width, bias=False)
            self.combine = nn.Linear(2 * width, width, bias=False)
        self.output = nn.Linear(width, target_vocabulary, bias=not attention)
        self.dropout = nn.Dropout(dropout)
        if uniform is not None:
            for parameter in self.parameters():
                nn.init.uniform_(parameter, -uniform, uniform)

    def forward(self, batch: TokenBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of every target position."""
        return self.output(self._decoded(batch))

    def packed(self, batch: TokenBatch) -> tuple[Float[Tensor, "packed vocabulary"], Int64[Tensor, " packed"]]:
        """Logits of words and end marks only, and their positions in the flattened target."""
        positions = written(batch.target)
        return self.output(self._decoded(batch).flatten(0, 1).index_select(0, positions)), positions

    def _decoded(self, batch: TokenBatch) -> Float[Tensor, "batch steps width"]:
        """What the output layer reads under teacher forcing."""
        state = self.start(batch)
        inputs = self.target_embedding(shift_right(batch.target))
        if not self.attends:
            outputs, _ = self.decoder(self.dropout(inputs), (state.hidden, state.cell))
            return self.dropout(outputs)
        steps = []
        for step in inputs.unbind(1):
            state, feed = self._attend_step(step, state)
            steps.append(feed)
        return self.dropout(torch.stack(steps, dim=1))

    def start(self, batch: TokenBatch) -> Seq2SeqState:
        """Read the source once. Without attention the state's size does not depend on the source's length."""
        tokens = reverse_source(batch.tokens, batch.lengths) if self.reverse else batch.tokens
        outputs, hidden, cell = self.encoder(self.dropout(self.source_embedding(tokens)), batch.lengths)
        if not self.attends:
            return Seq2SeqState(hidden, cell)
        mask = torch.arange(tokens.shape[1], device=tokens.device) < batch.lengths[:, None]
        return Seq2SeqState(hidden, cell, torch.zeros_like(hidden[-1]), outputs, mask)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: Seq2SeqState
    ) -> tuple[Float[Tensor, "rows vocabulary"], Seq2SeqState]:
        """Logits of the token after `tokens`."""
        step = self.target_embedding(tokens)
        if self.attends:
            state, feed = self._attend_step(step, state)
            return self.output(self.dropout(feed)), state
        output, (hidden, cell) = self.decoder(self.dropout(step)[:, None], (state.hidden, state.cell))
        return self.output(self.dropout(output[:, 0])), Seq2SeqState(hidden, cell)

    def reorder(self, state: Seq2SeqState, index: Int64[Tensor, " rows"]) -> Seq2SeqState:
        hidden, cell = state.hidden[:, index], state.cell[:, index]
        return Seq2SeqState(hidden, cell, *(None if part is None else part[index] for part in state[2:]))

    def trace(self, state: Seq2SeqState) -> Float[Tensor, "rows time"] | None:
        """The attention of the last step over the source as the encoder read it (reversed, if it reverses)."""
        return state.attention

    def _attend_step(
        self, step: Float[Tensor, "rows embedding"], state: Seq2SeqState
    ) -> tuple[Seq2SeqState, Float[Tensor, "rows width"]]:
        assert state.feed is not None
        assert state.memory is not None
        assert state.mask is not None
        fed = self.dropout(torch.cat([step, state.feed], dim=1))[:, None]
        output, (hidden, cell) = self.decoder(fed, (state.hidden, state.cell))
        query = output[:, 0]
        scores = torch.einsum("bw,btw->bt", self.score(query), state.memory)
        attention = scores.masked_fill(~state.mask, float("-inf")).softmax(dim=1)
        context = torch.einsum("bt,btw->bw", attention, state.memory)
        feed = torch.tanh(self.combine(torch.cat([query, context], dim=1)))
        return Seq2SeqState(hidden, cell, feed, state.memory, state.mask, attention), feed
