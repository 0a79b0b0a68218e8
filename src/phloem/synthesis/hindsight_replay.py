"""A replay buffer in which every program that runs is an answer: prioritised hindsight replay.

Butt et al., "CodeIt" (ICML 2024, section 3), after Andrychowicz et al., "Hindsight Experience Replay" (2017). A program
that was sampled for a task and does not solve it still solves another task: the one whose outputs are what the program
really gives. So it is kept with its realised outputs, under the key (task that it was sampled for, program); inputs on
which it gives no valid output are left out. Its priority is the share of the original demonstrations that it
reproduces, plus a tiny number, and experiences are drawn without replacement with probability proportional to it.

The buffer has two pools: what the policy sampled, and the initial tasks with their mutants, which all have the tiny
priority and are therefore drawn uniformly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

TINY = 1e-19
Pool = Literal["policy", "initial"]
Answer = Callable[[Any, Any], Any]
"""The valid output of a program on an input; None where there is none."""


class Experience(NamedTuple):
    """A program with the pairs that it realises. `parent` is the task that it was made for."""

    parent: Hashable
    text: str
    pairs: tuple[tuple[Any, Any], ...]
    priority: float


def relabelled(
    parent: Hashable, text: str, program: Any, demonstrations: Sequence[tuple[Any, Any]], answer: Answer
) -> Experience | None:
    """What a program really does on a task's inputs; None where it has no valid output on any."""
    found = [(given, answer(program, given)) for given, _ in demonstrations]
    pairs = tuple((given, output) for given, output in found if output is not None)
    if not pairs:
        return None
    right = sum(output == wanted for (_, output), (_, wanted) in zip(found, demonstrations, strict=True))
    return Experience(parent, text, pairs, right / len(demonstrations) + TINY)


def solves(experience: Experience, demonstrations: int) -> bool:
    """Whether all demonstrations of the original task are reproduced."""
    return experience.priority >= 1 and len(experience.pairs) == demonstrations


@dataclass
class Buffer:
    """Experiences by pool and key; a key that is there already is not added again."""

    pools: dict[Pool, dict[tuple[Hashable, str], Experience]] = field(
        default_factory=lambda: {"policy": {}, "initial": {}}
    )

    def add(self, pool: Pool, experience: Experience) -> bool:
        """Whether it was new."""
        key = experience.parent, experience.text
        if key in self.pools[pool]:
            return False
        self.pools[pool][key] = experience
        return True

    def draw(self, rng: np.random.Generator, pool: Pool, most: int, *, prioritised: bool = True) -> list[Experience]:
        """Up to `most` experiences without replacement, all where there are no more."""
        every = list(self.pools[pool].values())
        if len(every) <= most:
            return every
        weights = np.array([each.priority for each in every]) if prioritised else np.ones(len(every))
        return [every[i] for i in drawn(rng, weights, most)]


def drawn(rng: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    """Indices drawn one after the other with probability proportional to the weights of those that are left.

    The largest of log w_i + G_i with G_i from the Gumbel distribution are such a draw (Efraimidis and Spirakis 2006;
    Vieira 2014), so that weights may differ by many orders of magnitude."""
    keys = np.log(weights) + rng.gumbel(size=len(weights))
    return np.argpartition(-keys, count - 1)[:count]
