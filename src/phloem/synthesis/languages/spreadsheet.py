"""The spreadsheet language of BUSTLE: 22 operators on strings, integers and booleans.

    CONCATENATE(LEFT(var_0, MINUS(FIND(":", var_0), 1)), IF(EXACT(var_1, "morning"), " AM", " PM"))

Positions count from 1, as in spreadsheets. An operator fails on arguments that a spreadsheet would refuse: a position
before the first, a negative length, text that is not found. Constants are those that the examples suggest
(constants.py). Source: Odena, Shi, Bieber, Singh, Sutton, Dai: BUSTLE, ICLR 2021, section 2, appendix, released code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from phloem.errors import PhloemError
from phloem.synthesis import grammars, sampling
from phloem.synthesis.base import Grammar, Spec
from phloem.synthesis.interning import Limits
from phloem.synthesis.program import (
    BOOLEAN,
    INTEGER,
    STRING,
    Call,
    Constant,
    Input,
    Operator,
    Program,
    Type,
    Value,
    postorder,
)

name = "spreadsheet"
REPEATED = 100  # characters that REPT may make
LIMITS = Limits(longest=98, largest=99)  # values that BUSTLE's search keeps

_S, _I, _B = STRING, INTEGER, BOOLEAN


def _left(text: str, count: int) -> str | None:
    return text[:count] if count >= 0 else None


def _right(text: str, count: int) -> str | None:
    return text[max(0, len(text) - count) :] if count >= 0 else None


def _mid(text: str, start: int, count: int) -> str | None:
    return text[start - 1 : start - 1 + count] if start >= 1 and count >= 0 else None


def _replace(text: str, start: int, count: int, new: str) -> str | None:
    return text[: start - 1] + new + text[start - 1 + count :] if start >= 1 and count >= 0 else None


def _trim(text: str) -> str:
    return re.sub(" +", " ", text.strip(" "))


def _rept(text: str, count: int) -> str | None:
    return text * count if count >= 0 and len(text) * count <= REPEATED else None


def _substitute(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


def _substitute_nth(text: str, old: str, new: str, which: int) -> str | None:
    """The occurrence number `which` alone, occurrences may overlap; all for 0."""
    if which < 0:
        return None
    if which == 0 or not old or old not in text:
        return _substitute(text, old, new)
    at = -1
    for _ in range(which):
        at = text.find(old, at + 1)
        if at < 0:
            return text
    return text[:at] + new + text[at + len(old) :]


def _find(what: str, within: str) -> int | None:
    return within.find(what) + 1 or None


def _find_from(what: str, within: str, start: int) -> int | None:
    return within.find(what, start - 1) + 1 or None if 1 <= start <= len(within) else None


def _bounded(number: int) -> int | None:
    return number if abs(number) < 1 << 63 else None


operators: tuple[Operator, ...] = (
    Operator("CONCATENATE", (_S, _S), _S, lambda left, right: left + right),
    Operator("LEFT", (_S, _I), _S, _left),
    Operator("RIGHT", (_S, _I), _S, _right),
    Operator("MID", (_S, _I, _I), _S, _mid),
    Operator("REPLACE", (_S, _I, _I, _S), _S, _replace),
    Operator("TRIM", (_S,), _S, _trim),
    Operator("REPT", (_S, _I), _S, _rept),
    Operator("SUBSTITUTE", (_S, _S, _S), _S, _substitute),
    Operator("SUBSTITUTE", (_S, _S, _S, _I), _S, _substitute_nth),
    Operator("TO_TEXT", (_I,), _S, str),
    Operator("LOWER", (_S,), _S, str.lower),
    Operator("UPPER", (_S,), _S, str.upper),
    Operator("PROPER", (_S,), _S, str.title),
    Operator("IF", (_B, _S, _S), _S, lambda condition, then, other: then if condition else other),
    Operator("ADD", (_I, _I), _I, lambda left, right: _bounded(left + right)),
    Operator("MINUS", (_I, _I), _I, lambda left, right: _bounded(left - right)),
    Operator("FIND", (_S, _S), _I, _find),
    Operator("FIND", (_S, _S, _I), _I, _find_from),
    Operator("LEN", (_S,), _I, len),
    Operator("EXACT", (_S, _S), _B, lambda left, right: left == right),
    Operator("GT", (_I, _I), _B, lambda left, right: left > right),
    Operator("GTE", (_I, _I), _B, lambda left, right: left >= right),
)


def grammar(spec: Spec) -> Grammar:
    """All operators, the inputs, the constants of the examples; the task's own grammar where it has one."""
    return spec.grammar or grammars.typed(spec, operators)


_TOKEN = re.compile(r'\s*(?:("(?:[^"]|"")*")|(\[(?:[^\]]|\]\])*\])|(-?\d+)|([A-Za-z_]\w*)|(.))', re.S)
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def parse(text: str, names: Sequence[str], types: Sequence[Type]) -> Program:
    """Read a formula over the named inputs. Raises PhloemError with the place of what is not understood."""
    tokens = [
        (found.lastindex or 0, found[found.lastindex or 0], found.start(found.lastindex or 0))
        for found in _TOKEN.finditer(text.strip())
    ]
    inputs = {each: Input(each, i, type) for i, (each, type) in enumerate(zip(names, types, strict=True))}
    reader = _Reader(iter([*tokens, (0, "the end", len(text))]), inputs)
    program = reader.formula()
    reader.expect("the end")
    return program


class _Reader:
    """Reads a formula, one token ahead."""

    def __init__(self, tokens: Iterator[tuple[int, str, int]], inputs: dict[str, Input]) -> None:
        self.tokens, self.inputs = tokens, inputs
        self.kind, self.token, self.place = next(tokens)
        self.depth = 0

    def error(self, message: str) -> PhloemError:
        return PhloemError(f"formula, character {self.place + 1}: {message}")

    def next(self) -> str:
        token = self.token
        self.kind, self.token, self.place = next(self.tokens, (0, "the end", self.place))
        return token

    def expect(self, token: str) -> None:
        if self.token != token or self.kind == 1:
            raise self.error(f"expected {token}, found {self.token}")
        self.next()

    def formula(self) -> Program:
        kind = self.kind
        if kind == 1:
            return Constant(self.next()[1:-1].replace('""', '"'), STRING)
        if kind == 2:
            return self.input(self.next()[1:-1].replace("]]", "]"))
        if kind == 3:
            return self.number()
        if kind != 4:
            raise self.error(f"expected a formula, found {self.token}")
        called = self.next()
        if self.token == "(" and self.kind == 5:
            return self.call(called)
        if called in ("TRUE", "FALSE") and called not in self.inputs:
            return Constant(called == "TRUE", BOOLEAN)
        return self.input(called)

    def number(self) -> Program:
        if len(self.token) > 18:
            raise self.error("a number of more than 18 digits")
        return Constant(int(self.next()), INTEGER)

    def input(self, called: str) -> Program:
        if called not in self.inputs:
            raise self.error(f"no input {called!r}: there are {', '.join(self.inputs) or 'none'}")
        return self.inputs[called]

    def call(self, called: str) -> Program:
        self.depth += 1
        if self.depth > 200:
            raise self.error("nested deeper than 200")
        self.next()
        arguments = [self.formula()]
        while self.token == "," and self.kind == 5:
            self.next()
            arguments.append(self.formula())
        self.expect(")")
        self.depth -= 1
        types = tuple(each.type for each in arguments)
        for operator in operators:
            if operator.name == called.upper() and operator.arguments == types:
                return Call(operator, tuple(arguments))
        raise self.error(f"there is no {called}({', '.join(types)})")


def print(program: Program) -> str:
    """The formula. An input whose name is not a plain word stands in square brackets."""
    written: list[str] = []
    for part in postorder(program):
        if isinstance(part, Call):
            first = len(written) - len(part.arguments)
            written[first:] = [f"{part.operator.name}({', '.join(written[first:])})"]
        elif isinstance(part, Input):
            plain = _PLAIN.fullmatch(part.name) and part.name not in ("TRUE", "FALSE")
            written.append(part.name if plain else "[" + part.name.replace("]", "]]") + "]")
        elif isinstance(part.value, str):
            written.append('"' + part.value.replace('"', '""') + '"')
        else:
            written.append(str(part.value).upper())
    return written[0]


SAMPLED: dict[Type, tuple[Value, ...]] = {
    STRING: ("", " ", ",", "-", "a", "ab", "Abc", "x y", "12", '"', "]", "é"),
    INTEGER: (0, 1, 2, 3, 99, -1),
    BOOLEAN: (True, False),
}


def sample(rng: Random, names: Sequence[str], types: Sequence[Type], result: Type, size: int) -> Program:
    """A random formula: operators uniformly among those of the wanted type, constants from `SAMPLED`."""
    return sampling.sample(operators, SAMPLED, rng, names, types, result, size)
