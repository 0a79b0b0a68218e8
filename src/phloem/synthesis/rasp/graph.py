"""The dataflow of a RASP program: sequence operators and selectors, equal ones made once.

Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021, section 3). A sequence operator (s-op) is a function from
an input to a sequence of the same length, a selector one to a matrix of booleans, whose row i says what position i
reads:

    tokens, indices                       the input and 0, 1, …, n-1
    a + b, a if c else b, …               element by element: what a feed-forward layer does
    select(k, q, <)                       S[i][j] = k[j] < q[i]; with and, or, not: what a pattern of attention is
    aggregate(S, v, default)              out[i] = mean of v[j] over the j with S[i][j]: what an attention head does

Numbers are exact rationals, so that `1 / aggregate(…)` is the count it should be (the released interpreter takes
floats); they become floats where a result is handed out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from phloem.synthesis.rasp.grammar import RaspError

Atom = bool | int | Fraction | float | str


class Node:
    """One s-op or selector. `payload` is what distinguishes nodes of one kind beside their parents:

    tokens    "" or the type that they are read as        aggregate  the default; parents (selector, values)
    constant  the value                                   select     the predicate; parents (key, query)
    map       the operator and its fixed arguments        combine    "and", "or" or "not"; parents are selectors
    """

    def __init__(self, graph: Graph, kind: str, payload: Any, parents: tuple[Node, ...], number: int) -> None:
        self.graph, self.kind, self.payload, self.parents, self.number = graph, kind, payload, parents, number
        self.name = ""  # of the first variable that it was assigned to

    @property
    def selects(self) -> bool:
        """Whether it is a selector."""
        return self.kind in ("select", "combine")

    @property
    def label(self) -> str:
        """Its name, or how it is written, in short."""
        return self._written(2)

    def _written(self, depth: int) -> str:
        if self.name or self.kind in ("tokens", "indices"):
            return self.name or self.kind
        if self.kind == "constant":
            return repr(handed_out(self.payload))
        if not depth:
            return "…"
        parts = [parent._written(depth - 1) for parent in self.parents]
        if self.kind == "select":
            return f"select({', '.join(parts)}, {self.payload})"
        if self.kind == "aggregate":
            return f"aggregate({', '.join(parts)})"
        name = self.payload if self.kind == "combine" else self.payload[0]
        if len(parts) == 2 and name != "tuple":
            return f"({parts[0]} {name} {parts[1]})"
        return f"{'' if name == 'tuple' else name}({', '.join(parts)})"


class Graph:
    """Makes nodes; equal descriptions give the same node, so that equal selectors are one."""

    def __init__(self) -> None:
        self._known: dict[Any, Node] = {}
        self.indices = self._node("indices", None)

    def _node(self, kind: str, payload: Any, *parents: Node) -> Node:
        key = kind, _exact(payload), parents
        if key not in self._known:
            self._known[key] = Node(self, kind, payload, parents, len(self._known))
        return self._known[key]

    def tokens(self, kind: str = "") -> Node:
        return self._node("tokens", kind)

    def constant(self, value: Atom) -> Node:
        return self._node("constant", value)

    def map(self, name: str, parents: Sequence[Node], *fixed: Any) -> Node:
        """`name` is one of OPERATORS; `fixed` are arguments that are no s-ops and come first."""
        if all(parent.kind == "constant" for parent in parents):
            return self.constant(apply(name, fixed, [parent.payload for parent in parents]))
        return self._node("map", (name, *fixed), *parents)

    def select(self, key: Node, query: Node, predicate: str) -> Node:
        return self._node("select", predicate, key, query)

    def combine(self, name: str, *selectors: Node) -> Node:
        return self._node("combine", name, *selectors)

    def aggregate(self, selector: Node, values: Node, default: Atom | None = None) -> Node:
        return self._node("aggregate", default, selector, values)


def _exact(payload: Any) -> Any:
    """A key in which True, 1 and "1" differ."""
    if isinstance(payload, tuple):
        return tuple(map(_exact, payload))
    return type(payload).__name__ if payload is None else (kind_of(payload), payload)


def ancestors(nodes: Iterable[Node]) -> list[Node]:
    """These nodes and all that they are computed from, parents first."""
    seen: set[Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += node.parents
    return sorted(seen, key=lambda node: node.number)


def kind_of(value: Any) -> str:
    """ "bool", "number" or "string"; the values of a sequence are of one kind."""
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def number(value: Any) -> Any:
    """A number without a needless denominator; other values as they are."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _divide(left: Any, right: Any) -> Any:
    return number(Fraction(left) / Fraction(right))


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, int) and abs(exponent) > 1000:
        raise RaspError(f"the exponent {exponent} is too large")
    return number((Fraction(base) if exponent < 0 else base) ** exponent)


def _lookup(table: tuple[tuple[Any, Any], ...], key: Any) -> Any:
    for known, value in table:
        if known == key:
            return value
    raise RaspError(f"{key!r} is no key of the dictionary or no place in the list")


PREDICATES: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS: dict[str, Callable[..., Any]] = {
    **PREDICATES,
    "+": lambda left, right: number(left + right),
    "-": lambda left, right: number(left - right),
    "*": lambda left, right: number(left * right),
    "/": _divide,
    "%": lambda left, right: number(left % right),
    "^": _power,
    "negative": operator.neg,
    "positive": operator.pos,
    "not": operator.not_,
    "and": lambda left, right: bool(left) and bool(right),
    "or": lambda left, right: bool(left) or bool(right),
    "if": lambda condition, then, otherwise: then if condition else otherwise,
    "round": lambda value: round(value),
    "indicator": lambda value: 1 if value else 0,
    "member": lambda values, value: value in values,
    "lookup": _lookup,
    "tuple": lambda *values: values,  # made by the compiler
}
LONGEST = 100_000  # characters of a string, bits of a number


def apply(name: str, fixed: Sequence[Any], values: Sequence[Any]) -> Any:
    """An element-wise operator on single values. Raises RaspError where it has no result."""
    try:
        result = OPERATORS[name](*fixed, *values)
    except ZeroDivisionError:
        raise RaspError("division by zero") from None
    except (TypeError, ValueError, OverflowError) as error:
        shown = ", ".join(repr(handed_out(value)) for value in values)
        raise RaspError(f"{name} is not defined on {shown}") from error
    if isinstance(result, complex) or (isinstance(result, str) and len(result) > LONGEST):
        raise RaspError(f"{name} gives a result that is none of RASP's values")
    if isinstance(result, int) and result.bit_length() > LONGEST:
        raise RaspError(f"{name} gives a number of more than {LONGEST} bits")
    return result


def handed_out(value: Any) -> Any:
    """A value as users see it: whole numbers as int, others as float."""
    value = number(value)
    return float(value) if isinstance(value, Fraction) else value
