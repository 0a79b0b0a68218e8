"""What the rows that translate questions into programs have in common: word by word, mostly with an attentive LSTM.

Bahdanau and Luong's family of models, as `phloem.nn.models.seq2seq` has it (or another that its sizes make), over whole
words; the weights with the lowest perplexity on held pairs are kept; greedy decoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import START, UNK
from phloem.represent.text_pairs import Pair
from phloem.represent.word_pairs import WordPairs
from phloem.systems.claims import Job
from phloem.systems.training import Splits, compiled, fresh, trained
from phloem.tasks import translation


class Sizes(Protocol):
    """A model and its training."""

    @property
    def batch_size(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    def make(self, view: WordPairs) -> nn.Module:
        """The model with fresh weights."""


@dataclass(frozen=True)
class Translator:
    """An LSTM with attention: sizes and training."""

    embedding: int = 64
    width: int = 128
    layers: int = 2
    dropout: float = 0.2
    batch_size: int = 32
    learning_rate: float = 1e-3

    def make(self, view: WordPairs) -> Seq2Seq:
        """The model with fresh weights."""
        return Seq2Seq(
            view.source.get_vocab_size(),
            view.target.get_vocab_size(),
            embedding=self.embedding,
            width=self.width,
            layers=self.layers,
            dropout=self.dropout,
        )


class Learned(NamedTuple):
    """A trained model, one with its first weights, the view of both, and facts to publish."""

    model: Any
    untrained: Any
    view: WordPairs
    facts: dict[str, Any]


def learned(
    job: Job, pairs: Mapping[str, Sequence[Pair]], sizes: Sizes, budget: Mapping[str, Any], key: Any
) -> Learned:
    """Train on the pairs of "train", chosen by those of "validation"; `key` tells these pairs from any other."""
    splits: Splits = {split: partial(list, pairs[split]) for split in ("train", "validation")}
    view, data = compiled(WordPairs(), splits, job.shared, key)
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch_size,
        bucket=20,
        learning_rate=sizes.learning_rate,
        metric="-perplexity",
    )
    model, facts = trained(
        partial(sizes.make, view),
        data["train"],
        SequenceCrossEntropy(),
        settings,
        job,
        evaluate=lambda net: translation.perplexity(net, data["validation"]),
    )
    facts["words"] = [view.source.get_vocab_size(), view.target.get_vocab_size()]
    return Learned(model, fresh(partial(sizes.make, view), job.seed), view, facts)


def translated(model: Any, view: WordPairs, sources: Sequence[str], length: int) -> list[str]:
    """The words that greedy search writes for each source, at most `length`; never the unknown word."""
    with torch.inference_mode():
        return translation.translate(model, view, sources, Beam(1, forbid=(UNK, START)), length)
