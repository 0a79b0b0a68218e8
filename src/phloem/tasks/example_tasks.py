"""Tasks given by examples of typed λ-programs: DreamCoder's lists and text, as one form for all learners of libraries.

A domain is its tasks, shuffled by a seed and split, and the primitives that a learner starts from.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

from phloem.corpora import datasets, dreamcoder_tasks
from phloem.corpora.dreamcoder_tasks import Record
from phloem.errors import PhloemError
from phloem.synthesis.languages.lambda_calculus import Primitive
from phloem.synthesis.languages.list_functions import COMMON
from phloem.synthesis.languages.text_functions import TEXT
from phloem.synthesis.polymorphic_types import BOOL, CHAR, INT, arrow, list_of
from phloem.synthesis.recognition import ExampleTask

TYPES = {
    "int": INT,
    "bool": BOOL,
    "list-of-int": list_of(INT),
    "list-of-bool": list_of(BOOL),
    "text": list_of(CHAR),
}
LISTS_WITHOUT_MAP = {name: one for name, one in COMMON.items() if name not in ("map", "fold")}
"""The common list language before anybody has found map and fold."""


class Domain(NamedTuple):
    train: tuple[ExampleTask, ...]
    test: tuple[ExampleTask, ...]
    primitives: dict[str, Primitive]


def example_task(record: Record) -> ExampleTask:
    types = [TYPES[name] for name in (*record.inputs, record.output)]
    return ExampleTask(record.name, arrow(*types), record.examples)


def lists(train: int, test: int, seed: int = 0, data: str | Path | None = None) -> Domain:
    """Published list tasks. Raises PhloemError when they are not here."""
    if datasets.folder(data) is None:
        raise PhloemError(
            "the data set dreamcoder is needed: name the folder with the data sets in PHLOEM_DATA or --data"
        )
    return _domain(list(dreamcoder_tasks.list_tasks(data)), train, test, seed, LISTS_WITHOUT_MAP)


def text(train: int, test: int, seed: int = 0) -> Domain:
    """Generated text edits."""
    return _domain(dreamcoder_tasks.text_tasks(seed), train, test, seed, TEXT)


def _domain(records: list[Record], train: int, test: int, seed: int, primitives: dict[str, Primitive]) -> Domain:
    Random(seed).shuffle(records)
    tasks = tuple(map(example_task, records))
    return Domain(tasks[:train], tasks[train : train + test], primitives)
