"""Okapi: from questions to calls of web APIs, and what becomes of calls with more parameters than training has.

Neither the paper's 22,508 questions nor descriptions of real services come with phloem, so that questions are generated
over a service of documents, calendar and e-mail (`phloem.tasks.compositional_api_questions`): values are open, parts of
a call are said in several ways. An LSTM with attention that copies is compared with the same one without (equal sizes
but for the gate), on questions drawn alike and on calls of three and four parameters after training with one and two.
An answer is right when its canonical form is; "valid" says how many answers the schema allows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from phloem.decode.beam import Beam
from phloem.errors import PhloemError
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.copying_seq2seq import CopyingSeq2Seq
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import START, UNK
from phloem.represent.text_pairs import Pair
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import translation
from phloem.tasks.compositional_api import Call, problems, read, written
from phloem.tasks.compositional_api_questions import MANY, SCHEMA, Question, split
from phloem.tasks.compositional_copying import CopyingPairs

VALIDATION = 200
LONGEST = 60  # tokens of a call


@dataclass(frozen=True)
class Caller:
    """Sizes, training, and questions; `extra` is how many words of a question can be copied, none without copying."""

    copies: bool = True
    extra: int = 40
    embedding: int = 64
    width: int = 128
    layers: int = 1
    dropout: float = 0.1
    batch_size: int = 32
    learning_rate: float = 2e-3
    train: int = 6000
    test: int = 400
    most: int = MANY  # parameters of a call, where all are drawn alike

    def make(self, vocabularies: tuple[int, int]) -> nn.Module:
        """The model with fresh weights."""
        sizes: dict[str, Any] = {"width": self.width, "layers": self.layers, "dropout": self.dropout}
        if self.copies:
            return CopyingSeq2Seq(*vocabularies, self.extra, embedding=self.embedding, **sizes)
        return Seq2Seq(*vocabularies, embedding=self.embedding, **sizes)


def pairs(questions: list[Question]) -> list[Pair]:
    """Words, and the call's tokens with quotes apart, so that what they hold can be copied."""
    return [(each.words, " ".join(written(each.call).replace("'", " ' ").split())) for each in questions]


def answer(text: str) -> Call | None:
    """The call of a written answer; None for what is none."""
    try:
        return read(text)
    except PhloemError:
        return None


def ask(job: Job, name: str, sizes: Caller, budget: dict[str, Any]) -> Outcome:
    """Train on a split's questions; which of the test's calls are right, and which the schema allows."""
    training, test = split(name, sizes.train + VALIDATION, sizes.test, job.seed, sizes.most)
    extra = sizes.extra if sizes.copies else 0
    data = CopyingPairs(pairs(training[VALIDATION:]), extra)
    held, asked = (CopyingPairs(pairs(part), extra, data.words) for part in (training[:VALIDATION], test))
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch_size,
        bucket=10,
        learning_rate=sizes.learning_rate,
        metric="-perplexity",
    )
    make = partial(sizes.make, data.vocabularies)
    search = Beam(1, forbid=(UNK, START))
    model, facts = trained(
        make, data, SequenceCrossEntropy(), settings, job, evaluate=lambda net: translation.perplexity(net, held)
    )
    units = judged(asked.answers(model, search, LONGEST), test)
    before = judged(asked.answers(fresh(make, job.seed), search, LONGEST), test)
    return Outcome(units, {each: float(ACCURACY.of(rows.sum(axis=0))) for each, rows in before.items()}, facts)


def judged(answers: list[str], test: list[Question]) -> dict[str, np.ndarray]:
    """For each question whether the answer is right, and whether the schema allows it."""
    calls = [answer(text) for text in answers]
    right = [call == each.call for call, each in zip(calls, test, strict=True)]
    valid = [call is not None and not problems(call, SCHEMA) for call in calls]
    return {"exact": with_count(np.array(right, float)), "valid": with_count(np.array(valid, float))}


@system("okapi", row="S065", room="synthesis")
def okapi(scale: Scale) -> Claim:
    """Hosseini, Awadallah, Su: Compositional Generalization for Natural Language Interfaces to Web APIs (2021).

    Questions to calls with open values: copying is needed, and more parameters than in training are still too many.
    """
    budget = scale.budget(smoke=6, laptop=3, paper=60)
    contenders = {"copy": Caller(), "plain": Caller(copies=False)}
    splits: tuple[str, ...] = ("iid", "more", "unseen")
    if scale.smoke:
        small = Caller(width=64, embedding=32, learning_rate=1e-2, train=600, test=100, most=1, dropout=0.0)
        contenders, splits = {"copy": small}, splits[:1]
    arms = tuple(
        Arm(f"{who} {name}", partial(ask, name=name, sizes=sizes, budget=budget), {"split": name, **asdict(sizes)})
        for name in splits
        for who, sizes in contenders.items()
    )
    return Claim(
        kind="trained",
        task="questions to calls of a service of documents, calendar and e-mail",
        metrics={"exact": ACCURACY, "valid": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("calls are understood", "exact", "copy iid", None, 0.3),
        budget=budget,
        data={"questions": "generated from the schema"},
        launch="phloem reproduce okapi --scale paper",
    )


CLAUSES = (
    Clause("copying brings 20 points", "exact", "copy iid", "plain iid", 0.2),
    Clause("more parameters cost 30 points", "exact", "copy iid", "copy more", 0.3),
)
