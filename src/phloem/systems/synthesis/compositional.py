"""One table of compositional generalisation: five families of data, four kinds of learner, one budget.

SCAN, PCFG SET, COGS, GeoQuery and text2sql-data (`phloem.tasks.compositional`) against an LSTM with attention, a
Transformer, NQG's induced grammar and NSR's grounded symbols. Each has the same training, validation and test pairs
(4,000 of training at most), and the same minutes of the processor, of which a grammar takes one half for its induction
and one for its scorer. An answer is right or not; a learner that has none is wrong. SCAN needs no data; at the laptop
scale the other sets come from PHLOEM_DATA. The clauses are what is well known of these splits; the table is in the
result's arms, "learner: problem".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from phloem.measure.bootstrap import with_count
from phloem.measure.exact_match import matches
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis import nqg, nsr
from phloem.systems.synthesis.compositional_writers import WRITERS, written
from phloem.tasks import compositional as task
from phloem.tasks.compositional import Problem, sides
from phloem.tasks.compositional_symbols import Learning

Answers = tuple[list[list[str]], dict[str, Any]]
MOST = 4000  # training pairs


def by_writer(asked: Problem, job: Job, budget: dict[str, Any], kind: str) -> Answers:
    """The LSTM's or the Transformer's."""
    found, facts = written(asked, WRITERS[kind], budget, job)
    return [each.split() for each in found], facts


def by_grammar(asked: Problem, job: Job, budget: dict[str, Any], sizes: nqg.Grammatical | None = None) -> Answers:
    """NQG's, without a fallback."""
    known = nqg.learned(asked, sizes or _grammatical(asked.name, budget), job)
    found = known.answers([source for source, _ in sides(asked.test)])
    return [[str(word) for word in each or ()] for each in found], known.facts


def _grammatical(name: str, budget: dict[str, Any]) -> nqg.Grammatical:
    """The family's settings, half of the minutes for each part."""
    family = {"scan": nqg.SCAN, "geoquery": nqg.GEOQUERY}.get(name.partition(" ")[0], nqg.COMMON)
    if "minutes" not in budget:
        return family
    half = float(budget["minutes"]) / 2
    return replace(family, own_rules=False, induction_seconds=60 * half, epochs=None, scorer_minutes=half)


def by_symbols(asked: Problem, job: Job, budget: dict[str, Any]) -> Answers:
    """NSR's."""
    sizes = nsr.Recursive(Learning(epochs=2000), pairs=None)
    found, facts = nsr.understood(asked, sizes, 60 * float(budget.get("minutes", 60)), job)
    return [list(each) for each in found], facts


LEARNERS: dict[str, Callable[..., Answers]] = {
    "lstm": partial(by_writer, kind="lstm"),
    "transformer": partial(by_writer, kind="transformer"),
    "nqg": by_grammar,
    "nsr": by_symbols,
}


def ask(
    job: Job, name: str, learner: Callable[..., Answers], budget: dict[str, Any], data: Any, most: int = MOST
) -> Outcome:
    """A learner is trained on a problem and asked its test."""
    asked = task.problem(name, data, most=most)
    found, facts = learner(asked, job, budget)
    right = matches([target.split() for _, target in asked.test], found)
    facts |= {"train": len(asked.train), "test": len(asked.test)}
    return Outcome({"exact": with_count(right), "wrong": with_count(1 - right)}, {"exact": 0.0}, facts)


@system("compositional", row="S179", room="synthesis")
def compositional(scale: Scale) -> Claim:
    """Compositional generalisation: SCAN, PCFG SET, COGS, GeoQuery and text2sql-data (2018 to 2021) in one table.

    Four kinds of learner, the same pairs and minutes: what each makes of new combinations of known parts.
    """
    budget = scale.budget(smoke=1, laptop=0.6, paper=20)
    if scale.smoke:
        small = nqg.Grammatical(
            word_cost=32, shared_words=False, shortest_pairs=150, scored_pairs=300, width=16, epochs=4
        )
        learners: dict[str, Callable[..., Answers]] = {"nqg": partial(by_grammar, sizes=small)}
        problems, most, settings = task.PROBLEMS[:1], 3000, asdict(small)
    else:
        learners, problems, most, settings = LEARNERS, task.PROBLEMS, MOST, {}
    arms = tuple(
        Arm(
            f"{learner}: {name}",
            partial(ask, name=name, learner=answer, budget=budget, data=scale.data, most=most),
            {"learner": learner, "problem": name, "pairs": most, **settings},
        )
        for name in problems
        for learner, answer in learners.items()
    )
    return Claim(
        kind="table",
        task="five families of data in splits that ask for new combinations",
        metrics={"exact": ACCURACY, "wrong": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("commands are understood", "exact", "nqg: scan simple", None, 0.3),
        budget=budget,
        data={"test pairs": task.TEST, "training pairs": most},
        launch="phloem reproduce compositional --scale paper",
    )


CLAUSES = (
    Clause("an induced grammar knows the jump", "exact", "nqg: scan jump", None, 0.95),
    Clause("an induced grammar goes on to longer commands", "exact", "nqg: scan length", None, 0.95),
    Clause("the LSTM fails at the jump", "wrong", "lstm: scan jump", None, 0.8),
    Clause("the Transformer fails at the jump", "wrong", "transformer: scan jump", None, 0.8),
    Clause("a grammar is above the LSTM at the jump", "exact", "nqg: scan jump", "lstm: scan jump", 0.5),
)
