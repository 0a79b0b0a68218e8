"""DreamCoder: a library and a guide grow out of the tasks that they solve.

Arms get the same processor seconds of enumeration a task. A learner spends them in three cycles, a third in each, and a
test task is solved if a cycle solved it; enumeration with the primitives alone spends them at once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from phloem.measure.bootstrap import with_count
from phloem.synthesis.languages.lambda_calculus import show_term
from phloem.synthesis.languages.list_functions import MCCARTHY, by_name
from phloem.synthesis.library import Library
from phloem.synthesis.polymorphic_types import INT, arrow, list_of
from phloem.synthesis.recognition import ExampleTask
from phloem.synthesis.wake_sleep import Cycle, Search, Settings, wake_sleep
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.tasks import example_tasks
from phloem.tasks.example_tasks import Domain

CYCLES = 3
TRAIN, TEST = 40, 20
RECOGNITION_SECONDS = 20.0  # of training a cycle
SMOKE_PROGRAMS = 400  # a task and cycle

FULL, LIBRARY, ENUMERATION = "wake-sleep", "library, no recognition", "enumeration"


def positions() -> Domain:
    """Drop k elements, or take the k-th: small k to learn from, larger k to be tested on."""
    drops = [_position(f"drop {k}", k, True) for k in range(1, 9)]
    picks = [_position(f"element {k}", k, False) for k in range(7)]
    primitives = by_name(*(MCCARTHY[name] for name in ("car", "cdr", "cons", "empty", "+", "0", "1", "if", "empty?")))
    return Domain((*drops[:5], *picks[:4]), (*drops[5:], *picks[4:]), primitives)


def _position(name: str, k: int, drop: bool) -> ExampleTask:
    rows = [tuple((7 * start + 3 * i) % 23 for i in range(10)) for start in range(3)]
    numbers = list_of(INT)
    request = arrow(numbers, numbers if drop else INT)
    return ExampleTask(name, request, tuple(((row,), row[k:] if drop else row[k]) for row in rows))


def learn(job: Job, scale: Scale, seconds: float, **switches: Any) -> Outcome:
    """One arm; `seconds` of enumeration a task in all."""
    domain = positions() if scale.smoke else example_tasks.lists(TRAIN, TEST, job.seed, scale.data)
    cycles = CYCLES if switches["learn_library"] else 1
    if scale.smoke:
        search = Search(float("inf"), programs=SMOKE_PROGRAMS)
        training: dict[str, Any] = {"recognition_seconds": None, "recognition_epochs": 5, "most_fantasies": 300}
    else:
        search, training = Search(seconds / cycles), {"recognition_seconds": RECOGNITION_SECONDS}
    settings = Settings(search, cycles=cycles, **training, **switches)
    library = Library(tuple(domain.primitives.values()))
    found = list(
        wake_sleep(
            library, domain.train, domain.test, settings, seed=job.seed, folder=job.folder, progress=job.progress
        )
    )
    solved = {name for cycle in found for name in cycle.test}
    hits = np.array([task.name in solved for task in domain.test], float)
    used = max((step.tasks for cycle in found for step in cycle.inventions), default=0)
    return Outcome(
        {"solved": with_count(hits), "reuse": np.array([[used]], float)},
        {"solved": len(found[0].test) / len(domain.test)},
        {"cycles": [_facts(cycle, domain) for cycle in found]},
    )


def _facts(cycle: Cycle, domain: Domain) -> dict[str, Any]:
    return {
        "train": round(len(cycle.train) / len(domain.train), 4),
        "test": round(len(cycle.test) / len(domain.test), 4),
        "library": len(cycle.library.productions),
        "inventions": {show_term(step.invention): step.tasks for step in cycle.inventions},
        "objective": [round(value, 2) for value in cycle.objective],
    }


@system("dreamcoder", row="S055", room="synthesis")
def dreamcoder(scale: Scale) -> Claim:
    """Ellis et al.: DreamCoder: Growing generalizable, interpretable knowledge with wake-sleep learning (2020).

    List functions from examples, in a language without map and fold: wake-sleep learning against a learned library
    without a recognition model, and against enumeration with the primitives alone.
    """
    budget = scale.budget(smoke=1, laptop=9.0, paper=60)
    if scale.name == "paper":
        budget = {"minutes": 60.0 * (TRAIN + TEST), "clock": "processor"}
    seconds = 60 * budget.get("minutes", 0.0) / (TRAIN + TEST)

    def arm(name: str, **switches: Any) -> Arm:
        run = partial(learn, scale=scale, seconds=seconds, **switches)
        return Arm(name, run, {**switches, "cycles": CYCLES, "recognition seconds": RECOGNITION_SECONDS})

    full = arm(FULL, learn_library=True, recognize=True)
    arms = (
        full,
        arm(LIBRARY, learn_library=True, recognize=False),
        arm(ENUMERATION, learn_library=False, recognize=False),
    )
    return Claim(
        kind="trained",
        task="unseen list functions solved from examples, "
        + ("generated positions" if scale.smoke else f"{TRAIN} tasks to learn from and {TEST} to be tested on"),
        metrics={"solved": ACCURACY, "reuse": Metric(lambda sums: sums[..., 0])},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("larger positions are found with what smaller ones taught", "solved", FULL, None, 0.6),
        budget=budget,
        data={"tasks": "generated" if scale.smoke else "dreamcoder list tasks"},
        launch="phloem reproduce dreamcoder --scale paper --data DIR  # DIR/dreamcoder/list_tasks.jsonl.gz",
    )


CLAUSES = (
    Clause("20% more than enumeration", "solved", FULL, ENUMERATION, 1.2, form="ratio"),
    Clause("10% more than a library without recognition", "solved", FULL, LIBRARY, 1.1, form="ratio"),
    Clause("an invention in the programs of 5 tasks", "reuse", FULL, None, 5.0),
)
