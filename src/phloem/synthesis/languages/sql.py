"""A fragment of SQL: its expressions and queries as trees, and how they are written.

    query   ::= select [UNION [ALL] | INTERSECT | EXCEPT select] [ORDER BY expr [ASC|DESC], …] [LIMIT n]
    select  ::= SELECT [DISTINCT] item, … FROM source, … [WHERE expr] [GROUP BY expr, …] [HAVING expr]
    item    ::= * | expr [AS name]
    source  ::= table [AS name] | ( query ) [AS name] | source [LEFT] JOIN source ON expr
    expr    ::= column | "text" | number | NULL | - expr | expr op expr | NOT expr | expr IS [NOT] NULL
              | COUNT|SUM|AVG|MIN|MAX ( [DISTINCT] expr|* ) | expr [NOT] LIKE expr | expr op ALL|ANY ( query )
              | expr [NOT] IN ( query | expr, … ) | EXISTS ( query ) | ( query ) | expr [NOT] BETWEEN expr AND expr
    op      ::= OR < AND < = <> < <= > >= LIKE < + - < * /

It is the SQL of the sets of Finegan-Dollak et al. (ACL 2018) that `phloem.corpora.text2sql` reads. `sql_parser` reads
it, with the tree of its tokens beside; `sql_interpreter` runs it on small tables in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
PRECEDENCE = {"OR": 1, "AND": 2, "NOT": 3, **dict.fromkeys((*COMPARISONS, "LIKE", "NOT LIKE"), 4)}
PRECEDENCE |= {"+": 5, "-": 5, "*": 6, "/": 6}
TIGHTEST = 9


@dataclass(frozen=True)
class Column:
    """`table` is a name or alias of a source; "" where the query leaves it out."""

    name: str
    table: str = ""


@dataclass(frozen=True)
class Value:
    """A text, a number, or NULL."""

    value: str | int | float | None


@dataclass(frozen=True)
class Binary:
    """`op` is one of PRECEDENCE but NOT."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Not:
    """Three-valued: NOT NULL is NULL."""

    of: Expr


@dataclass(frozen=True)
class Aggregate:
    """`of` None: COUNT(*)."""

    name: str
    of: Expr | None
    distinct: bool = False


@dataclass(frozen=True)
class In:
    """`among` is a query of one column, or expressions."""

    left: Expr
    among: Query | tuple[Expr, ...]
    negated: bool = False


@dataclass(frozen=True)
class Quantified:
    """`left op ALL (query)` or ANY."""

    op: str
    left: Expr
    every: bool
    query: Query


@dataclass(frozen=True)
class Exists:
    """True where the query has a row."""

    query: Query


@dataclass(frozen=True)
class Scalar:
    """The first value of the first row of a query; NULL without rows."""

    query: Query


@dataclass(frozen=True)
class Between:
    """low <= left <= high."""

    left: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(frozen=True)
class IsNull:
    """Never NULL itself."""

    of: Expr
    negated: bool = False


Expr: TypeAlias = Column | Value | Binary | Not | Aggregate | In | Quantified | Exists | Scalar | Between | IsNull


@dataclass(frozen=True)
class Item:
    """A column of the result; `of` None is *."""

    of: Expr | None
    name: str = ""


@dataclass(frozen=True)
class Source:
    """A table or a query, under a name; joined to what is before it by `on`, or crossed with it."""

    of: str | Query
    name: str = ""
    on: Expr | None = None
    left: bool = False  # an outer join: rows without a partner stay, with NULLs


@dataclass(frozen=True)
class Select:
    """One SELECT."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...]
    where: Expr | None = None
    group: tuple[Expr, ...] = ()
    having: Expr | None = None
    distinct: bool = False


@dataclass(frozen=True)
class Query:
    """A SELECT, or two with `op` between; then order and limit of the whole."""

    select: Select
    op: str = ""  # UNION, UNION ALL, INTERSECT, EXCEPT
    other: Select | None = None
    order: tuple[tuple[Expr, bool], ...] = ()  # expression, descending
    limit: int | None = None


def write(query: Query) -> str:
    """The query as text, which the parser reads back to the same tree."""
    text = _select(query.select)
    if query.other is not None:
        text += f" {query.op} {_select(query.other)}"
    if query.order:
        keys = (show(of) + (" DESC" if descending else " ASC") for of, descending in query.order)
        text += f" ORDER BY {' , '.join(keys)}"
    return text if query.limit is None else f"{text} LIMIT {query.limit}"


def _select(select: Select) -> str:
    items = " , ".join(("*" if item.of is None else show(item.of)) + _alias(item.name) for item in select.items)
    text = f"SELECT {'DISTINCT ' if select.distinct else ''}{items} FROM {_sources(select.sources)}"
    if select.where is not None:
        text += f" WHERE {show(select.where)}"
    if select.group:
        text += f" GROUP BY {' , '.join(map(show, select.group))}"
    return text if select.having is None else f"{text} HAVING {show(select.having)}"


def _sources(sources: tuple[Source, ...]) -> str:
    text = ""
    for source in sources:
        name = (source.of if isinstance(source.of, str) else f"( {write(source.of)} )") + _alias(source.name)
        if source.on is not None:
            text += f" {'LEFT ' if source.left else ''}JOIN {name} ON {show(source.on)}"
        else:
            text += f" , {name}" if text else name
    return text


def _alias(name: str) -> str:
    return f" AS {name}" if name else ""


def show(expr: Expr, around: int = 0) -> str:
    """An expression, in brackets where it binds looser than what is `around` it."""
    text, own = _shown(expr)
    return f"( {text} )" if own < around else text


def _shown(expr: Expr) -> tuple[str, int]:
    negation = "NOT " if getattr(expr, "negated", False) else ""
    match expr:
        case Column(name, table):
            return (f"{table}.{name}" if table else name), TIGHTEST
        case Value(value):
            return _literal(value), TIGHTEST
        case Binary(op, left, right):
            own = PRECEDENCE[op]
            # comparisons do not chain, so that both of their sides bind tighter
            return f"{show(left, own + (own == 4))} {op} {show(right, own + 1)}", own
        case Not(of):
            return f"NOT {show(of, PRECEDENCE['NOT'])}", PRECEDENCE["NOT"]
        case Aggregate(name, of, distinct):
            return f"{name}( {'DISTINCT ' if distinct else ''}{'*' if of is None else show(of)} )", TIGHTEST
        case In(left, among):
            inside = write(among) if isinstance(among, Query) else " , ".join(map(show, among))
            return f"{show(left, 5)} {negation}IN ( {inside} )", 4
        case Quantified(op, left, every, query):
            return f"{show(left, 5)} {op} {'ALL' if every else 'ANY'} ( {write(query)} )", 4
        case Exists(query):
            return f"EXISTS ( {write(query)} )", TIGHTEST
        case Scalar(query):
            return f"( {write(query)} )", TIGHTEST
        case Between(left, low, high):
            return f"{show(left, 5)} {negation}BETWEEN {show(low, 5)} AND {show(high, 5)}", 4
        case IsNull(of):
            return f"{show(of, 5)} IS {negation}NULL", 4


def _literal(value: str | float | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return repr(value)
