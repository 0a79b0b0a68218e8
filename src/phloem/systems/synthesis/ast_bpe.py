"""Byte-pair encoding of SQL for text-to-SQL: fewer, larger symbols to write, none across a node of the tree.

An attentive LSTM writes GeoQuery's queries as words or as symbols (`phloem.represent.ast_bpe`), in the same time or in
half of it. By question the target may be known and the wording is new; by query the target is new. The paper's model
copies from the source; here the values of a question are variables already, so there is nothing to copy.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phloem.corpora.text2sql import Split
from phloem.measure.bootstrap import with_count
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.word_translation import Translator, learned, translated
from phloem.tasks import text_to_sql as task

LONGEST = 250
LEAST, VIOLATIONS = 20, 20  # m and r of the stopping rule
PLAIN = 300  # merges of plain byte-pair encoding
SAVED = Metric(lambda sums: 1 - sums[..., 0] / sums[..., 1])


@dataclass(frozen=True)
class Course:
    """How the targets are written, which split, and what part of the time is used."""

    units: str = "ast"  # "words", "ast", or "plain"
    by: Split = "question"
    share: float = 1.0


def train_on(
    job: Job, course: Course, sizes: Translator, budget: dict[str, Any], smoke: bool, folder: Path | None
) -> Outcome:
    """Learn merges, train the translator, and compare the words of its queries with the right ones."""
    parts = task.generated(400) if smoke else task.geography(course.by, folder)
    restricted = course.units == "ast"
    merges = None
    if course.units != "words":
        least = 5 if smoke else LEAST
        merges = task.learn(parts, restricted, merges=None if restricted else PLAIN, least=least, violations=VIOLATIONS)
    made = {part: task.pairs(asked, merges, restricted) for part, asked in parts.items()}
    spent = {key: value * course.share if key == "minutes" else value for key, value in budget.items()}
    found = learned(job, made, sizes, spent, ["text to SQL", course.units, course.by, smoke])
    sources = [source for source, _ in made["test"]]
    right, before = (
        task.exact(parts["test"], translated(net, found.view, sources, LONGEST))
        for net in (found.model, found.untrained)
    )
    facts = {**found.facts, "merges": 0 if merges is None else len(merges.merges)}
    units: dict[str, np.ndarray] = {"exact": with_count(right), "saved": task.lengths(parts["train"], made["train"])}
    return Outcome(units, {"exact": float(before.mean())}, facts)


@system("ast-bpe", row="S036", room="synthesis")
def ast_bpe(scale: Scale) -> Claim:
    """Mueller, Vlachos: Byte-Pair Encoding for Text-to-SQL Generation (2019).

    Questions about the United States to SQL, in words, in symbols of the tree, and in plain symbols.
    """
    budget = scale.budget(smoke=8, laptop=2.5, paper=100)
    sizes = Translator(embedding=100, width=160)
    if scale.smoke:
        sizes = Translator(embedding=32, width=64, layers=1, dropout=0.0, learning_rate=8e-3, batch_size=16)
    courses = {
        "ast": Course(),
        "words": Course("words"),
        "ast, half the time": Course(share=0.5),
        "ast, by query": Course(by="query"),
        "plain, by query": Course("plain", "query"),
    }

    def arm(name: str, course: Course) -> Arm:
        run = partial(train_on, course=course, sizes=sizes, budget=budget, smoke=scale.smoke, folder=scale.data)
        return Arm(name, run, {**asdict(sizes), **asdict(course), "m": LEAST, "r": VIOLATIONS, "plain": PLAIN})

    arms = tuple(arm(name, course) for name, course in courses.items())
    return Claim(
        kind="trained",
        task="generated questions to SQL" if scale.smoke else "GeoQuery's questions to SQL",
        metrics={"exact": ACCURACY, "saved": SAVED},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("queries are right", "exact", "ast", None, 0.3),
        budget=budget,
        data={"questions": "generated" if scale.smoke else "text2sql, geography"},
        launch="phloem reproduce ast-bpe --scale paper",
    )


CLAUSES = (
    Clause("targets are shorter by 40%", "saved", "ast", None, 0.4),
    Clause("half the time is enough", "exact", "ast, half the time", "words", 0.0),
    Clause("the same time gains 1 point", "exact", "ast", "words", 0.01),
    Clause("plain symbols are no better on new queries", "exact", "ast, by query", "plain, by query", 0.0),
)
