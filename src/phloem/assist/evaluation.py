"""How good a model is on projects that it never saw, and where its flags begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn

from phloem.assist.conventions import is_protocol_name
from phloem.assist.mining import open_corpus
from phloem.assist.models import BATCH, load, search
from phloem.assist.predictions import per_word
from phloem.assist.progress import Tell, silent
from phloem.corpora import shards
from phloem.decode.rescore import score
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import Tree
from phloem.measure import calibration
from phloem.represent.base import PAD
from phloem.tasks import naming, summaries

PRECISION = 0.8  # of flags, where half of the names are wrong; in real code far fewer are
CALIBRATED = 20_000  # functions that the threshold is set on


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

    def __call__(self, net: nn.Module, dataset: Any, beam: int, resamples: int = 1000) -> dict[str, Any]:
        evaluate = {"names": naming.evaluate, "summaries": summaries.evaluate}[self.task]
        return evaluate(net, self.view, dataset, search(beam), length=self.length, resamples=resamples)


def evaluate_model(
    name: str,
    data: str,
    *,
    split: str = "test",
    languages: Sequence[str] = (),
    beam: int = 1,
    limit: int | None = None,
    tell: Tell = silent,
) -> dict[str, Any]:
    """The figures of a saved model on a split of shards, functions without its languages left out. PhloemError."""
    if split not in shards.SHARD_SPLITS:
        raise PhloemError(f"no split {split!r}: there are {', '.join(shards.SHARD_SPLITS)}")
    model = load(name)
    wanted = {by_name(language).name for language in languages} or set(model.languages)
    if lacking := sorted(wanted - set(model.languages)):
        raise PhloemError(f"{name} is for {', '.join(model.languages)}, not for {', '.join(lacking)}")
    with TemporaryDirectory() as folder:
        dataset = model.view.compile(shards.read(open_corpus(data), split, sorted(wanted)), Path(folder) / split)
        if not len(dataset):
            raise PhloemError(f"{data} has no function of {', '.join(sorted(wanted))} in its {split} split")
        measuring = Measuring(model.task, model.view, model.length)
        return measuring(model.net, watched(limited(dataset, limit), tell), beam)


class FlagThreshold(NamedTuple):
    """Where flags begin, with their precision and recall on names half of which are swapped."""

    value: float
    precision: float
    recall: float
    flagged: float  # share of all names
    examples: int


def flag_threshold(
    net: nn.Module, view: Any, read: Callable[[], Iterable[Example]], tell: Tell = silent
) -> FlagThreshold:
    """The probability a word (`per_word`) under which a name is flagged, for a precision of PRECISION.

    Half of the names are swapped with another function's of the same project. Names that are never flagged take no
    part. `read` gives the examples afresh each time: first their names are drawn, then they are scored in a stream.
    """
    none = np.empty(0)
    nothing = Tree(none, none, none, none, none, none, b"")
    pool = [(row, one._replace(tree=nothing)) for row, one in enumerate(read()) if _takes_part(view, one)]
    if not pool:
        return FlagThreshold(0.0, 1.0, 0.0, 0.0, 0)
    if len(pool) > CALIBRATED:
        pool = [pool[place] for place in np.linspace(0, len(pool) - 1, CALIBRATED).astype(int)]
    names, wrong = naming.swapped_names([one for _, one in pool])
    given = {row: name for (row, _), name in zip(pool, names, strict=True)}
    chosen = ((one, given[row]) for row, one in enumerate(read()) if row in given)
    probabilities: list[float] = []
    while part := list(islice(chosen, BATCH)):
        probabilities += name_probabilities(net, view, [one for one, _ in part], [name for _, name in part])
        tell("setting the threshold for flags", len(probabilities) / len(pool))
    found = calibration.threshold(np.array(probabilities), wrong, PRECISION)
    return FlagThreshold(max(0.0, found.value), found.precision, found.recall, found.flagged, len(pool))


def _takes_part(view: Any, example: Example) -> bool:
    return not is_protocol_name(example.language, example.name) and bool(view.target(example))


@torch.inference_mode()
def name_probabilities(net: nn.Module, view: Any, examples: Sequence[Example], names: Sequence[str]) -> list[float]:
    """What a model gives each of the `names` for the body of each example, a word (`per_word`).

    The name is the target alone: what of the body spells the example's own name stays masked.
    """
    batch = view.batch(examples)
    target = torch.full_like(batch.target, PAD)
    for row, one, name in zip(target, examples, names, strict=True):
        ids = view.words.ids(view.target(one._replace(name=name))[: target.shape[1] - 1])
        row[: len(ids)] = torch.tensor(ids)
    words = (target != PAD).sum(dim=1).tolist()
    return [per_word(each, count) for each, count in zip(score(net, batch, target).tolist(), words, strict=True)]
