"""RobustFill's language in Python: the classes as named regular expressions, methods of strings for the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from phloem.assist.synth.export.bounds import number, text
from phloem.assist.synth.export.python import ATOM, Form, Forms, Text, Writer, literal
from phloem.assist.synth.export.python_sygus import TABLE as SYGUS
from phloem.errors import PhloemError
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
            "Substitute": lambda writer, given: self.matched(writer, "substitute", given),
            "SubstituteAll": lambda writer, given: self.matched(writer, "substitute_all", given),
            "Remove": lambda writer, given: self.matched(writer, "substitute", given, '""'),
            "RemoveAll": lambda writer, given: self.matched(writer, "substitute_all", given, '""'),
        }

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

    def get_upto(self, writer: Writer, given: Arguments) -> Text:
        if text(given[1]) in self.constants:
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


@cache
def forms(language: str) -> Forms:
    """The forms of a dialect by its name. Raises PhloemError for one that is not known."""
    for dialect in (PLUS, EXEDEC, PAPER):
        if dialect.name == language:
            written = _Dialect(dialect)
            return Forms(written.of, written.helpers)
    raise PhloemError(f"programs of the language {language!r} cannot be written as Python")
