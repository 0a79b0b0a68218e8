"""Running SQL (`phloem.synthesis.languages.sql`) on small tables in memory; the reference is SQLite.

A query is typed before it runs: `checked` gives the types of its columns, "number" or "text", and refuses unknown or
ambiguous names, comparisons of a text with a number, sums of texts, aggregates where there are no groups yet, and
conditions where a value is asked for. What has types runs: conditions are three-valued (NULL in, NULL out, and a row
is kept when its condition is true), a number divided by 0 is NULL, aggregates leave NULLs out. Integers divide to
integers, and LIKE ignores the case of ASCII letters, as SQLite does it.

Sources are joined by nested loops; a conjunct of the condition is tried as soon as its columns are bound. `fuel` is
the number of rows that may be looked at; without enough of it the answer is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cmp_to_key, lru_cache
from typing import Any, NamedTuple

from phloem.errors import PhloemError
from phloem.synthesis.languages.sql import (
    COMPARISONS,
    Aggregate,
    Between,
    Binary,
    Column,
    Exists,
    Expr,
    In,
    IsNull,
    Not,
    Quantified,
    Query,
    Scalar,
    Select,
    Source,
    Value,
)
from phloem.synthesis.languages.sql_types import Schema, checked, columns_of, name_of

Cell = str | int | float | None
Row = tuple[Cell, ...]
FUEL = 200_000


class Table(NamedTuple):
    """Named columns with a type each ("number" or "text"), and rows."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


class _NoFuelError(Exception):
    """Looked at too many rows."""


Scope = dict[tuple[str, str], Cell]  # (source, column) of all sources bound so far, in lower case


def run(query: Query, tables: Mapping[str, Table], fuel: int = FUEL) -> list[Row] | None:
    """The rows of a query; None where it looks at more than `fuel` rows. Raises PhloemError for what has no types."""
    checked(query, schema_of(tables))
    try:
        return _Run({name.lower(): table for name, table in tables.items()}, fuel).query(query, {})
    except _NoFuelError:
        return None


def schema_of(tables: Mapping[str, Table]) -> Schema:
    """Names and types of the columns of each table."""
    return {
        name.lower(): tuple((column.lower(), type) for column, type in each.columns) for name, each in tables.items()
    }


class _Run:
    """One run of a query that is typed."""

    def __init__(self, tables: Mapping[str, Table], fuel: int) -> None:
        self.tables, self.fuel = tables, fuel
        self.schema = schema_of(tables)
        self.known: dict[int, list[Row] | None] = {}  # by query: its rows, None where they depend on what is around it

    def inner(self, query: Query, outer: Scope) -> list[Row]:
        """The rows of a query inside an expression, which are found once where nothing around it matters."""
        number = id(query)
        if number not in self.known:
            try:
                checked(query, self.schema)
            except PhloemError:  # alone it lacks columns
                self.known[number] = None
            else:
                self.known[number] = self.query(query, {})
        rows = self.known[number]
        return self.query(query, outer) if rows is None else rows

    def query(self, query: Query, outer: Scope) -> list[Row]:
        keyed = self.select(query.select, outer, tuple(of for of, _ in query.order) if query.other is None else ())
        if query.other is not None:
            keyed = [(row, ()) for row in self.combined(query, [row for row, _ in keyed], outer)]
            if query.order:
                names = [name_of(item) for item in query.select.items]
                places = [names.index(of.name.lower()) for of, _ in query.order if isinstance(of, Column)]
                keyed = [(row, tuple(row[place] for place in places)) for row, _ in keyed]
        for place in reversed(range(len(query.order))):
            keyed.sort(key=lambda pair: _sortable(pair[1][place]), reverse=query.order[place][1])
        rows = [row for row, _ in keyed]
        return rows if query.limit is None else rows[: query.limit]

    def combined(self, query: Query, left: list[Row], outer: Scope) -> list[Row]:
        assert query.other is not None
        right = [row for row, _ in self.select(query.other, outer, ())]
        if query.op == "UNION ALL":
            return left + right
        if query.op == "UNION":
            return sorted(set(left + right), key=_row_key)
        keep = set(right)
        return sorted({row for row in left if (row in keep) == (query.op == "INTERSECT")}, key=_row_key)

    def select(self, select: Select, outer: Scope, keys: tuple[Expr, ...]) -> list[tuple[Row, Row]]:
        """The rows, each with the values of the order's expressions, which may name columns of the result."""
        scopes = list(self.joined(select, outer))
        grouped = bool(select.group) or any(map(_aggregates, (*_outputs(select), select.having, *keys)))
        groups = self.groups(select, scopes) if grouped else [[scope] for scope in scopes]
        found: list[tuple[Row, Row]] = []
        for group in groups:
            scope = group[0] if group else outer | dict.fromkeys(self.bound(select.sources))
            if select.having is not None and not self.value(select.having, scope, group):
                continue
            row: list[Cell] = []
            named: dict[str, Cell] = {}
            for item in select.items:
                if item.of is None:
                    row += [scope[key] for key in self.bound(select.sources)]
                    continue
                row.append(self.value(item.of, scope, group))
                if item.name:
                    named[item.name.lower()] = row[-1]
            ordered = tuple(
                named[key.name.lower()]
                if isinstance(key, Column) and not key.table and key.name.lower() in named
                else self.value(key, scope, group)
                for key in keys
            )
            found.append((tuple(row), ordered))
        if select.distinct:
            found = list({row: (row, ordered) for row, ordered in reversed(found)}.values())[::-1]
        return found

    def bound(self, sources: Sequence[Source]) -> list[tuple[str, str]]:
        """The columns that sources bind, in their order."""
        return [(_label(each), name) for each in sources for name, _ in columns_of(each, self.schema)]

    def groups(self, select: Select, scopes: list[Scope]) -> list[list[Scope]]:
        if not select.group:
            return [scopes]
        found: dict[Row, list[Scope]] = {}
        for scope in scopes:
            found.setdefault(tuple(self.value(key, scope, None) for key in select.group), []).append(scope)
        return list(found.values())

    def joined(self, select: Select, outer: Scope) -> Iterator[Scope]:
        """The rows of the sources together that satisfy the condition."""
        tried: list[list[Expr]] = [[] for _ in select.sources]
        bound: set[tuple[str, str]] = set()
        levels = []
        for source in select.sources:
            bound |= set(self.bound([source]))
            levels.append(set(bound))
        for conjunct in _conjuncts(select.where):
            tried[self.level(conjunct, levels)].append(conjunct)
        inner = [self.source(each, outer) for each in select.sources]

        def extend(level: int, scope: Scope) -> Iterator[Scope]:
            if level == len(inner):
                yield scope
                return
            source, matched = select.sources[level], False
            for row in inner[level]:
                self.spend()
                wider = scope | row
                if source.on is None or self.value(source.on, wider, None):
                    matched = True
                    if all(self.value(each, wider, None) for each in tried[level]):
                        yield from extend(level + 1, wider)
            if source.left and not matched:
                wider = scope | dict.fromkeys(self.bound([source]))
                if all(self.value(each, wider, None) for each in tried[level]):
                    yield from extend(level + 1, wider)

        # a source hides one of the same name around the query
        yield from extend(0, {key: cell for key, cell in outer.items() if key not in bound})

    def level(self, conjunct: Expr, levels: list[set[tuple[str, str]]]) -> int:
        """The first source after which a conjunct has a value; one with a query inside waits for all."""
        used = _plain_columns(conjunct)
        if used is None:
            return len(levels) - 1
        local = [key for column in used if (key := _find(column, levels[-1])) is not None]
        return next(number for number, level in enumerate(levels) if level.issuperset(local))

    def source(self, source: Source, outer: Scope) -> list[Scope]:
        if isinstance(source.of, str):
            table = self.tables[source.of.lower()]
            rows: Sequence[Row] = table.rows
        else:
            rows = self.query(source.of, {})
        keys = self.bound([source])
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def spend(self) -> None:
        self.fuel -= 1
        if self.fuel < 0:
            raise _NoFuelError

    def value(self, expr: Expr, scope: Scope, group: list[Scope] | None) -> Any:
        """The value of an expression: a cell, or True, False or None of a condition."""
        match expr:
            case Value(value):
                return value
            case Column():
                return scope[_key(expr, scope)]
            case Aggregate():
                return self.aggregate(expr, group or [])
            case Binary("AND" | "OR" as op, left, right):
                return _logic(op, self.value(left, scope, group), lambda: self.value(right, scope, group))
            case Binary(op, left, right):
                return _binary(op, self.value(left, scope, group), self.value(right, scope, group))
            case Not(of):
                return _not(self.value(of, scope, group))
            case Between(left, low, high, negated):
                middle = self.value(left, scope, group)
                above = _binary(">=", middle, self.value(low, scope, group))
                found = _logic("AND", above, lambda: _binary("<=", middle, self.value(high, scope, group)))
                return _not(found) if negated else found
            case IsNull(of, negated):
                return (self.value(of, scope, group) is None) != negated
        return self.nested(expr, scope, group)

    def nested(self, expr: Expr, scope: Scope, group: list[Scope] | None) -> Any:
        """The value of what has a query inside, or a list."""
        match expr:
            case Exists(query):
                return bool(self.inner(query, scope))
            case Scalar(query):
                rows = self.inner(query, scope)
                return rows[0][0] if rows else None
            case In(left, among, negated):
                values = (
                    [row[0] for row in self.inner(among, scope)]
                    if isinstance(among, Query)
                    else [self.value(each, scope, group) for each in among]
                )
                found = _any("=", self.value(left, scope, group), values)
                return _not(found) if negated else found
            case Quantified(op, left, every, query):
                values = [row[0] for row in self.inner(query, scope)]
                value = self.value(left, scope, group)
                return _not(_any(_OPPOSITE[op], value, values)) if every else _any(op, value, values)
        raise AssertionError(f"{expr} is no expression")

    def aggregate(self, expr: Aggregate, group: list[Scope]) -> Cell:
        if expr.of is None:
            return len(group)
        values = [value for scope in group if (value := self.value(expr.of, scope, None)) is not None]
        if expr.distinct:
            values = list(dict.fromkeys(values))
        if expr.name == "COUNT":
            return len(values)
        if not values:
            return None
        if expr.name == "SUM":
            return sum(values)
        return sum(values) / len(values) if expr.name == "AVG" else {"MIN": min, "MAX": max}[expr.name](values)


_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _label(source: Source) -> str:
    return (source.name or (source.of if isinstance(source.of, str) else "")).lower()


def _find(column: Column, among: set[tuple[str, str]] | Scope) -> tuple[str, str] | None:
    name, table = column.name.lower(), column.table.lower()
    if table:
        return (table, name) if (table, name) in among else None
    return next((key for key in reversed(list(among)) if key[1] == name), None)


def _key(column: Column, scope: Scope) -> tuple[str, str]:
    """The innermost source that has the column: later keys of a scope are inner ones."""
    found = _find(column, scope)
    assert found is not None, f"{column} was checked"
    return found


def _outputs(select: Select) -> tuple[Expr | None, ...]:
    return tuple(item.of for item in select.items)


def _aggregates(expr: Any) -> bool:
    """Whether an aggregate is in an expression, queries inside it apart."""
    if isinstance(expr, Aggregate):
        return True
    if isinstance(expr, Query) or not is_dataclass(expr):
        return isinstance(expr, tuple) and any(map(_aggregates, expr))
    return any(_aggregates(getattr(expr, field.name)) for field in fields(expr))


def _plain_columns(expr: Any) -> list[Column] | None:
    """The columns of an expression; None where it has a query inside."""
    if isinstance(expr, Query):
        return None
    if isinstance(expr, Column):
        return [expr]
    parts = expr if isinstance(expr, tuple) else []
    if is_dataclass(expr):
        parts = tuple(getattr(expr, field.name) for field in fields(expr))
    found: list[Column] = []
    for part in parts:
        inside = _plain_columns(part)
        if inside is None:
            return None
        found += inside
    return found


def _conjuncts(expr: Expr | None) -> list[Expr]:
    if isinstance(expr, Binary) and expr.op == "AND":
        return [*_conjuncts(expr.left), *_conjuncts(expr.right)]
    return [] if expr is None else [expr]


def _logic(op: str, left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    """Kleene's AND and OR."""
    decisive = op == "OR"
    if left is decisive:
        return decisive
    other = right()
    if other is decisive:
        return decisive
    return None if left is None or other is None else not decisive


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _any(op: str, value: Cell, among: Sequence[Cell]) -> bool | None:
    """Whether some of them compares so; unknown where that depends on a NULL."""
    found = [_binary(op, value, each) for each in among]
    return True if True in found else None if None in found else False


def _binary(op: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if op in COMPARISONS:
        order = (left > right) - (left < right)
        return {"=": order == 0, "<>": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[
            op
        ]
    if op in ("LIKE", "NOT LIKE"):
        return (_like(right).fullmatch(left) is not None) == (op == "LIKE")
    try:
        return _computed(op, left, right)
    except OverflowError:  # an integer beyond floating point
        return None


def _computed(op: str, left: float, right: float) -> float | None:
    if op == "/":
        if right == 0:
            return None
        if isinstance(left, int) and isinstance(right, int):
            return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return left / right
    return left + right if op == "+" else left - right if op == "-" else left * right


@lru_cache(256)
def _like(pattern: str) -> re.Pattern[str]:
    """% stands for any text, _ for a sign; the case of ASCII letters does not matter."""
    parts = [{"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in pattern]
    return re.compile("".join(parts), re.IGNORECASE | re.ASCII | re.DOTALL)


def _sortable(value: Cell) -> Any:
    """NULL first, then numbers, then texts."""
    return (0, 0) if value is None else (1, value) if not isinstance(value, str) else (2, value)


def _compared(one: Row, other: Row) -> int:
    left, right = [_sortable(cell) for cell in one], [_sortable(cell) for cell in other]
    return (left > right) - (left < right)


_row_key = cmp_to_key(_compared)
