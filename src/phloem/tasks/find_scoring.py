"""How an interpretation of a black box is scored.

After Schwettmann et al. (NeurIPS 2023, section 4). Numbers: the code is called where the truth is finite among -127.5,
-126.5 … 127.5, and

    NMSE = Σ (y - ŷ)² / Σ y²,        indicator NMSE < 0.1

(not over the variance). An error of the code, or a truth that is 0 everywhere, scores 0. Since one NMSE over all points
forgives what is wrong on a few, `local_errors` says where. Strings: the share of held-out inputs whose answer is equal;
an error scores 0 for the function. Descriptions: the choice among three sets of input and output pairs, by a judge that
the caller supplies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora.find_functions import NumericFunction, Values, scored
from phloem.execute import sandbox

PASSES = 0.1
SHARE = 0.05  # of the points: what is wrong on fewer is local
WRONG = 0.1  # relative to the root mean square of the truth


class NumericScore(NamedTuple):
    nmse: float  # infinite for an error
    passes: bool
    local: tuple[tuple[float, float], ...]  # regions that are wrong though little of the whole is


def called(python: str, points: Values, seconds: float = 5.0) -> Values | None:
    """The answers of `f` in the code, apart; None if it raises or answers what is no finite number."""
    code = f"{python}\ndef f_of_all(points):\n    return [f(x) for x in points]\n"
    outcome = sandbox.run(code, [sandbox.Call("f_of_all", (points.tolist(),))], seconds=seconds)[0]
    if outcome.status != "ok" or len(outcome.value) != len(points):
        return None
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in outcome.value):
        return None
    return np.array(outcome.value, float)


def score(python: str, function: NumericFunction) -> NumericScore:
    """Of code that defines `f(x)`, against the clean function."""
    points, truth = scored(function.clean)
    answers = called(python, points) if len(points) else None
    return compare(answers, truth, points)


def compare(answers: Values | None, truth: Values, points: Values) -> NumericScore:
    """None and an identically zero truth score 0."""
    energy = float((truth**2).sum())
    if answers is None or energy == 0:
        return NumericScore(math.inf, False, ())
    nmse = float(((answers - truth) ** 2).sum() / energy)
    return NumericScore(nmse, nmse < PASSES, local_errors(answers, truth, points))


def local_errors(answers: Values, truth: Values, points: Values) -> tuple[tuple[float, float], ...]:
    """Runs of points that are wrong, where all of them together are fewer than SHARE of the points."""
    wrong = np.abs(answers - truth) > WRONG * np.sqrt((truth**2).mean())
    if wrong.mean() > SHARE:
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wrong.astype(int), [0]])))
    return tuple((float(points[start]), float(points[end - 1])) for start, end in edges.reshape(-1, 2))


def string_score(answer: Callable[[str], str | None], truth: Callable[[str], str], inputs: Sequence[str]) -> float:
    """The share of inputs that are answered right; 0 if the answer to one is an error or None."""
    right = 0
    for text in inputs:
        try:
            given = answer(text)
        except Exception:
            return 0.0
        if given is None:
            return 0.0
        right += given == truth(text)
    return right / len(inputs)


Judge = Callable[[str, Sequence[Sequence[tuple[str, str]]]], int]


def unit_tests(
    judge: Judge, description: str, choices: Sequence[Sequence[Sequence[tuple[str, str]]]], right: Sequence[int]
) -> Float[np.ndarray, " tests"]:
    """Whether the judge, told a description and three sets of pairs, picks the set that the function made."""
    picked = [judge(description, sets) for sets in choices]
    return np.array([float(one == place) for one, place in zip(picked, right, strict=True)])
