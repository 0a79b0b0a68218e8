"""The networks of CuBERT's comparison, and the data that they read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.learn.objectives.next_sentence import LinePairs
from phloem.learn.objectives.pointer_loss import Pointed
from phloem.nn.encoders.lstm import LSTMEncoder
from phloem.nn.models.bug_detector import PointerHeads
from phloem.nn.models.text_encoder import TextEncoder, TextPairs, text_pairs
from phloem.represent.indent_pieces import IndentPieces
from phloem.tasks.cubert_tasks import Labelled, Misused, line_pairs


class Classified(NamedTuple):
    """Sequences with their classes."""

    pairs: TextPairs
    target: Int64[Tensor, " batch"]


class Pointing(NamedTuple):
    """Sequences in which a piece may be misused: `error` is its place or 0; candidates are variables' first pieces."""

    pairs: TextPairs
    candidates: Bool[Tensor, "batch time"]
    error: Int64[Tensor, " batch"]
    target: Bool[Tensor, "batch time"]


class CubertEncoder(nn.Module):
    """A Transformer encoder over pieces; as a classifier's encoder it gives the state of [CLS]."""

    def __init__(self, units: int, *, width: int, layers: int, most: int) -> None:
        super().__init__()
        self.width = width
        self.text = TextEncoder(units, width=width, layers=layers, heads=4, inner=4 * width, most=most)
        self.next = nn.Linear(width, 1)

    def forward(self, batch: Classified) -> Float[Tensor, "batch width"]:
        return self.encode(batch.pairs.tokens, batch.pairs.lengths)[:, 0]

    def encode(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch time width"]:
        """The state of each piece."""
        return self.text(tokens, lengths)

    def words(self, states: Float[Tensor, "places width"]) -> Float[Tensor, "places units"]:
        return self.text.words(states)

    def follows(self, states: Float[Tensor, "batch time width"]) -> Float[Tensor, " batch"]:
        return self.next(states[:, 0])[:, 0]


class MisusePointer(nn.Module):
    """CuBERT's two pointers over the encoder's states."""

    def __init__(self, encoder: CubertEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = PointerHeads(encoder.width)

    def forward(self, batch: Pointing) -> Pointed:
        location, repair = self.heads(self.encoder.encode(batch.pairs.tokens, batch.pairs.lengths))
        return Pointed(location, repair, batch.candidates)


class WordVectorLSTM(nn.Module):
    """The baseline: vectors of units from their neighbours, read by an LSTM in both directions."""

    def __init__(self, units: int, *, width: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.table = nn.Embedding(units, width)
        self.context = nn.Embedding(units, width)
        nn.init.normal_(self.table.weight, std=0.1)
        nn.init.zeros_(self.context.weight)
        self.lstm = LSTMEncoder(width, 2 * width, layers=1, bidirectional=True)

    def forward(self, batch: Classified) -> Float[Tensor, "batch width"]:
        states = self.lstm(self.table(batch.pairs.tokens), batch.pairs.lengths).outputs
        real = batch.pairs.real()[:, :, None]
        return states.masked_fill(~real, -1.0).amax(dim=1)


class _Rows:
    """What data sets of sequences have in common."""

    rows: Sequence[Any]
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


class ClassifiedRows(_Rows):
    """A `Dataset` of labelled functions."""

    def __init__(self, pieces: IndentPieces, examples: Iterable[Labelled], most: int) -> None:
        self.most = most
        self.rows = [
            (pieces.rows(each.doc, most // 4)[0], pieces.rows(each.words, most)[0], each.label) for each in examples
        ]
        self.sizes = np.array([len(row[0]) + len(row[1]) for row in self.rows], np.int64)

    def batch(self, index: Int64[np.ndarray, " batch"], rng: np.random.Generator | None) -> Classified:
        rows = [self.rows[i] for i in index]
        pairs = text_pairs([row[0] for row in rows], [row[1] for row in rows], most=self.most, most_text=self.most // 4)
        return Classified(pairs, torch.tensor([row[2] for row in rows]))


class PointingRows(_Rows):
    """A `Dataset` of functions that may have a misused variable; those whose bug lies behind the cut are left out."""

    def __init__(self, pieces: IndentPieces, examples: Iterable[Misused], most: int) -> None:
        self.most = most
        self.rows = []
        for each in examples:
            flat, starts = pieces.rows(each.words, most - 3)  # `text_pairs` keeps three places for marks
            seen = len(starts)
            targets = [starts[i] + 1 for i in each.targets if i < seen]  # [CLS] comes first
            if each.error < seen and (each.error < 0 or targets):
                error = starts[each.error] + 1 if each.error >= 0 else 0
                self.rows.append((flat, [starts[i] + 1 for i in each.candidates if i < seen], error, targets))
        self.sizes = np.array([len(row[0]) for row in self.rows], np.int64)

    def batch(self, index: Int64[np.ndarray, " batch"], rng: np.random.Generator | None) -> Pointing:
        rows = [self.rows[i] for i in index]
        pairs = text_pairs([[] for _ in rows], [row[0] for row in rows], most=self.most)
        marks = torch.zeros(2, *pairs.tokens.shape, dtype=torch.bool)
        for i, (_, candidates, _, targets) in enumerate(rows):
            marks[0, i, candidates], marks[1, i, targets] = True, True
        return Pointing(pairs, marks[0], torch.tensor([row[2] for row in rows]), marks[1])


class LineRows(_Rows):
    """A `Dataset` of functions for pretraining: two runs of lines each, drawn afresh at every visit."""

    def __init__(self, pieces: IndentPieces, functions: Sequence[list[str]], most: int) -> None:
        self.pieces, self.rows, self.most = pieces, functions, most
        self.sizes = np.array([len(words) for words in functions], np.int64)

    def batch(self, index: Int64[np.ndarray, " batch"], rng: np.random.Generator | None) -> LinePairs:
        rng = rng or np.random.default_rng(0)
        firsts, seconds, follow = [], [], []
        for i in index:
            other = self.rows[int(rng.integers(len(self.rows)))]
            first, second, follows = line_pairs(self.rows[i], other, rng)
            firsts.append(self.pieces.rows(first, self.most // 2)[0] or [0])
            seconds.append(self.pieces.rows(second, self.most // 2)[0])
            follow.append(follows)
        pairs = text_pairs(firsts, seconds, most=self.most, most_text=self.most // 2)
        return LinePairs(pairs, torch.tensor(follow))


class UnitRows(LineRows):
    """The same functions as rows of units, for skip-gram."""

    def batch(self, index: Int64[np.ndarray, " batch"], rng: np.random.Generator | None) -> TextPairs:  # type: ignore[override]
        rows = [self.pieces.rows(self.rows[i], self.most - 2)[0] for i in index]
        return text_pairs([[] for _ in rows], rows, most=self.most)
