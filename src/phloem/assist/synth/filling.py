"""Filling a column of a table with what a program gives; what a person has written there stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from phloem.assist.synth.questions import Columns, Question, find_column
from phloem.assist.synth.synth import Answer
from phloem.assist.synth.tables import Table
from phloem.errors import PhloemError


class Filling(NamedTuple):
    """`values[i]` for `inputs[i]`, the row i of the table (None: the cell stays as it is). Rows: how many are `filled`;
    how many are `kept`, since they had an output; the lines that `failed`, on which the program has no value."""

    data: bytes
    inputs: list[tuple[str, ...]]
    values: list[str | None]
    filled: int
    kept: int
    failed: list[int]


def columns_of(table: Table, question: Question, inputs: Sequence[str], like: Columns | None) -> Columns:
    """Where a question's columns are in another table: by name where it has the names, else where they were.

    Raises PhloemError where the table has no column for an input.
    """
    if inputs:
        chosen = tuple(find_column(table, each) for each in inputs)
    elif all(name in table.names for name in question.names):
        chosen = tuple(table.names.index(name) for name in question.names)
    elif like is not None and not table.header and max(like.inputs) < len(table.names):
        chosen = like.inputs
    else:
        others = [j for j, name in enumerate(table.names) if name != question.output]
        if like is not None or len(others) != len(question.names):
            wanted = (
                ", ".join(map(repr, question.names)) if like is not None else f"{len(question.names)} of its columns"
            )
            there = ", ".join(map(repr, table.names))
            raise PhloemError(f"the table has {there}; the program reads {wanted}: say which with --input")
        chosen = tuple(others)
    if len(chosen) != len(question.names):
        raise PhloemError(f"the program reads {len(question.names)} columns, --input names {len(chosen)}")
    if question.output in table.names:
        place: int | None = table.names.index(question.output)
    elif like is not None and not table.header and like.output is not None and like.output < len(table.names):
        place = like.output
    else:
        place = None
    return Columns(chosen, None if place in chosen else place)


def fill(table: Table, columns: Columns, answer: Answer, question: Question) -> Filling:
    """The table with its output column filled where it was empty."""
    inputs = [tuple(row[j] for j in columns.inputs) for row in table.rows]
    open_rows = [
        i for i, row in enumerate(table.rows) if any(inputs[i]) and (columns.output is None or not row[columns.output])
    ]
    values: list[str | None] = [None] * len(table.rows)
    for i, value in zip(open_rows, answer.apply([inputs[i] for i in open_rows]), strict=True):
        values[i] = None if value is None else str(value)
    failed = [table.lines[i] for i in open_rows if values[i] is None]
    kept = 0 if columns.output is None else sum(bool(row[columns.output]) for row in table.rows)
    data = table.source.filled(question.output, columns.output, values)
    return Filling(data, inputs, values, len(open_rows) - len(failed), kept, failed)
