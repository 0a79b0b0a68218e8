"""Searches of Countdown written down as they go, dead ends and all.

Gandhi et al., "Stream of Search" (COLM 2024, section 3.2). The lines of a trace, as in the released data:

    Current State: 24:[4, 6, 1], Operations: []
    Exploring Operation: 4*6=24, Resulting Numbers: [1, 24]
    Generated Node #0,0: 24:[1, 24] Operation: 4*6=24
    Moving to Node #0,0
    Current State: 24:[1, 24], Operations: ['4*6=24']
    Exploring Operation: 24-1=23, Resulting Numbers: [23]
    23,24 unequal: No Solution
    24,24 equal: Goal Reached               (or, at the end of a breadth-first search: No solution found.)

A node's id is the path of child numbers to it. Depth-first search goes into children in the order of the heuristic and
drops those whose heuristic exceeds the target; breadth-first search keeps the best few of every node, in random order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.synthesis.languages.countdown import HEURISTICS, Heuristic, Numbers, Operation, Problem, children, solutions

WIDTHS = (1, 2, 3, 4, 5)


class Trace(NamedTuple):
    """The lines of a search, and whether it reached the target."""

    lines: tuple[str, ...]
    solved: bool


class Strategy(NamedTuple):
    """How to search: a heuristic by name; `width` 0 is depth-first, else breadth-first with so many kept children."""

    heuristic: str
    width: int


STRATEGIES = tuple(Strategy(name, width) for name in HEURISTICS for width in (0, *WIDTHS))


def state_line(problem: Problem, numbers: Numbers, done: Sequence[Operation]) -> str:
    return f"Current State: {problem.target}:{list(numbers)}, Operations: {[str(each) for each in done]}"


def explored(operation: Operation, left: Numbers) -> str:
    return f"Exploring Operation: {operation}, Resulting Numbers: {list(left)}"


def generated(node: str, problem: Problem, left: Numbers, operation: Operation) -> str:
    return f"Generated Node #{node}: {problem.target}:{list(left)} Operation: {operation}"


def moving(node: str) -> str:
    return f"Moving to Node #{node}"


def leaf(number: int, target: int) -> str:
    if number == target:
        return f"{number},{target} equal: Goal Reached"
    return f"{number},{target} unequal: No Solution"


def depth_first(problem: Problem, heuristic: Heuristic) -> Trace:
    """A search that goes into one child after the other; where it is exhausted the trace just ends."""
    lines: list[str] = []

    def visit(node: str, numbers: Numbers, done: tuple[Operation, ...]) -> bool:
        lines.append(state_line(problem, numbers, done))
        scored = [(heuristic(left, problem.target), operation, left) for operation, left in children(numbers)]
        kept = sorted((each for each in scored if each[0] <= problem.target), key=lambda each: each[0])
        for number, (_, operation, left) in enumerate(kept):
            if number and len(left) > 1:
                lines.extend((moving(node), state_line(problem, numbers, done)))
            lines.append(explored(operation, left))
            if len(left) == 1:
                lines.append(leaf(left[0], problem.target))
                if left[0] == problem.target:
                    return True
                continue
            child = f"{node},{number}"
            lines.extend((generated(child, problem, left, operation), moving(child)))
            if visit(child, left, (*done, operation)):
                return True
        return False

    solved = visit("0", problem.numbers, ())
    return Trace(tuple(lines), solved)


def breadth_first(problem: Problem, heuristic: Heuristic, width: int, rng: np.random.Generator) -> Trace:
    """A search by levels that keeps the best `width` children of every node; `rng` orders those."""
    lines: list[str] = []
    waiting: deque[tuple[str, Numbers, tuple[Operation, ...]]] = deque([("0", problem.numbers, ())])
    while waiting:
        node, numbers, done = waiting.popleft()
        if node != "0":
            lines.append(moving(node))
        lines.append(state_line(problem, numbers, done))
        kept = sorted(children(numbers), key=lambda child: heuristic(child[1], problem.target))[:width]
        for number, place in enumerate(rng.permutation(len(kept)).tolist()):
            operation, left = kept[place]
            lines.append(explored(operation, left))
            if len(left) == 1:
                lines.append(leaf(left[0], problem.target))
                if left[0] == problem.target:
                    return Trace(tuple(lines), True)
                continue
            child = f"{node},{number}"
            lines.append(generated(child, problem, left, operation))
            waiting.append((child, left, (*done, operation)))
    return Trace((*lines, "No solution found."), False)


def searched(problem: Problem, strategy: Strategy, rng: np.random.Generator) -> Trace:
    """The trace of one strategy."""
    heuristic = HEURISTICS[strategy.heuristic]
    if strategy.width:
        return breadth_first(problem, heuristic, strategy.width, rng)
    return depth_first(problem, heuristic)


def random_strategy(rng: np.random.Generator) -> Strategy:
    """Depth first or breadth first, one as likely as the other; then the heuristic and the width."""
    width = int(rng.choice(WIDTHS)) if rng.random() < 0.5 else 0
    return Strategy(str(rng.choice(list(HEURISTICS))), width)


def optimal(problem: Problem) -> Trace:
    """The path of the first solution alone, in the same words. Raises ValueError where there is none."""
    solution = next(solutions(problem), None)
    if solution is None:
        raise ValueError(f"{problem} has no solution")
    return along(problem, solution)


def along(problem: Problem, solution: Sequence[Operation]) -> Trace:
    """The lines of a search that goes straight to a solution."""
    numbers, node, lines = problem.numbers, "0", list[str]()
    for number, operation in enumerate(solution):
        lines.append(state_line(problem, numbers, solution[:number]))
        numbers = next(left for each, left in children(numbers) if each == operation)
        lines.append(explored(operation, numbers))
        if len(numbers) > 1:
            node = f"{node},0"
            lines.extend((generated(node, problem, numbers, operation), moving(node)))
    return Trace((*lines, leaf(numbers[0], problem.target)), numbers[0] == problem.target)
