"""The contract of views: how an example becomes arrays for a model, and what comes out becomes text again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Self

import numpy as np

from phloem.languages.example import Example

PAD, UNK, START = 0, 1, 2  # PAD also ends a target (Alon et al. 2019, released vocabulary)


class Dataset(Protocol):
    """Examples compiled to arrays on disk, memory-mapped; a batch is gathered without a loop over examples."""

    def __len__(self) -> int: ...

    @property
    def sizes(self) -> np.ndarray:
        """A cost for each example (contexts, tokens), for bucketing by length."""
        ...

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Any:
        """The batch of these examples. `rng` draws afresh what is sampled; None takes the fixed evaluation sample."""
        ...


class View(Protocol):
    """What a model sees of an example. Vocabularies come from training data only."""

    def fit(self, examples: Iterable[Example]) -> Self: ...

    def compile(self, examples: Iterable[Example], folder: Any) -> Dataset:
        """Encode a stream of examples into memory-mapped arrays under `folder`, which must not exist yet."""
        ...

    def encode(self, example: Example, rng: np.random.Generator | None) -> dict[str, np.ndarray]: ...

    def collate(self, encoded: list[dict[str, np.ndarray]]) -> Any: ...

    def decode(self, ids: np.ndarray, example: Example | None = None) -> list[str]: ...

    def state(self) -> dict[str, Any]: ...


def epoch_batches(
    dataset: Dataset, batch_size: int, *, seed: int, epoch: int, skip: int = 0, bucket: int = 1
) -> Iterator[Any]:
    """Shuffled batches of one epoch. What is drawn depends on (seed, epoch, batch number) only, so that skipping
    the first `skip` batches resumes exactly. `bucket` > 1 sorts runs of that many batches by size."""
    order = np.random.default_rng((seed, epoch)).permutation(len(dataset))
    if bucket > 1:
        sizes = np.asarray(dataset.sizes)
        run = batch_size * bucket
        order = np.concatenate(
            [part[np.argsort(sizes[part], kind="stable")] for part in np.split(order, range(run, len(order), run))]
        )
    starts = np.arange(0, len(order), batch_size)
    if bucket > 1:
        np.random.default_rng((seed, epoch, 1)).shuffle(starts)
    for number, start in enumerate(starts):
        if number >= skip:
            yield dataset.batch(order[start : start + batch_size], np.random.default_rng((seed, epoch, 2, number)))


def fixed_batches(dataset: Dataset, batch_size: int) -> Iterator[Any]:
    """Every example once, in order, with its fixed evaluation sample."""
    for start in range(0, len(dataset), batch_size):
        yield dataset.batch(np.arange(start, min(start + batch_size, len(dataset))), None)
