"""SyGuS strings in Python. SMT-LIB counts characters from 0 and calls nothing an error, so slices need care with
negative numbers alone."""

from __future__ import annotations

from collections.abc import Sequence

from phloem.assist.synth.export.bounds import at_least, number, pieces, text
from phloem.assist.synth.export.python import (
    AND,
    ATOM,
    COMPARE,
    NOT,
    OR,
    SUM,
    TERM,
    TERNARY,
    UNARY,
    Form,
    Forms,
    Text,
    Writer,
    cut,
    total,
)
from phloem.errors import PhloemError
from phloem.synthesis.languages.sygus_strings import ALIASES
from phloem.synthesis.program import Call, Program

Arguments = Sequence[Program]

HELPERS = {
    "char_at": """
def char_at(text, index):
    return text[index] if 0 <= index < len(text) else ""
""",
    "substring": """
def substring(text, start, count):
    return text[start : start + count] if start >= 0 and count > 0 else ""
""",
    "index_of": """
def index_of(text, part, start):
    return text.find(part, start) if 0 <= start <= len(text) else -1
""",
    "to_int": """
def to_int(text):
    return int(text) if text.isascii() and text.isdigit() else -1
""",
    "from_int": """
def from_int(number):
    return str(number) if number >= 0 else ""
""",
    "replace_all": """
def replace_all(text, old, new):
    return text.replace(old, new) if old else text
""",
    "quotient": """
def quotient(left, right):
    return left // right if right > 0 else -(left // -right)
""",
    "from_code": """
def from_code(code):
    return chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""
""",
    "to_code": """
def to_code(text):
    return ord(text) if len(text) == 1 else -1
""",
    "is_digit": """
def is_digit(text):
    return len(text) == 1 and "0" <= text <= "9"
""",
}


def _infix(symbol: str, binds: int) -> Form:
    """`a symbol b symbol c`; the arguments after the first bind more tightly, since - is not associative."""

    def form(writer: Writer, arguments: Arguments) -> Text:
        first, *rest = arguments
        tight = binds if symbol in ("+", "and", "or") else binds + 1
        codes = [writer.code(first, binds + (binds == COMPARE)), *(writer.code(each, tight) for each in rest)]
        return Text(f" {symbol} ".join(codes), binds)

    return form


def _concat(writer: Writer, arguments: Arguments) -> Text:
    parts = [writer.text(each) for each in pieces(arguments, writer.names)]
    return Text(" + ".join(each.within(SUM) for each in parts), SUM) if len(parts) > 1 else parts[0]


def _at(writer: Writer, arguments: Arguments) -> Text:
    string, index = arguments
    if at_least(index) < 0:
        return writer.call("char_at", string, index)
    return cut(writer, string, total(writer, (index, 1)).code, total(writer, (index, 1), more=1).code)


def _substr(writer: Writer, arguments: Arguments) -> Text:
    string, start, count = arguments
    if at_least(start) < 0 or at_least(count) < 0:
        return writer.call("substring", string, start, count)
    end = "" if _is_length_of(count, string) else total(writer, (start, 1), (count, 1)).code
    return cut(writer, string, total(writer, (start, 1)).code, end)


def _is_length_of(count: Program, string: Program) -> bool:
    return isinstance(count, Call) and count.operator.name == "str.len" and count.arguments[0] == string


def _indexof(writer: Writer, arguments: Arguments) -> Text:
    string, part, start = arguments
    if number(start) == 0:
        return Text(f"{writer.code(string, ATOM)}.find({writer.code(part)})")
    return writer.call("index_of", string, part, start)


def _replace(writer: Writer, arguments: Arguments) -> Text:
    string, old, new = arguments
    return Text(f"{writer.code(string, ATOM)}.replace({writer.code(old)}, {writer.code(new)}, 1)")


def _replace_all(writer: Writer, arguments: Arguments) -> Text:
    string, old, new = arguments
    if text(old):
        return Text(f"{writer.code(string, ATOM)}.replace({writer.code(old)}, {writer.code(new)})")
    return writer.call("replace_all", *arguments)


def _from_int(writer: Writer, arguments: Arguments) -> Text:
    if at_least(arguments[0]) >= 0:
        return Text(f"str({writer.code(arguments[0])})")
    return writer.call("from_int", *arguments)


def _ite(writer: Writer, arguments: Arguments) -> Text:
    test, then, otherwise = arguments
    codes = writer.code(then, OR), writer.code(test, OR), writer.code(otherwise)
    return Text("{} if {} else {}".format(*codes), TERNARY)


def _signed(arguments: Arguments) -> list[tuple[Program, int]]:
    """The terms of a difference; of one argument, its negation."""
    if len(arguments) == 1:
        return [(arguments[0], -1)]
    return [(arguments[0], 1), *((each, -1) for each in arguments[1:])]


def _terms(program: Program) -> list[tuple[Program, int]] | None:
    if isinstance(program, Call) and program.operator.name == "+":
        return [(each, 1) for each in program.arguments]
    if isinstance(program, Call) and program.operator.name == "-":
        return _signed(program.arguments)
    return None


def _method(name: str) -> Form:
    """`(f part text)` as `text.name(part)`."""
    return lambda writer, arguments: Text(f"{writer.code(arguments[1], ATOM)}.{name}({writer.code(arguments[0])})")


def _function(name: str) -> Form:
    return lambda writer, arguments: Text(f"{name}({', '.join(writer.code(each) for each in arguments)})")


def _helper(name: str) -> Form:
    return lambda writer, arguments: writer.call(name, *arguments)


def _contains(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"{writer.code(arguments[1], COMPARE + 1)} in {writer.code(arguments[0], COMPARE + 1)}", COMPARE)


def _not(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"not {writer.code(arguments[0], NOT)}", NOT)


def _mod(writer: Writer, arguments: Arguments) -> Text:
    divisor = number(arguments[1])
    right = writer.code(arguments[1], UNARY) if divisor and divisor > 0 else f"abs({writer.code(arguments[1])})"
    return Text(f"{writer.code(arguments[0], TERM)} % {right}", TERM)


def _div(writer: Writer, arguments: Arguments) -> Text:
    divisor = number(arguments[1])
    return _infix("//", TERM)(writer, arguments) if divisor and divisor > 0 else writer.call("quotient", *arguments)


def _implies(writer: Writer, arguments: Arguments) -> Text:
    return Text(f"not {writer.code(arguments[0], NOT)} or {writer.code(arguments[1], OR)}", OR)


TABLE: dict[str, Form] = {
    "str.++": _concat,
    "str.replace": _replace,
    "str.replace_all": _replace_all,
    "str.at": _at,
    "str.substr": _substr,
    "str.from_int": _from_int,
    "str.from_code": _helper("from_code"),
    "ite": _ite,
    "str.len": _function("len"),
    "str.to_int": _helper("to_int"),
    "str.to_code": _helper("to_code"),
    "str.indexof": _indexof,
    "+": lambda writer, arguments: total(writer, *((each, 1) for each in arguments)),
    "-": lambda writer, arguments: total(writer, *_signed(arguments)),
    "*": _infix("*", TERM),
    "div": _div,
    "mod": _mod,
    "abs": _function("abs"),
    "str.prefixof": _method("startswith"),
    "str.suffixof": _method("endswith"),
    "str.contains": _contains,
    "str.<": _infix("<", COMPARE),
    "str.<=": _infix("<=", COMPARE),
    "str.is_digit": _helper("is_digit"),
    "=": _infix("==", COMPARE),
    "distinct": _infix("!=", COMPARE),
    "<": _infix("<", COMPARE),
    "<=": _infix("<=", COMPARE),
    ">": _infix(">", COMPARE),
    ">=": _infix(">=", COMPARE),
    "not": _not,
    "and": _infix("and", AND),
    "or": _infix("or", OR),
    "xor": _infix("!=", COMPARE),
    "=>": _implies,
}


def _of(program: Call) -> Form:
    name = program.operator.name
    form = TABLE.get(ALIASES.get(name, name))
    if form is None:
        raise PhloemError(f"the operator {name!r} has no Python form")
    return form


def _fails(program: Call) -> bool:
    return program.operator.name in ("div", "mod") and not number(program.arguments[1])


def _lazy(program: Call) -> bool:
    return program.operator.name in ("ite", "and", "or", "=>")


FORMS = Forms(_of, HELPERS, _fails, _lazy, _terms, error="ZeroDivisionError")
