"""The decoder of code2seq: an LSTM that attends over a bag of contexts, with input feeding.

Alon, Brody, Levy and Yahav, "code2seq: Generating Sequences from Structured Representations of Code", ICLR 2019,
section 3.3; the cell after Luong, Pham and Manning 2015. With contexts z_i, words y_t, y_0 the start mark, a_0 = 0:

    h_0 = c_0 = mean_i z_i
    h_t, c_t = LSTM([E_tgt[y_{t-1}] ; a_{t-1}], h_{t-1}, c_{t-1})
    α_t = softmax_i(h_t^T W_a z_i)      a_t = W_c [h_t ; Σ_i α_ti z_i]      logits_t = W_s a_t

The paper writes tanh around a_t (`squash`); the released cell has none. Contexts are padded only to the longest of
the batch and masked; the release pads to a fixed number and does not mask, so that padding (z = 0, score 0) takes
attention (`official_padding`, that number). Dropout stands on a_t before W_s, the a_t that is fed back is whole.

`forward` runs the teacher-forced loop with its gradient written out (`input_feeding`) on the positions up to each
end mark, and makes the logits of all of them in one product; `next` is the equations for one step.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from phloem.nn.decoders.input_feeding import Weights, feed_inputs
from phloem.nn.dropout import dropout
from phloem.nn.encoders.paths import fan_out_uniform_, gather
from phloem.nn.mixers.cross_attention import Memory, attend, memory_of
from phloem.represent.base import PAD, START


class DecoderState(NamedTuple):
    """Of some rows (hypotheses); `source[r]` is the example of the memory that row r decodes."""

    memory: Memory
    source: Int64[Tensor, " rows"]
    hidden: Float[Tensor, "rows width"]
    cell: Float[Tensor, "rows width"]
    fed: Float[Tensor, "rows width"]
    attention: Float[Tensor, "rows positions"] | None = None


class Packing(NamedTuple):
    """Real positions of a batch of targets, step after step, the rows of each step in the order of `rows`."""

    rows: Int64[Tensor, " batch"]  # examples, the longest target first
    active: tuple[int, ...]  # how many of them step t has
    positions: Int64[Tensor, " packed"]  # into the flattened batch × time


def packing(target: Int64[Tensor, "batch time"]) -> Packing:
    """The positions of a batch of targets up to and with each end mark."""
    lengths = ((target != PAD).cumprod(dim=1).sum(dim=1) + 1).clamp_(max=target.shape[1])
    rows = lengths.argsort(descending=True, stable=True)
    inside = lengths[rows] > torch.arange(int(lengths.max()), device=target.device)[:, None]
    step, row = inside.nonzero(as_tuple=True)
    return Packing(rows, tuple(inside.sum(dim=1).tolist()), rows[row] * target.shape[1] + step)


class AttentionDecoder(nn.Module):
    """LSTM decoder over a bag of contexts of the same `width`; `embedding` is that of the words."""

    def __init__(
        self,
        words: int,
        *,
        width: int = 320,
        embedding: int = 128,
        drop: float = 0.5,
        squash: bool = False,
        official_padding: int = 0,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, embedding)
        self.cell = nn.LSTMCell(embedding + width, width)
        self.attention = nn.Linear(width, width, bias=False)  # its weight is W_a^T
        self.combine = nn.Linear(2 * width, width, bias=False)
        self.output = nn.Linear(width, words, bias=False)
        self.drop = drop
        self.squash = squash
        self.official_padding = official_padding
        fan_out_uniform_(self.words.weight)
        for weight in (self.cell.weight_ih, self.cell.weight_hh, self.combine.weight, self.output.weight):
            nn.init.xavier_uniform_(weight)
        nn.init.xavier_uniform_(self.attention.weight)
        nn.init.zeros_(self.cell.bias_hh)
        nn.init.zeros_(self.cell.bias_ih)
        nn.init.ones_(self.cell.bias_ih[width : 2 * width])

    def memory(
        self,
        contexts: Float[Tensor, "contexts width"],
        offsets: Int64[Tensor, batch + 1],
        rows: Int64[Tensor, " batch"] | None = None,
    ) -> Memory:
        """Contexts by example, in the order of `rows`."""
        return memory_of(contexts, offsets, rows=rows, unmasked=self.official_padding)

    def outputs(
        self,
        contexts: Float[Tensor, "contexts width"],
        offsets: Int64[Tensor, batch + 1],
        target: Int64[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "packed width"], Float[Tensor, "packed positions"], Packing]:
        """a_t (before dropout) and attention at the positions of `packing(target)`, the target's words fed in."""
        pack = packing(target)
        memory = self.memory(contexts, offsets, pack.rows)
        before = functional.pad(target[:, :-1], (1, 0), value=START).reshape(-1)[pack.positions]
        embedding, width = self.words.embedding_dim, self.cell.hidden_size
        into, feed = self.cell.weight_ih.split([embedding, width], dim=1)
        embedded = functional.linear(gather(self.words.weight, before), into, self.cell.bias_ih + self.cell.bias_hh)
        weights = Weights(feed, self.cell.weight_hh, self.attention.weight.t(), self.combine.weight)
        fed, attention = feed_inputs(
            memory.vectors, memory.bias, memory.mean(), embedded, weights, pack.active, self.squash
        )
        return fed, attention, pack

    def packed(
        self,
        contexts: Float[Tensor, "contexts width"],
        offsets: Int64[Tensor, batch + 1],
        target: Int64[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "packed words"], Int64[Tensor, " packed"]]:
        """Logits and positions (into the flattened batch × time) of every word and end mark, without padding."""
        fed, _, pack = self.outputs(contexts, offsets, target)
        return self.output(dropout(fed, self.drop, self.training)), pack.positions

    def forward(
        self,
        contexts: Float[Tensor, "contexts width"],
        offsets: Int64[Tensor, batch + 1],
        target: Int64[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time words"]:
        """Logits with the target's words fed in; zeros behind the end mark."""
        logits, positions = self.packed(contexts, offsets, target)
        padded = logits.new_zeros(target.numel(), logits.shape[1]).index_copy(0, positions, logits)
        return padded.view(*target.shape, -1)

    def start(self, contexts: Float[Tensor, "contexts width"], offsets: Int64[Tensor, batch + 1]) -> DecoderState:
        """The state before the first word, one row an example."""
        memory = self.memory(contexts, offsets)
        mean = memory.mean()
        return DecoderState(memory, torch.arange(len(mean), device=mean.device), mean, mean, torch.zeros_like(mean))

    def next(
        self, tokens: Int64[Tensor, " rows"], state: DecoderState
    ) -> tuple[Float[Tensor, "rows words"], DecoderState]:
        """One step of every row; `tokens` are the words before (START at first)."""
        hidden, cell = self.cell(torch.cat([self.words(tokens), state.fed], dim=1), (state.hidden, state.cell))
        attention, attended = attend(self.attention(hidden), state.memory, state.source)
        fed = self.combine(torch.cat([hidden, attended], dim=1))
        fed = fed.tanh() if self.squash else fed
        logits = self.output(dropout(fed, self.drop, self.training))
        return logits, DecoderState(state.memory, state.source, hidden, cell, fed, attention)

    def reorder(self, state: DecoderState, index: Int64[Tensor, " rows"]) -> DecoderState:
        """The rows `index` of a state, in that order. The memory is shared; examples that no row needs leave it."""
        source, hidden, cell, fed = (part.index_select(0, index) for part in state[1:5])
        attention = None if state.attention is None else state.attention.index_select(0, index)
        memory = state.memory
        needed, counts = source.unique_consecutive(return_counts=True)
        if len(needed) < len(memory.vectors) and bool((counts == counts[0]).all()):
            memory = memory.rows(needed)
            source = torch.arange(len(needed), device=source.device).repeat_interleave(counts)
        return DecoderState(memory, source, hidden, cell, fed, attention)

    def trace(self, state: DecoderState) -> Float[Tensor, "rows positions"] | None:
        """The attention of the last step over each row's contexts, in the batch's order; zeros behind them."""
        return state.attention
