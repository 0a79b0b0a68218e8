"""What is asked of programming by example: the examples of a table or a command line, and the rows still open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from phloem.assist.synth.tables import Table, column_letters
from phloem.errors import PhloemError
from phloem.synthesis.base import Spec, contradictions
from phloem.synthesis.program import STRING, Value


class Question(NamedTuple):
    """Examples (`inputs[i]` gives `outputs[i]`, found at `places[i]`) and inputs that wait for an output.

    `names` are those of the input columns, `output` that of the output column."""

    names: tuple[str, ...]
    output: str
    inputs: tuple[tuple[Value, ...], ...]
    outputs: tuple[Value, ...]
    places: tuple[str, ...]
    open: tuple[tuple[str, ...], ...] = ()

    @property
    def spec(self) -> Spec:
        """The examples as the synthesizers take them."""
        types = (STRING,) * len(self.names)
        return Spec(self.names, types, self.inputs, self.outputs, STRING)

    def answered(self, inputs: tuple[str, ...], output: str) -> Question:
        """The question with one more example, which is open no longer."""
        return self._replace(
            inputs=(*self.inputs, inputs),
            outputs=(*self.outputs, output),
            places=(*self.places, "your answer"),
            open=tuple(row for row in self.open if row != inputs),
        )


class Columns(NamedTuple):
    """Places of the input columns and of the output column in a table; None: the table lacks the column."""

    inputs: tuple[int, ...]
    output: int | None


def question_of_table(table: Table, output: str | None = None, inputs: Sequence[str] = ()) -> tuple[Question, Columns]:
    """The question that a partly filled table asks.

    output: the name, letter or number of the column to fill; by default the last column that is partly empty, else the
    last one. inputs: the columns to read; by default all others that are not empty. Raises PhloemError where there is
    no such column or no example.
    """
    if not table.rows:
        raise PhloemError("no rows below the header")
    place = _output(table) if output is None else find_column(table, output)
    chosen = [find_column(table, each) for each in inputs] or [
        j for j in range(len(table.names)) if j != place and any(row[j] for row in table.rows)
    ]
    if place in chosen:
        raise PhloemError(f"the column {table.names[place]!r} cannot be input and output")
    if not chosen:
        raise PhloemError("no input column: a table needs one column to read and one to fill")
    given = [i for i, row in enumerate(table.rows) if row[place]]
    if not given:
        raise PhloemError(f"no examples: the column {table.names[place]!r} is empty; fill in two or three rows")
    rows = [tuple(row[j] for j in chosen) for row in table.rows]
    seen = {rows[i] for i in given}
    question = Question(
        tuple(table.names[j] for j in chosen),
        table.names[place],
        tuple(rows[i] for i in given),
        tuple(table.rows[i][place] for i in given),
        tuple(f"line {table.lines[i]}" for i in given),
        tuple(dict.fromkeys(row for row in rows if row not in seen and any(row))),
    )
    return question, Columns(tuple(chosen), place)


def question_of_pairs(pairs: Iterable[tuple[tuple[str, ...], str]]) -> Question:
    """The question of pairs of inputs and an output. Raises PhloemError for none, and for pairs with different numbers
    of inputs."""
    rows = list(pairs)
    if not rows:
        raise PhloemError("no examples")
    width = len(rows[0][0])
    for i, (row, _) in enumerate(rows, 1):
        if len(row) != width:
            raise PhloemError(f"example {i} has {len(row)} inputs, example 1 has {width} (a tab separates inputs)")
    if not width:
        raise PhloemError("an example without an input")
    names = ("text",) if width == 1 else tuple(f"text{i}" for i in range(1, width + 1))
    places = tuple(f"example {i}" for i in range(1, len(rows) + 1))
    return Question(names, "output", tuple(row for row, _ in rows), tuple(output for _, output in rows), places)


def refuse_contradictions(question: Question, noise: int) -> None:
    """Raises PhloemError that names examples which no program can satisfy, unless `noise` of them may be wrong."""
    pairs = contradictions(question.spec)
    if len(pairs) <= noise:
        return
    shown = "; ".join(
        f"{question.places[i]} says {question.outputs[i]!r}, {question.places[j]} says {question.outputs[j]!r}"
        f" for {show(question.inputs[i])}"
        for i, j in pairs[:3]
    )
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    raise PhloemError(f"examples contradict each other: {shown}{more} (--noise {len(pairs)} lets so many be wrong)")


def show(inputs: Sequence[Value], width: int = 60) -> str:
    """Inputs as a person reads them.

    >>> show(("Ada",)), show(("Ada", "b c"))
    ("'Ada'", "'Ada', 'b c'")
    """
    return ", ".join(repr(each) if len(str(each)) <= width else repr(str(each)[: width - 1] + "…") for each in inputs)


def _output(table: Table) -> int:
    """The last column that is partly empty, else the last column."""
    if len(table.names) < 2:
        raise PhloemError("no output column: a table needs one column to read and one to fill")
    for j in reversed(range(len(table.names))):
        filled = sum(bool(row[j]) for row in table.rows)
        if 0 < filled < len(table.rows):
            return j
    return len(table.names) - 1


def find_column(table: Table, called: str) -> int:
    """The place of a column by its name, else by letter or number from 1. Raises PhloemError with the names."""
    if called in table.names:
        return table.names.index(called)
    folded = [name.casefold().strip() for name in table.names]
    if called.casefold().strip() in folded:
        return folded.index(called.casefold().strip())
    for j in range(len(table.names)):
        if called in (str(j + 1), column_letters(j)):
            return j
    raise PhloemError(f"no column {called!r}; there are {', '.join(map(repr, table.names))}")
