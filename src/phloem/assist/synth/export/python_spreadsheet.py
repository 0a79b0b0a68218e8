"""The spreadsheet language in Python. Positions count from 1 and what is not there fails, so `Find` becomes `str.index`
and sums of positions are folded: `Left(x, Minus(Find("-", x), 1))` is `x[: x.index("-")]`."""

from __future__ import annotations

from collections.abc import Sequence

from phloem.assist.synth.export.bounds import at_least, key, number, text
from phloem.assist.synth.export.python import ATOM, COMPARE, SUM, Form, Forms, Text, Writer, cut, total
from phloem.assist.synth.export.python_sygus import TABLE as SYGUS
from phloem.errors import PhloemError
from phloem.synthesis.program import Call, Program

Arguments = Sequence[Program]

HELPERS = {
    "left": """
def left(text, count):
    if count < 0:
        raise ValueError("a negative count")
    return text[:count]
""",
    "right": """
def right(text, count):
    if count < 0:
        raise ValueError("a negative count")
    return text[max(len(text) - count, 0) :]
""",
    "mid": """
def mid(text, start, count):
    if start < 1 or count < 0:
        raise ValueError("outside of the text")
    return text[start - 1 : start - 1 + count]
""",
    "splice": """
def splice(text, start, count, new):
    if start < 1 or count < 0:
        raise ValueError("outside of the text")
    return text[: start - 1] + new + text[start - 1 + count :]
""",
    "trim": """
def trim(text):
    return " ".join(word for word in text.split(" ") if word)
""",
    "repeat": """
def repeat(text, count):
    if count < 0 or len(text) * count > 100:
        raise ValueError("a negative count or a long text")
    return text * count
""",
    "substitute": """
def substitute(text, old, new):
    return text.replace(old, new) if old else text
""",
    "substitute_one": """
def substitute_one(text, old, new, which):
    if which < 0:
        raise ValueError("a negative number")
    if which == 0 or not old:
        return text.replace(old, new) if old else text
    at = -1
    for _ in range(which):
        at = text.find(old, at + 1)
        if at < 0:
            return text
    return text[:at] + new + text[at + len(old) :]
""",
    "find_from": """
def find_from(part, text, start):
    if not 1 <= start <= len(text):
        raise ValueError("outside of the text")
    return text.index(part, start - 1) + 1
""",
}


def _left(writer: Writer, arguments: Arguments) -> Text:
    string, count = arguments
    if at_least(count) < 0:
        return writer.call("left", string, count)
    return cut(writer, string, "", total(writer, (count, 1)).code)


def _right(writer: Writer, arguments: Arguments) -> Text:
    string, count = arguments
    known = number(count)
    if known is not None and known > 0:
        return Text(f"{writer.code(string, ATOM)}[-{known}:]")
    if isinstance(count, Call) and key(count) == "minus":
        length, before = count.arguments
        if _is_length(length, string) and _is_place(before, string):
            return cut(writer, string, total(writer, (before, 1)).code, "")
    return writer.call("right", string, count)


def _is_length(program: Program, string: Program) -> bool:
    return isinstance(program, Call) and key(program) == "len" and program.arguments[0] == string


def _is_place(program: Program, string: Program) -> bool:
    """Whether the program is a position in the string: it can't lie behind the end."""
    if not isinstance(program, Call) or key(program) != "find" or len(program.arguments) != 2:
        return False
    return program.arguments[1] == string and bool(text(program.arguments[0]))


def _mid(writer: Writer, arguments: Arguments) -> Text:
    string, start, count = arguments
    if at_least(start) < 1 or at_least(count) < 0:
        return writer.call("mid", string, start, count)
    begin = total(writer, (start, 1), more=-1).code
    return cut(writer, string, begin, total(writer, (start, 1), (count, 1), more=-1).code)


def _find(writer: Writer, arguments: Arguments) -> Text:
    if len(arguments) == 3:
        return writer.call("find_from", *arguments)
    what, within = arguments
    return Text(f"{writer.code(within, ATOM)}.index({writer.code(what)}) + 1", SUM)


def _terms(program: Program) -> list[tuple[Program, int]] | None:
    """The terms of a sum, each with its sign; None for what is no sum."""
    if not isinstance(program, Call) or key(program) not in ("add", "minus"):
        return None
    return [(program.arguments[0], 1), (program.arguments[1], 1 if key(program) == "add" else -1)]


def _offset(writer: Writer, program: Program) -> tuple[str, int] | None:
    """A term that Python writes as itself and a constant: `Find` counts from 1, `index` from 0."""
    if not isinstance(program, Call) or key(program) != "find" or len(program.arguments) != 2:
        return None
    what, within = program.arguments
    return f"{writer.code(within, ATOM)}.index({writer.code(what)})", 1


def _substitute(writer: Writer, arguments: Arguments) -> Text:
    string, old, new, *which = arguments
    if which and number(which[0]) != 0:
        return writer.call("substitute_one", *arguments)
    if text(old):
        return Text(f"{writer.code(string, ATOM)}.replace({writer.code(old)}, {writer.code(new)})")
    return writer.call("substitute", string, old, new)


def _method(name: str) -> Form:
    return lambda writer, arguments: Text(f"{writer.code(arguments[0], ATOM)}.{name}()")


def _helper(name: str) -> Form:
    return lambda writer, arguments: writer.call(name, *arguments)


def _compare(symbol: str) -> Form:
    def form(writer: Writer, arguments: Arguments) -> Text:
        return Text(f" {symbol} ".join(writer.code(each, COMPARE + 1) for each in arguments), COMPARE)

    return form


TABLE: dict[str, Form] = {
    "concatenate": SYGUS["str.++"],
    "left": _left,
    "right": _right,
    "mid": _mid,
    "replace": _helper("splice"),
    "trim": _helper("trim"),
    "rept": _helper("repeat"),
    "substitute": _substitute,
    "totext": lambda writer, arguments: Text(f"str({writer.code(arguments[0])})"),
    "lower": _method("lower"),
    "upper": _method("upper"),
    "proper": _method("title"),
    "if": SYGUS["ite"],
    "add": lambda writer, arguments: total(writer, (arguments[0], 1), (arguments[1], 1)),
    "minus": lambda writer, arguments: total(writer, (arguments[0], 1), (arguments[1], -1)),
    "find": _find,
    "len": SYGUS["str.len"],
    "exact": _compare("=="),
    "gt": _compare(">"),
    "gte": _compare(">="),
}


def _of(program: Call) -> Form:
    form = TABLE.get(key(program))
    if form is None:
        raise PhloemError(f"the operator {program.operator.name!r} has no Python form")
    return form


def _fails(program: Call) -> bool:
    name, arguments = key(program), program.arguments
    if name in ("find", "rept"):
        return True
    if name == "left":
        return at_least(arguments[1]) < 0
    if name == "right":
        return at_least(arguments[1]) < 0 and not (number(arguments[1]) or 0) > 0
    if name in ("mid", "replace"):
        return at_least(arguments[1]) < 1 or at_least(arguments[2]) < 0
    if name == "substitute" and len(arguments) == 4:
        return at_least(arguments[3]) < 0
    return False


FORMS = Forms(_of, HELPERS, _fails, lambda program: key(program) == "if", _terms, _offset)
