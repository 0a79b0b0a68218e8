"""How good a model is on projects that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64
from torch import nn

from phloem.assist.engines import search
from phloem.assist.flags import flag_figures
from phloem.assist.mining import open_corpus
from phloem.assist.models import load
from phloem.assist.progress import Tell, silent
from phloem.assist.ranking import BY_PROBABILITY, Ranking
from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.tasks import naming, summaries

BEAM = 5  # as suggestions are searched for


class Part:
    """Some examples of a dataset, as a dataset. `told` hears the share that was read, in order."""

    def __init__(
        self, whole: Any, rows: Int64[np.ndarray, examples], told: Callable[[float], None] = lambda _: None
    ) -> None:
        self.whole = whole
        self.rows = rows
        self.told = told

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sizes(self) -> np.ndarray:
        return np.asarray(self.whole.sizes)[self.rows]

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Any:
        self.told(float(index[-1] + 1) / len(self))
        return self.whole.batch(self.rows[np.asarray(index)], rng)

    def references(self, index: np.ndarray) -> list[list[str]]:
        return self.whole.references(self.rows[index])


def watched(dataset: Any, tell: Tell) -> Part:
    """The whole dataset, telling how much of it is measured."""
    return Part(dataset, np.arange(len(dataset)), lambda share: tell("measuring", share))


def limited(dataset: Any, most: int | None) -> Any:
    """At most so many examples, spread evenly over the dataset, so that every project has its share."""
    if most is None or len(dataset) <= most:
        return dataset
    return Part(dataset, np.linspace(0, len(dataset) - 1, most).astype(np.int64))


class Measuring(NamedTuple):
    """The figures of a task on compiled datasets of a view; `length` is the greatest number of words written."""

    task: str
    view: Any
    length: int
    ranking: Ranking = BY_PROBABILITY

    def __call__(self, net: nn.Module, dataset: Any, beam: int, resamples: int = 1000) -> dict[str, Any]:
        evaluate = {"names": naming.evaluate, "summaries": summaries.evaluate}[self.task]
        return evaluate(net, self.view, dataset, search(beam, self.ranking), length=self.length, resamples=resamples)


def evaluate_model(
    name: str,
    data: str,
    *,
    split: str = "test",
    languages: Sequence[str] = (),
    beam: int = BEAM,
    limit: int | None = None,
    tell: Tell = silent,
) -> dict[str, Any]:
    """The figures of a saved model on a split of shards, functions without its languages left out. PhloemError.

    Of a model for names, `flags` are those of its flags at its threshold (`flag_figures`).
    """
    if split not in shards.SHARD_SPLITS:
        raise PhloemError(f"no split {split!r}: there are {', '.join(shards.SHARD_SPLITS)}")
    model = load(name)
    corpus = open_corpus(data)
    wanted = {by_name(language).name for language in languages} or set(model.languages)
    if lacking := sorted(wanted - set(model.languages)):
        raise PhloemError(f"{name} is for {', '.join(model.languages)}, not for {', '.join(lacking)}")
    with TemporaryDirectory() as folder:
        dataset = model.view.compile(shards.read(corpus, split, sorted(wanted)), Path(folder) / split)
        if not len(dataset):
            raise PhloemError(f"{data} has no function of {', '.join(sorted(wanted))} in its {split} split")
        measuring = Measuring(model.task, model.view, model.length, model.ranking)
        figures = measuring(model.net, watched(limited(dataset, limit), tell), beam)
    if model.task == "names":
        tell("measuring the flags", 0)
        read = partial(shards.read, corpus, split, sorted(wanted))
        figures["flags"] = flag_figures(model.net, model.view, read, model.threshold, tell, most=limit)
    return figures
