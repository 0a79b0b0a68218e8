"""Outputs as concatenations: a shortest path over positions of the outputs.

A state is one position in each example's output, at first all 0. A fragment (a vector of strings, one an example, with
a weight) leads from a state to the next when it occurs there in every output. The cheapest concatenation is then a
shortest path, found by A*: this is the dynamic programming of FlashFill (Gulwani 2011) for all
examples at once, with any enumerated expressions as edges.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Int64

STATES = 1_500  # states that are expanded before the search gives up
UNREACHABLE = 1 << 30


class Fragments:
    """Strings that occur in the outputs: `texts[f][e]`, `weights[f]`; where each occurs is found at once."""

    def __init__(self, outputs: Sequence[str], texts: Sequence[Sequence[str]], weights: Sequence[int]) -> None:
        self.outputs = list(outputs)
        self.weights = np.asarray(weights, np.int64)
        examples = len(outputs)
        self.lengths: Int64[np.ndarray, "fragments examples"] = np.array(
            [[len(text) for text in each] for each in texts], np.int64
        ).reshape(len(texts), examples)
        self.starts: list[Bool[np.ndarray, "positions fragments"]] = [
            _starts(output, [each[e] for each in texts]) for e, output in enumerate(outputs)
        ]

    def ahead(self, joint: int) -> list[Int64[np.ndarray, "positions"]]:
        """For each example the least weight from every position to the end, as if it were alone: a lower bound."""
        bounds = []
        for table, lengths, output in zip(self.starts, self.lengths.T, self.outputs, strict=True):
            least = np.full(len(output) + 1, UNREACHABLE)
            least[-1] = 0
            for position in range(len(output) - 1, -1, -1):
                here = np.flatnonzero(table[position] & (lengths > 0))
                if len(here):
                    least[position] = (least[position + lengths[here]] + self.weights[here] + joint).min()
            bounds.append(np.minimum(least, UNREACHABLE))
        return bounds


def _starts(output: str, texts: list[str]) -> Bool[np.ndarray, "positions fragments"]:
    distinct: dict[str, int] = {}
    which = np.array([distinct.setdefault(text, len(distinct)) for text in texts], np.int64)
    table = np.zeros((len(output) + 1, max(1, len(distinct))), bool)
    for text, column in distinct.items():
        if not text:
            table[:, column] = True
            continue
        at = output.find(text)
        while at >= 0:
            table[at, column] = True
            at = output.find(text, at + 1)
    return table[:, which] if len(which) else table[:, :0]


def cheapest(fragments: Fragments, joint: int, bound: float, late: Callable[[], bool]) -> tuple[int, list[int]] | None:
    """(weight, fragments in order) of the cheapest concatenation that gives all outputs; None when there is none.

    `joint` is the weight of one concatenation; nothing of weight `bound` or more is returned. A* with the greatest of
    the examples' own lower bounds, which is consistent."""
    goal = tuple(len(output) for output in fragments.outputs)
    start = (0,) * len(goal)
    ahead = fragments.ahead(joint)
    least = max((int(each[0]) for each in ahead), default=0)
    if not any(goal) or least - joint >= bound:
        return None
    best: dict[tuple[int, ...], int] = {start: 0}
    came: dict[tuple[int, ...], tuple[tuple[int, ...], int]] = {}
    queue = [(least, 0, start)]
    done = set()
    while queue:
        _, negative, state = heapq.heappop(queue)
        if state == goal:
            return -negative - joint, _path(came, goal)
        if state in done:
            continue
        done.add(state)
        if len(done) > STATES or (len(done) % 64 == 0 and late()):
            return None
        for fragment, after, cost, rest in _steps(fragments, ahead, state, -negative, joint, bound):
            if cost < best.get(after, UNREACHABLE):
                best[after] = cost
                came[after] = (state, fragment)
                heapq.heappush(queue, (cost + rest, -cost, after))
    return None


def _steps(
    fragments: Fragments,
    ahead: list[Int64[np.ndarray, "positions"]],
    state: tuple[int, ...],
    weight: int,
    joint: int,
    bound: float,
) -> list[tuple[int, tuple[int, ...], int, int]]:
    """(fragment, state after it, weight up to there, lower bound of the rest), each state once."""
    possible = fragments.starts[0][state[0]]
    for table, position in zip(fragments.starts[1:], state[1:], strict=True):
        possible = possible & table[position]
    found = np.flatnonzero(possible)
    if not len(found):
        return []
    after = fragments.lengths[found] + np.array(state)
    rest = ahead[0][after[:, 0]]
    for least, column in zip(ahead[1:], after.T[1:], strict=True):
        rest = np.maximum(rest, least[column])
    weights = fragments.weights[found] + weight + joint
    cheap = np.flatnonzero(weights - joint + rest < bound)
    cheap = cheap[np.argsort(weights[cheap], kind="stable")]
    steps = []
    reached = {state}
    for i in cheap.tolist():
        place = tuple(after[i].tolist())
        if place not in reached:
            reached.add(place)
            steps.append((int(found[i]), place, int(weights[i]), int(rest[i])))
    return steps


def _path(came: dict[tuple[int, ...], tuple[tuple[int, ...], int]], goal: tuple[int, ...]) -> list[int]:
    path = []
    state = goal
    while state in came:
        state, fragment = came[state]
        path.append(fragment)
    return path[::-1]
