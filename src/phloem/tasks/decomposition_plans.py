"""The plans of DeCU as trees: the expressions of a small part of Scala, read and written back sign by sign.

    plan     ::= [val name =] chain
    chain    ::= operand ( operator operand )*                   operators: + - == && :: /& … and words: and, on, inZone
    operand  ::= ( - | ! )* primary ( . name | ( chains ) | [ names ] | { chain } )*
    primary  ::= name | `name` | number | "text" | ( chain ) | { chain } | name => chain

A chain keeps its order and has no precedence: a plan is compared, not run. Parsing is what *well formed* means here,
together with the rule of plans in steps: the k-th begins with `val sk =` and mentions s1 … s(k-1) alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from phloem.errors import PhloemError


@dataclass(frozen=True)
class Atom:
    """A name, a number or a text, as it is written."""

    text: str


@dataclass(frozen=True)
class Prefix:
    """`-` or `!` before an operand."""

    sign: str
    of: Expr


@dataclass(frozen=True)
class Group:
    """What stands in ( ) or { }."""

    bracket: str
    of: Expr


@dataclass(frozen=True)
class Member:
    """`of.name`"""

    of: Expr
    name: str


@dataclass(frozen=True)
class Apply:
    """A function with what follows it in ( ), [ ] or { }."""

    of: Expr
    bracket: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Function:
    """`name => chain`"""

    name: str
    body: Expr


@dataclass(frozen=True)
class Chain:
    """Operands with operators between them."""

    operands: tuple[Expr, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """An expression; `name` is "" where no value is named."""

    name: str
    of: Expr


Expr: TypeAlias = Atom | Prefix | Group | Member | Apply | Function | Chain

CLOSING = {"(": ")", "[": "]", "{": "}"}
DEEPEST = 60
_TOKENS = re.compile(
    r'"[^"]*"|`[^`]*`|[A-Za-z_]\w*|\d+|=>|==|!=|<=|>=|&&|\|\||::|/&|&/|[-+*/<>=!.,()\[\]{}]|(?P<blank>\s+)|(?P<bad>.)'
)
_OPERATORS = frozenset(["==", "!=", "<=", ">=", "&&", "||", "::", "/&", "&/", "-", "+", "*", "/", "<", ">"])
_STEP = re.compile(r"s[1-9]\d*")


def tokens(text: str) -> list[str]:
    """The words and signs of a plan. Raises PhloemError for a sign that plans do not have."""
    found = []
    for match in _TOKENS.finditer(text):
        if match["bad"]:
            raise PhloemError(f"character {match.start() + 1}: {match['bad']!r} is no part of a plan")
        if not match["blank"]:
            found.append(match[0])
    return found


class _Reader:
    """The tokens of a plan and a place among them."""

    def __init__(self, text: str) -> None:
        self.tokens, self.next, self.depth = [*tokens(text), ""], 0, 0

    @property
    def token(self) -> str:
        return self.tokens[self.next]

    def take(self) -> str:
        self.next += 1
        return self.tokens[self.next - 1]

    def need(self, wanted: str) -> None:
        if self.take() != wanted:
            self.next -= 1
            raise PhloemError(f"token {self.next + 1}: expected {wanted!r}, found {self.token or 'the end'!r}")

    def chain(self) -> Expr:
        self.depth += 1
        if self.depth > DEEPEST:
            raise PhloemError(f"a plan is nested more than {DEEPEST} deep")
        operands, operators = [self.operand()], []
        while self.token in _OPERATORS or _is_name(self.token):
            operators.append(self.take())
            operands.append(self.operand())
        self.depth -= 1
        return Chain(tuple(operands), tuple(operators)) if operators else operands[0]

    def operand(self) -> Expr:
        if self.token in ("-", "!"):
            self.depth += 1
            if self.depth > DEEPEST:
                raise PhloemError(f"a plan is nested more than {DEEPEST} deep")
            sign = self.take()
            found: Expr = Prefix(sign, self.operand())
            self.depth -= 1
            return found
        found = self.primary()
        while True:
            if self.token == ".":
                self.take()
                if not _is_name(self.token):
                    self.need("a name")
                found = Member(found, self.take())
            elif self.token in CLOSING and not (self.token == "{" and _is_plain(found)):
                bracket = self.take()
                arguments: list[Expr] = []
                while self.token != CLOSING[bracket]:
                    arguments.append(self.chain())
                    if self.token != CLOSING[bracket]:
                        self.need(",")
                self.need(CLOSING[bracket])
                found = Apply(found, bracket, tuple(arguments))
            else:
                return found

    def primary(self) -> Expr:
        token = self.token
        if token in ("(", "{"):
            self.take()
            inside = self.chain()
            self.need(CLOSING[token])
            return Group(token, inside)
        if not (_is_name(token) or token[:1].isdigit() or token[:1] == '"'):
            self.need("a value")
        self.take()
        if self.token == "=>" and _is_name(token):
            self.take()
            return Function(token, self.chain())
        return Atom(token)


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or (token[:1] in ("_", "`") and len(token) > 0)


def _is_plain(expr: Expr) -> bool:
    """A number or text takes no block."""
    return isinstance(expr, Atom) and not _is_name(expr.text)


def parse(text: str) -> Plan:
    """Read a plan. Raises PhloemError with the token that is not understood.

    >>> parse("val s2 = s1.size >= 1").name
    's2'
    """
    reader, name = _Reader(text), ""
    if reader.token == "val":
        reader.take()
        name = reader.take()
        if not _is_name(name):
            raise PhloemError("val is followed by a name")
        reader.need("=")
    of = reader.chain()
    if reader.token:
        reader.need("the end")
    return Plan(name, of)


def write(plan: Plan) -> str:
    """The plan with single blanks around operators."""
    return (f"val {plan.name} = " if plan.name else "") + show(plan.of)


def show(expr: Expr) -> str:
    """An expression as it is written."""
    match expr:
        case Atom(text):
            return text
        case Prefix(sign, of):
            return sign + show(of)
        case Group(bracket, of):
            return bracket + show(of) + CLOSING[bracket]
        case Member(of, name):
            return f"{show(of)}.{name}"
        case Apply(of, bracket, arguments):
            return show(of) + bracket + ", ".join(map(show, arguments)) + CLOSING[bracket]
        case Function(name, body):
            return f"{name} => {show(body)}"
        case Chain(operands, operators):
            rest = (f" {operator} {show(each)}" for operator, each in zip(operators, operands[1:], strict=True))
            return show(operands[0]) + "".join(rest)


def well_formed(text: str) -> bool:
    """Whether it is a plan."""
    try:
        parse(text)
    except PhloemError:
        return False
    return True


def checked_step(text: str, number: int) -> Plan:
    """Step `number` (from 1) of a plan. Raises PhloemError where it does not name s`number` or where it mentions a
    value that is not there yet."""
    plan = parse(text)
    if plan.name != f"s{number}":
        raise PhloemError(f"step {number} names {plan.name or 'nothing'}, not s{number}")
    for token in tokens(show(plan.of)):
        if _STEP.fullmatch(token) and int(token[1:]) >= number:
            raise PhloemError(f"step {number} mentions {token}, which is not there yet")
    return plan


def same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two plans of steps are the same but for blanks."""
    return len(one) == len(other) and all(
        "".join(a.split()) == "".join(b.split()) for a, b in zip(one, other, strict=True)
    )
