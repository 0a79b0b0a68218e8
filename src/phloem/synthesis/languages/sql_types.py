"""The types of SQL (`phloem.synthesis.languages.sql`): every expression is a number, a text or a condition.

A column is looked for in the sources of its own SELECT first, then in those around it; NULL has any type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    Item,
    Not,
    Quantified,
    Query,
    Scalar,
    Select,
    Source,
    Value,
)

Schema = Mapping[str, tuple[tuple[str, str], ...]]  # columns and their types of each table, all in lower case
NUMBER, TEXT, CONDITION, ANY = "number", "text", "condition", "any"
Sources = dict[str, dict[str, str]]


def checked(query: Query, schema: Schema) -> tuple[str, ...]:
    """The types of a query's columns. Raises PhloemError with what is wrong with it."""
    return _query(query, schema, [])


def columns_of(source: Source, schema: Schema) -> tuple[tuple[str, str], ...]:
    """Names and types of what a source binds. Raises PhloemError for an unknown table."""
    if isinstance(source.of, str):
        if source.of.lower() not in schema:
            raise PhloemError(f"there is no table {source.of}")
        return schema[source.of.lower()]
    types = _query(source.of, schema, [])
    names: list[str] = []
    for item in source.of.select.items:
        if item.of is None:
            names += [name for each in source.of.select.sources for name, _ in columns_of(each, schema)]
        else:
            names.append(name_of(item))
    if len(set(names)) != len(names):
        raise PhloemError("a query in FROM has two columns of one name")
    return tuple(zip(names, types, strict=True))


def name_of(item: Item) -> str:
    """The name of a result's column, in lower case; "" for an expression without one."""
    if item.name:
        return item.name.lower()
    return item.of.name.lower() if isinstance(item.of, Column) else ""


def _query(query: Query, schema: Schema, outer: Sequence[Sources]) -> tuple[str, ...]:
    types = _select(query.select, schema, outer)
    names = [name_of(item) for item in query.select.items]
    if query.other is not None:
        other = _select(query.other, schema, outer)
        if len(other) != len(types) or not all(map(_agree, types, other)):
            raise PhloemError(f"the two sides of {query.op} have different columns")
        if any(not isinstance(of, Column) or of.table or of.name.lower() not in names for of, _ in query.order):
            raise PhloemError(f"the order of a {query.op} names columns of its result")
        return types
    scopes = [*outer, _scope(query.select.sources, schema)]
    for of, _ in query.order:
        aliased = isinstance(of, Column) and not of.table and of.name.lower() in names
        if not aliased:
            _value(of, schema, scopes, aggregates=True)
    return types


def _select(select: Select, schema: Schema, outer: Sequence[Sources]) -> tuple[str, ...]:
    scopes = [*outer, _scope(select.sources, schema)]
    for number, source in enumerate(select.sources):
        if source.on is not None:  # which knows the sources so far
            _condition(source.on, schema, [*outer, _scope(select.sources[: number + 1], schema)])
    if select.where is not None:
        _condition(select.where, schema, scopes)
    for key in select.group:
        _value(key, schema, scopes)
    if select.having is not None:
        if not select.group:
            raise PhloemError("HAVING asks for GROUP BY")
        _condition(select.having, schema, scopes, aggregates=True)
    types: list[str] = []
    for item in select.items:
        if item.of is None:
            types += [type for each in select.sources for _, type in columns_of(each, schema)]
        else:
            types.append(_value(item.of, schema, scopes, aggregates=True))
    return tuple(types)


def _scope(sources: Sequence[Source], schema: Schema) -> Sources:
    found: Sources = {}
    for source in sources:
        label = (source.name or (source.of if isinstance(source.of, str) else "")).lower()
        if label in found:
            raise PhloemError(f"two sources are called {label!r}")
        found[label] = dict(columns_of(source, schema))
    return found


def _condition(expr: Expr, schema: Schema, scopes: Sequence[Sources], aggregates: bool = False) -> None:
    if _type(expr, schema, scopes, aggregates) != CONDITION:
        raise PhloemError("a value stands where a condition is asked for")


def _value(expr: Expr, schema: Schema, scopes: Sequence[Sources], aggregates: bool = False) -> str:
    type = _type(expr, schema, scopes, aggregates)
    if type == CONDITION:
        raise PhloemError("a condition stands where a value is asked for")
    return type


def _type(expr: Expr, schema: Schema, scopes: Sequence[Sources], aggregates: bool) -> str:
    match expr:
        case Value(value):
            return ANY if value is None else TEXT if isinstance(value, str) else NUMBER
        case Column():
            return _column(expr, scopes)
        case Aggregate(name, of, _):
            if not aggregates:
                raise PhloemError(f"{name} stands where there are no groups")
            type = NUMBER if of is None else _value(of, schema, scopes)
            if name in ("SUM", "AVG") and type == TEXT:
                raise PhloemError(f"{name} of a text")
            return type if name in ("MIN", "MAX") else NUMBER
        case Binary("AND" | "OR", left, right):
            _condition(left, schema, scopes, aggregates)
            _condition(right, schema, scopes, aggregates)
            return CONDITION
        case Binary(op, left, right):
            types = _value(left, schema, scopes, aggregates), _value(right, schema, scopes, aggregates)
            if op in COMPARISONS:
                _same(*types)
                return CONDITION
            wanted = TEXT if "LIKE" in op else NUMBER
            for type in types:
                _same(type, wanted)
            return CONDITION if wanted == TEXT else NUMBER
        case Not(of):
            _condition(of, schema, scopes, aggregates)
            return CONDITION
        case IsNull(of, _):
            _value(of, schema, scopes, aggregates)
            return CONDITION
        case Between(left, low, high, _):
            type = _value(left, schema, scopes, aggregates)
            _same(type, _value(low, schema, scopes, aggregates))
            _same(type, _value(high, schema, scopes, aggregates))
            return CONDITION
    return _nested(expr, schema, scopes, aggregates)


def _nested(expr: Expr, schema: Schema, scopes: Sequence[Sources], aggregates: bool) -> str:
    """The type of what has a query inside, or a list."""
    match expr:
        case Scalar(query):
            return _only(_query(query, schema, scopes))
        case Exists(query):
            _query(query, schema, scopes)
        case Quantified(_, left, _, query):
            _same(_value(left, schema, scopes, aggregates), _only(_query(query, schema, scopes)))
        case In(left, among, _):
            type = _value(left, schema, scopes, aggregates)
            if isinstance(among, Query):
                _same(type, _only(_query(among, schema, scopes)))
            else:
                for each in among:
                    _same(type, _value(each, schema, scopes, aggregates))
    return CONDITION


def _column(column: Column, scopes: Sequence[Sources]) -> str:
    """The type of a column: of the innermost SELECT that has it, in one source alone."""
    for scope in reversed(scopes):
        labels = [column.table.lower()] if column.table else list(scope)
        found = [scope[label][column.name.lower()] for label in labels if column.name.lower() in scope.get(label, {})]
        if len(found) > 1:
            raise PhloemError(f"{column.name} is in more than one source")
        if found:
            return found[0]
        if column.table.lower() in scope:
            break
    raise PhloemError(f"there is no column {column.table + '.' if column.table else ''}{column.name}")


def _only(types: tuple[str, ...]) -> str:
    if len(types) != 1:
        raise PhloemError("a query within an expression has one column")
    return types[0]


def _agree(one: str, other: str) -> bool:
    return one == other or ANY in (one, other)


def _same(one: str, other: str) -> None:
    if not _agree(one, other):
        raise PhloemError(f"a {one} stands where a {other} is asked for")
