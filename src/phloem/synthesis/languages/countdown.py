"""The game of Countdown: combine numbers by + - * / until one is left, which must be the target.

As Gandhi et al. have it ("Stream of Search: Learning to Search in Language", COLM 2024, section 3): every number is
used once; the larger minus the smaller, and the larger by the smaller where that is exact, so that no number is
negative or a fraction; 0 may come of a difference and never divides. A state is what is left; three numbers have 48
ways to combine them to one, four have 1,152.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

Numbers = tuple[int, ...]
Heuristic = Callable[[Numbers, int], float]


class Operation(NamedTuple):
    """Two numbers, what is done with them, and what comes of it."""

    left: int
    sign: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left}{self.sign}{self.right}={self.result}"

    def is_true(self) -> bool:
        """Whether the equation holds, by the rules of the game."""
        return self in combined(self.left, self.right) or self in combined(self.right, self.left)


class Problem(NamedTuple):
    numbers: Numbers
    target: int


def combined(left: int, right: int) -> list[Operation]:
    """What may be done with two numbers: sum, difference, product and, where it is exact, quotient."""
    large, small = max(left, right), min(left, right)
    found = [
        Operation(left, "+", right, left + right),
        Operation(large, "-", small, large - small),
        Operation(left, "*", right, left * right),
    ]
    if small and large % small == 0:
        found.append(Operation(large, "/", small, large // small))
    return found


def children(numbers: Numbers) -> list[tuple[Operation, Numbers]]:
    """Every operation on two of the numbers, and what is left: the others in order, then the result."""
    found = []
    for one, other in combinations(range(len(numbers)), 2):
        rest = tuple(number for place, number in enumerate(numbers) if place not in (one, other))
        found += [(each, (*rest, each.result)) for each in combined(numbers[one], numbers[other])]
    return found


def after(numbers: Numbers, operation: Operation) -> Numbers | None:
    """What an operation leaves, the result last; None where a number is not there (as often), or it isn't true."""
    there = Counter(numbers)
    there.subtract([operation.left, operation.right])
    if min(there.values()) < 0 or not operation.is_true():
        return None
    return (*there.elements(), operation.result)


def ways(count: int) -> int:
    """How many sequences of operations lead from `count` numbers to one, if every quotient is exact."""
    return math.prod(4 * math.comb(left, 2) for left in range(2, count + 1))


@cache
def factors(target: int) -> tuple[int, ...]:
    """The factors of the target from 2 on."""
    return tuple(number for number in range(2, target + 1) if target % number == 0)


def sum_heuristic(numbers: Numbers, target: int) -> float:
    """The mean distance from the target."""
    return sum(abs(number - target) for number in numbers) / len(numbers)


def mult_heuristic(numbers: Numbers, target: int) -> float:
    """The sum over numbers of the distance to the target's nearest factor; 1 is no factor here."""
    return float(sum(min(abs(number - factor) for factor in factors(target)) for number in numbers))


HEURISTICS: dict[str, Heuristic] = {"sum": sum_heuristic, "mult": mult_heuristic}


def solutions(problem: Problem) -> Iterator[tuple[Operation, ...]]:
    """Every solution, by trying everything."""
    numbers, target = problem
    if len(numbers) == 1:
        if numbers[0] == target:
            yield ()
        return
    for operation, rest in children(numbers):
        for further in solutions(Problem(rest, target)):
            yield operation, *further


def random_problem(rng: np.random.Generator, targets: list[int], count: int, most: int) -> Problem:
    """A target, and the first numbers from 1 to `most` drawn for it that can make it."""
    target = targets[int(rng.integers(len(targets)))]
    while True:
        problem = Problem(tuple(rng.integers(1, most + 1, count).tolist()), target)
        if next(solutions(problem), None) is not None:
            return problem
