"""ExeDec's benchmark of compositional generalisation: released test tasks of two domains and six splits.

Source: Shi et al., ExeDec (ICLR 2024), google-deepmind/exedec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

DOMAINS = ("deepcoder", "robustfill")
SPLITS = (
    "none",
    "length_generalization",
    "compose_different_concepts",
    "switch_concept_order",
    "compose_new_op",
    "add_op_functionality",
)


class Task(NamedTuple):
    """Texts as released: a state an input and a value an output for deepcoder, strings for robustfill; the program as
    text, or as tokens with "|" between expressions."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    program: str


def tasks(domain: str, split: str, data: str | Path | None = None) -> Iterator[Task]:
    """The test tasks of a split. Raises PhloemError for an unknown one and where the set is not here."""
    if domain not in DOMAINS or split not in SPLITS:
        raise PhloemError(f"no split {domain}_{split}: there are {', '.join(DOMAINS)} with {', '.join(SPLITS)}")
    for row in datasets.load("exedec_tests", f"{domain}_{split}", data):
        yield Task(tuple(row["inputs"]), tuple(row["outputs"]), row["program"])
