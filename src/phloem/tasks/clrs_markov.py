"""Do hints carry the whole state? The Markov property of step traces.

Bohde et al., "On the Markov Property of Neural Algorithmic Reasoning" (ICLR 2024): the next state of an algorithm
depends on its present state alone. A trace has that property if a function leads from (inputs, hints at t) to the
hints at t + 1. It is shown by writing that function down (`STEPS`: three algorithms), and refuted by two equal states
with different successors (`conflicts`, for any traces).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora.clrs import Samples

State = Mapping[str, Float[np.ndarray, "nodes"]]


class Conflict(NamedTuple):
    """Two equal states, each (sample, step), whose successors differ."""

    one: tuple[int, int]
    other: tuple[int, int]
    differ: tuple[str, ...]  # the hints that do


def states(samples: Samples, hints: Collection[str] | None = None) -> Iterator[tuple[int, int, State, State]]:
    """(sample, step, hints there, hints after it) for all steps but the last of each run; `hints` restricts which."""
    kept = {name: data for name, data in samples.hints.items() if hints is None or name in hints}
    for sample, length in enumerate(samples.lengths.tolist()):
        for step in range(int(length) - 1):
            here, after = ({name: data[at, sample] for name, data in kept.items()} for at in (step, step + 1))
            yield sample, step, here, after


def conflicts(samples: Samples, hints: Collection[str] | None = None) -> list[Conflict]:
    """Pairs of equal (inputs, hints) with different successors: none are found where hints carry the whole state.

    `samples` may be any traces, not only those of `phloem.corpora.clrs`; `hints` names the ones to look at.
    """
    seen: dict[bytes, tuple[tuple[int, int], State]] = {}
    found = []
    for sample, step, here, after in states(samples, hints):
        inputs = b"".join(np.ascontiguousarray(data[sample]).tobytes() for data in samples.inputs.values())
        key = inputs + b"".join(np.ascontiguousarray(data).tobytes() for data in here.values())
        place, successor = seen.setdefault(key, ((sample, step), after))
        if differ := tuple(name for name in after if not np.array_equal(successor[name], after[name])):
            found.append(Conflict(place, (sample, step), differ))
    return found


def bfs_step(inputs: State, hints: State) -> dict[str, np.ndarray]:
    """A level of breadth-first search: who has no parent takes the first reached neighbour."""
    edges, reached, parent = inputs["A"] > 0, hints["reach_h"] > 0, hints["pi_h"]
    offered = edges & reached[:, None]  # by u to v
    orphan = (parent == np.arange(len(parent))) & (inputs["s"] == 0)
    adopted = np.where(orphan & offered.any(axis=0), offered.argmax(axis=0), parent)
    return {"reach_h": (reached | offered.any(axis=0)).astype(float), "pi_h": adopted.astype(float)}


def bellman_ford_step(inputs: State, hints: State) -> dict[str, np.ndarray]:
    """Relaxation of all edges at once: the least of distance + weight over known neighbours, if it is less."""
    weights, known, distance = inputs["A"], hints["msk"] > 0, hints["d"]
    ways = np.where((weights != 0) & known[:, None], distance[:, None] + weights, np.inf)
    least, by = ways.min(axis=0), ways.argmin(axis=0)
    better = np.isfinite(least) & (~known | (least < distance))
    return {
        "msk": (known | np.isfinite(least)).astype(float),
        "d": np.where(better, least, distance),
        "pi_h": np.where(better, by, hints["pi_h"]).astype(float),
    }


def insertion_sort_step(inputs: State, hints: State) -> dict[str, np.ndarray]:
    """Insertion of the next element into the sorted list that the pointers tell."""
    keys, before = inputs["key"], hints["pred_h"].astype(int)
    nodes, j = len(keys), int(hints["j"].argmax()) + 1
    after = {int(b): node for node, b in enumerate(before) if b != node}
    order = [int(np.flatnonzero(before == np.arange(nodes))[0])]
    while order[-1] in after:
        order.append(after[order[-1]])
    place = int((keys[order[:j]] <= keys[j]).sum())
    stood = order[place]
    order.insert(place, order.pop(j))
    pointers = np.arange(nodes)
    pointers[order[1:]] = order[:-1]
    return {"pred_h": pointers.astype(float), "i": np.eye(nodes)[stood], "j": np.eye(nodes)[j]}


STEPS: dict[str, Callable[[State, State], dict[str, np.ndarray]]] = {
    "bfs": bfs_step,
    "bellman_ford": bellman_ford_step,
    "insertion_sort": insertion_sort_step,
}


def agreement(name: str, samples: Samples) -> tuple[int, int]:
    """(steps that `STEPS[name]` predicts exactly in every hint, steps)."""
    right = total = 0
    for sample, _, here, after in states(samples):
        told = STEPS[name]({each: data[sample] for each, data in samples.inputs.items()}, here)
        right += all(np.array_equal(told[each], after[each]) for each in after)
        total += 1
    return right, total
