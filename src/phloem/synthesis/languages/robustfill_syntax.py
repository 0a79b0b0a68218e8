"""How RobustFill programs are written and read: calls, quoted strings, bare names of classes, cases and boundaries.

    Concat(GetToken(name, Word, -1), ", ", SubStr(name, 1, 3))

A string stands between double quotes with JSON's escapes. An input whose name is no plain word stands in backquotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from phloem.errors import PhloemError
from phloem.synthesis.program import STRING, Call, Constant, Input, Operator, Program, Type, Value, postorder

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(`(?:[^`]|``)*`)|(-?\d+)|([^\W\d]\w*)|(.))', re.S)
_PLAIN = re.compile(r"[^\W\d]\w*")
DEEPEST = 50


def concat(parts: int) -> Operator:
    """`Concat` of so many expressions."""
    return Operator("Concat", (STRING,) * parts, STRING, _joined)


def _joined(*parts: str) -> str:
    return "".join(parts)


def write(program: Program) -> str:
    """The text of a program."""
    written: list[str] = []
    for part in postorder(program):
        if isinstance(part, Call):
            first = len(written) - len(part.arguments)
            written[first:] = [f"{part.operator.name}({', '.join(written[first:])})"]
        elif isinstance(part, Input):
            written.append(part.name if _PLAIN.fullmatch(part.name) else "`" + part.name.replace("`", "``") + "`")
        elif isinstance(part.value, str) and (part.type == STRING or not _is_name(part.value)):
            written.append(json.dumps(part.value, ensure_ascii=False))
        else:
            written.append(str(part.value))
    return written[0]


def _is_name(value: str) -> bool:
    """Whether a value is the name of a class, case or boundary rather than a character."""
    return len(value) > 1 and _PLAIN.fullmatch(value) is not None


def parse(
    text: str,
    names: Sequence[str],
    types: Sequence[Type],
    operators: Mapping[str, Operator],
    values: Mapping[Type, Sequence[Value]],
) -> Program:
    """Read a program. Raises PhloemError with the place of what is not understood."""
    reader = _Reader(text, {n: Input(n, i, t) for i, (n, t) in enumerate(zip(names, types, strict=True))})
    reader.operators, reader.values = operators, values
    program = reader.expression(0)
    if reader.at < len(reader.tokens):
        raise reader.error("expected the end")
    return program


class _Reader:
    """Reads tokens by recursive descent."""

    operators: Mapping[str, Operator]
    values: Mapping[Type, Sequence[Value]]

    def __init__(self, text: str, inputs: dict[str, Input]) -> None:
        found = _TOKEN.finditer(text.rstrip())
        self.tokens = [
            (each.lastindex or 0, each[each.lastindex or 0], each.start(each.lastindex or 0)) for each in found
        ]
        self.inputs, self.at = inputs, 0

    def error(self, message: str) -> PhloemError:
        ended = self.at >= len(self.tokens)
        where = "at the end" if ended else f"at character {self.tokens[self.at][2] + 1}"
        return PhloemError(f"program, {where}: {message}" + ("" if ended else f", found {self.tokens[self.at][1]}"))

    def peek(self) -> tuple[int, str]:
        kind, token, _ = self.tokens[self.at] if self.at < len(self.tokens) else (0, "", 0)
        return kind, token

    def next(self) -> str:
        token = self.peek()[1]
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.peek() != (5, token):
            raise self.error(f"expected {token}")
        self.at += 1

    def expression(self, depth: int) -> Program:
        kind, token = self.peek()
        if depth > DEEPEST:
            raise self.error(f"nested deeper than {DEEPEST}")
        if kind == 1:
            return Constant(self.string(), STRING)
        following = self.tokens[self.at + 1][1] if self.at + 1 < len(self.tokens) else ""
        if kind == 4 and following == "(":
            return self.call(depth)
        name = token[1:-1].replace("``", "`") if kind == 2 else token
        if kind not in (2, 4) or name not in self.inputs:
            known = ", ".join(self.inputs)
            raise self.error(f"expected an expression over {known}")
        self.at += 1
        return self.inputs[name]

    def call(self, depth: int) -> Program:
        called = self.next()
        if called != "Concat" and called not in self.operators:
            self.at -= 1
            raise self.error(f"no operator {called!r}")
        self.expect("(")
        arguments = [self.text(depth, called)]
        types = self.operators[called].arguments[1:] if called != "Concat" else ()
        while self.peek() == (5, ","):
            self.at += 1
            if called == "Concat":
                arguments.append(self.text(depth, called))
            elif len(arguments) > len(types):
                raise self.error(f"{called} takes {len(types) + 1} arguments")
            elif types[len(arguments) - 1] == STRING:
                arguments.append(self.text(depth, "Concat"))
            else:
                arguments.append(self.constant(types[len(arguments) - 1]))
        self.expect(")")
        if called == "Concat":
            return Call(concat(len(arguments)), tuple(arguments))
        if len(arguments) != len(types) + 1:
            raise self.error(f"{called} takes {len(types) + 1} arguments, here it has {len(arguments)}")
        return Call(self.operators[called], tuple(arguments))

    def text(self, depth: int, called: str) -> Program:
        """An argument of an operator that is no constant: a text, or what the operator takes first."""
        wanted = STRING if called == "Concat" else self.operators[called].arguments[0]
        before = self.at
        program = self.expression(depth + 1)
        if program.type != wanted:
            self.at = before
            raise self.error(f"{called} takes a {wanted}")
        return program

    def string(self) -> str:
        try:
            return str(json.loads(self.peek()[1], strict=False))
        except ValueError as error:
            raise self.error(f"not a string: {error}") from error
        finally:
            self.at += 1

    def constant(self, type: Type) -> Constant:
        kind, token = self.peek()
        value: Value
        if kind == 3:
            value = int(self.next()) if len(token) < 10 else token
        else:
            value = self.string() if kind == 1 else self.next()
        if value not in self.values[type]:
            self.at -= 1
            raise self.error(f"expected a {type}")
        return Constant(value, type)
