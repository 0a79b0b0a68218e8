"""DeCU: utterances to a calendar and mail assistant, with plans in a language like Scala; complex ones in steps.

Jhamtani, Fang, Xia, Levy, Andreas and Van Durme, "Natural Language Decomposition and Interpretation of Complex
Utterances" (IJCAI 2024). An elementary utterance has one plan, an expression. A complex one has steps in words, and a
plan for each, `val s1 = …`, which may use the values of earlier steps; some test items have no annotation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets


class Elementary(NamedTuple):
    """One utterance, one plan."""

    utterance: str
    plan: str


class Complex(NamedTuple):
    """An utterance, its steps in words, and a plan for each step."""

    utterance: str
    steps: tuple[str, ...]
    plans: tuple[str, ...]


def elementary(split: str, data: str | Path | None = None) -> list[Elementary]:
    """The pairs of "train", "dev" or "test". Raises PhloemError where the set is not here."""
    return [Elementary(row["utterance"], row["plan"]) for row in datasets.load("decu", f"elementary_{split}", data)]


def complex_items(split: str, data: str | Path | None = None) -> Iterator[Complex]:
    """The annotated items of "train" or "test"; the others are left out."""
    for row in datasets.load("decu", f"complex_{split}", data):
        if not row["is_unannotated"]:
            yield Complex(row["utterance"], tuple(each["step"] for each in row["steps"]), tuple(row["plans"]))


def unannotated(split: str, data: str | Path | None = None) -> int:
    """How many items of "train" or "test" have no steps and plans."""
    return sum(bool(row["is_unannotated"]) for row in datasets.load("decu", f"complex_{split}", data))
