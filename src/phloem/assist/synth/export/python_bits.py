"""Bit-vectors in Python: integers from 0 to 2^width - 1, cut back to the width where an operator may leave it."""

from __future__ import annotations

from collections.abc import Sequence

from phloem.assist.synth.export.bounds import number
from phloem.assist.synth.export.python import (
    BIT_AND,
    BIT_OR,
    BIT_XOR,
    COMPARE,
    SHIFT,
    SUM,
    TERM,
    UNARY,
    Form,
    Forms,
    Text,
    Writer,
)
from phloem.assist.synth.export.python_sygus import TABLE as SYGUS
from phloem.errors import PhloemError
from phloem.synthesis.program import Call, Program

Arguments = Sequence[Program]

HELPERS = {
    "signed": """
def signed(value, width):
    return value - (1 << width) if value >> (width - 1) else value
""",
    "shift_left": """
def shift_left(value, by, width):
    return (value << by) % (1 << width) if by < width else 0
""",
    "shift_right": """
def shift_right(value, by, width):
    return value >> by if by < width else 0
""",
    "shift_signed": """
def shift_signed(value, by, width):
    return (signed(value, width) >> min(by, width)) % (1 << width)
""",
    "quotient": """
def quotient(left, right, width):
    return left // right if right else (1 << width) - 1
""",
    "remainder": """
def remainder(left, right):
    return left % right if right else left
""",
}


def _wide(program: Program) -> int:
    return int(program.type.removeprefix("bits"))


def _mask(width: int) -> str:
    return f"0x{(1 << width) - 1:X}"


def _infix(symbol: str, binds: int) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        left, right = arguments
        return Text(f"{writer.code(left, binds)} {symbol} {writer.code(right, binds + 1)}", binds)

    return form


def _cut(symbol: str, binds: int) -> Form:
    """An operation whose result may be wider than its arguments, or negative."""

    def form(writer: Writer, arguments: Arguments) -> Text:
        return Text(f"{_infix(symbol, binds)(writer, arguments).code} & {_mask(_wide(arguments[0]))}", BIT_AND)

    return form


def _prefix(symbol: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        return Text(f"{symbol}{writer.code(arguments[0], UNARY)} & {_mask(_wide(arguments[0]))}", BIT_AND)

    return form


def _shift(helper: str, symbol: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        by, width = number(arguments[1]), _wide(arguments[0])
        if symbol and by is not None and by < width:
            shifted = Text(f"{writer.code(arguments[0], SHIFT)} {symbol} {by}", SHIFT)
            return Text(f"{shifted.code} & {_mask(width)}", BIT_AND) if symbol == "<<" else shifted
        return writer.call(helper, *arguments, str(width))

    return form


def _helper(helper: str, with_width: bool) -> Form:
    return lambda writer, arguments: writer.call(
        helper, *arguments, *([str(_wide(arguments[0]))] if with_width else [])
    )


def _compare(symbol: str, signed: bool) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        if not signed:
            codes = [writer.code(each, COMPARE + 1) for each in arguments]
        else:
            codes = [writer.call("signed", each, str(_wide(each))).code for each in arguments]
        return Text(f" {symbol} ".join(codes), COMPARE)

    return form


TABLE: dict[str, Form] = {
    "bvnot": _prefix("~"),
    "bvneg": _prefix("-"),
    "bvand": _infix("&", BIT_AND),
    "bvor": _infix("|", BIT_OR),
    "bvxor": _infix("^", BIT_XOR),
    "bvadd": _cut("+", SUM),
    "bvsub": _cut("-", SUM),
    "bvmul": _cut("*", TERM),
    "bvudiv": _helper("quotient", True),
    "bvurem": _helper("remainder", False),
    "bvshl": _shift("shift_left", "<<"),
    "bvlshr": _shift("shift_right", ">>"),
    "bvashr": _shift("shift_signed", ""),
    **{
        f"bv{sign}{name}": _compare(symbol, sign == "s")
        for sign in "us"
        for name, symbol in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
    },
    **{name: SYGUS[name] for name in ("=", "ite", "not", "and", "or", "xor")},
}


def _of(program: Call) -> Form:
    form = TABLE.get(program.operator.name)
    if form is None:
        raise PhloemError(f"the operator {program.operator.name!r} has no Python form")
    return form


FORMS = Forms(_of, HELPERS)
