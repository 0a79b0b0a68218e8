"""List functions of the human experiments of Rule et al. (2024): a λ-term and input-output pairs for each concept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets

Numbers = tuple[int, ...]


class Concept(NamedTuple):
    """`program` is the published definition, in the experiment's own primitives."""

    name: str
    source: str  # the folder of the experiment it stands in: "dataset" or "model"
    program: str
    examples: tuple[tuple[Numbers, Numbers], ...]


def concepts(data: str | Path | None = None) -> Iterator[Concept]:
    """All concepts that are here. Raises PhloemError when the set is not."""
    for row in datasets.load("list_functions", "tasks", data):
        pairs = tuple((tuple(one["i"]), tuple(one["o"])) for one in row["examples"])
        yield Concept(row["id"], row["set"], row["program"], pairs)
