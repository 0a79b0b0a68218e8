"""RobustFill's language in Python: the classes as named regular expressions, methods of strings for the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache, partial

from phloem.assist.synth.export.bounds import number, text
from phloem.assist.synth.export.python import ATOM, COMPARE, OR, TERNARY, Form, Forms, Text, Writer, literal
from phloem.assist.synth.export.python_sygus import TABLE as SYGUS
from phloem.errors import PhloemError
from phloem.synthesis.languages.cell_functions import DAYS, LONGEST, MONTHS
from phloem.synthesis.languages.cell_functions import number as plain_number
from phloem.synthesis.languages.robustfill import EXEDEC, PAPER, Dialect
from phloem.synthesis.languages.robustfill_plus import LOWER, PLUS, UPPER
from phloem.synthesis.program import Call, Program

Arguments = Sequence[Program]

HELPERS = {
    "between": """
def between(text, first, last):
    start = first - 1 if first > 0 else len(text) + first
    end = last - 1 if last > 0 else len(text) + last
    if start > end or len(text) == 0:
        return ""
    return text[start:] if end == len(text) else text[start : end + 1]
""",
    "tokens": """
def tokens(text, pattern):
    return [match[0] for match in re.finditer(pattern, text, re.DOTALL)]
""",
    "token": """
def token(text, pattern, index):
    found = tokens(text, pattern)
    place = index - 1 if index > 0 else len(found) + index
    return found[place] if 0 <= place < len(found) else ""
""",
    "boundary": """
def boundary(text, pattern, index, side):
    places = [match.span()[side] for match in re.finditer(pattern, text, re.DOTALL)]
    place = index - 1 if index > 0 else len(places) + index
    if not places:
        return -1
    if not 0 <= place < len(places):
        return 0 if place < 0 else len(places) - 1
    return places[place]
""",
    "span": """
def span(text, start, end):
    return text[start:end] if start >= 0 and end >= 0 else ""
""",
    "up_to": """
def up_to(text, pattern):
    match = re.search(pattern, text, re.DOTALL)
    return text[: match.end()] if match else ""
""",
    "after": """
def after(text, pattern):
    match = re.search(pattern, text, re.DOTALL)
    return text[match.end() :] if match else ""
""",
    "after_last": """
def after_last(text, pattern):
    ends = [match.end() for match in re.finditer(pattern, text, re.DOTALL)]
    return text[ends[-1] :] if ends else ""
""",
    "substitute": """
def substitute(text, pattern, index, new):
    old = token(text, pattern, index)
    return text.replace(old, new, 1) if old else text
""",
    "substitute_all": """
def substitute_all(text, pattern, new):
    for old in tokens(text, pattern):
        text = text.replace(old, new, 1)
    return text
""",
    "substitute_at": """
def substitute_at(text, pattern, index, new):
    places = [match.span() for match in re.finditer(pattern, text, re.DOTALL)]
    place = index - 1 if index > 0 else len(places) + index
    if not 0 <= place < len(places):
        return text
    return text[: places[place][0]] + new + text[places[place][1] :]
""",
    "camel": """
def camel(parts):
    return [part.capitalize() if i else part.lower() for i, part in enumerate(parts)]
""",
    "EXACT": "EXACT = decimal.Context(prec=15, rounding=decimal.ROUND_HALF_UP)",
    "numeric": r"""
def numeric(text):
    numeral = r"\s*-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?\s*"
    if not re.fullmatch(numeral, text):
        return None
    value = decimal.Decimal(text.strip().replace(",", ""))
    return value if len(value.as_tuple().digits) <= 15 else None
""",
    "plain": """
def plain(value):
    if value is None:
        return ""
    if not value.is_finite() or abs(value.adjusted()) > 15:
        return "0" if value == 0 else ""
    text = format(EXACT.plus(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
""",
    "calculated": """
def calculated(calculate, left, right):
    left, right = numeric(left), numeric(right)
    if left is None or right is None:
        return ""
    try:
        return plain(calculate(left, right))
    except decimal.DecimalException:
        return ""
""",
    "at_least": """
def at_least(text, bound):
    return numeric(text) is not None and numeric(text) >= bound
""",
    "rounded": """
def rounded(text, places):
    value = numeric(text)
    if value is None:
        return ""
    wide = decimal.Context(prec=45)
    value = value.quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP, wide)
    return format(abs(value) if value == 0 else value, "f")
""",
    "whole": """
def whole(text):
    value = numeric(text)
    return "" if value is None else plain(value.to_integral_value(decimal.ROUND_FLOOR))
""",
    "grouped": """
def grouped(text):
    value = numeric(text)
    return "" if value is None else format(value, f",.{len(text.strip().partition('.')[2])}f")
""",
    "MONTHS": f"MONTHS = {json.dumps(list(MONTHS))}",
    "DAYS": f"DAYS = {json.dumps(list(DAYS))}",
    "place_of": """
def place_of(text, names):
    word = text.strip().rstrip(".").casefold()
    if word.isascii() and word.isdigit():
        place = int(word) - 1 if len(word) < 3 and len(names) == 12 else -1
        return place if 0 <= place < len(names) else None
    found = [i for i, name in enumerate(names) if len(word) > 2 and name.casefold().startswith(word)]
    return found[0] if found else None
""",
    "name_of": """
def name_of(text, names, length=None):
    place = place_of(text, names)
    return "" if place is None else names[place][:length]
""",
    "number_of": """
def number_of(text, names):
    place = place_of(text, names)
    return "" if place is None else str(place + 1)
""",
    "title": """
def title(text):
    return " ".join(word.capitalize() for word in text.split(" "))
""",
}


def _constants(dialect: Dialect) -> dict[str, tuple[str, str]]:
    """The name and the definition of a class's pattern, by class."""
    found = {}
    for name, pattern in dialect.classes.items():
        named = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
        shown = pattern.replace(UPPER, "{CAPITALS}").replace(LOWER, "{SMALL}")
        escaped = shown.encode("ascii", "backslashreplace").decode()
        code = f'r"{escaped}"' if '"' not in escaped else repr(pattern)
        found[name] = named, f"{named} = {'f' if shown != pattern else ''}{code}"
    return found


LETTERS = {
    name: f'{name} = "".join(each for each in map(chr, range(0x530)) if each.isalpha() and each.{test}())'
    for name, test in (("CAPITALS", "isupper"), ("SMALL", "islower"))
}


class _Dialect:
    """The forms of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.constants = _constants(dialect)
        self.helpers = dict(HELPERS)
        self.helpers |= LETTERS
        for name, definition in self.constants.values():
            self.helpers[name] = definition
        substitute = "substitute_at" if dialect.cells else "substitute"
        self.table: dict[str, Form] = {
            "Concat": SYGUS["str.++"],
            "SubStr": self.sub_str,
            "GetSpan": self.get_span,
            "GetToken": lambda writer, given: self.matched(writer, "token", given),
            "ToCase": _to_case,
            "Replace": _replace,
            "Trim": lambda writer, given: Text(f"{writer.code(given[0], ATOM)}.strip()"),
            "GetUpto": self.get_upto,
            "GetFrom": self.get_from,
            "GetFirst": self.get_first,
            "GetAll": lambda writer, given: Text(f'"".join({self.matched(writer, "tokens", given).code})'),
            "Substitute": lambda writer, given: self.matched(writer, substitute, given),
            "SubstituteAll": self.substitute_all,
            "Remove": lambda writer, given: self.matched(writer, substitute, given, '""'),
            "RemoveAll": self.substitute_all,
            "Join": self.join,
            "Count": lambda writer, given: Text(f"str(len({self.matched(writer, 'tokens', given).code}))"),
        } | CELLS

    def of(self, program: Call) -> Form:
        form = self.table.get(program.operator.name)
        if form is None:
            raise PhloemError(f"the operator {program.operator.name!r} has no Python form")
        return form

    def pattern(self, writer: Writer, regex: Program) -> str:
        """The constant of a class, or the pattern of a literal delimiter."""
        known = text(regex) or ""
        if known not in self.constants:
            escaped = re.escape(known)
            return f'r"{escaped}"' if escaped.isprintable() and '"' not in escaped else literal(escaped)
        name, definition = self.constants[known]
        for letters in LETTERS:
            if f"{{{letters}}}" in definition:
                writer.need(letters)
        writer.need(name)
        return name

    def matched(self, writer: Writer, helper: str, given: Arguments, *more: str) -> Text:
        """`helper(text, pattern, further arguments)`."""
        pattern = self.pattern(writer, given[1])
        return writer.call(helper, given[0], pattern, *given[2:], *more)

    def sub_str(self, writer: Writer, given: Arguments) -> Text:
        first, last = number(given[1]) or 0, number(given[2]) or 0
        if first > 0 and last > 0:
            if first > last or (first == last and not self.dialect.single):
                return Text('""')
            return Text(f"{writer.code(given[0], ATOM)}[{first - 1 or ''}:{last}]")
        if first == last and not self.dialect.single:
            return Text('""')
        return writer.call("between", *given)

    def get_span(self, writer: Writer, given: Arguments) -> Text:
        string, *ends = given
        bounds = []
        for regex, index, side in (ends[:3], ends[3:]):
            pattern = self.pattern(writer, regex)
            where = str(int(text(side) == "End"))
            bounds.append(writer.call("boundary", string, pattern, index, where).code)
        return writer.call("span", string, *bounds)

    def substitute_all(self, writer: Writer, given: Arguments) -> Text:
        new = writer.code(given[2]) if len(given) > 2 else '""'
        if not self.dialect.cells:
            return self.matched(writer, "substitute_all", given[:2], new)
        pattern = self.pattern(writer, given[1])
        writer.imports.add("re")
        return Text(f"re.sub({pattern}, lambda _: {new}, {writer.code(given[0])}, flags=re.DOTALL)")

    def join(self, writer: Writer, given: Arguments) -> Text:
        found = self.matched(writer, "tokens", given[:2]).code
        count, case = number(given[2]) or 0, text(given[3])
        cut = f"[:{count}]" if count > 0 else ""
        changed = {"AllCaps": ".upper()", "Lower": ".lower()", "Proper": ".capitalize()"}.get(case or "", "")
        parts = f"each{cut}{changed} for each in {found}" if cut or changed else found
        if case == "Camel":
            parts = writer.call("camel", f"[{parts}]" if cut else parts).code
        return Text(f"{writer.code(given[4], ATOM)}.join({parts})")

    def get_upto(self, writer: Writer, given: Arguments) -> Text:
        if text(given[1]) in self.constants or len(text(given[1]) or "") > 1:
            return self.matched(writer, "up_to", given)
        shown = writer.code(given[0], ATOM)
        return Text(f"{shown}[: {shown}.find({writer.code(given[1])}) + 1]")

    def get_from(self, writer: Writer, given: Arguments) -> Text:
        if self.dialect.from_last:
            return self.matched(writer, "after_last", given)
        if text(given[1]) in self.constants:
            return self.matched(writer, "after", given)
        return Text(f"{writer.code(given[0], ATOM)}.partition({writer.code(given[1])})[2]")

    def get_first(self, writer: Writer, given: Arguments) -> Text:
        found = self.matched(writer, "tokens", given[:2]).code
        return Text(f'"".join({found}[:{number(given[2])}])')


def _to_case(writer: Writer, given: Arguments) -> Text:
    method = {"Proper": "capitalize", "AllCaps": "upper", "Lower": "lower"}.get(text(given[1]) or "")
    if method is None:
        return writer.call("title", given[0])
    return Text(f"{writer.code(given[0], ATOM)}.{method}()")


def _replace(writer: Writer, given: Arguments) -> Text:
    return Text(f"{writer.code(given[0], ATOM)}.replace({writer.code(given[1])}, {writer.code(given[2])})")


def _calculated(calculate: str, writer: Writer, given: Arguments) -> Text:
    if calculate.startswith("EXACT"):
        writer.need("EXACT")
    return writer.call("calculated", calculate, *given)


def _if(writer: Writer, given: Arguments) -> Text:
    test, then, other = writer.code(given[0], OR), writer.code(given[1], OR), writer.code(given[2])
    return Text(f"{then} if {test} else {other}", TERNARY)


def _at_least(writer: Writer, given: Arguments) -> Text:
    bound = plain_number(text(given[1]) or "")
    if bound is None:
        return Text("False")
    writer.imports.add("decimal")
    return writer.call("at_least", given[0], str(bound) if bound == int(bound) else f'decimal.Decimal("{bound}")')


def _look_up(writer: Writer, given: Arguments) -> Text:
    table = text(given[1]) or ""
    names = "MONTHS" if table.startswith("Month") else "DAYS"
    writer.need(names)
    if table.endswith("Number"):
        return writer.call("number_of", given[0], names)
    return writer.call("name_of", given[0], names, *(["3"] if table.endswith("Short") else []))


def _format(writer: Writer, given: Arguments) -> Text:
    form = text(given[1])
    if form == "Number":
        return writer.call("plain", writer.call("numeric", given[0]).code)
    return writer.call("whole" if form == "Integer" else "grouped", given[0])


def _method(name: str) -> Form:
    return lambda writer, given: Text(f"{writer.code(given[0], ATOM)}.{name}({writer.code(given[1])})")


def _round(writer: Writer, given: Arguments) -> Text:
    places = number(given[1]) or 0
    return writer.call("rounded", *given) if 0 <= places <= LONGEST else Text('""')


def _pad(writer: Writer, given: Arguments) -> Text:
    shown, width = writer.code(given[0], ATOM), number(given[1]) or 0
    if not 0 < width <= LONGEST:
        return writer.text(given[0])
    return Text(f'{shown}.rjust({width}, "0") if {shown} else ""', TERNARY)


CELLS: dict[str, Form] = {
    "If": _if,
    "Is": lambda writer, given: Text(" == ".join(writer.code(each, COMPARE + 1) for each in given), COMPARE),
    "AtLeast": _at_least,
    "StartsWith": _method("startswith"),
    "EndsWith": _method("endswith"),
    "Contains": lambda writer, given: Text(
        f"{writer.code(given[1], COMPARE + 1)} in {writer.code(given[0], COMPARE + 1)}", COMPARE
    ),
    "Length": lambda writer, given: Text(f"str(len({writer.code(given[0])}))"),
    "LookUp": _look_up,
    "Pad": _pad,
    "Format": _format,
    "Round": _round,
    "Add": partial(_calculated, "EXACT.add"),
    "Subtract": partial(_calculated, "EXACT.subtract"),
    "Multiply": partial(_calculated, "EXACT.multiply"),
    "Divide": partial(_calculated, "EXACT.divide"),
    "Largest": partial(_calculated, "max"),
    "Smallest": partial(_calculated, "min"),
}


@cache
def forms(language: str) -> Forms:
    """The forms of a dialect by its name. Raises PhloemError for one that is not known."""
    for dialect in (PLUS, EXEDEC, PAPER):
        if dialect.name == language:
            written = _Dialect(dialect)
            return Forms(written.of, written.helpers)
    raise PhloemError(f"programs of the language {language!r} cannot be written as Python")
