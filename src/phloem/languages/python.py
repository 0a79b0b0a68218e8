"""Python: functions and methods, `def` and `async def`; the docstring is the first statement of the body."""

from __future__ import annotations

import re
import unicodedata
from inspect import cleandoc

from phloem.languages import extensions
from phloem.languages.base import Language
from phloem.languages.functions import FunctionRules, Nodes, by_fields

_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^{}]+)\}|(.))", re.DOTALL
)
_SIMPLE_ESCAPES: dict[str, str] = dict(zip("\n\\'\"abfnrtv", ("", *"\\'\"\a\b\f\n\r\t\v"), strict=True))


def _grammar() -> object:
    import tree_sitter_python

    return tree_sitter_python.language()


def docstring(nodes: Nodes, body: int) -> tuple[str, tuple[int, int]] | None:
    """The docstring of a body: its first statement, if that is a string; cleaned as `inspect.cleandoc` does."""
    statement = next((child for child in nodes.children(body) if nodes.name(child) != "comment"), -1)
    if statement < 0 or nodes.name(statement) != "expression_statement":
        return None
    string = statement + 1
    if nodes.stop[string] != nodes.stop[statement]:
        return None
    while nodes.name(string) == "parenthesized_expression":
        string = next((child for child in nodes.children(string) if nodes.name(child) not in ("(", "comment")), string)
    if nodes.name(string) == "string":
        parts = [string]
    elif nodes.name(string) == "concatenated_string":
        parts = [child for child in nodes.children(string) if nodes.name(child) == "string"]
    else:
        return None
    values = [_value(nodes, part) for part in parts]
    if None in values:
        return None
    return cleandoc("".join(filter(None, values))).strip(), (nodes.start[string], nodes.end[string])


def _value(nodes: Nodes, string: int) -> str | None:
    """What a string literal means; None for bytes and f-strings, which are no docstrings."""
    opening, closing = string + 1, nodes.last_leaf(string)
    prefix = nodes.text(opening).rstrip("'\"").lower()
    if not prefix.isascii() or set(prefix) & set("fbt"):
        return None
    content = nodes.tree.source[nodes.end[opening] : nodes.start[closing]].decode("utf-8", "replace")
    content = content.replace("\r\n", "\n")
    return content if "r" in prefix or "\\" not in content else _ESCAPE.sub(_unescape, content)


def _unescape(match: re.Match[str]) -> str:
    text: str = match[0]
    octal, hexadecimal, name = match[1], match[2] or match[3] or match[4], match[5]
    if match[6] is not None:
        return _SIMPLE_ESCAPES.get(text[1:], text)
    try:
        if name is not None:
            return unicodedata.lookup(name)
        return chr(int(octal, 8) if octal is not None else int(hexadecimal, 16))
    except (KeyError, ValueError, OverflowError):
        return text


LANGUAGE = Language(
    name="python",
    extensions=extensions()["python"],
    package="tree-sitter-python",
    grammar=_grammar,
    find_functions=FunctionRules({"function_definition": by_fields}, docstring=docstring),
)
