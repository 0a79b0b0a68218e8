"""The sequence models that are compared in compositional generalisation, and how they are trained on a problem.

An LSTM with attention and a Transformer (`phloem.nn.models`), over whole words, trained for the minutes that are given
and decoded greedily. The weights are those of the least perplexity on the validation pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.nn.models.transformer import Transformer
from phloem.represent.base import START, UNK
from phloem.represent.text_pairs import PairView
from phloem.systems.claims import Job
from phloem.systems.training import Splits, compiled, trained
from phloem.tasks import translation
from phloem.tasks.compositional import UNITS, Problem


@dataclass(frozen=True)
class Writer:
    """A sequence-to-sequence model, its sizes and its training."""

    kind: str
    width: int = 128
    layers: int = 2
    dropout: float = 0.1
    batch_size: int = 64
    learning_rate: float = 1e-3

    def make(self, view: PairView) -> nn.Module:
        """The model with fresh weights."""
        vocabularies = view.source.get_vocab_size(), view.target.get_vocab_size()
        if self.kind == "lstm":
            return Seq2Seq(*vocabularies, width=self.width, layers=self.layers, dropout=self.dropout)
        return Transformer(*vocabularies, width=self.width, layers=self.layers, dropout=self.dropout)


WRITERS = {
    "lstm": Writer("lstm"),
    "transformer": Writer("transformer", learning_rate=5e-4),
}


def written(asked: Problem, writer: Writer, budget: dict[str, Any], job: Job) -> tuple[list[str], dict[str, Any]]:
    """What a sequence model that is trained on the problem answers to its test, greedily; and facts of the training."""
    splits: Splits = {"train": partial(list, asked.train), "validation": partial(list, asked.validation)}
    key = [asked.name, len(asked.train)]
    view, data = compiled(PairView(UNITS), splits, job.shared, key)
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=writer.batch_size,
        bucket=20,
        learning_rate=writer.learning_rate,
        metric="-perplexity",
    )
    model, facts = trained(
        partial(writer.make, view),
        data["train"],
        SequenceCrossEntropy(),
        settings,
        job,
        evaluate=lambda net: translation.perplexity(net, data["validation"]),
    )
    search = Beam(1, forbid=(UNK, START))
    return translation.translate(model, view, [source for source, _ in asked.test], search, asked.longest), facts
