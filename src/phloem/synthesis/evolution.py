"""Regularised evolution of optimiser programs, and the funnel that selects among what it finds.

Chen et al. (NeurIPS 2023, section 2), after Real et al., "Regularized Evolution for Image Classifier Architecture
Search" (2019): the best of a random tournament gets a mutated child, and the oldest of the population dies. A mutation
inserts a random statement, deletes one, or changes an argument, a constant by a factor 2^a with a ~ N(0, 1). Programs
that can't run are drawn again, equal ones have their score at once (`dead_code.key`). After many children without a
better one the population starts again from the best.

What is best on the proxy need not be elsewhere: `funnel` scores the best again on larger tasks, fewer each time, and
`simplified` drops statements that do not change the score.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from phloem.synthesis.dead_code import key, without_dead_code
from phloem.synthesis.optimizer_dsl import FUNCTIONS, INPUTS, OUTPUTS, Program, Statement, problem

Score = Callable[[Program], float]  # a loss: the lower the better; what is not finite is worst
LOCALS = ("a", "b", "c", "d")
CONSTANT = 0.3  # of random arguments
ATTEMPTS = 100  # at a mutation that can run


@dataclass(frozen=True)
class EvolutionSettings:
    population: int = 50
    tournament: int = 8
    restart_after: int = 400  # children without improvement
    longest: int = 14  # statements


@dataclass
class Found:
    """What a search has seen: the best program, the loss of each different one, and how the best fell."""

    best: Program
    loss: float
    scores: dict[str, tuple[float, Program]] = field(default_factory=dict)
    children: int = 0
    restarts: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)  # (children, loss) at each improvement

    def leaders(self, count: int) -> list[Program]:
        """The best different programs."""
        return [program for _, program in sorted(self.scores.values(), key=lambda one: one[0])[:count]]


def evolve(
    start: Program,
    score: Score,
    rng: np.random.Generator,
    finished: Callable[[Found], bool],
    settings: EvolutionSettings | None = None,
) -> Found:
    """Search from `start` until `finished` says so. Raises ValueError where the start can't run."""
    settings = settings or EvolutionSettings()
    if trouble := problem(start):
        raise ValueError(trouble)
    found = Found(start, math.inf)
    loss = _scored(start, score, found)
    population = deque([(loss, start)] * settings.population, maxlen=settings.population)
    since = 0
    while not finished(found):
        drawn = rng.choice(len(population), settings.tournament, replace=False)
        _, parent = min((population[number] for number in drawn), key=lambda one: one[0])
        child = mutated(parent, rng, settings.longest)
        found.children += 1
        before = found.loss
        population.append((_scored(child, score, found), child))  # the oldest goes
        since = 0 if found.loss < before else since + 1
        if since >= settings.restart_after:
            population.extend([(found.loss, found.best)] * settings.population)
            found.restarts, since = found.restarts + 1, 0
    return found


def _scored(program: Program, score: Score, found: Found) -> float:
    """The loss, from memory where an equal program was scored."""
    name = key(program)
    if name not in found.scores:
        loss = score(program)
        found.scores[name] = (loss if math.isfinite(loss) else math.inf, program)
    loss = found.scores[name][0]
    if loss < found.loss:
        found.best, found.loss = without_dead_code(program), loss
        found.history.append((found.children, loss))
    return loss


def mutated(program: Program, rng: np.random.Generator, longest: int) -> Program:
    """A changed copy that can run; the program itself where none was found."""
    for _ in range(ATTEMPTS):
        child = _mutation(program, rng, longest)
        if not problem(child):
            return child
    return program


def _mutation(program: Program, rng: np.random.Generator, longest: int) -> Program:
    place = int(rng.integers(len(program) + 1))
    kind = rng.integers(3)
    if kind == 0 and len(program) < longest:
        return (*program[:place], _random_statement(program, rng), *program[place:])
    if not program:
        return program
    place = int(rng.integers(len(program)))
    if kind == 1:
        return program[:place] + program[place + 1 :]
    statement = program[place]
    slot = int(rng.integers(len(statement.arguments)))
    old = statement.arguments[slot]
    if isinstance(old, str) or rng.random() < CONSTANT:
        new: str | float = _random_argument(program, rng)
    else:
        new = float(old * 2 ** rng.normal())
    arguments = (*statement.arguments[:slot], new, *statement.arguments[slot + 1 :])
    return (*program[:place], statement._replace(arguments=arguments), *program[place + 1 :])


def _random_statement(program: Program, rng: np.random.Generator) -> Statement:
    targets = [*OUTPUTS, *LOCALS]
    name = list(FUNCTIONS)[rng.integers(len(FUNCTIONS))]
    arguments = tuple(_random_argument(program, rng) for _ in range(FUNCTIONS[name].arity))
    return Statement(targets[rng.integers(len(targets))], name, arguments)


def _random_argument(program: Program, rng: np.random.Generator) -> str | float:
    if rng.random() < CONSTANT:
        return float(10 ** rng.uniform(-3, 1))
    names = sorted({*INPUTS, *(statement.target for statement in program)})
    return names[rng.integers(len(names))]


def funnel(candidates: Sequence[Program], stages: Sequence[Score], keep: Sequence[int]) -> Program:
    """The candidate that is best on the last stage, after each stage has let its `keep` best through."""
    left = list(candidates)
    for stage, count in zip(stages, keep, strict=True):
        left = sorted(left, key=stage)[:count]
    return left[0]


def simplified(program: Program, score: Score, tolerance: float = 0.0) -> Program:
    """Statements dropped one after the other as long as the loss rises by no more than `tolerance`."""
    program, limit = without_dead_code(program), score(program) + tolerance
    place = len(program) - 1
    while place >= 0:
        shorter = program[:place] + program[place + 1 :]
        if not problem(shorter) and score(shorter) <= limit:
            program = shorter
        place -= 1
    return program
