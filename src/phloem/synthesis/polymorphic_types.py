"""Polymorphic types in the manner of Hindley (1969), Milner (1978) and Damas and Milner (1982).

A type is a variable or a constructor over types: `int`, `list(t0)`, `t0 -> t1`. A type stands for all its instances, so
a primitive is instantiated with fresh variables wherever it is used. A substitution maps the numbers of variables to
types; it is a plain dictionary that is never changed, only replaced by a larger one, and is read to its end
("triangular": what a variable is bound to may hold bound variables itself).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from phloem.errors import PhloemError


class TypeVariable(NamedTuple):
    number: int

    def __str__(self) -> str:
        return f"t{self.number}"


class TypeConstructor(NamedTuple):
    name: str
    arguments: tuple[Polytype, ...] = ()

    def __str__(self) -> str:
        if self.name == "->":
            left, right = self.arguments
            return f"({left}) -> {right}" if is_arrow(left) else f"{left} -> {right}"
        return f"{self.name}({', '.join(map(str, self.arguments))})" if self.arguments else self.name


Polytype: TypeAlias = TypeVariable | TypeConstructor
Substitution: TypeAlias = Mapping[int, Polytype]

INT, BOOL, CHAR = TypeConstructor("int"), TypeConstructor("bool"), TypeConstructor("char")
T0, T1 = TypeVariable(0), TypeVariable(1)


def list_of(element: Polytype) -> TypeConstructor:
    return TypeConstructor("list", (element,))


def arrow(*types: Polytype) -> Polytype:
    """arrow(a, b, c) = a -> (b -> c)."""
    result = types[-1]
    for argument in reversed(types[:-1]):
        result = TypeConstructor("->", (argument, result))
    return result


def is_arrow(type: Polytype) -> bool:
    return isinstance(type, TypeConstructor) and type.name == "->"


def signature(type: Polytype) -> tuple[tuple[Polytype, ...], Polytype]:
    """The arguments that a curried function takes one after another, and what it returns in the end."""
    arguments = []
    while isinstance(type, TypeConstructor) and type.name == "->":
        arguments.append(type.arguments[0])
        type = type.arguments[1]
    return tuple(arguments), type


def variables(type: Polytype) -> Iterator[int]:
    """The numbers of the variables from left to right, repeated as they are."""
    if isinstance(type, TypeVariable):
        yield type.number
    else:
        for argument in type.arguments:
            yield from variables(argument)


def is_ground(type: Polytype) -> bool:
    return next(variables(type), None) is None


def resolve(type: Polytype, bound: Substitution) -> Polytype:
    """The type with every bound variable replaced."""
    if isinstance(type, TypeVariable):
        found = bound.get(type.number)
        return type if found is None else resolve(found, bound)
    if not type.arguments:
        return type
    return TypeConstructor(type.name, tuple(resolve(argument, bound) for argument in type.arguments))


def unify(left: Polytype, right: Polytype, bound: Substitution) -> Substitution | None:
    """The most general extension of `bound` that makes the two equal; None if there is none (Robinson 1965)."""
    left, right = _head(left, bound), _head(right, bound)
    if left == right:
        return bound
    if isinstance(left, TypeVariable):
        return None if left.number in set(variables(resolve(right, bound))) else {**bound, left.number: right}
    if isinstance(right, TypeVariable):
        return unify(right, left, bound)
    if left.name != right.name or len(left.arguments) != len(right.arguments):
        return None
    extended: Substitution | None = bound
    for one, other in zip(left.arguments, right.arguments, strict=True):
        if extended is None:
            return None
        extended = unify(one, other, extended)
    return extended


def _head(type: Polytype, bound: Substitution) -> Polytype:
    while isinstance(type, TypeVariable) and type.number in bound:
        type = bound[type.number]
    return type


def shifted(type: Polytype, by: int) -> Polytype:
    """The type with all its variables' numbers increased: a fresh instance when `by` is above all numbers in use."""
    if isinstance(type, TypeVariable):
        return TypeVariable(type.number + by)
    if not type.arguments:
        return type
    return TypeConstructor(type.name, tuple(shifted(argument, by) for argument in type.arguments))


def canonical(types: tuple[Polytype, ...]) -> tuple[tuple[Polytype, ...], list[int]]:
    """The types with variables numbered 0, 1, … in order of appearance, and what each number was before."""
    order: list[int] = []
    for type in types:
        for number in variables(type):
            if number not in order:
                order.append(number)
    if order == list(range(len(order))):
        return types, order
    names = {number: TypeVariable(new) for new, number in enumerate(order)}
    return tuple(resolve_once(type, names) for type in types), order


def resolve_once(type: Polytype, names: Mapping[int, Polytype]) -> Polytype:
    """Simultaneous renaming: unlike `resolve`, what is put in is not looked at again."""
    if isinstance(type, TypeVariable):
        return names.get(type.number, type)
    if not type.arguments:
        return type
    return TypeConstructor(type.name, tuple(resolve_once(argument, names) for argument in type.arguments))


_NAME = r"[A-Za-z_][\w?]*"
_TOKEN = re.compile(rf"\s*(->|[(),]|{_NAME}|\S)")


def parse_type(text: str) -> Polytype:
    """Read `list(int) -> (int -> t0) -> t0`; `t0`, `t1`, … are variables. Raises PhloemError."""
    tokens = ["", *reversed(_TOKEN.findall(text))]  # the next one last
    type = _parse_arrows(tokens, text)
    _expect(tokens, "", text)
    return type


def _parse_arrows(tokens: list[str], text: str) -> Polytype:
    left = _parse_single(tokens, text)
    if tokens[-1] != "->":
        return left
    tokens.pop()
    return arrow(left, _parse_arrows(tokens, text))


def _parse_single(tokens: list[str], text: str) -> Polytype:
    if tokens[-1] == "(":
        tokens.pop()
        inner = _parse_arrows(tokens, text)
        _expect(tokens, ")", text)
        return inner
    if not re.fullmatch(_NAME, tokens[-1]):
        raise _not_a_type(tokens, text)
    name = tokens.pop()
    if re.fullmatch(r"t\d+", name):
        return TypeVariable(int(name[1:]))
    arguments: list[Type] = []
    while tokens[-1] == ("," if arguments else "("):
        tokens.pop()
        arguments.append(_parse_arrows(tokens, text))
    if arguments:
        _expect(tokens, ")", text)
    return TypeConstructor(name, tuple(arguments))


def _expect(tokens: list[str], wanted: str, text: str) -> None:
    if tokens[-1] != wanted:
        raise _not_a_type(tokens, text)
    if wanted:
        tokens.pop()


def _not_a_type(tokens: list[str], text: str) -> PhloemError:
    place = f"at {tokens[-1]!r}" if tokens[-1] else "it ends too early"
    return PhloemError(f"not a type: {text!r} ({place})")
