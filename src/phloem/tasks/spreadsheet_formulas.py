"""Formulas from examples: published spreadsheet tasks, each solved within a number of candidates.

Two sets: the string tasks of SyGuS-Comp whose inputs are all strings, of those that BUSTLE used (Odena et al. 2021),
and BUSTLE's own. A task counts as solved when a program of the spreadsheet language that reproduces all its examples is
among the first `candidates` that the search tries: a count, not seconds, so that a busy machine changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora import bustle_tasks, sygus_pbe
from phloem.measure import solve_rate
from phloem.synthesis import sygus
from phloem.synthesis.base import Spec, wrong
from phloem.synthesis.bottom_up import Enumerator, Found, Guide
from phloem.synthesis.languages import spreadsheet
from phloem.synthesis.program import STRING

CANDIDATES = 100_000
HEAVIEST = 60  # weight at which a search ends

GuideOf = Callable[[Spec], Guide | None]
"""What guides the search for a task; None: nothing does."""


class SpreadsheetTask(NamedTuple):
    name: str
    spec: Spec


def sygus_tasks(data: Path | None = None, *, used_by_bustle: bool = True) -> list[SpreadsheetTask]:
    """The SyGuS string tasks with string inputs alone, without the grammars of their files. Raises PhloemError."""
    rows = [row for row in sygus_pbe.tasks("strings", data) if row["examples"]]
    chosen = [
        row
        for row in rows
        if all(sort == "String" for _, sort in row["args"]) and (row["in_bustle89"] or not used_by_bustle)
    ]
    return [
        SpreadsheetTask(row["name"], sygus.parse(row["sl"], row["name"]).spec._replace(grammar=None)) for row in chosen
    ]


def own_tasks(data: Path | None = None) -> list[SpreadsheetTask]:
    """BUSTLE's own tasks. Raises PhloemError where they are not here."""
    found = []
    for task in bustle_tasks.tasks(data):
        names = tuple(f"var_{i}" for i in range(len(task.inputs[0])))
        spec = Spec(names, (STRING,) * len(names), task.inputs, task.outputs, STRING)
        found.append(SpreadsheetTask(task.name, spec))
    return found


def first(spec: Spec, guide: Guide | None, candidates: int = CANDIDATES) -> Found | None:
    """The first formula that bottom-up search finds within so many candidates; None where it finds none."""
    bank = Enumerator(spec, spreadsheet.grammar(spec), limits=spreadsheet.LIMITS, guide=guide)
    while bank.tried < candidates and bank.weight < HEAVIEST and not bank.full:
        for found in bank.grow(candidates=candidates):
            return found if found.tried <= candidates and not wrong(found.program, spec) else None
    return None


def spent(
    tasks: Sequence[SpreadsheetTask],
    guide: GuideOf,
    candidates: int = CANDIDATES,
    progress: Callable[[float], None] | None = None,
) -> Float[np.ndarray, "tasks"]:
    """How many candidates were tried until each task was solved; infinity where it was not."""
    took: list[float | None] = []
    for number, task in enumerate(tasks, 1):
        found = first(task.spec, guide(task.spec), candidates)
        took.append(None if found is None else found.tried)
        if progress is not None:
            progress(number / len(tasks))
    return solve_rate.spent(took, candidates)
