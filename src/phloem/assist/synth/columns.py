"""A program on a whole column: operator by operator over all rows, not row by row over all operators.

Equal inputs are computed once. The values are those of `synthesis.program.run`; a row on which an operator fails drops
out and has None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from phloem.synthesis.base import Spec, same
from phloem.synthesis.program import LONGEST, STRING, Constant, Input, Program, Type, Value, postorder


def run_column(program: Program, rows: Sequence[tuple[Value, ...]]) -> list[Value | None]:
    """The value of the program on every row, None where it has none."""
    distinct = list(dict.fromkeys(rows))
    values = dict(zip(distinct, _run(program, distinct), strict=True))
    return [values[row] for row in rows]


def missed(program: Program, spec: Spec) -> tuple[int, ...]:
    """The examples, by index, whose output the program does not give: `synthesis.base.wrong`, for many examples."""
    values = run_column(program, spec.inputs)
    return tuple(i for i, value in enumerate(values) if not same(value, spec.outputs[i]))


def _run(program: Program, rows: Sequence[tuple[Value, ...]]) -> list[Value | None]:
    alive = list(range(len(rows)))  # the rows on which nothing has failed; all columns hold these
    columns: dict[Program, list[Value]] = {}
    for part in postorder(program):
        if part in columns or isinstance(part, Constant):
            continue
        if isinstance(part, Input):
            columns[part] = [rows[i][part.index] for i in alive]
            continue
        column = list(map(part.operator.apply, *(_values(each, columns, len(alive)) for each in part.arguments)))
        if _any_failed(column, part.type):
            kept = [i for i, value in enumerate(column) if not _failed(value)]
            alive = [alive[i] for i in kept]
            columns = {each: [values[i] for i in kept] for each, values in columns.items()}
            column = [column[i] for i in kept]
        columns[part] = column  # type: ignore[assignment]
    result: list[Value | None] = [None] * len(rows)
    for i, value in zip(alive, _values(program, columns, len(alive)), strict=True):
        result[i] = value
    return result


def _values(part: Program, columns: dict[Program, list[Value]], count: int) -> Iterable[Value]:
    return repeat(part.value, count) if isinstance(part, Constant) else columns[part]


def _any_failed(column: list[Value | None], type: Type) -> bool:
    if None in column:
        return True
    return type == STRING and max(map(len, column), default=0) > LONGEST  # type: ignore[arg-type]


def _failed(value: Value | None) -> bool:
    return value is None or (isinstance(value, str) and len(value) > LONGEST)
