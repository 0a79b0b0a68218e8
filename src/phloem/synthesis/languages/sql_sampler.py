"""Random SQL that has types, over given tables: what the property tests of the language run."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

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
from phloem.synthesis.languages.sql_interpreter import Table
from phloem.synthesis.languages.sql_types import NUMBER, TEXT


class Sampler:
    """Draws queries over `tables`, no deeper than `depth` queries within each other."""

    def __init__(self, rng: Random, tables: Mapping[str, Table], depth: int = 2) -> None:
        self.rng, self.tables, self.depth, self.sources = rng, tables, depth, 0

    def query(self) -> Query:
        """A query with an order over all of its columns where it has a limit, so that its rows are settled."""
        rng = self.rng
        select = self.select((), None)
        if rng.random() < 0.15 and not select.group:
            types = [self.type(item.of) for item in select.items]
            return Query(select, rng.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT")), self.select((), types))
        settled = not any(isinstance(item.of, Value) for item in select.items)  # ORDER BY 1 would be the first column
        if settled and rng.random() < 0.4:
            keys = tuple((item.of, rng.random() < 0.5) for item in select.items if item.of is not None)
            return Query(select, order=keys, limit=rng.choice((None, 0, 1, 3)))
        return Query(select)

    def select(self, outer: tuple[tuple[Column, str], ...], types: list[str] | None) -> Select:
        """One SELECT with columns of these types (any for None); `outer` are columns of the queries around it."""
        rng = self.rng
        self.depth -= 1
        sources, columns = [], []
        for place in range(rng.choice((1, 1, 2))):
            table = rng.choice(sorted(self.tables))
            self.sources += 1
            name = f"s{self.sources}"
            own = [(Column(column, name), type) for column, type in self.tables[table].columns]
            columns += own
            joined = place > 0 and rng.random() < 0.4
            on = self.condition((*outer, *columns), 1) if joined else None
            sources.append(Source(table, name, on, joined and rng.random() < 0.5))
        where = self.condition((*outer, *columns), 2) if rng.random() < 0.7 else None
        wanted = types or [rng.choice((NUMBER, TEXT)) for _ in range(rng.randint(1, 2))]
        grouped = rng.random() < 0.3
        group: tuple[Expr, ...] = ()
        having = None
        if grouped:
            keys = [rng.choice([column for column, type in columns if type == each]) for each in wanted]
            group = tuple(dict.fromkeys(keys))
            items: list[Expr] = [key if rng.random() < 0.7 else Aggregate("MIN", key) for key in keys]
            if rng.random() < 0.5:
                having = Binary(rng.choice(COMPARISONS), self.aggregate(columns), Value(rng.randint(0, 3)))
        elif types is None and rng.random() < 0.2:
            items = [self.aggregate(columns)]
        else:
            items = [self.value((*outer, *columns), each, 1) for each in wanted]
        self.depth += 1
        distinct = rng.random() < 0.2
        return Select(tuple(map(Item, items)), tuple(sources), where, group, having, distinct)

    def aggregate(self, columns: list[tuple[Column, str]]) -> Expr:
        """A number of a group."""
        rng = self.rng
        if rng.random() < 0.2:
            return Aggregate("COUNT", None)
        column, type = rng.choice(columns)
        name = rng.choice(("COUNT", "SUM", "AVG", "MIN", "MAX")) if type == NUMBER else "COUNT"
        return Aggregate(name, column, rng.random() < 0.3)

    def value(self, columns: tuple[tuple[Column, str], ...], type: str, size: int) -> Expr:
        """An expression of this type."""
        rng = self.rng
        fitting = [column for column, own in columns if own == type]
        if size > 0 and type == NUMBER and rng.random() < 0.3:
            op = rng.choice("+-*/")
            return Binary(op, self.value(columns, type, size - 1), self.value(columns, type, size - 1))
        if size > 0 and self.depth > 0 and rng.random() < 0.15:
            return Scalar(Query(Select((Item(Aggregate("MAX", self._column(type))),), (self._source(type),))))
        if fitting and rng.random() < 0.8:
            return rng.choice(fitting)
        return Value(rng.randint(-2, 9) if type == NUMBER else rng.choice(("a", "b", "ab", "B", "")))

    def _source(self, type: str) -> Source:
        return Source(self._table(type), f"t{self.sources}")

    def _table(self, type: str) -> str:
        return next(name for name in sorted(self.tables) if any(own == type for _, own in self.tables[name].columns))

    def _column(self, type: str) -> Column:
        self.sources += 1
        columns = self.tables[self._table(type)].columns
        return Column(next(name for name, own in columns if own == type), f"t{self.sources}")

    def condition(self, columns: tuple[tuple[Column, str], ...], size: int) -> Expr:
        """A condition over these columns."""
        rng = self.rng
        if size > 0 and rng.random() < 0.5:
            op = rng.choice(("AND", "OR", "NOT"))
            if op == "NOT":
                return Not(self.condition(columns, size - 1))
            return Binary(op, self.condition(columns, size - 1), self.condition(columns, size - 1))
        type = rng.choice((NUMBER, TEXT))
        left = self.value(columns, type, 1)
        kind = rng.choice(("compare", "compare", "like", "between", "null", "list", "query", "exists", "every"))
        negated = rng.random() < 0.3
        if kind == "like":
            return Binary(
                "NOT LIKE" if negated else "LIKE", self.value(columns, TEXT, 0), Value(rng.choice(("a%", "_", "%B")))
            )
        if kind == "between":
            return Between(left, self.value(columns, type, 0), self.value(columns, type, 0), negated)
        if kind == "null":
            return IsNull(left, negated)
        if kind == "list":
            return In(left, tuple(self.value(columns, type, 0) for _ in range(rng.randint(1, 3))), negated)
        if self.depth > 0 and kind in ("query", "exists", "every"):
            inner = Query(self.select(columns, [type]))
            if kind == "query":
                return In(left, inner, negated)
            return Exists(inner) if kind == "exists" else Quantified(rng.choice(COMPARISONS), left, negated, inner)
        return Binary(rng.choice(COMPARISONS), left, self.value(columns, type, 1))

    def type(self, expr: Expr | None) -> str:
        """The type of an expression that this sampler made."""
        types = {name: type for table in self.tables.values() for name, type in table.columns}
        match expr:
            case Column(name):
                return types[name]
            case Value(value):
                return TEXT if isinstance(value, str) else NUMBER
            case Aggregate("MIN" | "MAX", of):
                return self.type(of)
            case Scalar(query):
                return self.type(query.select.items[0].of)
        return NUMBER
