"""Sequence to sequence with LSTMs: the recipe of the attentive baseline, and the claim of the plain model.

The recipe is the two-layer bidirectional LSTM with attention over the subtokens of code, the strongest baseline of
Alon et al. (code2seq, 2019, table 1). The claim is Sutskever et al.'s: without attention, reading the source backward
makes translation better, and copying easy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from phloem.decode.beam import Beam
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure.text import bleu
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import START, UNK
from phloem.represent.text_pairs import PairView
from phloem.represent.token_view import TokenView, view_config
from phloem.systems.claims import ACCURACY, FEWEST, PERPLEXITY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import Splits, compiled, fresh, trained
from phloem.tasks import translation
from phloem.tasks.copying import Copying, hits
from phloem.tasks.recipe import Recipe


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The view's settings (see `TokenViewConfig`), the sizes of the model, its dropout, and its search.

    `width` is the decoder's; each direction of the encoder has half of it.
    """

    target: str = "name"
    length: int = 200
    value_subtokens: int = 5
    target_words: int = 6
    subtoken_limit: int = 20_000
    word_limit: int = 8_000
    least: int = 2
    embedding: int = 96
    width: int = 256
    layers: int = 2
    bidirectional: bool = True
    attention: bool = True
    reverse: bool = False
    dropout: float = 0.25
    label_smoothing: float = 0.0
    beam: int = 5


def view(config: Seq2SeqConfig) -> TokenView:
    return TokenView(view_config(config))


def model(config: Seq2SeqConfig, view: TokenView) -> Seq2Seq:
    return Seq2Seq(
        len(view.values),
        len(view.words),
        embedding=config.embedding,
        width=config.width,
        layers=config.layers,
        bidirectional=config.bidirectional,
        attention=config.attention,
        reverse=config.reverse,
        dropout=config.dropout,
    )


def objective(config: Seq2SeqConfig) -> SequenceCrossEntropy:
    return SequenceCrossEntropy(config.label_smoothing)


def search(config: Seq2SeqConfig) -> Beam:
    """An unknown word is of no use in an answer, so none is written."""
    return Beam(config.beam, forbid=(UNK, START))


RECIPE = Recipe("seq2seq", Seq2SeqConfig, view, TokenView.from_state, model, objective, search)


# The claim


@dataclass(frozen=True)
class Translator:
    """Sizes and training of the translating arms: small ones for a CPU."""

    corpus: str = "multi30k"  # of `translation.CORPORA`
    units: int = 4000  # byte pairs of each language
    embedding: int = 256
    width: int = 256
    layers: int = 2
    dropout: float = 0.2
    uniform: float | None = None
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    decay: float = 1.0
    decay_every: float = 1.0
    decay_after: float = 0.0
    beam: int = 2  # "gives most of the gain"


PUBLISHED = Translator(
    corpus="wmt14_en_fr",
    units=80_000,
    embedding=1000,
    width=1000,
    layers=4,
    dropout=0.0,
    uniform=0.08,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.7,
    decay=0.5,
    decay_every=0.5,
    decay_after=4.5,
    beam=12,
)
"""Section 3.4 of the paper, with byte pairs for its word vocabularies."""


def train_translator(job: Job, scale: Scale, budget: dict[str, Any], sizes: Translator, reverse: bool) -> Outcome:
    """Train on Multi30k; perplexity on the validation pairs, BLEU on those of the test."""
    corpus = translation.CORPORA[sizes.corpus]
    pairs = {split: corpus.pairs(split, scale.data) for split in ("train", "validation", "test")}
    texts: Splits = {split: partial(list, chosen) for split, chosen in pairs.items()}
    view, data = compiled(PairView(sizes.units), texts, job.shared, corpus.name)
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch_size,
        bucket=20,
        optimizer=sizes.optimizer,
        learning_rate=sizes.learning_rate,
        decay=sizes.decay,
        decay_every=sizes.decay_every,
        decay_after=sizes.decay_after,
        metric="-perplexity",
    )
    net, facts = trained(
        lambda: _plain(view.source.get_vocab_size(), view.target.get_vocab_size(), sizes, reverse),
        data["train"],
        SequenceCrossEntropy(),
        settings,
        job,
        evaluate=lambda net: translation.perplexity(net, data["validation"]),
    )
    addends = translation.translation_addends(net, view, pairs["test"], Beam(sizes.beam, forbid=(START,)))
    units = {"perplexity": translation.surprise(net, data["validation"]), "bleu": addends}
    return Outcome(units, facts=facts)


def _plain(sources: int, targets: int, sizes: Translator, reverse: bool) -> Seq2Seq:
    return Seq2Seq(
        sources,
        targets,
        embedding=sizes.embedding,
        width=sizes.width,
        layers=sizes.layers,
        bidirectional=False,
        attention=False,
        reverse=reverse,
        dropout=sizes.dropout,
        uniform=sizes.uniform,
    )


@dataclass(frozen=True)
class Copier:
    """Sizes of the copying arms, and how their steps are counted."""

    length: int = 20
    symbols: int = 10
    embedding: int = 32
    width: int = 128
    layers: int = 1
    batch_size: int = 64
    learning_rate: float = 2e-3
    enough: float = 0.95  # token accuracy
    every: int = 50  # steps between two looks at it
    most: int = 6000  # steps; a run that needs more counts as this many


def train_copier(job: Job, sizes: Copier, reverse: bool) -> Outcome:
    """Train until the accuracy on strings never seen is enough; the steps that it took."""
    strings = Copying(length=sizes.length, symbols=sizes.symbols, examples=sizes.every * sizes.batch_size)
    unseen = Copying(length=sizes.length, symbols=sizes.symbols)
    made = Translator(embedding=sizes.embedding, width=sizes.width, layers=sizes.layers, dropout=0.0)
    net = fresh(lambda: _plain(strings.vocabulary, strings.vocabulary, made, reverse), job.seed)
    untrained = float(ACCURACY.of(hits(net, unseen).sum(axis=0)))
    steps, seconds, accuracy = 0, 0.0, untrained
    while steps < sizes.most and accuracy < sizes.enough:
        # An epoch is the stretch between two looks; the run goes on from its own checkpoint.
        steps += sizes.every
        settings = TrainingSettings(
            seed=job.seed,
            epochs=steps // sizes.every,
            batch_size=sizes.batch_size,
            learning_rate=sizes.learning_rate,
            clip=1.0,
        )
        history = train(net, strings, SequenceCrossEntropy(), settings, folder=job.folder)
        accuracy, seconds = float(ACCURACY.of(hits(net, unseen).sum(axis=0))), history.seconds
        job.progress(max(steps / sizes.most, accuracy / sizes.enough * 0.99))
    facts = {"steps": steps, "reached": accuracy >= sizes.enough, "training_seconds": round(seconds, 1)}
    return Outcome(
        {"steps": np.array([[float(steps)]]), "token accuracy": hits(net, unseen)},
        {"token accuracy": untrained},
        facts,
    )


@system("seq2seq", row="S048", room="backbones")
def seq2seq(scale: Scale) -> Claim:
    """Sutskever, Vinyals, Le: Sequence to Sequence Learning with Neural Networks (NeurIPS 2014).

    A deep LSTM without attention, its source read backward or forward: translation of captions, and copying of strings.
    """
    budget = scale.budget(smoke=1, laptop=8.0, paper=8)
    sizes = PUBLISHED if scale.name == "paper" else Translator()
    copier = Copier(length=5, symbols=4, width=64, learning_rate=5e-3, most=1500) if scale.smoke else Copier()

    def translating(name: str, reverse: bool) -> Arm:
        run = partial(train_translator, scale=scale, budget=budget, sizes=sizes, reverse=reverse)
        return Arm(name, run, {**asdict(sizes), "reverse": reverse})

    def copying(name: str, reverse: bool) -> Arm:
        return Arm(name, partial(train_copier, sizes=copier, reverse=reverse), {**asdict(copier), "reverse": reverse})

    copiers = copying("copy reversed", True), copying("copy forward", False)
    arms = (translating("reversed", True), translating("forward", False), *copiers)
    return Claim(
        kind="trained",
        task="copying strings" if scale.smoke else "captions from English into German, and copying strings",
        metrics={"perplexity": PERPLEXITY, "bleu": Metric(bleu), "steps": FEWEST, "token accuracy": ACCURACY},
        arms=copiers[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("copying is learned", "token accuracy", "copy reversed", None, 0.9),
        budget=budget,
        data={"pairs": "generated" if scale.smoke else sizes.corpus},
        launch="phloem reproduce seq2seq --scale paper --data DIR  # DIR/wmt14_en_fr/{train,validation,test}.jsonl.gz",
    )


CLAUSES = (
    Clause(
        "reversal lowers the validation perplexity at every seed",
        "perplexity",
        "reversed",
        "forward",
        0.0,
        across="every seed",
    ),
    Clause("reversal raises BLEU by 1", "bleu", "reversed", "forward", 1.0),
    Clause("reversal halves the steps to copy", "steps", "copy reversed", "copy forward", 2.0, form="ratio"),
)
