"""LILO: a library that is compressed from solutions and documented, on string edits with descriptions.

Departure, since nothing is sent away: where LILO asks a hosted language model, a small conditional model with retrieval
proposes programs, and names come from the words of descriptions (synthesis/dual_system.py, autodoc.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from phloem.corpora.re2_tasks import EditTask, edit_tasks
from phloem.measure.bootstrap import with_count
from phloem.synthesis import dual_system
from phloem.synthesis.dual_system import Described, Iteration, Settings
from phloem.synthesis.languages.re2 import EDIT, RE2
from phloem.synthesis.recognition import ExampleTask
from phloem.synthesis.wake_sleep import Search
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system

TRAIN, TEST, ITERATIONS = 100, 100, 3
SMOKE_PROGRAMS, SMOKE_TEST_PROGRAMS = 2500, 60
NAMED, ANONYMOUS, BASE = "documented library", "anonymous library", "base primitives"
LETTERS = tuple(f"_{letter}" for letter in "abentu")


def described(one: EditTask) -> Described:
    examples = tuple(((given,), wanted) for given, wanted in one.examples)
    return Described(ExampleTask(one.name, EDIT, examples), one.description)


def smoke_tasks() -> list[Described]:
    """Remove a letter, or replace every letter by one: the few edits that seconds of enumeration reach."""
    words = ("banana", "tune", "net", "ante", "eaten", "nut")
    made = []
    for x in LETTERS:
        letter = x[1:]
        same = tuple((w, letter * len(w)) for w in words)
        made.append(EditTask(f"all {letter}", f"put {letter} for everything", same))
        made.append(EditTask(f"end {letter}", f"finish by {letter}", tuple((w, w + letter) for w in words)))
        made.append(EditTask(f"start {letter}", f"begin by {letter}", tuple((w, letter + w) for w in words)))
    return list(map(described, made))


def learn(job: Job, scale: Scale, seconds: float, *, compress: bool, documented: bool) -> Outcome:
    """One arm; `seconds` of enumeration a task in all rounds together."""
    rounds = ITERATIONS if compress else 1
    if scale.smoke:
        tasks = smoke_tasks()
        order = np.random.default_rng(job.seed).permutation(len(tasks))
        half = len(tasks) // 2
        train, test = [tasks[i] for i in order[:half]], [tasks[i] for i in order[half:]]
        primitives = {n: one for n, one in RE2.items() if len(n) != 2 or n in LETTERS}
        search = Search(float("inf"), keep=1, programs=SMOKE_PROGRAMS)
        few = search._replace(programs=SMOKE_TEST_PROGRAMS)
        settings = Settings(search, few, rounds, seconds=None, epochs=10)
    else:
        made = list(map(described, edit_tasks(TRAIN + TEST, job.seed)))
        train, test, primitives = made[:TRAIN], made[TRAIN:], RE2
        search = Search(seconds / rounds, keep=1)
        settings = Settings(search, search, rounds, documented=documented)
    found = list[Iteration]()
    for one in dual_system.learn(primitives, train, test, settings, seed=job.seed, folder=job.folder):
        found.append(one)
        job.progress(len(found) / rounds)
    solved = {name for one in found for name in one.test}
    searched = {name for one in found for name in one.searched}
    first = max((one.by_description for one in found), default=0) / len(test)
    return Outcome(
        {
            "solved": with_count(np.array([one.task.name in solved for one in test], float)),
            "searched": with_count(np.array([one.task.name in searched for one in test], float)),
            "described": np.array([[first]]),
            "shorter": np.array([[shortened(found[0].nats, found[-1].nats)]]),
        },
        {"solved": len(found[0].test) / len(test)},
        {"rounds": [_facts(one) for one in found]},
    )


def shortened(before: dict[str, float], after: dict[str, float]) -> float:
    """By which share the solutions of the tasks that were solved both times became shorter; 0 of none."""
    both = before.keys() & after.keys()
    return 1 - sum(after[name] for name in both) / sum(before[name] for name in both) if both else 0.0


def _facts(one: Iteration) -> dict[str, Any]:
    return {
        "train": len(one.train),
        "test": len(one.test),
        "by description": one.by_description,
        "by search": len(one.searched),
        "nats": round(sum(one.nats.values()) / max(len(one.nats), 1), 2),
        "library": {documented.name: text for text, documented in one.names.items()},
    }


@system("lilo", row="S032", room="synthesis")
def lilo(scale: Scale) -> Claim:
    """Grand et al.: LILO: Learning Interpretable Libraries by Compressing and Documenting Code (ICLR 2024).

    String edits: enumeration with a library that Stitch compresses and names, against enumeration with base primitives
    for as many seconds; what the describing solver finds does not count there. Lengths are compared over the tasks that
    the first and the last round solved.
    """
    budget = scale.budget(smoke=1, laptop=9.0, paper=600)
    seconds = 60 * budget.get("minutes", 600.0) / (TRAIN + TEST)

    def arm(name: str, *, compress: bool, documented: bool) -> Arm:
        run = partial(learn, scale=scale, seconds=seconds, compress=compress, documented=documented)
        return Arm(name, run, {"compress": compress, "documented": documented, "iterations": ITERATIONS})

    arms = (
        arm(NAMED, compress=True, documented=True),
        arm(ANONYMOUS, compress=True, documented=False),
        arm(BASE, compress=False, documented=False),
    )
    figure = Metric(lambda sums: sums[..., 0])
    return Claim(
        kind="trained",
        task="string edits from descriptions and examples, "
        + ("generated, few letters" if scale.smoke else f"{TRAIN} to learn from and {TEST} to be tested on"),
        metrics={"solved": ACCURACY, "searched": ACCURACY, "described": figure, "shorter": figure},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("edits of unseen letters are found with what others taught", "solved", NAMED, None, 0.6),
        budget=budget,
        data={"tasks": "generated edits"},
        launch="phloem reproduce lilo --scale paper",
    )


CLAUSES = (
    Clause("8 more tasks than base primitives", "searched", NAMED, BASE, 0.08),
    Clause("solutions are 25% shorter", "shorter", NAMED, None, 0.25),
    Clause("3 more tasks from descriptions with names", "described", NAMED, ANONYMOUS, 0.03),
)
