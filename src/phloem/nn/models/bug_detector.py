"""A detector of bugs: one pass over a function judges every place in it and what could stand there instead.

An encoder reads tokens in both directions. A slot (a place that could be wrong, `represent.bug_slots`) is a vector made
of its anchors' states, and has a logit, the log odds that it is wrong; with at most one wrong slot, the probabilities
of the slots and of "nothing is wrong" (logit 0, as if it were one more position, Vasic et al. 2019) are a softmax:

    v_s = gelu(sum_k W_k h_anchor_k + e_kind)    l_s = w_kind · v_s    P(s is wrong) = exp(l_s) / (1 + sum_t exp(l_t))

What repairs a slot is chosen given the slot (as in Allamanis et al., "Self-Supervised Bug Detection and Repair", 2021,
section 2.2): of a variable by pointing at occurrences of other variables, of an operator or an exception type by a
classifier over its class. Operands and arguments are swapped back; there is nothing to choose.

`PointerHeads` are those of Kanade et al. 2020 (section 3.2): M_i = tanh(W_y h_i + W_h p), p the state of [CLS], and two
columns that give the logits of location and repair, each for itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.encoders.transformer_encoder import TransformerEncoder

if TYPE_CHECKING:
    from phloem.represent.bug_arrays import ReviewBatch


class Verdicts(NamedTuple):
    """Logits of the slots that they are wrong, and of what repairs the slots that were asked about."""

    location: Float[Tensor, " slots"]
    asked: Int64[Tensor, " asked"]  # slots
    words: Float[Tensor, "asked closed"]  # of operators and exception types; -∞ for what is of another class
    variables: Float[Tensor, "asked occurrences"]  # of occurrences; -∞ for the slot's own variable


class PointerHeads(nn.Module):
    """The two pointers of CuBERT over the states of a sequence."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.states = nn.Linear(width, width)
        self.pooled = nn.Linear(width, width, bias=False)
        self.columns = nn.Linear(width, 2, bias=False)

    def forward(self, states: Float[Tensor, "batch time width"]) -> Float[Tensor, "two batch time"]:
        """Logits of location and of repair."""
        mixed = torch.tanh(self.states(states) + self.pooled(states[:, :1]))
        return self.columns(mixed).movedim(-1, 0)


class BugDetector(nn.Module):
    """Token pieces to verdicts. `classes[i, j]`: whether closed word j could stand where word i stands."""

    def __init__(
        self,
        pieces: int,
        shapes: int,
        kinds: int,
        classes: Bool[Tensor, "closed closed"],
        *,
        width: int = 128,
        layers: int = 3,
        heads: int = 4,
        inner: int = 384,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = width
        self.table = nn.EmbeddingBag(pieces, width, mode="sum", padding_idx=0)
        self.shapes = nn.Embedding(shapes, width)
        self.norm = nn.LayerNorm(width)
        self.encoder = TransformerEncoder(width, layers=layers, heads=heads, inner=inner, dropout=dropout)
        self.anchors = nn.Linear(3 * width, width)
        self.kinds = nn.Embedding(kinds, width)
        self.odds = nn.Embedding(kinds, width)
        self.bias = nn.Embedding(kinds, 1)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.words = nn.Linear(width, len(classes))
        self.register_buffer("classes", classes, persistent=False)
        self.classes: Tensor
        nn.init.normal_(self.table.weight, std=0.05)
        for table in (self.shapes, self.kinds, self.odds):
            nn.init.normal_(table.weight, std=0.05)
        nn.init.constant_(self.bias.weight, -2.0)

    def forward(self, batch: ReviewBatch) -> Verdicts:
        """Verdicts on all slots, repairs for the wrong ones."""
        states = self.encode(batch)
        vectors = self.slots(batch, states)
        return self.judge(batch, states, vectors, batch.wrong.nonzero()[:, 0])

    def encode(self, batch: ReviewBatch) -> Float[Tensor, "batch time width"]:
        """The state of each token."""
        count, time, pieces = batch.pieces.shape
        tokens = self.table(batch.pieces.reshape(count * time, pieces)).reshape(count, time, self.width)
        return self.encoder(self.norm(tokens + self.shapes(batch.shape)), batch.lengths)

    def slots(self, batch: ReviewBatch, states: Float[Tensor, "batch time width"]) -> Float[Tensor, "slots width"]:
        """The vector of each slot."""
        beside = states[batch.row[:, None], batch.anchors].flatten(1)
        return gelu(self.anchors(beside) + self.kinds(batch.kind), approximate="tanh")

    def judge(
        self,
        batch: ReviewBatch,
        states: Float[Tensor, "batch time width"],
        vectors: Float[Tensor, "slots width"],
        asked: Int64[Tensor, " asked"],
    ) -> Verdicts:
        """Logits of all slots, and of repairs for those that are `asked` about."""
        location = (vectors * self.odds(batch.kind)).sum(dim=-1) + self.bias(batch.kind)[:, 0]
        row, own = batch.row[asked], batch.value[asked]
        chosen = vectors[asked]
        words = self.words(chosen).masked_fill(~self.classes[own.clamp(max=len(self.classes) - 1)], -math.inf)
        keys = self.key(states[row[:, None], batch.occurrences[row]])
        scores = (keys @ self.query(chosen)[:, :, None])[:, :, 0] / math.sqrt(self.width)
        number = batch.number[row]
        variables = scores.masked_fill((number < 0) | (number == own[:, None]), -math.inf)
        return Verdicts(location, asked, words, variables)


def location_log_probabilities(
    location: Float[Tensor, " slots"], row: Int64[Tensor, " slots"], place: Int64[Tensor, " slots"], rows: int
) -> Float[Tensor, "rows places"]:
    """Log probabilities that nothing (place 0) or the slot `place` (from 1) of a row is wrong, at most one being so."""
    most = int(place.max()) + 1 if len(place) else 0
    table = location.new_full((rows, most + 1), -math.inf)
    table[:, 0] = 0.0
    table = table.index_put((row, place + 1), location)
    return table.log_softmax(dim=-1)
