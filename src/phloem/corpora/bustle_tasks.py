"""BUSTLE's spreadsheet tasks: examples, hidden test examples, an English description and a solution in its language.

Source: Odena et al., BUSTLE, ICLR 2021, in the form of google-research/crossbeam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets


class Task(NamedTuple):
    """A spreadsheet task; all values are strings. `program` is the published solution."""

    name: str
    description: str
    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]
    test_inputs: tuple[tuple[str, ...], ...]
    test_outputs: tuple[str, ...]
    program: str


def tasks(data: str | Path | None = None) -> Iterator[Task]:
    """All tasks that are here. Raises PhloemError when the set is not."""
    for row in datasets.load("bustle38", "tasks", data):
        given, hidden = row["trainExamples"], row["testExamples"]
        yield Task(
            row["name"],
            row["description"],
            tuple(tuple(each["inputs"]) for each in given),
            tuple(each["output"] for each in given),
            tuple(tuple(each["inputs"]) for each in hidden),
            tuple(each["output"] for each in hidden),
            row["expectedProgram"],
        )
