"""Tasks mixed within a batch, each example behind the prefix of its own task.

Raffel et al., "T5" (2020, section 3.5.2) and CoTexT (Phan et al. 2021, section 3.3): the task of each example is drawn,
at equal rates or in proportion to the number of a task's examples, those above a cap counted as the cap; then one of
its examples. The prefix tells the model what is asked: "python: ", "java: ", "small: ".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64

from phloem.learn.language_sampling import capped, smoothed
from phloem.learn.objectives.span_corruption import Ids, Pair, corrupt, segmented_spans
from phloem.learn.pretraining_mixture import paired
from phloem.represent.token_view import TokenBatch


class PrefixedTask(NamedTuple):
    """A task's examples, and the units of its prefix."""

    name: str
    prefix: Ids
    pairs: Sequence[Pair]


def prefixed(prefix: Ids, pair: Pair) -> Pair:
    """The pair with the prefix in front of its source."""
    return Pair(np.concatenate([prefix, pair.source]).astype(pair.source.dtype), pair.target)


class MultitaskMixture:
    """A `Dataset`: an epoch has as many examples as all tasks together, drawn anew each time.

    `cap` None takes all tasks at equal rates. Without random numbers a batch has the first examples of the first task.
    """

    def __init__(self, tasks: Sequence[PrefixedTask], *, source: int, target: int, cap: int | None = None) -> None:
        counts = [len(task.pairs) for task in tasks]
        self.tasks, self.source, self.target = tuple(tasks), source, target
        self.rates: Float[np.ndarray, " tasks"] = smoothed(counts, 0.0) if cap is None else capped(counts, cap)

    def __len__(self) -> int:
        return sum(len(task.pairs) for task in self.tasks)

    @property
    def sizes(self) -> Int64[np.ndarray, " examples"]:
        """All alike: what an index holds is drawn later."""
        return np.ones(len(self), np.int64)

    def draw(self, count: int, rng: np.random.Generator) -> Int64[np.ndarray, " examples"]:
        """The task of each of `count` examples."""
        return rng.choice(len(self.tasks), count, p=self.rates)

    def batch(self, index: Int[np.ndarray, " examples"], rng: np.random.Generator | None) -> TokenBatch:
        if rng is None:
            first = self.tasks[0]
            pairs = [prefixed(first.prefix, first.pairs[number % len(first.pairs)]) for number in index.tolist()]
        else:
            chosen = [self.tasks[task] for task in self.draw(len(index), rng).tolist()]
            pairs = [prefixed(task.prefix, task.pairs[int(rng.integers(len(task.pairs)))]) for task in chosen]
        return paired(pairs, source=self.source, target=self.target)


def bimodal(text: Ids, code: Ids, separator: int, rng: np.random.Generator, sentinel: Callable[[int], int]) -> Pair:
    """Text, separator and code as one sequence with damaged spans; the separator is never hidden."""
    ids = np.concatenate([text, [separator], code]).astype(code.dtype)
    fixed = np.zeros(len(ids), bool)
    fixed[len(text)] = True
    return corrupt(ids, segmented_spans(len(ids), rng, fixed=fixed), sentinel)
