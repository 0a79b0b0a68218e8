"""The view of translation: a source text and a target text as sequences of byte-pair units.

Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units" (2016): the most frequent pair
of neighbouring units is merged until the vocabulary has the size asked for. Each side has a vocabulary of its own,
learned from training data. A batch is a `TokenBatch`; targets end with PAD.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Int, Int64
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from phloem.represent.base import PAD, START, UNK
from phloem.represent.token_view import TokenBatch, padded, token_batch
from phloem.represent.vocabulary import OUTPUTS

Pair = tuple[str, str]
CONTINUED = "##"


def learn_units(texts: Iterable[str], size: int) -> Tokenizer:
    """Byte-pair units of words that white space separates; ids 0 to 2 are PAD, UNK and START."""
    tokenizer = Tokenizer(BPE(unk_token=OUTPUTS[UNK], continuing_subword_prefix=CONTINUED))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.decoder = WordPieceDecoder(prefix=CONTINUED, cleanup=False)
    trainer = BpeTrainer(
        vocab_size=size,
        special_tokens=list(OUTPUTS),
        continuing_subword_prefix=CONTINUED,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class PairDataset:
    """Encoded pairs in memory-mapped arrays (a `Dataset`)."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._flat = {side: np.load(self.folder / f"{side}.npy", mmap_mode="r") for side in ("source", "target")}
        self._offsets = {side: np.load(self.folder / f"{side}.offsets.npy") for side in ("source", "target")}

    def __len__(self) -> int:
        return len(self._offsets["source"]) - 1

    @property
    def sizes(self) -> Int64[np.ndarray, pairs]:
        """Units of each source and target together."""
        return np.diff(self._offsets["source"]) + np.diff(self._offsets["target"])

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> TokenBatch:
        """These pairs; nothing is sampled."""
        source, lengths = self._rows("source", index, 0)
        target, _ = self._rows("target", index, 1)
        return token_batch(source, lengths, target)

    def _rows(self, side: str, index: np.ndarray, more: int) -> tuple[np.ndarray, np.ndarray]:
        offsets = self._offsets[side]
        starts, lengths = offsets[index], offsets[index + 1] - offsets[index]
        rows = padded(np.asarray(self._flat[side]), starts, lengths)
        return np.pad(rows, ((0, 0), (0, more)), constant_values=PAD), lengths


class PairView:
    """Pairs of texts as units of two learned vocabularies of `size` each."""

    def __init__(self, size: int = 4000, source: Tokenizer | None = None, target: Tokenizer | None = None) -> None:
        self.size = size
        self._source, self._target = source, target

    @property
    def source(self) -> Tokenizer:
        assert self._source is not None, "fit the view first"
        return self._source

    @property
    def target(self) -> Tokenizer:
        assert self._target is not None, "fit the view first"
        return self._target

    def fit(self, pairs: Sequence[Pair]) -> Self:
        self._source = learn_units((source for source, _ in pairs), self.size)
        self._target = learn_units((target for _, target in pairs), self.size)
        return self

    def compile(self, pairs: Sequence[Pair], folder: Path | str) -> PairDataset:
        """Encode into a new folder."""
        folder = Path(folder)
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        for number, (side, tokenizer) in enumerate((("source", self.source), ("target", self.target))):
            ids = [encoding.ids for encoding in tokenizer.encode_batch([pair[number] for pair in pairs])]
            np.save(partial / f"{side}.npy", np.array([unit for row in ids for unit in row], np.int32))
            np.save(partial / f"{side}.offsets.npy", np.cumsum([0, *map(len, ids)]).astype(np.int64))
        (partial / "view.json").write_text(json.dumps(self.state()))
        partial.rename(folder)
        return PairDataset(folder)

    def open(self, folder: Path | str) -> PairDataset:
        """A dataset that this view compiled."""
        return PairDataset(folder)

    def batch(self, pairs: Sequence[Pair]) -> TokenBatch:
        """The batch of these pairs, which need not be on disk."""
        sides = []
        for number, tokenizer in enumerate((self.source, self.target)):
            ids = [encoding.ids for encoding in tokenizer.encode_batch([pair[number] for pair in pairs])]
            lengths = np.array([len(row) for row in ids], np.int64)
            flat = np.array([unit for row in ids for unit in row], np.int64)
            sides.append((padded(flat, np.cumsum(lengths) - lengths, lengths), lengths))
        (source, lengths), (target, _) = sides
        return token_batch(source, lengths, np.pad(target, ((0, 0), (0, 1)), constant_values=PAD))

    def decode(self, ids: Iterable[int]) -> str:
        """The target text of ids up to the end mark; unknown units are left out."""
        units: list[int] = []
        for unit in ids:
            if unit == PAD:
                break
            if unit not in (UNK, START):
                units.append(int(unit))
        return self.target.decode(units)

    def state(self) -> dict[str, Any]:
        """What `from_state` needs; JSON can hold it."""
        sides = {"source": self._source, "target": self._target}
        return {"size": self.size, **{side: units and units.to_str() for side, units in sides.items()}}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The view that a `state` describes."""
        source, target = (state[side] and Tokenizer.from_str(state[side]) for side in ("source", "target"))
        return cls(state["size"], source, target)
