"""What s-ops and selectors are on an input: the meaning of the language, node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from phloem.synthesis.rasp.grammar import RaspError
from phloem.synthesis.rasp.graph import PREDICATES, Node, ancestors, apply, handed_out, kind_of, number

Matrix = list[list[bool]]
READ_AS: dict[str, Callable[[Any], Any]] = {"": lambda value: value, "str": str, "int": int, "bool": bool}


def evaluate(node: Node, tokens: Sequence[Any]) -> list[Any]:
    """The sequence of an s-op, or the rows of a selector: row i says which positions position i reads.

    `tokens` is a string or a list of numbers, booleans or strings. Numbers come back as int or float.

    Raises:
        RaspError: the program has no result on this input.
    """
    values = all_values([node], tokens)[node]
    return values if node.selects else [handed_out(value) for value in values]


def all_values(nodes: Sequence[Node], tokens: Sequence[Any]) -> dict[Node, Any]:
    """The exact values of these nodes and of all that they depend on."""
    sequence = [Fraction(token) if isinstance(token, float) else token for token in tokens]
    known: dict[Node, Any] = {}
    for node in _order(tuple(nodes)):
        try:
            known[node] = _value(node, [known[parent] for parent in node.parents], sequence)
            if not node.selects:
                _one_kind(known[node])
        except RaspError as error:
            raise RaspError(f"{node.label}: {error}" if node.name else str(error)) from error
    return known


@lru_cache(maxsize=256)
def _order(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(ancestors(nodes))


def _value(node: Node, parents: list[Any], tokens: list[Any]) -> Any:
    count = len(tokens)
    if node.kind == "tokens":
        return _read(tokens, node.payload)
    if node.kind == "indices":
        return list(range(count))
    if node.kind == "constant":
        return [node.payload] * count
    if node.kind == "map":
        name, *fixed = node.payload
        return [apply(name, fixed, values) for values in zip(*parents, strict=True)]
    if node.kind == "select":
        return select(parents[0], parents[1], node.payload)
    if node.kind == "combine":
        return combine(node.payload, parents)
    return aggregate(parents[0], parents[1], node.payload)


def _read(tokens: list[Any], kind: str) -> list[Any]:
    try:
        if kind == "float":
            return [number(Fraction(token)) for token in tokens]
        return [READ_AS[kind](token) for token in tokens]
    except (ValueError, TypeError):
        raise RaspError(f"the tokens can't be read as {kind}") from None


def _one_kind(values: list[Any]) -> None:
    strings = sum(isinstance(value, str) for value in values)
    if 0 < strings < len(values):
        raise RaspError("the values of a sequence must be of one kind, these are strings and others")


def select(key: list[Any], query: list[Any], predicate: str) -> Matrix:
    """S[i][j] = predicate(key[j], query[i])."""
    compare = PREDICATES[predicate]
    try:
        return [[compare(k, q) for k in key] for q in query]
    except TypeError:
        raise RaspError(f"{key[0]!r} {predicate} {query[0]!r} can't be compared") from None


def combine(name: str, matrices: list[Matrix]) -> Matrix:
    if name == "not":
        return [[not cell for cell in row] for row in matrices[0]]
    both: Callable[[bool, bool], bool] = (lambda a, b: a and b) if name == "and" else (lambda a, b: a or b)
    return [[both(*cells) for cells in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def aggregate(selector: Matrix, values: list[Any], default: Any = None) -> list[Any]:
    """The mean of the selected values in each row; of none the default (0, for strings too where none was given).

    Raises:
        RaspError: several values are selected that are no numbers.
    """
    out = []
    for row in selector:
        chosen = [value for chosen, value in zip(row, values, strict=True) if chosen]
        if not chosen:
            out.append(0 if default is None else default)
        elif len(chosen) == 1:
            out.append(chosen[0])
        elif any(kind_of(value) != "number" for value in chosen):
            raise RaspError(f"only numbers can be averaged, these are selected together: {chosen[:4]}")
        else:
            out.append(number(Fraction(sum(map(Fraction, chosen))) / len(chosen)))
    return out
