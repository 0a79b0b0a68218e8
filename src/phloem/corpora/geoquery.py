"""GeoQuery: questions about the geography of the United States, in FunQL and Prolog, with compositional splits.

Zelle and Mooney, "Learning to Parse Database Queries using Inductive Logic Programming" (AAAI 1996): 880 questions with
queries in Prolog; Kate, Wong and Mooney, "Learning to Transform Natural to Formal Languages" (AAAI 2005): the same
questions in FunQL, whose queries are nested functions and have no variables. The splits are those of Shaw, Chang,
Pasupat and Toutanova, "Compositional Generalization and Natural Language Variation" (ACL 2021, section 4): "standard",
and by length, template, and target maximum compound divergence (TMCD).

As there, names of places can be replaced by markers m0, m1 …, in the order of the question:

    how many people live in the capital of m0 ?      answer ( population_1 ( capital ( loc_2 ( m0 ) ) ) )
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

NAME = "geoquery"
SPLITS = ("standard", "length_1", "template_1", "tmcd_1")
PARTS = ("train", "test")
COUNTRY = (
    "united states of america",
    "united states",
    "usa",
    "us",
    "america",
    "country",
)  # of usa, longest first
_PLACE = re.compile(r"(?:state|city|river|place|country)id\('([^']*)'(?:,\s*[^()]*)?\)")
_TOKEN = re.compile(r"'[^']*'|[(),]|[^\s(),]+")


class Question(NamedTuple):
    """A question with its queries, and for each split the part that it belongs to."""

    id: int
    words: str
    funql: str
    prolog: str
    parts: dict[str, str]


def questions(data: str | Path | None = None) -> Iterator[Question]:
    """All questions that the set holds. Raises PhloemError where it is not here."""
    for row in datasets.load(NAME, "examples", data):
        yield Question(row["id"], row["nl"], row["funql"], row["prolog"], row["splits"])


def split(name: str, part: str, data: str | Path | None = None) -> list[Question]:
    """The "train" or "test" part of a split. Raises PhloemError for an unknown one."""
    if name not in SPLITS or part not in PARTS:
        raise PhloemError(f"GeoQuery has no {part} of a split {name!r}: there are {', '.join(SPLITS)}")
    return [each for each in questions(data) if each.parts.get(name) == part]


def tokens(query: str) -> tuple[str, ...]:
    """A query's tokens: names, quoted names, parentheses and commas."""
    return tuple(_TOKEN.findall(query))


def marked(question: Question) -> tuple[str, tuple[str, ...]]:
    """Words in lower case and FunQL's tokens, the names of places replaced by m0, m1 … as the question has them.

    A place that the question does not name stays as it is."""
    words, query = question.words.lower(), question.funql
    found: list[tuple[int, int, str]] = []  # start, end, the place as FunQL writes it
    for place in dict.fromkeys(match.group(0) for match in _PLACE.finditer(query)):
        span = _mention(_PLACE.fullmatch(place).group(1), words, found)  # type: ignore[union-attr]
        if span is not None:
            found.append((*span, place))
    found.sort()
    for number, (start, end, place) in reversed(list(enumerate(found))):
        words = f"{words[:start]}m{number}{words[end:]}"
        query = query.replace(place, f"m{number}")
    return words, tokens(query)


def _mention(name: str, words: str, taken: list[tuple[int, int, str]]) -> tuple[int, int] | None:
    """Where the words name a place, outside of what is taken."""
    for each in COUNTRY if name == "usa" else (name,):
        for match in re.finditer(rf"(?<!\w){re.escape(each)}(?!\w)", words):
            start, end = match.span()
            if all(end <= first or last <= start for first, last, _ in taken):
                return start, end
    return None
