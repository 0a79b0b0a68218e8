"""Spider's development questions and the schemas of their databases (Yu et al., EMNLP 2018); the rows are not here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phloem.corpora import datasets


class Question(NamedTuple):
    """A question to the database `database`."""

    database: str
    words: str
    sql: str


def questions(data: str | Path | None = None) -> Iterator[Question]:
    """The questions. Raises PhloemError where the set is not here."""
    for row in datasets.load("spider_dev", "dev", data):
        yield Question(row["db_id"], row["question"], row["query"])


def schemas(data: str | Path | None = None) -> dict[str, dict[str, tuple[tuple[str, str], ...]]]:
    """Of each database its tables, of each table its columns with their types ("text", "number", "time" …)."""
    found: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {}
    for row in datasets.load("spider_dev", "schemas", data):
        columns = list(zip(row["column_names_original"], row["column_types"], strict=True))
        found[row["db_id"]] = {
            table: tuple((name, type) for (number, name), type in columns if number == place)
            for place, table in enumerate(row["table_names_original"])
        }
    return found
