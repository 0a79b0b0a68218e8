"""Countdown as a task for models that write: problems, splits, and searches as units.

The splits of Gandhi et al., "Stream of Search" (COLM 2024, section 3.1): a tenth of the targets is never seen in
training ("held"); the validation's problems have targets of training and solutions that training doesn't have. Each
number up to LARGEST is one unit; a trace with a larger one is left out, as is one that is too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from phloem.errors import PhloemError
from phloem.represent.completions import Pair, Symbols
from phloem.synthesis.languages.countdown import Problem, random_problem, solutions
from phloem.synthesis.languages.countdown_check import overlap
from phloem.synthesis.languages.countdown_traces import (
    STRATEGIES,
    Trace,
    optimal,
    random_strategy,
    searched,
    state_line,
)

LARGEST = 999
_WORDS = (
    "Current State Operations Exploring Operation Resulting Numbers Generated Node Moving to unequal equal No Solution "
    "solution Goal Reached found"
)
_UNIT = re.compile(r"\d+|[A-Za-z]+|\n|[^\sA-Za-z\d]")
SYMBOLS = Symbols(["\n", *_WORDS.split(), *":[],'#.+-*/=", *map(str, range(LARGEST + 1))])


class Splits(NamedTuple):
    """Problems; `held` have targets that are never trained, `held_targets`."""

    train: tuple[Problem, ...]
    validation: tuple[Problem, ...]
    held: tuple[Problem, ...]
    held_targets: frozenset[int]


class Written(NamedTuple):
    """Pairs of a split, the problems that they are of, and how many traces were left out."""

    pairs: list[Pair]
    problems: list[Problem]
    left_out: int


def solution_text(problem: Problem) -> str:
    """The first solution, as one text."""
    return ";".join(map(str, next(solutions(problem))))


def splits(*, seed: int, count: int, tests: int, numbers: int, most: int, targets: tuple[int, int]) -> Splits:
    """`count` problems for training and `tests` of each other split, numbers from 1 to `most`; all are different."""
    rng = np.random.default_rng(seed)
    known = np.arange(targets[0], targets[1] + 1)
    held_targets = frozenset(rng.choice(known, max(1, len(known) // 10), replace=False).tolist())
    seen = [target for target in known.tolist() if target not in held_targets]
    train = _different(rng, seen, count, numbers, most, lambda problem: True)
    texts = {solution_text(problem) for problem in train}
    validation = _different(rng, seen, tests, numbers, most, lambda problem: solution_text(problem) not in texts)
    held = _different(rng, sorted(held_targets), tests, numbers, most, lambda problem: True)
    return Splits(train, validation, held, held_targets)


def _different(
    rng: np.random.Generator, targets: list[int], count: int, numbers: int, most: int, fits: Callable[[Problem], bool]
) -> tuple[Problem, ...]:
    found: dict[Problem, None] = {}
    while len(found) < count:
        problem = random_problem(rng, targets, numbers, most)
        if fits(problem):
            found[problem] = None
    return tuple(found)


def prompt(problem: Problem) -> list[int]:
    """The first line of every search, as units."""
    return SYMBOLS.encode(_units(state_line(problem, problem.numbers, ()) + "\n"))


def pair(problem: Problem, trace: Trace) -> Pair:
    """A trace as units behind its first line. Raises PhloemError where a number is above LARGEST."""
    return prompt(problem), SYMBOLS.encode(_units("\n".join(trace.lines[1:])))


def text_of(units: Sequence[int]) -> str:
    """The text of units, blanks between the units of a line."""
    lines = " ".join(SYMBOLS.decode(units)).split("\n")
    return "\n".join(line.strip() for line in lines)


def written(problems: Sequence[Problem], *, search: bool, longest: int, seed: int) -> Written:
    """For each problem its search by a random strategy, or the path to its solution alone.

    Problems whose search is too long, or has a too large number, are left out of both, so that both have the same.
    Raises PhloemError where that leaves none.
    """
    pairs, kept = list[Pair](), list[Problem]()
    for number, problem in enumerate(problems):
        rng = np.random.default_rng((seed, number))
        trace = searched(problem, random_strategy(rng), rng)
        if _fits(trace, longest):
            kept.append(problem)
            pairs.append(pair(problem, trace if search else optimal(problem)))
    if not kept:
        raise PhloemError(f"no search of {len(problems)} problems has fewer than {longest} units")
    return Written(pairs, kept, len(problems) - len(kept))


def likeness(problems: Sequence[Problem], texts: Sequence[str]) -> dict[str, float]:
    """How much searches overlap with those of each strategy, in the mean: which one a model goes by."""
    found = {}
    for strategy in STRATEGIES:
        shares = []
        for number, (problem, text) in enumerate(zip(problems, texts, strict=True)):
            trace = searched(problem, strategy, np.random.default_rng(number))
            shares.append(overlap(text, "\n".join(trace.lines)))
        name = f"breadth {strategy.width}" if strategy.width else "depth"
        found[f"{name}, {strategy.heuristic}"] = float(np.mean(shares))
    return found


def _fits(trace: Trace, longest: int) -> bool:
    units = _units("\n".join(trace.lines))
    return len(units) < longest and all(not unit.isdecimal() or int(unit) <= LARGEST for unit in units)


def _units(text: str) -> list[str]:
    return _UNIT.findall(text)
