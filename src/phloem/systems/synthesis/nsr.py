"""NSR: symbols, a syntax and programs learned from pairs alone, by deduction and abduction.

The machine of `phloem.tasks.compositional_symbols` learns SCAN's commands from 2,000 pairs of each training file, and
arithmetic from short expressions, and is asked for what training lacks; an LSTM with attention and a Transformer have
the same pairs and minutes. Words are symbols as they are: of the paper's perception of handwritten signs nothing is
claimed here. Programs are searched for in smaller spaces than DreamCoder's (`grounded_symbols_programs`), which takes
seconds where the paper allows minutes. Of the three seeds the claim wants two right; the clause asks for the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np

from phloem.measure.bootstrap import with_count
from phloem.measure.exact_match import matches
from phloem.synthesis.grounded_symbols import Synthesis, Value
from phloem.synthesis.grounded_symbols_arithmetic import sample
from phloem.synthesis.grounded_symbols_programs import lists, numbers
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.compositional_writers import WRITERS, written
from phloem.tasks import compositional
from phloem.tasks.compositional import Problem
from phloem.tasks.compositional_symbols import Example, Learning, Machine

LONG = Learning(epochs=2000)  # until the time is over


@dataclass(frozen=True)
class Recursive:
    """The learner, and how many pairs it is shown."""

    learning: Learning = LONG
    pairs: int | None = 2000


def ask_machine(job: Job, name: str, sizes: Recursive, seconds: float) -> Outcome:
    """A problem of SCAN or PCFG."""
    asked = compositional.problem(name, most=sizes.pairs)
    found, facts = understood(asked, sizes, seconds, job)
    right = matches([target.split() for _, target in asked.test], found)
    return Outcome({"exact": with_count(right)}, {"exact": 0.0}, facts)


def understood(
    asked: Problem, sizes: Recursive, seconds: float, job: Job
) -> tuple[list[Sequence[str]], dict[str, Any]]:
    """What the machine answers to the test, and what it has learned."""
    examples = [Example(tuple(source.split()), tuple(target.split())) for source, target in asked.train]
    machine = Machine([word for each in examples for word in each.symbols], lists, sizes.learning, job.seed)
    shares = machine.learn(examples, seconds=seconds, progress=job.progress)
    values = machine.answers([tuple(source.split()) for source, _ in asked.test])
    return [value if isinstance(value, tuple) else () for value in values], _facts(machine, shares)


def ask_arithmetic(
    job: Job, sizes: Recursive, seconds: float, trained: tuple[int, int] = (0, 4), asked: tuple[int, int] = (5, 8)
) -> Outcome:
    """Expressions of so many operators, from the first to the last number, in training and in the test."""
    rng = Random(job.seed)
    train = sample(rng, sizes.pairs or 800, range(trained[0], trained[1] + 1), largest=100)
    known = dict(train)
    test = [pair for pair in sample(rng, 400, range(asked[0], asked[1] + 1)) if pair[0] not in known]
    examples = [Example(tuple(words.split()), value) for words, value in train]
    find: Synthesis = numbers
    machine = Machine([word for each in examples for word in each.symbols], find, sizes.learning, job.seed)
    shares = machine.learn(examples, seconds=seconds, progress=job.progress)
    answers: list[Value] = machine.answers([tuple(words.split()) for words, _ in test])
    right = np.array([answer == value for answer, (_, value) in zip(answers, test, strict=True)], float)
    return Outcome({"exact": with_count(right)}, {"exact": 0.0}, _facts(machine, shares))


def ask_writer(job: Job, name: str, kind: str, pairs: int | None, budget: dict[str, Any]) -> Outcome:
    """A sequence model with the same pairs."""
    asked = compositional.problem(name, most=pairs)
    found, facts = written(asked, WRITERS[kind], budget, job)
    right = matches([target.split() for _, target in asked.test], [each.split() for each in found])
    return Outcome({"exact": with_count(right), "wrong": with_count(1 - right)}, facts=facts)


def _facts(machine: Machine, shares: list[float]) -> dict[str, Any]:
    programs = {
        symbol: meaning.program.text
        for symbol, meaning in sorted(machine.lexicon.items())
        if meaning.program is not None and meaning.likelihood > 0.5
    }
    return {"epochs": len(shares), "right_trees": shares[-1], "programs": dict(list(programs.items())[:20])}


@system("nsr", row="S040", room="synthesis")
def nsr(scale: Scale) -> Claim:
    """Li et al.: Neural-Symbolic Recursive Machine for Systematic Generalization (ICLR 2024).

    A parser, and a program for each symbol, learned from pairs by repairing what was deduced wrongly.
    """
    budget = scale.budget(smoke=1, laptop=4, paper=60)
    sizes, seconds = Recursive(), 60 * float(budget.get("minutes", 60))
    arms: tuple[Arm, ...]
    if scale.smoke:
        small = Recursive(Learning(epochs=60, sentences=150), pairs=800)
        short = partial(ask_arithmetic, sizes=small, seconds=math.inf, trained=(0, 2), asked=(2, 2))
        arms = (Arm("arithmetic", short, asdict(small)),)
    else:
        machines = (
            Arm(f"nsr {split}", partial(ask_machine, name=f"scan {split}", sizes=sizes, seconds=seconds), asdict(sizes))
            for split in SPLITS
        )
        writers = (
            Arm(
                f"{kind} {split}",
                partial(ask_writer, name=f"scan {split}", kind=kind, pairs=sizes.pairs, budget=budget),
                asdict(WRITERS[kind]),
            )
            for split in SPLITS
            for kind in WRITERS
        )
        arithmetic = Arm("arithmetic", partial(ask_arithmetic, sizes=sizes, seconds=seconds), asdict(sizes))
        arms = (*machines, *writers, arithmetic)
    return Claim(
        kind="trained",
        task="commands of SCAN from 2,000 pairs; arithmetic on longer expressions than in training",
        metrics={"exact": ACCURACY, "wrong": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("expressions are understood", "exact", "arithmetic", None, 0.3),
        budget=budget,
        data={"splits and expressions": "generated by the grammars"},
        launch="phloem reproduce nsr --scale paper",
    )


SPLITS = ("jump", "length")
CLAUSES = (
    *(Clause(f"95% of {split} are right", "exact", f"nsr {split}", None, 0.95) for split in SPLITS),
    *(
        Clause(f"the {kind} is wrong in 80% of {split}", "wrong", f"{kind} {split}", None, 0.8)
        for kind in WRITERS
        for split in SPLITS
    ),
    Clause("90% of longer expressions are right", "exact", "arithmetic", None, 0.9),
)
