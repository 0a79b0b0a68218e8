"""DecInt: a complex utterance is decomposed step by step, and each step is interpreted as it comes.

Data of DeCU. The interpreter is an attentive LSTM of words that copies names and quoted texts by marks (a pointer in
the paper's small relatives; the paper itself prompts a large model); it learns from elementary utterances and the ten
annotated complex ones. Measured on the same items: the plan of the whole utterance at once, of the steps that people
wrote, and of the steps that a compiler of patterns makes (`phloem.tasks.decomposition`). No claim is made that complex
requests are solved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from phloem.measure import subtoken_f1
from phloem.measure.bootstrap import with_count
from phloem.systems.claims import ACCURACY, F1, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.word_translation import Translator, learned, translated
from phloem.tasks import decomposition as task
from phloem.tasks.decomposition import Questions

LONGEST = 80


def _gain(sums: Float[np.ndarray, "*any 6"]) -> Float[np.ndarray, "*any"]:
    return subtoken_f1.f1(sums[..., :3]) / np.maximum(subtoken_f1.f1(sums[..., 3:]), 1e-9)


def _more(sums: Float[np.ndarray, "*any 6"]) -> Float[np.ndarray, "*any"]:
    return subtoken_f1.f1(sums[..., :3]) - subtoken_f1.f1(sums[..., 3:])


GAIN, MORE = Metric(_gain), Metric(_more)
"""F1 of one way over that of another, and less it, on the same items."""


def asked(smoke: bool, folder: Path | None) -> Questions:
    return task.generated() if smoke else task.released(folder)


def train_on(job: Job, smoke: bool, sizes: Translator, budget: Mapping[str, Any], folder: Path | None) -> Outcome:
    """Train the interpreter, and use it on elementary utterances and on complex ones, in three ways."""
    questions = asked(smoke, folder)
    validation = [
        (task.source(each.utterance), task.target(each.utterance, each.plan)) for each in questions.validation
    ]
    splits = {"train": task.pairs(questions), "validation": validation}
    found = learned(job, splits, sizes, budget, ["decu", smoke])

    def interpret(model: Any, utterances: list[str]) -> list[str]:
        written = translated(model, found.view, [task.source(each) for each in utterances], LONGEST)
        return [task.plan_of(each, text) for each, text in zip(utterances, written, strict=True)]

    elementary = [each.utterance for each in questions.test]
    right, before = (task.exact(questions.test, interpret(net, elementary)) for net in (found.model, found.untrained))
    wanted = [each.plans for each in questions.complex]
    direct = [[plan] for plan in interpret(found.model, [each.utterance for each in questions.complex])]

    def ways(said: list[list[str]]) -> list[list[str]]:
        """The programs of each item's steps; what a step means depends on it alone, so that all are asked at once."""
        every = sorted({step for steps in said for step in steps})
        known = dict(zip(every, interpret(found.model, every), strict=True))
        pairs = zip(questions.complex, said, strict=True)
        return [task.run(each.utterance, task.given(steps), lambda step, _: known[step])[1] for each, steps in pairs]

    gold = ways([list(each.steps) for each in questions.complex])
    rules = ways([task.compiled(each.utterance) for each in questions.complex])
    scores = {
        name: np.array([task.overlap(plans, mine) for plans, mine in zip(wanted, each, strict=True)], float)
        for name, each in (("gold steps", gold), ("direct", direct), ("patterns", rules))
    }
    units = {
        "exact": with_count(right),
        **{f"f1, {name}": score for name, score in scores.items()},
        "gold over direct": np.concatenate([scores["gold steps"], scores["direct"]], axis=1),
        "patterns less direct": np.concatenate([scores["patterns"], scores["direct"]], axis=1),
        "gold less patterns": np.concatenate([scores["gold steps"], scores["patterns"]], axis=1),
    }
    return Outcome(units, {"exact": float(before.mean())}, found.facts)


def retrieve(_: Job, smoke: bool, folder: Path | None) -> Outcome:
    """The plan of the nearest training utterance, for each elementary one."""
    questions = asked(smoke, folder)
    nearest = task.Retrieval(questions.train)
    plans = [nearest(each.utterance) for each in questions.test]
    return Outcome({"exact": with_count(task.exact(questions.test, plans))})


@system("decint", row="S141", room="synthesis")
def decint(scale: Scale) -> Claim:
    """Jhamtani and others: Natural Language Decomposition and Interpretation of Complex Utterances (IJCAI 2024).

    Plans for a calendar: elementary utterances against retrieval, complex ones whole and in steps.
    """
    budget = scale.budget(smoke=10, laptop=4.0, paper=200)
    sizes = Translator()
    if scale.smoke:
        sizes = Translator(embedding=32, width=48, layers=1, dropout=0.0, learning_rate=8e-3, batch_size=16)
    run = partial(train_on, smoke=scale.smoke, sizes=sizes, budget=budget, folder=scale.data)
    arms = (
        Arm("interpreter", run, asdict(sizes)),
        Arm("retrieval", partial(retrieve, smoke=scale.smoke, folder=scale.data), {}),
    )
    ways = {f"f1, {name}": F1 for name in ("gold steps", "direct", "patterns")}
    compared = {"gold over direct": GAIN, "patterns less direct": MORE, "gold less patterns": MORE}
    return Claim(
        kind="trained",
        task="plans of " + ("generated utterances" if scale.smoke else "DeCU's utterances"),
        metrics={"exact": ACCURACY, **ways, **compared},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("elementary utterances are understood", "exact", "interpreter", None, 0.3),
        budget=budget,
        data={"utterances": "generated" if scale.smoke else "decu"},
        launch="phloem reproduce decint --scale paper",
    )


CLAUSES = (
    Clause("the interpreter gains 10 points on retrieval", "exact", "interpreter", "retrieval", 0.1),
    Clause("steps by people have 1.5 times the F1 of the whole", "gold over direct", "interpreter", None, 1.5),
    Clause("steps by patterns are no worse than the whole", "patterns less direct", "interpreter", None, 0.0),
    Clause("steps by people are no worse than by patterns", "gold less patterns", "interpreter", None, 0.0),
)
