"""Several tasks over the same functions, one drawn a batch.

CodeT5 draws one of its tasks with equal probability at each step (Wang et al. 2021, section 3.2), T5 and its successors
mix them at given rates. A task makes a batch out of functions and has an objective; `Mixture` is the dataset and
`MixedObjective` the loss of all of them. What is drawn is a function of the batch's random numbers, so that a resumed
run goes on exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Int, Int64

from phloem.learn.objectives.base import Loss, Objective
from phloem.learn.objectives.span_corruption import Pair
from phloem.represent.base import PAD
from phloem.represent.token_view import TokenBatch, token_batch


class Items(Protocol):
    """Where a mixture takes its items from."""

    def __len__(self) -> int: ...

    @property
    def sizes(self) -> Int64[np.ndarray, " items"]: ...

    def items(self, index: Int[np.ndarray, " chosen"]) -> list[Any]: ...


class Task(NamedTuple):
    """What is asked of items: a batch of them, and the loss on it. `rate` is relative to the other tasks'."""

    name: str
    make: Callable[[list[Any], np.random.Generator], Any]
    objective: Objective
    rate: float = 1.0


class Drawn(NamedTuple):
    """The number of the task that was drawn, and its batch."""

    task: int
    batch: Any


class Mixture:
    """A `Dataset` whose batches are of one task each. The evaluation batches (no random numbers) are of the first."""

    def __init__(self, items: Items, tasks: Sequence[Task]) -> None:
        rates = np.array([task.rate for task in tasks], np.float64)
        self._items, self.tasks, self.rates = items, tuple(tasks), rates / rates.sum()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def sizes(self) -> Int64[np.ndarray, " items"]:
        return self._items.sizes

    def batch(self, index: Int[np.ndarray, " chosen"], rng: np.random.Generator | None) -> Drawn:
        task = 0 if rng is None else int(rng.choice(len(self.tasks), p=self.rates))
        made = self.tasks[task].make(self._items.items(index), rng or np.random.default_rng(0))
        return Drawn(task, made)


class MixedObjective:
    """The loss of the task that a batch is of; logs carry its name."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tuple(tasks)

    def __call__(self, model: Any, batch: Drawn) -> Loss:
        task = self.tasks[batch.task]
        loss = task.objective(model, batch.batch)
        return Loss(loss.value, {f"{task.name}_{name}": value for name, value in loss.logs.items()})


class Subset:
    """Some of the items."""

    def __init__(self, items: Items, index: Int[np.ndarray, " chosen"]) -> None:
        self._items, self.index = items, np.asarray(index)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def sizes(self) -> Int64[np.ndarray, " chosen"]:
        return np.asarray(self._items.sizes)[self.index]

    def items(self, index: Int[np.ndarray, " chosen"]) -> list[Any]:
        return self._items.items(self.index[index])


class Listed:
    """Items in memory; `size` says how long one is."""

    def __init__(self, items: Sequence[Any], size: Callable[[Any], int]) -> None:
        self._all = list(items)
        self._sizes = np.array([size(item) for item in self._all], np.int64)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def sizes(self) -> Int64[np.ndarray, " items"]:
        return self._sizes

    def items(self, index: Int[np.ndarray, " chosen"]) -> list[Any]:
        return [self._all[number] for number in index.tolist()]


def paired(pairs: Sequence[Pair], *, source: int, target: int) -> TokenBatch:
    """The batch of pairs cut to so many units; targets end with PAD."""
    return token_batch(*rows_of_units([pair.source for pair in pairs], source), _ended(pairs, target))


def _ended(pairs: Sequence[Pair], most: int) -> Int64[np.ndarray, "batch steps"]:
    rows, lengths = rows_of_units([pair.target for pair in pairs], most)
    return np.pad(rows[:, : int(lengths.max(initial=0))], ((0, 0), (0, 1)), constant_values=PAD)


def rows_of_units(
    sequences: Sequence[Int[np.ndarray, " units"]], most: int
) -> tuple[Int64[np.ndarray, "batch time"], Int64[np.ndarray, " batch"]]:
    """Sequences as padded rows of at least one column, each cut to `most` units, and their lengths."""
    lengths = np.array([min(len(sequence), most) for sequence in sequences], np.int64)
    rows = np.full((len(sequences), max(int(lengths.max(initial=1)), 1)), PAD, np.int64)
    for row, sequence, length in zip(rows, sequences, lengths.tolist(), strict=True):
        row[:length] = sequence[:length]
    return rows, lengths
