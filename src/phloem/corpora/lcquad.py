"""LC-QuAD: 5,000 questions over DBpedia, each with its SPARQL (Trivedi et al., ISWC 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets


class Question(NamedTuple):
    """`templated` marks what fills the template's slots with <>; `template` is its number."""

    text: str
    templated: str
    query: str
    template: int


def load(split: str, data: str | Path | None = None) -> Iterator[Question]:
    """The questions of "train" or "test". Raises PhloemError where the set is not here."""
    for row in datasets.load("lcquad", split, data):
        yield Question(
            row["corrected_question"],
            row["intermediary_question"],
            row["sparql_query"].strip(),
            row["sparql_template_id"],
        )
