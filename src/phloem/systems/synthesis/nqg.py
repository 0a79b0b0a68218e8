"""NQG-T5: a grammar answers where it can, a sequence model where it can't.

The grammar is induced from the shortest pairs by description length (`phloem.synthesis.qcfg_induction`), a network
scores its derivations (`phloem.nn.models.nqg_scorer`), and what it does not parse goes to a sequence-to-sequence model.
In place of BERT the scorer has a bidirectional LSTM over words, and in place of T5 the fallback is the project's LSTM
with attention, both trained on the set's own pairs: nothing is pretrained. GeoQuery has names of places as markers, as
in the paper; a target is accepted where its parentheses close and its functions have as many arguments as in training.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.measure.exact_match import matches
from phloem.nn.models.nqg_scorer import SpanRuleScorer
from phloem.synthesis.qcfg_induction import Induction, shortest
from phloem.synthesis.synchronous_grammar import Side
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.compositional_writers import WRITERS, written
from phloem.systems.training import trained
from phloem.tasks import compositional
from phloem.tasks.compositional import Problem, sides
from phloem.tasks.compositional_parsing import (
    Accepts,
    DerivationData,
    DerivationLikelihood,
    Parser,
    learn_grammar,
    nested_like,
)


@dataclass(frozen=True)
class Grammatical:
    """Induction, and the scorer's size and training."""

    word_cost: float = 8.0
    repeated: bool = True
    shared_words: bool = True
    shortest_pairs: int | None = 500
    own_rules: bool = True  # for pairs that are not among the shortest, and are not derived
    induction_seconds: float = 180.0  # of the processor; a grammar is usable after any step
    scored_pairs: int = 1500
    width: int = 32
    epochs: int | None = 10
    scorer_minutes: float | None = None  # of the processor, where epochs are not given
    batch_size: int = 16
    learning_rate: float = 1e-2
    nested: bool = False  # targets are nested functions, and are accepted as such

    def induction(self) -> Induction:
        return Induction(word_cost=self.word_cost, repeated=self.repeated, shared_words=self.shared_words)


SCAN = Grammatical(word_cost=32, shared_words=False)
GEOQUERY = Grammatical(repeated=False, shortest_pairs=None, nested=True)
COMMON = Grammatical(shortest_pairs=300, own_rules=False)


class Learned(NamedTuple):
    """A parser with its scorer, and what is told of it."""

    parser: Parser
    model: SpanRuleScorer
    accepts: Accepts | None
    facts: dict[str, Any]

    def answers(self, sources: Sequence[Side]) -> list[Side | None]:
        return self.parser.answers(self.model, sources, self.accepts)


def learned(asked: Problem, sizes: Grammatical, job: Job) -> Learned:
    """Induce, then train the scorer on training pairs that the grammar derives."""
    started = time.process_time()
    train = sides(asked.train)
    grammar = learn_grammar(
        train,
        sizes.induction(),
        shortest_pairs=sizes.shortest_pairs,
        own_rules=sizes.own_rules,
        seconds=sizes.induction_seconds,
    )
    induced = round(time.process_time() - started, 1)
    parser = Parser(grammar, {word for source, _ in train for word in source}, width=sizes.width)
    unique = sorted(set(train))
    Random(job.seed).shuffle(unique)
    data = DerivationData(parser, unique[: sizes.scored_pairs])
    if not len(data):  # a small grammar may derive no more than what it was induced from
        data = DerivationData(parser, shortest(train, sizes.shortest_pairs))
    settings = TrainingSettings(
        seed=job.seed,
        epochs=sizes.epochs,
        minutes=sizes.scorer_minutes,
        clock="processor",
        batch_size=sizes.batch_size,
        learning_rate=sizes.learning_rate,
        metric="exact",
    )
    held = sides(asked.validation)
    model, facts = trained(
        parser.make, data, DerivationLikelihood(), settings, job, evaluate=lambda net: parser.evaluate(net, held)
    )
    facts |= {"rules": len(grammar), "induction_seconds": induced}
    accepts = nested_like(target for _, target in train) if sizes.nested else None
    return Learned(parser, model, accepts, facts)


def ask_grammar(job: Job, name: str, sizes: Grammatical, most: int | None = None) -> Outcome:
    """The grammar alone: silence is wrong. Before it has learned it derives the training pairs and nothing else."""
    asked = compositional.problem(name, most=most)
    known = learned(asked, sizes, job)
    found = known.answers([source for source, _ in sides(asked.test)])
    right = matches([target.split() for _, target in asked.test], [answer or () for answer in map(_words, found)])
    return Outcome({"exact": with_count(right)}, {"exact": 0.0}, known.facts)


def ask_both(job: Job, name: str, sizes: Grammatical, budget: dict[str, Any], data: Path | None = None) -> Outcome:
    """The hybrid, its fallback alone, and how often the grammar is right where it answers."""
    asked = compositional.problem(name, data)
    known = learned(asked, sizes, job)
    alone, facts = written(asked, WRITERS["lstm"], budget, job._replace(folder=job.folder / "fallback"))
    wanted = [target.split() for _, target in asked.test]
    answered = [_words(each) for each in known.answers([source for source, _ in sides(asked.test)])]
    hybrid = matches(wanted, [own or other.split() for own, other in zip(answered, alone, strict=True)])
    fallback = matches(wanted, [each.split() for each in alone])
    right, spoke = matches(wanted, [each or () for each in answered]), np.array([bool(each) for each in answered])
    units = {
        "exact": with_count(hybrid),
        "gain": with_count(hybrid - fallback),
        "precision": np.stack([right, spoke.astype(float)], axis=1),
        "coverage": with_count(spoke.astype(float)),
    }
    return Outcome(units, facts={**facts, "grammar": known.facts, "fallback_exact": float(fallback.mean())})


def ask_writer(job: Job, name: str, budget: dict[str, Any]) -> Outcome:
    """The baseline: the sequence model alone."""
    asked = compositional.problem(name)
    found, facts = written(asked, WRITERS["lstm"], budget, job)
    right = matches([target.split() for _, target in asked.test], [each.split() for each in found])
    return Outcome({"exact": with_count(right)}, facts=facts)


def _words(side: Side | None) -> list[str]:
    return [str(symbol) for symbol in side or ()]


@system("nqg", row="S179", room="synthesis")
def nqg(scale: Scale) -> Claim:
    """Shaw et al.: Compositional Generalization and Natural Language Variation (ACL 2021).

    A grammar of both languages is induced from pairs; where it answers it is right, and a sequence model does the rest.
    """
    budget = scale.budget(smoke=1, laptop=5, paper=60)
    arms: tuple[Arm, ...]
    if scale.smoke:
        small = Grammatical(word_cost=32, shared_words=False, shortest_pairs=150, scored_pairs=300, width=16, epochs=4)
        arms = (_arm("nqg simple", partial(ask_grammar, name="scan simple", sizes=small, most=3000), small),)
    else:
        arms = (
            *(_arm(f"nqg {split}", partial(ask_grammar, name=f"scan {split}", sizes=SCAN), SCAN) for split in SPLITS),
            *(Arm(f"seq2seq {split}", partial(ask_writer, name=f"scan {split}", budget=budget)) for split in SPLITS),
            _arm(
                "hybrid",
                partial(ask_both, name="geoquery template_1", sizes=GEOQUERY, budget=budget, data=scale.data),
                GEOQUERY,
            ),
        )
    return Claim(
        kind="trained",
        task="SCAN by induction from the 500 shortest pairs; GeoQuery's template split with a fallback",
        metrics=dict.fromkeys(("exact", "gain", "precision", "coverage"), ACCURACY),
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("commands are understood", "exact", "nqg simple", None, 0.3),
        budget=budget,
        data={"splits": "generated by the grammar; GeoQuery's from its authors"},
        launch="phloem reproduce nqg --scale paper",
    )


def _arm(name: str, run: Any, sizes: Grammatical) -> Arm:
    return Arm(name, run, asdict(sizes))


SPLITS = ("jump", "length")
CLAUSES = (
    *(Clause(f"99% of {split} are right", "exact", f"nqg {split}", None, 0.99) for split in SPLITS),
    Clause("three points above the sequence model alone", "gain", "hybrid", None, 0.03),
    Clause("right in 90% of its answers", "precision", "hybrid", None, 0.9),
)
