"""The sequence models that are compared in compositional generalisation, trained on a problem.

An LSTM with attention and a Transformer (`phloem.nn.models`), over whole words, trained for the minutes that are given
and decoded greedily, in the manner of `word_translation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from phloem.nn.models.seq2seq import Seq2Seq
from phloem.nn.models.transformer import Transformer
from phloem.represent.word_pairs import WordPairs
from phloem.systems.claims import Job
from phloem.systems.synthesis.word_translation import learned, translated
from phloem.tasks.compositional import Problem


@dataclass(frozen=True)
class Writer:
    """A sequence-to-sequence model, its sizes and its training."""

    kind: str
    width: int = 128
    layers: int = 2
    dropout: float = 0.1
    batch_size: int = 64
    learning_rate: float = 1e-3

    def make(self, view: WordPairs) -> nn.Module:
        """The model with fresh weights."""
        vocabularies = view.source.get_vocab_size(), view.target.get_vocab_size()
        if self.kind == "lstm":
            return Seq2Seq(*vocabularies, width=self.width, layers=self.layers, dropout=self.dropout)
        return Transformer(*vocabularies, width=self.width, layers=self.layers, dropout=self.dropout)


WRITERS = {
    "lstm": Writer("lstm"),
    "transformer": Writer("transformer", learning_rate=5e-4),
}


def written(asked: Problem, writer: Writer, budget: Mapping[str, Any], job: Job) -> tuple[list[str], dict[str, Any]]:
    """What a sequence model that is trained on the problem answers to its test, greedily; and facts of the training."""
    pairs = {"train": asked.train, "validation": asked.validation}
    found = learned(job, pairs, writer, budget, [asked.name, len(asked.train)])
    return translated(found.model, found.view, [source for source, _ in asked.test], asked.longest), found.facts
