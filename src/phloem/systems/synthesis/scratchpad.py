"""Scratchpads: a model that writes its intermediate results computes what one that answers at once can't.

One decoder is trained on sums (or on straight-line programs) with scratchpads, one on the answers alone for the same
number of units, and one for the same number of examples, as in the paper; all are asked for answers to fresh questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from phloem.corpora.scratchpad_arithmetic import Worked
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.sequence_training import (
    Sizes,
    batch_of,
    completed,
    train_writer,
    unit_accuracy,
    untrained,
)
from phloem.tasks import scratchpad as task
from phloem.tasks.scratchpad import SYMBOLS, MakeWorked, Way, answered

SMOKE = Sizes(width=48, layers=2, heads=4, units=800, steps=120, rate=5e-3)
LAPTOP = Sizes(width=128, layers=4, heads=4, units=1500, steps=700, rate=2e-3)
PAPER = Sizes(width=512, layers=8, heads=8, units=16_000, steps=100_000, rate=3e-4)
TEST_SEED = 8_000_009
MINUTES = 3.0  # that LAPTOP's steps take, about


def sums(job: Job, sizes: Sizes, way: Way, most: int, tests: int, same_examples: bool) -> Outcome:
    """Train on sums of 1 to `most` digits; asked for `tests` of each length, and for two lengths beyond."""
    asked = {digits: task.test_sums(digits, tests, TEST_SEED) for digits in range(1, most + 3)}
    outcome = contend(job, sizes, task.additions(1, most), way, asked, same_examples)
    inside = np.concatenate([outcome.units.pop(f"length {digits}") for digits in range(1, most + 1)])
    longest = inside[-len(asked[most]) :]
    beyond = np.concatenate([outcome.units.pop(f"length {digits}") for digits in (most + 1, most + 2)])
    outcome.units |= {"exact": inside[:, [0, 2]], "longest": longest[:, [0, 2]], "beyond": beyond[:, [0, 2]]}
    return outcome


def programs(job: Job, sizes: Sizes, way: Way, changes: int, tests: int, same_examples: bool) -> Outcome:
    """Train on straight-line programs; asked for the variables at the end of fresh ones."""
    asked = {changes: task.test_programs(changes, tests, TEST_SEED)}
    outcome = contend(job, sizes, task.programs(changes), way, asked, same_examples)
    hits = outcome.units.pop(f"length {changes}")
    outcome.units["state"] = hits[:, [0, 2]]
    return outcome


def contend(
    job: Job, sizes: Sizes, make: MakeWorked, way: Way, asked: dict[int, list[Worked]], same_examples: bool
) -> Outcome:
    """Train one way; hits on the questions of each length."""
    draw = task.draw(make, way)
    batch = batch_of(task.draw(make, "scratchpad"), sizes.units)[0] if same_examples else 0
    validation = [draw(np.random.default_rng((TEST_SEED, 9, number))) for number in range(100)]
    model, facts = train_writer(job, len(SYMBOLS), draw, sizes, validation, batch=batch)
    found = {f"length {length}": measured(model, tests, way) for length, tests in asked.items()}
    before = untrained(job, len(SYMBOLS), sizes)
    facts |= {name: [round(float(rows[:, column].mean()), 4) for column in (0, 1)] for name, rows in found.items()}
    held = [task.pair(worked, way) for worked in next(iter(asked.values()))]
    found["units"] = unit_accuracy(model, held)
    return Outcome(dict(found), {"units": float(unit_accuracy(before, held)[:, 0].mean())}, facts)


def measured(model: Any, tests: Sequence[Worked], way: Way) -> np.ndarray:
    """For each question (answer right, scratchpad right, 1)."""
    wanted = [task.pair(worked, way) for worked in tests]
    longest = max(len(rest) for _, rest in wanted)
    written = completed(model, [prompt for prompt, _ in wanted], length=longest + 5)
    return task.hits(tests, [answered(units) for units in written])


@system("scratchpad", row="S183", room="synthesis")
def scratchpad(scale: Scale) -> Claim:
    """Nye et al.: Show Your Work: Scratchpads for Intermediate Computation with Language Models (2021).

    Sums of up to 5 digits (the paper: 8) and straight-line programs, from scratch, where the paper fine-tunes models of
    up to 137 billion weights; contenders read equally many units, and beside it equally many examples. Sums of one or
    two digits are few and occur in training, too; of longer ones, and of programs, hardly any.
    """
    sizes = {"smoke": SMOKE, "laptop": LAPTOP, "paper": PAPER}[scale.name].for_minutes(scale, MINUTES)
    most = {"smoke": 1, "laptop": 5, "paper": 8}[scale.name]
    tests = 20 if scale.smoke else 100
    changes = 4

    def arms(name: str, way: Way, same: bool = False) -> list[Arm]:
        about = {"sizes": vars(sizes), "way": way, "same examples": same, "tests": tests}
        own: dict[str, Any] = {"sizes": sizes, "way": way, "tests": tests, "same_examples": same}
        return [
            Arm(f"{name}: sums", partial(sums, most=most, **own), {**about, "digits": most}),
            Arm(f"{name}: programs", partial(programs, changes=changes, **own), {**about, "changes": changes}),
        ]

    chosen = [
        *arms("scratchpad", "scratchpad"),
        *arms("direct", "direct"),
        *arms("direct, same examples", "direct", True),
    ]
    return Claim(
        kind="trained",
        task="sums and straight-line programs",
        metrics={"exact": ACCURACY, "longest": ACCURACY, "beyond": ACCURACY, "state": ACCURACY, "units": ACCURACY},
        arms=tuple(chosen[:1] if scale.smoke else chosen),
        clauses=CLAUSES,
        floor=Clause("units of scratchpads are foreseen", "units", "scratchpad: sums", None, 0.6),
        budget={"units": sizes.units * sizes.steps},
        data={"sums": f"1-{most} digits, drawn", "programs": f"{changes} changes of 3 variables, drawn"},
        launch="phloem reproduce scratchpad --scale paper",
    )


CLAUSES = (
    Clause("scratchpads give 95% of sums", "exact", "scratchpad: sums", None, 0.95),
    Clause("20 points above direct on the longest", "longest", "scratchpad: sums", "direct: sums", 0.20),
    Clause("15 points above direct on programs", "state", "scratchpad: programs", "direct: programs", 0.15),
)
