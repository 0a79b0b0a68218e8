"""FIND: how much offline interpreters learn about black boxes from 200 calls.

A hundred numeric functions (a third with noise, a third corrupted) and a hundred string functions are drawn anew by
each seed. Numbers: parametric fits with formulas, beside a polynomial of degree 5; strings: bottom-up synthesis, one
second each. Scored as published, by code that runs apart; corrupted regions count as found where the interval found and
the true one share half of their union. The part of synthetic neurons needs a judge and is not run, nor are language
models as interpreters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from phloem.analysis import function_interpretation as numeric
from phloem.analysis import function_interpretation_strings as strings
from phloem.corpora import find_functions, find_strings
from phloem.measure.bootstrap import with_count
from phloem.synthesis.program import run
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.tasks import find_scoring

FOUND = 0.5  # intersection over union
HELD_OUT = 50


def interpret_numbers(job: Job, count: int, baseline: bool) -> Outcome:
    """Which functions pass, and which corrupted regions are found and which are made up."""
    passes: list[float] = []
    found: list[float] = []
    quiet: list[float] = []
    names: dict[str, int] = {}
    for number, function in enumerate(find_functions.draw(count, job.seed)):
        x, y = numeric.samples(function.__call__, job.seed)
        fit = numeric.polynomial(x, y) if baseline else numeric.explained(x, y)
        scored = find_scoring.score(fit.python, function)
        passes.append(float(scored.passes))
        if not scored.passes:
            kind = function.name.partition("(")[0]
            names[kind] = names.get(kind, 0) + 1
        region = numeric.corrupted_run(x, y, fit.of)
        if function.region is None:
            quiet.append(float(region is None))
        else:
            reach = (-numeric.REACH, numeric.REACH)
            share = numeric.overlap(region, (function.region.low, function.region.high), reach) if region else 0.0
            found.append(float(share >= FOUND))
        job.progress(number / count)
    # how many functions are corrupted differs from seed to seed, so that these are one unit each
    units = {
        "passes": with_count(np.array(passes)),
        "fails": with_count(1 - np.array(passes)),
        "found": np.array([[sum(found), len(found)]]),
        "quiet": np.array([[sum(quiet), len(quiet)]]),
    }
    return Outcome(units, {"passes": 0.0}, {"failed": names})


def interpret_strings(job: Job, count: int, seconds: float, candidates: int | None = None) -> Outcome:
    """The share of held-out inputs that are right: of single edits, and of all functions as they are drawn."""
    texts = find_strings.inputs(numeric.CALLS + HELD_OUT, job.seed)
    asked, held = texts[: numeric.CALLS], texts[numeric.CALLS :]
    units: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {}
    for name, single in (("single edits", 1.0), ("strings", find_strings.SINGLE)):
        functions = list(find_strings.draw(count, job.seed, single=single))
        shares = []
        for number, function in enumerate(functions):
            shares.append(_string_share(function, asked, held, seconds, candidates))
            job.progress((number + count * (name == "strings")) / (2 * count))
        units[name] = with_count(np.array(shares))
        facts[name] = {one.name: share for one, share in zip(functions, shares, strict=True)}
    return Outcome(units, facts=facts)


def _string_share(
    function: find_strings.StringFunction, asked: Sequence[str], held: Sequence[str], seconds: float, most: int | None
) -> float:
    program = strings.explained(function.apply, asked, seconds=seconds, candidates=most)

    def answer(text: str) -> str | None:
        value = None if program is None else run(program, (text,))
        return value if isinstance(value, str) else None

    return find_scoring.string_score(answer, function.apply, held)


@system("find", row="S130", room="synthesis")
def find(scale: Scale) -> Claim:
    """Schwettmann et al.: A Function Interpretation Benchmark for Evaluating Interpretability Methods (NeurIPS 2023).

    Interpreters that only call a function find its global form more often than its local corruption.
    """
    count = 20 if scale.smoke else (100 if scale.name == "laptop" else 1000)
    setting: dict[str, Any] = {"functions": count, "calls": numeric.CALLS}
    arms = (
        Arm("parametric and symbolic", partial(interpret_numbers, count=count, baseline=False), setting),
        Arm("polynomial", partial(interpret_numbers, count=count, baseline=True), setting),
        Arm("bottom-up", partial(interpret_strings, count=count, seconds=1.0), {**setting, "seconds": 1.0}),
    )
    metrics = ("passes", "fails", "found", "quiet", "single edits", "strings")
    return Claim(
        kind="table",
        task=f"{count} numeric and {count} string functions, {numeric.CALLS} calls each",
        metrics=dict.fromkeys(metrics, ACCURACY),
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("three of ten numeric functions pass", "passes", "parametric and symbolic", None, 0.3),
        data={"functions": "generated"},
        launch="phloem reproduce find --scale paper",
    )


CLAUSES = (
    Clause("half of the numeric functions pass", "passes", "parametric and symbolic", None, 0.5),
    Clause("30% of single string edits", "single edits", "bottom-up", None, 0.3),
    Clause("60% of corrupted regions are found", "found", "parametric and symbolic", None, 0.6),
    Clause("90% of the others are left alone", "quiet", "parametric and symbolic", None, 0.9),
    Clause("a polynomial passes 25% at most", "fails", "polynomial", None, 0.75),
)
