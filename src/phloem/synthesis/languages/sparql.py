"""A fragment of SPARQL over a small triple store: conjunctive patterns, numeric filters, counts, superlatives, ASK.

    query    ::= SELECT [DISTINCT] ?v+ WHERE group [ORDER BY ASC|DESC(?v)] [LIMIT n]
               | SELECT (COUNT([DISTINCT] ?v) AS ?v) WHERE group          | ASK WHERE group
    group    ::= { element ( . element )* }
    element  ::= term term term | FILTER(?v op number | term)             op ::= < <= > >= = !=
    term     ::= ?v | prefix:name | "text" | integer                      (`a` is rdf:type)

Semantics of Pérez, Arenas and Gutierrez, "Semantics and Complexity of SPARQL" (ISWC 2006, section 3): a triple pattern
t has the solutions [[t]] = {m : m(t) is a triple}, a group is their join, a filter keeps what satisfies it, and
projection keeps as many rows as there are solutions unless DISTINCT. A filter that compares what is no number by order
is an error, and an error drops the solution.

Here are its terms, printer and parser; `sparql_store` answers queries.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass

from phloem.errors import PhloemError

COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


@dataclass(frozen=True)
class Variable:
    """Printed with a question mark."""

    name: str


@dataclass(frozen=True)
class Resource:
    """A prefixed name such as pkg:openssl."""

    name: str


Literal = str | int
Term = Variable | Resource | Literal
Ground = Resource | Literal
Row = tuple[Ground, ...]
Answer = bool | int | list[Row]


@dataclass(frozen=True)
class Triple:
    """A pattern; a predicate is a variable or a resource, and so is a subject."""

    subject: Variable | Resource
    predicate: Variable | Resource
    object: Term

    @property
    def terms(self) -> tuple[Term, Term, Term]:
        return self.subject, self.predicate, self.object


@dataclass(frozen=True)
class Filter:
    """Keeps the solutions whose value of `left` compares so with `right`."""

    left: Variable
    comparison: str
    right: Term


@dataclass(frozen=True)
class Query:
    """`form` is "select", "count" or "ask"; a count has one variable and names its answer `counted`."""

    form: str
    where: tuple[Triple | Filter, ...]
    variables: tuple[Variable, ...] = ()
    distinct: bool = False
    counted: Variable | None = None
    order: Variable | None = None
    descending: bool = False
    limit: int | None = None


def variables(query: Query) -> tuple[Variable, ...]:
    """Those that the patterns bind, each once, in the order of their first place."""
    found = (term for part in query.where if isinstance(part, Triple) for term in part.terms)
    return tuple(dict.fromkeys(term for term in found if isinstance(term, Variable)))


def checked(query: Query) -> Query:
    """The query itself. Raises PhloemError where a variable is used that no pattern binds."""
    bound = set(variables(query))
    filters = [part for part in query.where if isinstance(part, Filter)]
    used = [*query.variables, *([query.order] if query.order else ()), *(each.left for each in filters)]
    used += [each.right for each in filters if isinstance(each.right, Variable)]
    for variable in used:
        if variable not in bound:
            raise PhloemError(f"?{variable.name} is bound by no pattern of the query")
    if not any(isinstance(part, Triple) for part in query.where):
        raise PhloemError("a query needs a pattern")
    return query


# Printing


def show(term: Term) -> str:
    """A term as it is written."""
    if isinstance(term, Variable):
        return f"?{term.name}"
    if isinstance(term, Resource):
        return term.name
    if isinstance(term, int):
        return str(term)
    escaped = re.sub(r'[\\"\n\r\t]', lambda found: _ESCAPES[found[0]], term)
    return f'"{escaped}"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES = {written[1]: meant for meant, written in _ESCAPES.items()}


def write(query: Query) -> str:
    """The query as text; `parse` reads it back.

    >>> write(parse("select ?x where { pkg:bash pkg:maintainer ?x }"))
    'SELECT ?x WHERE { pkg:bash pkg:maintainer ?x }'
    """
    parts = [
        " ".join(map(show, part.terms))
        if isinstance(part, Triple)
        else f"FILTER ( {show(part.left)} {part.comparison} {show(part.right)} )"
        for part in query.where
    ]
    group = f"WHERE {{ {' . '.join(parts)} }}"
    if query.form == "ask":
        return f"ASK {group}"
    distinct = "DISTINCT " if query.distinct else ""
    if query.counted is not None:
        head = f"(COUNT({distinct}{show(query.variables[0])}) AS {show(query.counted)})"
    else:
        head = distinct + " ".join(map(show, query.variables))
    order = f" ORDER BY {'DESC' if query.descending else 'ASC'}({show(query.order)})" if query.order else ""
    limit = "" if query.limit is None else f" LIMIT {query.limit}"
    return f"SELECT {head} {group}{order}{limit}"


# Parsing

_TOKENS = re.compile(
    r"""\s*(?: (?P<variable>\?[A-Za-z_]\w*) | (?P<text>"(?:[^"\\\n]|\\[\\"nrt])*") | (?P<number>-?\d+(?![\w.]))
    | (?P<name>[A-Za-z][\w-]*:[A-Za-z0-9_](?:[\w.-]*[\w-])?) | (?P<word>[A-Za-z]+)
    | (?P<mark><=|>=|!=|[<>={}().]) )""",
    re.VERBOSE | re.ASCII,
)


class _Reader:
    """The tokens of a text and a place among them."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKENS.match(text, place)
            if found is None or found.lastgroup is None:
                raise PhloemError(f"character {place + 1}: {text[place : place + 20]!r} is not understood")
            self.tokens.append((found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            place = found.end()
        self.tokens.append(("end", "the end", len(text)))
        self.next = 0

    def has(self, *wanted: str) -> bool:
        """Whether the next token is one of these words or marks, and go on behind it if so."""
        kind, text, _ = self.tokens[self.next]
        if kind in ("word", "mark") and text.upper() in wanted:
            self.next += 1
            return True
        return False

    def need(self, wanted: str) -> None:
        if not self.has(wanted):
            self.fail(wanted)

    def take(self, *kinds: str) -> tuple[str, str]:
        kind, text, _ = self.tokens[self.next]
        if kind not in kinds:
            self.fail(" or ".join(kinds))
        self.next += 1
        return kind, text

    def peek(self) -> str:
        return self.tokens[self.next][0]

    def fail(self, wanted: str) -> None:
        _, text, place = self.tokens[self.next]
        raise PhloemError(f"character {place + 1}: expected {wanted}, found {text!r}")


def parse(text: str) -> Query:
    """Read a query. Raises PhloemError with the place of the first thing that is not of the fragment."""
    reader = _Reader(text)
    if reader.has("ASK"):
        reader.has("WHERE")
        query = Query("ask", _group(reader))
    else:
        reader.need("SELECT")
        query = _select(reader)
    if reader.peek() != "end":
        reader.fail("the end")
    return checked(query)


def _select(reader: _Reader) -> Query:
    counted = None
    if reader.has("("):
        reader.need("COUNT")
        reader.need("(")
        distinct = reader.has("DISTINCT")
        chosen: tuple[Variable, ...] = (_variable(reader),)
        reader.need(")")
        reader.need("AS")
        counted = _variable(reader)
        reader.need(")")
    else:
        distinct = reader.has("DISTINCT")
        names = [_variable(reader)]
        while reader.peek() == "variable":
            names.append(_variable(reader))
        chosen = tuple(names)
    reader.has("WHERE")
    where = _group(reader)
    if counted is not None:
        return Query("count", where, chosen, distinct, counted)
    order, descending, limit = None, False, None
    if reader.has("ORDER"):
        reader.need("BY")
        if reader.peek() == "variable":
            order = _variable(reader)
        else:
            descending = reader.has("DESC")
            if not descending:
                reader.need("ASC")
            reader.need("(")
            order = _variable(reader)
            reader.need(")")
    if reader.has("LIMIT"):
        limit = int(reader.take("number")[1])
        if limit < 0:
            raise PhloemError("a limit is no negative number")
    return Query("select", where, chosen, distinct, None, order, descending, limit)


def _variable(reader: _Reader) -> Variable:
    return Variable(reader.take("variable")[1][1:])


def _group(reader: _Reader) -> tuple[Triple | Filter, ...]:
    reader.need("{")
    parts: list[Triple | Filter] = []
    while not reader.has("}"):
        if reader.has("FILTER"):
            reader.need("(")
            left = _variable(reader)
            _, sign = reader.take("mark")
            if sign not in COMPARISONS:
                raise PhloemError(f"{sign!r} compares nothing")
            parts.append(Filter(left, sign, _term(reader)))
            reader.need(")")
            reader.has(".")
            continue
        subject, predicate = _node(reader), _node(reader, verb=True)
        parts.append(Triple(subject, predicate, _term(reader)))
        if not reader.has("."):
            reader.need("}")
            break
    return tuple(parts)


def _node(reader: _Reader, verb: bool = False) -> Variable | Resource:
    if verb and reader.has("A"):
        return TYPE
    kind, text = reader.take("variable", "name")
    return Variable(text[1:]) if kind == "variable" else Resource(text)


def _term(reader: _Reader) -> Term:
    if reader.peek() == "number":
        return int(reader.take("number")[1])
    if reader.peek() == "text":
        text = reader.take("text")[1][1:-1]
        return re.sub(r"\\(.)", lambda found: _UNESCAPES[found[1]], text)
    return _node(reader)


TYPE = Resource("rdf:type")
