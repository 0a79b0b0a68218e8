"""Reading the SQL of `phloem.synthesis.languages.sql`: tokens, then recursive descent with precedence climbing."""

from __future__ import annotations

import math
import re

from phloem.errors import PhloemError
from phloem.synthesis.languages.sql import (
    AGGREGATES,
    COMPARISONS,
    PRECEDENCE,
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

_TOKENS = re.compile(
    r"""\s*(?: (?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*') | (?P<number>\d+\.\d+(?:e[+-]?\d+)?|\d+(?:e[+-]?\d+)?)
    | (?P<word>[A-Za-z_]\w*) | (?P<mark><=|>=|<>|!=|==|[-+*/=<>(),.;]) )""",
    re.VERBOSE | re.ASCII,
)
_SYNONYMS = {"==": "=", "!=": "<>"}
LONGEST_NUMBER = 30  # signs
_WORDS = (
    "SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER ASC DESC LIMIT AS IN NOT EXISTS LIKE BETWEEN IS NULL UNION "
    "INTERSECT EXCEPT JOIN LEFT OUTER INNER ON ALL ANY AND OR COUNT SUM AVG MIN MAX"
)
RESERVED = frozenset(_WORDS.split())
MOST_PARTS = 200  # operators, brackets and queries of one text: trees that any recursion can follow


class Parser:
    """The tokens of a text and a place among them."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        place, end, self.parts = 0, len(text.rstrip()), 0
        while place < end:
            found = _TOKENS.match(text, place)
            if found is None or found.lastgroup is None:
                raise PhloemError(f"character {place + 1}: {text[place : place + 20]!r} is not understood")
            self.tokens.append((found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            place = found.end()
        self.tokens.append(("end", "the end", len(text)))
        self.next = 0

    def sees(self, *words: str, ahead: int = 0) -> bool:
        """Whether the next token is one of these words or marks."""
        kind, text, _ = self.tokens[min(self.next + ahead, len(self.tokens) - 1)]
        return kind in ("word", "mark") and _SYNONYMS.get(text, text.upper()) in words

    def has(self, *words: str) -> str:
        """The next token if it is one of these, and go on behind it; else ""."""
        if not self.sees(*words):
            return ""
        text = self.tokens[self.next][1]
        self.next += 1
        return _SYNONYMS.get(text, text.upper())

    def need(self, *words: str) -> None:
        if not self.has(*words):
            self.fail(" or ".join(words))

    def fail(self, wanted: str) -> None:
        _, text, place = self.tokens[self.next]
        raise PhloemError(f"character {place + 1}: expected {wanted}, found {text!r}")

    def count_part(self) -> None:
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise PhloemError(f"a query of more than {MOST_PARTS} operators, brackets and queries")

    def name(self) -> str:
        kind, text, _ = self.tokens[self.next]
        if kind != "word" or text.upper() in RESERVED:
            self.fail("a name")
        self.next += 1
        return text

    def count(self) -> int:
        kind, text, _ = self.tokens[self.next]
        if kind != "number" or not text.isdigit() or len(text) > LONGEST_NUMBER:
            self.fail("a whole number")
        self.next += 1
        return int(text)

    def query(self) -> Query:
        """A whole query."""
        self.count_part()
        select = self.select()
        op, other = self.has("UNION", "INTERSECT", "EXCEPT"), None
        if op:
            op += " ALL" if op == "UNION" and self.has("ALL") else ""
            other = self.select()
        order: list[tuple[Expr, bool]] = []
        if self.has("ORDER"):
            self.need("BY")
            while not order or self.has(","):
                key = self.expression()
                order.append((key, self.has("ASC", "DESC") == "DESC"))
        limit = self.count() if self.has("LIMIT") else None
        return Query(select, op, other, tuple(order), limit)

    def select(self) -> Select:
        self.need("SELECT")
        distinct = bool(self.has("DISTINCT"))
        items: list[Item] = []
        while not items or self.has(","):
            items.append(self.item())
        self.need("FROM")
        sources = [self.source()]
        while True:
            if self.has(","):
                sources.append(self.source())
            elif self.sees("JOIN", "INNER", "LEFT"):
                left = self.has("INNER", "LEFT") == "LEFT"
                self.has("OUTER")
                self.need("JOIN")
                joined = self.source()
                self.need("ON")
                sources.append(Source(joined.of, joined.name, self.expression(), left))
            else:
                break
        where = self.expression() if self.has("WHERE") else None
        group: list[Expr] = []
        if self.has("GROUP"):
            self.need("BY")
            while not group or self.has(","):
                group.append(self.expression())
        having = self.expression() if self.has("HAVING") else None
        return Select(tuple(items), tuple(sources), where, tuple(group), having, distinct)

    def item(self) -> Item:
        if self.has("*"):
            return Item(None)
        return Item(self.expression(), self.alias())

    def alias(self) -> str:
        kind, text, _ = self.tokens[self.next]
        if self.has("AS") or (kind == "word" and text.upper() not in RESERVED):
            return self.name()
        return ""

    def source(self) -> Source:
        if self.has("("):
            query = self.query()
            self.need(")")
            return Source(query, self.alias())
        return Source(self.name(), self.alias())

    def expression(self, least: int = 1) -> Expr:
        """Binary operators by precedence climbing (Pratt 1973); comparisons do not chain."""
        left = self.negated() if least <= PRECEDENCE["NOT"] else self.primary()
        compared = False
        while True:
            op = self.operator()
            own = 4 if op == "NOT" else PRECEDENCE.get(op, 4)
            if not op or own < least or (own == 4 and compared):
                break
            self.count_part()
            compared |= own == 4
            left = self.compared(op, left) if own == 4 else self.binary(op, left, own)
        return left

    def negated(self) -> Expr:
        if self.has("NOT"):
            self.count_part()
            return Not(self.expression(PRECEDENCE["NOT"]))
        return self.primary()

    def operator(self) -> str:
        """The operator that comes next, which is not passed yet."""
        for word in (*PRECEDENCE, "IN", "BETWEEN", "IS"):
            if word not in ("NOT", "NOT LIKE") and self.sees(word):
                return word
        if self.sees("NOT") and self.sees("IN", "LIKE", "BETWEEN", ahead=1):
            return "NOT"
        return ""

    def binary(self, op: str, left: Expr, own: int) -> Expr:
        self.need(op)
        return Binary(op, left, self.expression(own + 1))

    def compared(self, op: str, left: Expr) -> Expr:
        negated = bool(self.has("NOT"))
        op = self.has(*COMPARISONS, "LIKE", "IN", "BETWEEN", "IS")
        if op == "IN":
            self.need("(")
            among: Query | tuple[Expr, ...]
            if self.sees("SELECT"):
                among = self.query()
            else:
                listed = [self.expression()]
                while self.has(","):
                    listed.append(self.expression())
                among = tuple(listed)
            self.need(")")
            return In(left, among, negated)
        if op == "BETWEEN":
            low = self.expression(5)
            self.need("AND")
            return Between(left, low, self.expression(5), negated)
        if op == "IS":
            negated = bool(self.has("NOT"))
            self.need("NULL")
            return IsNull(left, negated)
        if op in COMPARISONS and self.sees("ALL", "ANY"):
            every = self.has("ALL", "ANY") == "ALL"
            self.need("(")
            query = self.query()
            self.need(")")
            return Quantified(op, left, every, query)
        return Binary(f"NOT {op}" if negated else op, left, self.expression(5))

    def primary(self) -> Expr:
        kind, text, _ = self.tokens[self.next]
        if kind == "text":
            self.next += 1
            return Value(text[1:-1].replace(text[0] * 2, text[0]))
        if kind == "number":
            self.next += 1
            if len(text) > LONGEST_NUMBER or float(text) == math.inf:
                raise PhloemError(f"the number {text[:20]}… is too large")
            return Value(int(text) if text.isdigit() else float(text))
        if self.has("-"):
            return self._minus()
        if self.has("NULL"):
            return Value(None)
        if self.has("EXISTS"):
            self.need("(")
            query = self.query()
            self.need(")")
            return Exists(query)
        if self.sees(*AGGREGATES):
            return self._aggregate()
        if self.has("("):
            self.count_part()
            inside: Expr = Scalar(self.query()) if self.sees("SELECT") else self.expression()
            self.need(")")
            return inside
        name = self.name()
        return Column(self.name(), name) if self.has(".") else Column(name)

    def _minus(self) -> Expr:
        """A negative number; of anything else, what is subtracted from 0."""
        self.count_part()
        of = self.primary()
        if isinstance(of, Value) and isinstance(of.value, int | float):
            return Value(-of.value)
        return Binary("-", Value(0), of)

    def _aggregate(self) -> Expr:
        name = self.has(*AGGREGATES)
        self.need("(")
        distinct = bool(self.has("DISTINCT"))
        of = None if name == "COUNT" and self.has("*") else self.expression()
        self.need(")")
        return Aggregate(name, of, distinct)


def parse(text: str) -> Query:
    """Read a query. Raises PhloemError with the place of the first thing that is not of the fragment.

    >>> parse("SELECT a FROM t WHERE b = 1").select.where
    Binary(op='=', left=Column(name='b', table=''), right=Value(value=1))
    """
    parser = Parser(text)
    query = parser.query()
    parser.has(";")
    if parser.tokens[parser.next][0] != "end":
        parser.fail("the end")
    return query
