"""The syntax of RASP: source text to statements and expressions.

Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021), with the grammar of their released interpreter. How
tightly operators bind, the tightest first:

    f(x)  l[i]      not - +      ^      * /      %      + -      == != < <= > >=      and or      a if c else b      in

All binary operators group to the left. `and` and `or` bind alike, and `not` binds more tightly than comparisons: both
differ from Python. A second `if` in the last part of another must stand in brackets, since the released grammar groups
`a if p else b if q else c` to the left and Python to the right. Statements end with a semicolon, comments begin with #.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, TypeVar

from phloem.errors import PhloemError

T = TypeVar("T")


class RaspError(PhloemError):
    """A wrong program, or a program that can't go on with its input."""


class Token(NamedTuple):
    kind: str  # "number", "string", "name", "symbol" or "end"
    text: str
    line: int


class Literal(NamedTuple):
    value: bool | int | Fraction | str
    line: int


class Name(NamedTuple):
    name: str
    line: int


class ListOf(NamedTuple):
    items: tuple[Expression, ...]
    line: int


class DictOf(NamedTuple):
    items: tuple[tuple[Expression, Expression], ...]
    line: int


class Unary(NamedTuple):
    operator: str
    operand: Expression
    line: int


class Binary(NamedTuple):
    operator: str
    left: Expression
    right: Expression
    line: int


class Conditional(NamedTuple):
    then: Expression
    condition: Expression
    otherwise: Expression
    line: int


class Call(NamedTuple):
    function: Expression
    arguments: tuple[Expression, ...]
    line: int


class Index(NamedTuple):
    base: Expression
    place: Expression
    line: int


class SelectOf(NamedTuple):
    key: Expression
    query: Expression
    predicate: str
    line: int


class Comprehension(NamedTuple):
    """A list of values, or where there is a key a dictionary."""

    key: Expression | None
    value: Expression
    names: tuple[str, ...]
    iterable: Expression
    line: int


Expression = Literal | Name | ListOf | DictOf | Unary | Binary | Conditional | Call | Index | SelectOf | Comprehension


class Evaluate(NamedTuple):
    expression: Expression
    line: int


class Assign(NamedTuple):
    names: tuple[str, ...]
    values: tuple[Expression, ...]
    line: int


class Define(NamedTuple):
    name: str
    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    results: tuple[Expression, ...]
    line: int


class Loop(NamedTuple):
    names: tuple[str, ...]
    iterable: Expression
    body: tuple[Statement, ...]
    line: int


class Load(NamedTuple):
    file: str
    line: int


Statement = Evaluate | Assign | Define | Loop | Load

PREDICATES = ("==", "!=", "<", "<=", ">", ">=")
KEYWORDS = frozenset(
    ["not", "and", "or", "if", "else", "in", "for", "def", "return", "select", "load", "True", "False"]
)
_BINDING = {"^": 9, "*": 8, "/": 8, "%": 7, "+": 6, "-": 6, **dict.fromkeys(PREDICATES, 5), "and": 4, "or": 4}
_TERNARY, _CONTAINS = 3, 2
DEEPEST = 200  # nested brackets; the parser calls itself at each

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
      |(?P<number>\d+(?:\.\d+)?)
      |(?P<string>"[^"\n]*"|'[^'\n]*')
      |(?P<name>[A-Za-z_]\w*)
      |(?P<symbol>==|!=|<=|>=|[-+*/%^<>=()\[\]{},;:])""",
    re.VERBOSE,
)


def tokenize(source: str) -> list[Token]:
    """Tokens with their lines; an "end" comes last. Raises RaspError."""
    tokens, place, line = [], 0, 1
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise RaspError(f"line {line}: {source[place]!r} is no part of RASP")
        assert match.lastgroup is not None
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match[0], line))
        line += match[0].count("\n")
        place = match.end()
    return [*tokens, Token("end", "the end", line)]


def parse(source: str) -> tuple[Statement, ...]:
    """The statements of a program. Raises RaspError with the line that is wrong."""
    return _Parser(tokenize(source)).program()


class _Parser:
    """Recursive descent; binary operators by their binding (Pratt 1973)."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.place, self.depth = tokens, 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def at(self, *texts: str) -> bool:
        return self.next.kind in ("symbol", "name") and self.next.text in texts

    def skip(self, text: str) -> bool:
        found = self.at(text)
        self.place += found
        return found

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise RaspError(f"line {self.next.line}: expected {text!r}, found {self.next.text!r}")
        return self.take()

    def identifier(self) -> str:
        if self.next.kind != "name" or self.next.text in KEYWORDS:
            raise RaspError(f"line {self.next.line}: expected a name, found {self.next.text!r}")
        return self.take().text

    def several(self, one: Callable[[], T], end: str = "") -> tuple[T, ...]:
        """Parts with commas between; none before `end`, which is taken."""
        parts: list[T] = []
        if not (end and self.at(end)):
            parts.append(one())
            while self.skip(","):
                parts.append(one())
        if end:
            self.expect(end)
        return tuple(parts)

    # Statements

    def program(self) -> tuple[Statement, ...]:
        statements = []
        while self.next.kind != "end":
            statements.append(self.statement())
        return tuple(statements)

    def statement(self) -> Statement:
        line = self.next.line
        if self.skip("def"):
            return self.definition(line)
        if self.skip("for"):
            names = self.several(self.identifier)
            self.expect("in")
            iterable = self.expression()
            return Loop(names, iterable, self.block(), line)
        if self.skip("load"):
            if self.next.kind != "string":
                raise RaspError(f"line {line}: load needs a file's name in quotes")
            file = self.take().text[1:-1]
            self.expect(";")
            return Load(file, line)
        names = self.assigned()
        values = self.several(self.expression)
        self.expect(";")
        if names:
            return Assign(names, values, line)
        if len(values) > 1:
            raise RaspError(f"line {line}: one expression a statement")
        return Evaluate(values[0], line)

    def assigned(self) -> tuple[str, ...]:
        """The names before an equals sign; () where the statement is none of assignment."""
        start, names = self.place, []
        while self.next.kind == "name" and self.next.text not in KEYWORDS:
            names.append(self.take().text)
            if self.skip("="):
                return tuple(names)
            if not self.skip(","):
                break
        self.place = start
        return ()

    def definition(self, line: int) -> Define:
        name = self.identifier()
        self.expect("(")
        parameters = self.several(self.identifier, ")")
        self.expect("{")
        body: list[Statement] = []
        while not self.at("return"):
            if self.next.kind == "end" or self.at("}"):
                raise RaspError(f"line {line}: the function {name} returns nothing")
            body.append(self.statement())
        self.take()
        results = self.several(self.expression)
        self.expect(";")
        self.expect("}")
        return Define(name, parameters, tuple(body), results, line)

    def block(self) -> tuple[Statement, ...]:
        self.expect("{")
        body = []
        while not self.skip("}"):
            body.append(self.statement())
        return tuple(body)

    # Expressions

    def expression(self, least: int = 0) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            raise RaspError(f"line {self.next.line}: nested deeper than {DEEPEST}")
        left = self.prefix()
        while True:
            line, text = self.next.line, self.next.text if self.next.kind in ("symbol", "name") else ""
            if text in _BINDING and (binding := _BINDING[text]) >= least:
                self.take()
                left = Binary(text, left, self.expression(binding + 1), line)
            elif text == "if" and least <= _TERNARY:
                self.take()
                condition = self.expression()
                self.expect("else")
                left = Conditional(left, condition, self.expression(_TERNARY + 1), line)
                if self.at("if"):
                    raise RaspError(f"line {line}: put the second if … else in brackets")
            elif text == "in" and least <= _CONTAINS:
                self.take()
                left = Binary("in", left, self.expression(_CONTAINS + 1), line)
            else:
                self.depth -= 1
                return left

    def prefix(self) -> Expression:
        line = self.next.line
        if self.at("not", "-", "+"):
            operator = self.take().text
            return Unary(operator, self.expression(max(_BINDING.values()) + 1), line)
        return self.postfix(self.atom())

    def postfix(self, base: Expression) -> Expression:
        while self.at("(", "["):
            line = self.next.line
            if self.take().text == "(":
                base = Call(base, self.several(self.expression, ")"), line)
            else:
                base = Index(base, self.expression(), line)
                self.expect("]")
        return base

    def atom(self) -> Expression:
        token = self.next
        if token.kind == "number":
            self.take()
            return Literal(Fraction(token.text) if "." in token.text else int(token.text), token.line)
        if token.kind == "string":
            return Literal(self.take().text[1:-1], token.line)
        if self.skip("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.skip("["):
            return self.bracketed(token.line)
        if self.skip("{"):
            return self.braced(token.line)
        if self.skip("select"):
            return self.selection(token.line)
        if self.at("True", "False"):
            return Literal(self.take().text == "True", token.line)
        return Name(self.identifier(), token.line)

    def selection(self, line: int) -> SelectOf:
        self.expect("(")
        key = self.expression()
        self.expect(",")
        query = self.expression()
        self.expect(",")
        if not self.at(*PREDICATES):
            raise RaspError(f"line {line}: select ends with one of {' '.join(PREDICATES)}, not {self.next.text!r}")
        predicate = self.take().text
        self.expect(")")
        return SelectOf(key, query, predicate, line)

    def comprehension(self, key: Expression | None, value: Expression, end: str, line: int) -> Comprehension:
        names = self.several(self.identifier)
        self.expect("in")
        iterable = self.expression()
        self.expect(end)
        return Comprehension(key, value, names, iterable, line)

    def bracketed(self, line: int) -> ListOf | Comprehension:
        if self.skip("]"):
            return ListOf((), line)
        first = self.expression()
        if self.skip("for"):
            return self.comprehension(None, first, "]", line)
        if self.skip(","):
            return ListOf((first, *self.several(self.expression, "]")), line)
        self.expect("]")
        return ListOf((first,), line)

    def braced(self, line: int) -> DictOf | Comprehension:
        if self.skip("}"):
            return DictOf((), line)
        first = self.pair()
        if self.skip("for"):
            return self.comprehension(*first, "}", line)
        if self.skip(","):
            return DictOf((first, *self.several(self.pair, "}")), line)
        self.expect("}")
        return DictOf((first,), line)

    def pair(self) -> tuple[Expression, Expression]:
        key = self.expression()
        self.expect(":")
        return key, self.expression()
