"""text2sql-data: questions and SQL over eight databases, split by question and by query.

Finegan-Dollak, Kummerfeld, Zhang, Ramanathan, Sadasivam, Zhang and Radev, "Improving Text-to-SQL Evaluation
Methodology" (ACL 2018). Eight sets in one canonical form of SQL: tables have aliases with numbers, names and numbers of
a question are variables (`city_name0`) with their values beside. Two splits of each:

    question    the same query may be in training and test, asked in other words
    query       no query of the test is in training, whatever its values: what must be composed

The small sets have ten folds in place of parts; fold 0 is the test, fold 1 the validation part.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from phloem.corpora import datasets
from phloem.errors import PhloemError

NAME = "text2sql"
SETS = ("academic", "advising", "atis", "geography", "imdb", "restaurants", "scholar", "yelp")
Split = Literal["question", "query"]
SPLITS: tuple[Split, ...] = ("question", "query")
PARTS = ("train", "dev", "test")
_FOLDS = {"0": "test", "1": "dev"}  # of ten; the others are for training


class Question(NamedTuple):
    """Words and SQL with variables in place of values, and the part (or fold) of each split."""

    words: str
    sql: str
    variables: dict[str, str]
    parts: dict[Split, str]


class Column(NamedTuple):
    """A column of a schema."""

    table: str
    name: str
    primary: bool
    foreign: bool
    type: str


def questions(name: str, data: str | Path | None = None) -> Iterator[Question]:
    """The questions of one of SETS, with the first of their queries. Raises PhloemError for an unknown set and where
    the data is not here."""
    _known(name)
    for row in datasets.load(NAME, name, data):
        parts: dict[Split, str] = {"question": row["question_split"], "query": row["query_split"]}
        yield Question(row["text"], row["sql"], row["variables"], parts)


def split(name: str, by: Split, part: str, data: str | Path | None = None) -> list[Question]:
    """The "train", "dev" or "test" part; what the authors exclude is in none. Raises PhloemError for an unknown one."""
    if by not in SPLITS or part not in PARTS:
        raise PhloemError(f"no part {part!r} of a split by {by!r}: parts are {', '.join(PARTS)}, by question or query")
    return [each for each in questions(name, data) if part_of(each.parts[by]) == part]


def part_of(mark: str) -> str:
    """The part that a mark of the files means: itself, or the part of a fold."""
    return _FOLDS.get(mark, "train") if mark.isdigit() else mark


def schema(name: str, data: str | Path | None = None) -> list[Column]:
    """The columns of a set's database."""
    _known(name)
    columns = []
    for row in datasets.load(NAME, f"{name}_schema", data):
        # headers and cells have blanks after their commas; lines of dashes part the tables in some files
        cells = {key.strip(): (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        if cells.get("Table Name", "-").strip("-") and cells.get("Field Name"):
            key = {"y": True}
            columns.append(
                Column(
                    cells["Table Name"],
                    cells["Field Name"],
                    key.get(cells["Is Primary Key"].lower(), False),
                    key.get(cells["Is Foreign Key"].lower(), False),
                    cells["Type"],
                )
            )
    return columns


def filled(question: Question) -> tuple[str, str]:
    """Words and SQL with the values of the variables; a variable without a value stays."""
    words, sql = question.words, question.sql
    for variable, value in question.variables.items():
        if value:
            words, sql = (re.sub(rf"\b{variable}\b", lambda _: value, text) for text in (words, sql))  # noqa: B023
    return words, sql


def geography(data: str | Path | None = None) -> sqlite3.Connection:
    """The one database that has rows, in memory: tables of the United States, read from its dump.

    Values are compared without regard to case, as the dump's server compares them. The caller closes it."""
    connection = sqlite3.connect(":memory:")
    dump = "\n".join(row["text"] for row in datasets.load(NAME, "geography_db", data))
    for match in re.finditer(r"CREATE TABLE `(\w+)` \((.*?)\n\)[^\n]*;", dump, re.DOTALL):
        names = re.findall(r"^\s*`(\w+)` (\w+)", match.group(2), re.MULTILINE)
        columns = ", ".join(f'"{name}" {type} COLLATE NOCASE' for name, type in names)
        connection.execute(f'CREATE TABLE "{match.group(1)}" ({columns})')
    for line in re.findall(r"^INSERT INTO .*;$", dump, re.MULTILINE):
        connection.execute(line.replace("\\'", "''"))
    return connection


def _known(name: str) -> None:
    if name not in SETS:
        raise PhloemError(f"text2sql-data has no set {name!r}: there are {', '.join(SETS)}")
