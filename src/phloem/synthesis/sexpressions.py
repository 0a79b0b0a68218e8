"""S-expressions as SMT-LIB 2.6 and SyGuS-IF write them (section 3.1 of the SMT-LIB standard), with line numbers.

A string literal stands between double quotes, and a quote within is doubled; `\\u{41}`, `\\u0041` stand for a
character. A comment begins with a semicolon and ends with the line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from phloem.errors import PhloemError

DEEPEST = 500  # nesting that a reader follows; deeper input is refused rather than overflowing the stack


@dataclass(frozen=True, slots=True)
class Atom:
    """A symbol or number as written, or (`literal`) the characters of a string literal."""

    text: str
    line: int
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    items: tuple["Expression", ...]
    line: int


Expression: TypeAlias = Atom | Group

_TOKEN = re.compile(r'\s+|;[^\n]*|"(?:[^"]|"")*"|\|[^|]*\||[()]|[^\s()";|]+|.', re.S)
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]{1,5})\}|\\u([0-9a-fA-F]{4})")


def unquoted(literal: str) -> str:
    """The characters that a literal (with its quotes) stands for."""
    text = literal[1:-1].replace('""', '"')
    return _ESCAPE.sub(lambda found: _character(int(found[1] or found[2], 16), found[0]), text)


def _character(code: int, written: str) -> str:
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else written


def quoted(text: str) -> str:
    """The literal of a string: printable ASCII as it is, quotes doubled, everything else escaped."""
    safe = "".join(c if " " <= c <= "~" else f"\\u{{{ord(c):x}}}" for c in text.replace("\\u", "\\u{5c}u"))
    return '"' + safe.replace('"', '""') + '"'


def read(text: str, source: str = "input") -> list[Expression]:
    """All expressions of a text. Raises PhloemError with source and line for brackets that do not match."""
    open_groups: list[tuple[int, list[Expression]]] = [(0, [])]
    for kind, token, line in _tokens(text, source):
        if token == "(" and kind == "bracket":
            if len(open_groups) > DEEPEST:
                raise PhloemError(f"{source}:{line}: nested deeper than {DEEPEST}")
            open_groups.append((line, []))
        elif token == ")" and kind == "bracket":
            if len(open_groups) == 1:
                raise PhloemError(f"{source}:{line}: a closing bracket without an opening one")
            began, items = open_groups.pop()
            open_groups[-1][1].append(Group(tuple(items), began))
        else:
            open_groups[-1][1].append(Atom(token, line, kind == "literal"))
    if len(open_groups) > 1:
        raise PhloemError(f"{source}:{open_groups[-1][0]}: the bracket opened here is never closed")
    return open_groups[0][1]


def _tokens(text: str, source: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in "()":
            yield "bracket", token, line
        elif token[0] == '"':
            if len(token) < 2:
                raise PhloemError(f"{source}:{line}: a string literal that is never closed")
            yield "literal", unquoted(token), line
        elif not (token.isspace() or token[0] == ";"):
            yield "symbol", token, line
        line += token.count("\n")


def show(expression: Expression, most: int = 60) -> str:
    """The expression on one line, cut after `most` characters, for messages."""
    if isinstance(expression, Atom):
        text = quoted(expression.text) if expression.literal else expression.text
    else:
        text = "(" + " ".join(show(item, most) for item in expression.items[:12]) + ")"
    return text if len(text) <= most else text[: most - 1] + "…"
