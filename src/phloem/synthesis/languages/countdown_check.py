"""Is a written search of Countdown right?

Two readings. `path_is_right` looks at the lines of the nodes between the root and the goal alone: each equation is
true, its numbers are there (as often as they are used), all say the same, and the last result is the target. What a
dead branch says doesn't matter. `all_lines_right` reads every line. (The check released with Gandhi et al. 2024 also
reads only the path, but never takes used numbers away, so that it accepts a number used twice.)

Blanks are not read, so that what a model wrote unit by unit needs none.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from phloem.synthesis.languages.countdown import Numbers, Operation, Problem, after, ways

_OPERATION = r"\d+[-+*/]\d+=\d+"
_STATE = re.compile(r"CurrentState:(\d+):\[([\d,]*)\],Operations:\[(.*)\]")
_EXPLORED = re.compile(rf"ExploringOperation:({_OPERATION}),ResultingNumbers:\[([\d,]*)\]")
_GENERATED = re.compile(rf"GeneratedNode#([\d,]+):(\d+):\[([\d,]*)\]Operation:({_OPERATION})")
_MOVING = re.compile(r"MovingtoNode#([\d,]+)")
_LEAF = re.compile(r"(\d+),(\d+)(unequal:NoSolution|equal:GoalReached)")
_ENDLESS = re.compile(r"\d{19}")  # no number of the game; Python itself refuses to read very long ones
NOTHING = "Nosolutionfound."


class Node(NamedTuple):
    numbers: Numbers
    done: tuple[str, ...]


class Step(NamedTuple):
    """A line: which node it is about, which child of it (or ""), and whether it is right."""

    node: str
    child: str
    right: bool
    goal: bool = False


class _Reader:
    """Goes through the lines; knows the nodes that were generated, where it is, and what was explored last."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.nodes = {"0": Node(problem.numbers, ())}
        self.at, self.tried = "0", Counter[str]()
        self.pending: tuple[Operation, Numbers] | None = None  # explored, and what comes of it not yet told
        self.stated = False  # the state was told since the last move

    def read(self, line: str) -> Step:
        if _ENDLESS.search(line):
            return Step(self.at, "", False)
        for pattern, reading in (
            (_EXPLORED, self.explored),
            (_STATE, self.state),
            (_GENERATED, self.generated),
            (_MOVING, self.moved),
            (_LEAF, self.leaf),
        ):
            if match := pattern.fullmatch(line):
                return reading(match)
        return Step(self.at, "", line == NOTHING and self.pending is None)

    def state(self, match: re.Match[str]) -> Step:
        node = self.nodes.get(self.at)
        said = f"{match[3]}".replace("'", "")
        right = node is not None and self.pending is None
        right = right and _same(match[2], node.numbers if node else ())
        self.stated = True
        told = int(match[1]) == self.problem.target and node is not None and said == ",".join(node.done)
        return Step(self.at, "", right and told)

    def explored(self, match: re.Match[str]) -> Step:
        node, operation = self.nodes.get(self.at), _operation(match[1])
        left = after(node.numbers, operation) if node else None
        child = f"{self.at},{self.tried[self.at]}"
        self.tried[self.at] += 1
        right = left is not None and _same(match[2], left) and self.pending is None and self.stated
        self.pending = operation, left if left is not None else ()
        return Step(self.at, child, right)

    def generated(self, match: re.Match[str]) -> Step:
        child, pending = match[1], self.pending
        node, self.pending = self.nodes.get(self.at), None
        if pending is None or node is None:
            return Step(self.at, child, False)
        operation, left = pending
        right = child == f"{self.at},{self.tried[self.at] - 1}" and child not in self.nodes
        right = right and _same(match[3], left) and len(left) > 1 and int(match[2]) == self.problem.target
        right = right and _operation(match[4]) == operation
        if child not in self.nodes:
            self.nodes[child] = Node(left, (*node.done, str(operation)))
        return Step(self.at, child, right)

    def moved(self, match: re.Match[str]) -> Step:
        self.at, self.stated, waits = match[1], False, self.pending is not None
        return Step(self.at, "", self.at in self.nodes and not waits)

    def leaf(self, match: re.Match[str]) -> Step:
        pending, self.pending = self.pending, None
        number, target, goal = int(match[1]), int(match[2]), match[3].startswith("equal")
        child = f"{self.at},{self.tried[self.at] - 1}"
        right = pending is not None and pending[1] == (number,) and target == self.problem.target
        return Step(self.at, child, right and (number == target) == goal, goal)


def steps(problem: Problem, text: str) -> list[Step]:
    """What each line of a search is about and whether it is right, up to the first goal."""
    reader, found = _Reader(problem), list[Step]()
    for line in text.replace(" ", "").splitlines():
        found.append(reader.read(line))
        if found[-1].goal:
            break
    return found


def path_is_right(problem: Problem, text: str) -> bool:
    """Whether the search reaches the target, by lines that are right on the way from the root to it."""
    found = steps(problem, text)
    if not found or not found[-1].goal:
        return False
    goal = found[-1].child
    path = {goal[:place] for place, character in enumerate(goal) if character == ","} | {goal}
    stated = {step.node for step in found if not step.child}
    if not {node for node in path if node != goal} <= stated:
        return False
    return all(step.right for step in found if step.node in path and (not step.child or step.child in path))


def all_lines_right(problem: Problem, text: str) -> bool:
    """Whether every line is right, of a search that reaches the target or of one that does not."""
    found = steps(problem, text)
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(found) and len(found) == len(lines) and all(step.right for step in found)


def rating(problem: Problem, text: str) -> float:
    """0 of a wrong search, else the nearer to 1 the fewer operations were explored."""
    if not path_is_right(problem, text):
        return 0.0
    tried = sum(line.strip().startswith("Exploring") for line in text.splitlines())
    return max(0.0, 1 - (tried + 1) / ways(len(problem.numbers)))


def visited(text: str) -> set[Numbers]:
    """The sets of numbers (sorted) that a search was in or ended in."""
    found = set()
    for line in text.replace(" ", "").splitlines():
        if _ENDLESS.search(line):
            continue
        if match := _STATE.fullmatch(line):
            found.add(tuple(sorted(_numbers(match[2]))))
        elif match := _LEAF.fullmatch(line):
            found.add((int(match[1]),))
    return found


def overlap(one: str, other: str) -> float:
    """How alike two searches are: the states that both were in, of those that either was in (Jaccard's index)."""
    left, right = visited(one), visited(other)
    return len(left & right) / len(left | right) if left | right else 1.0


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _same(text: str, numbers: Numbers) -> bool:
    return sorted(_numbers(text)) == sorted(numbers)


def _operation(text: str) -> Operation:
    match = re.fullmatch(r"(\d+)([-+*/])(\d+)=(\d+)", text)
    assert match is not None
    return Operation(int(match[1]), match[2], int(match[3]), int(match[4]))
