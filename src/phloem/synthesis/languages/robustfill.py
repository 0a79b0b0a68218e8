"""The string language of RobustFill (Devlin et al., ICML 2017, section 3 and appendix), in the dialect of ExeDec.

A program concatenates expressions over its input:

    Concat(GetToken(name, PropCase, -1), ", ", GetFirst(GetToken(name, Word, 2), Char, 1))

An expression is a substring (`SubStr`, `GetSpan`), a nesting (`GetToken`, `ToCase`, `Replace`, `Trim`, `GetUpto`,
`GetFrom`, `GetFirst`, `GetAll`, and ExeDec's `Substitute`, `SubstituteAll`, `Remove`, `RemoveAll`), a nesting of
another expression, or one constant character. Indices count from 1, from the end where they are negative. What a
regular expression does not match gives "". The paper and ExeDec (Shi et al. 2023) differ in where `GetFrom` begins:
after the last match in the paper's appendix, after the first in ExeDec; `PAPER` and `EXEDEC` keep both.
`robustfill_plus` has more delimiters, all letters of Unicode, and spans of one character, for real columns.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

from phloem.synthesis.base import Grammar, Rule, Spec
from phloem.synthesis.languages import cell_functions, robustfill_syntax
from phloem.synthesis.languages.robustfill_syntax import concat
from phloem.synthesis.program import BOOLEAN, STRING, Call, Constant, Input, Operator, Program, Type

REGEX, CLASS, INDEX, BOUNDARY = "regex", "class", "index", "boundary"
CASE, CHARACTER, DELIMITER, REPLACEMENT = "case", "character", "delimiter", "replacement"
JOINED, TABLE, FORMAT = "case of parts", "table", "format"
"""Types of arguments that are always constants: a class of tokens or a delimiter; a class; a number; …"""

DELIMITERS = "&,.?!@()[]%{}/:;$#\"' "
CHARACTERS = string.ascii_letters + string.digits + DELIMITERS
CLASSES = {
    "Number": "[0-9]+",
    "Word": "[A-Za-z]+",
    "Alphanum": "[A-Za-z0-9]+",
    "AllCaps": "[A-Z]+",
    "PropCase": "[A-Z][a-z]+",
    "Lower": "[a-z]+",
    "Digit": "[0-9]",
    "Char": "[" + re.escape(CHARACTERS) + "]",
}
CASES = ("Proper", "AllCaps", "Lower")
BOUNDARIES = ("Start", "End")
MOST = 10  # expressions of a program
NEAR = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)  # indices of tokens
TOGETHER = 3  # characters of a delimiter of several
FAR = 100  # positions of SubStr go from -FAR to FAR


class Dialect(NamedTuple):
    """What differs: names, patterns of classes, delimiters, whether GetFrom begins after the last match, whether a
    SubStr of one character is that character (else "")."""

    name: str
    classes: dict[str, str]
    delimiters: str
    cases: tuple[str, ...] = CASES
    from_last: bool = False
    single: bool = False
    removes: bool = False  # Replace may put nothing in place
    cells: bool = False  # has the functions of cells, delimiters of several characters, and substitutes in place

    def pattern(self, regex: str) -> re.Pattern[str]:
        """The pattern of a class, else of a literal delimiter. `re` keeps what it compiled."""
        return re.compile(self.classes.get(regex) or re.escape(regex), re.S)


EXEDEC = Dialect("robustfill", CLASSES, DELIMITERS)
PAPER = EXEDEC._replace(name="robustfill-paper", from_last=True)


def _place(index: int, count: int) -> int:
    """The place from 0 of an index that counts from 1, or from the end; may lie outside."""
    return index - 1 if index > 0 else count + index


def _cell_operators(tokens: Callable[[str, str], list[str]]) -> tuple[Operator, ...]:
    """The functions of cells; `tokens` are what a text has of a class or delimiter."""

    def join(text: str, kind: str, count: int, case: str, separator: str) -> str:
        return cell_functions.join(tokens(text, kind), count, case, separator)

    return (
        Operator("If", (BOOLEAN, STRING, STRING), STRING, lambda test, then, other: then if test else other),
        Operator("Is", (STRING, STRING), BOOLEAN, lambda text, other: text == other),
        Operator("AtLeast", (STRING, STRING), BOOLEAN, cell_functions.at_least),
        Operator("StartsWith", (STRING, STRING), BOOLEAN, str.startswith),
        Operator("EndsWith", (STRING, STRING), BOOLEAN, str.endswith),
        Operator("Contains", (STRING, STRING), BOOLEAN, lambda text, part: part in text),
        Operator("Join", (STRING, CLASS, INDEX, JOINED, STRING), STRING, join),
        Operator("Count", (STRING, REGEX), STRING, lambda text, regex: str(len(tokens(text, regex)))),
        Operator("Length", (STRING,), STRING, lambda text: str(len(text))),
        Operator("LookUp", (STRING, TABLE), STRING, cell_functions.look_up),
        Operator("Pad", (STRING, INDEX), STRING, cell_functions.padded),
        Operator("Format", (STRING, FORMAT), STRING, cell_functions.formatted),
        Operator("Round", (STRING, INDEX), STRING, cell_functions.rounded),
        Operator("Add", (STRING, STRING), STRING, cell_functions.add),
        Operator("Subtract", (STRING, STRING), STRING, cell_functions.subtract),
        Operator("Multiply", (STRING, STRING), STRING, cell_functions.multiply),
        Operator("Divide", (STRING, STRING), STRING, cell_functions.divide),
        Operator("Largest", (STRING, STRING), STRING, cell_functions.largest),
        Operator("Smallest", (STRING, STRING), STRING, cell_functions.smallest),
    )


def _operators(dialect: Dialect) -> tuple[Operator, ...]:
    def spans(text: str, regex: str) -> list[tuple[int, int]]:
        return [found.span() for found in dialect.pattern(regex).finditer(text)]

    def tokens(text: str, regex: str) -> list[str]:
        return [found[0] for found in dialect.pattern(regex).finditer(text)]

    def sub_str(text: str, first: int, last: int) -> str:
        start, end = _place(first, len(text)), _place(last, len(text))
        if start > end or (start == end and not dialect.single):
            return ""
        return text[start:] if end == len(text) else text[start : end + 1]

    def boundary(text: str, regex: str, index: int, side: str) -> int:
        found = spans(text, regex)
        place = _place(index, len(found))
        if not found:
            return -1
        if not 0 <= place < len(found):
            return 0 if place < 0 else len(found) - 1
        return found[place][side == "End"]

    def get_span(text: str, r1: str, i1: int, y1: str, r2: str, i2: int, y2: str) -> str:
        start, end = boundary(text, r1, i1, y1), boundary(text, r2, i2, y2)
        return text[start:end] if min(start, end) >= 0 else ""

    def get_token(text: str, kind: str, index: int) -> str:
        found = tokens(text, kind)
        place = _place(index, len(found))
        return found[place] if 0 <= place < len(found) else ""

    def to_case(text: str, case: str) -> str:
        if case == "Proper":
            return text.capitalize()
        if case == "Title":
            return " ".join(word.capitalize() for word in text.split(" "))
        return text.upper() if case == "AllCaps" else text.lower()

    def get_upto(text: str, regex: str) -> str:
        found = dialect.pattern(regex).search(text)
        return text[: found.end()] if found else ""

    def get_from(text: str, regex: str) -> str:
        found = spans(text, regex)
        return text[found[-1 if dialect.from_last else 0][1] :] if found else ""

    def substitute(text: str, kind: str, index: int, new: str) -> str:
        found = spans(text, kind)
        place = _place(index, len(found))
        if not 0 <= place < len(found):
            return text
        start, end = found[place]
        return text[:start] + new + text[end:] if dialect.cells else text.replace(text[start:end], new, 1)

    def substitute_all(text: str, kind: str, new: str) -> str:
        if dialect.cells:
            return dialect.pattern(kind).sub(lambda _: new, text)
        for token in tokens(text, kind):
            text = text.replace(token, new, 1)
        return text

    return (
        *(_cell_operators(tokens) if dialect.cells else ()),
        Operator("SubStr", (STRING, INDEX, INDEX), STRING, sub_str),
        Operator("GetSpan", (STRING, REGEX, INDEX, BOUNDARY, REGEX, INDEX, BOUNDARY), STRING, get_span),
        Operator("GetToken", (STRING, CLASS, INDEX), STRING, get_token),
        Operator("ToCase", (STRING, CASE), STRING, to_case),
        Operator("Replace", (STRING, DELIMITER, REPLACEMENT), STRING, lambda text, old, new: text.replace(old, new)),
        Operator("Trim", (STRING,), STRING, str.strip),
        Operator("GetUpto", (STRING, REGEX), STRING, get_upto),
        Operator("GetFrom", (STRING, REGEX), STRING, get_from),
        Operator("GetFirst", (STRING, CLASS, INDEX), STRING, lambda text, t, i: "".join(tokens(text, t)[:i])),
        Operator("GetAll", (STRING, CLASS), STRING, lambda text, kind: "".join(tokens(text, kind))),
        Operator("Substitute", (STRING, CLASS, INDEX, CHARACTER), STRING, substitute),
        Operator("SubstituteAll", (STRING, CLASS, CHARACTER), STRING, substitute_all),
        Operator("Remove", (STRING, CLASS, INDEX), STRING, lambda text, t, i: substitute(text, t, i, "")),
        Operator("RemoveAll", (STRING, CLASS), STRING, lambda text, kind: substitute_all(text, kind, "")),
    )


SUBSTRINGS = ("SubStr", "GetSpan", "GetToken", "GetUpto", "GetFrom")
MODIFICATIONS = (
    "ToCase",
    "Replace",
    "Trim",
    "GetFirst",
    "GetAll",
    "Substitute",
    "SubstituteAll",
    "Remove",
    "RemoveAll",
)


CONDITIONS = ("Is", "AtLeast", "StartsWith", "EndsWith", "Contains")
CELLS = tuple(
    "If Join Count Length LookUp Pad Format Round Add Subtract Multiply Divide Largest Smallest".split()  # noqa: SIM905
)


class Delimiters(tuple[str, ...]):
    """Delimiters; what consists of some of them is one too (of which there are too many to list)."""

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str) or super().__contains__(value):
            return isinstance(value, str)
        return 1 < len(value) <= TOGETHER and all(super(Delimiters, self).__contains__(each) for each in value)


def _values(dialect: Dialect) -> dict[Type, Sequence[str | int]]:
    """All constants of the argument types."""
    several: Callable[[Iterable[str]], tuple[str, ...]] = Delimiters if dialect.cells else tuple
    return {
        CLASS: tuple(dialect.classes),
        REGEX: several((*dialect.classes, *dialect.delimiters)),
        JOINED: cell_functions.JOINED,
        TABLE: cell_functions.TABLES,
        FORMAT: cell_functions.FORMATS,
        INDEX: range(-FAR, FAR + 1),
        BOUNDARY: BOUNDARIES,
        CASE: dialect.cases,
        CHARACTER: tuple(string.ascii_letters + string.digits + dialect.delimiters),
        DELIMITER: several(dialect.delimiters),
        REPLACEMENT: several((*dialect.delimiters, *([""] if dialect.removes else []))),
    }


class RobustFill:
    """The language of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self.operators = _operators(dialect)
        self.named = {each.name: each for each in self.operators}
        self.values = _values(dialect)
        self.modifications = (*MODIFICATIONS, *(CELLS if dialect.cells else ()))

    def call(self, called: str, text: Program, *arguments: str | int) -> Call:
        """The operator on a text with constant arguments."""
        operator = self.named[called]
        constants = (Constant(value, type) for value, type in zip(arguments, operator.arguments[1:], strict=True))
        return Call(operator, (text, *constants))

    def calculate(self, called: str, left: Program, right: Program) -> Call:
        """The operator on two texts."""
        return Call(self.named[called], (left, right))

    def grammar(self, spec: Spec) -> Grammar:
        """Expressions over the inputs with the arguments that occur in the examples' inputs; see version_space.py for
        the search that this language is made for."""
        texts = "".join(value for row in spec.inputs for value in row if isinstance(value, str))
        here = [each for each in self.dialect.delimiters if each in texts]
        choices: dict[Type, Sequence[str | int]] = {
            CLASS: tuple(self.dialect.classes),
            REGEX: (*self.dialect.classes, *here),
            INDEX: (1, 2, 3, -1, -2),
            BOUNDARY: BOUNDARIES,
            CASE: self.dialect.cases,
            JOINED: cell_functions.JOINED,
            TABLE: cell_functions.TABLES,
            FORMAT: cell_functions.FORMATS,
            CHARACTER: here,
            DELIMITER: here,
            REPLACEMENT: here,
        }
        rules = [Rule(type, leaf=Constant(value, type)) for type, values in choices.items() for value in values]
        inputs = zip(range(len(spec.names)), spec.names, spec.types, strict=True)
        rules += [Rule(STRING, leaf=Input(name, i, type)) for i, name, type in inputs if type == STRING]
        rules += [Rule(STRING, leaf=Constant(each, STRING)) for each in here]
        rules += [Rule(STRING, each, each.arguments) for each in (*self.operators, concat(2))]
        return Grammar(STRING, {STRING: STRING} | {type: type for type in choices}, tuple(rules))

    def parse(self, text: str, names: Sequence[str], types: Sequence[Type]) -> Program:
        """Read what `print` wrote. Raises PhloemError with the place of what is not understood."""
        return robustfill_syntax.parse(text, names, types, self.named, self.values)

    def print(self, program: Program) -> str:
        """The program as calls; the text is the first argument of every operator."""
        return robustfill_syntax.write(program)

    def sample(self, rng: Random, names: Sequence[str], types: Sequence[Type], result: Type, size: int) -> Program:
        """A random concatenation of one to MOST expressions of the four pools, each pool as likely (ExeDec's sampler
        without looking at inputs: robustfill_sampler.py does); never more expressions than `size`."""
        inputs = [
            Input(name, i, type) for i, (name, type) in enumerate(zip(names, types, strict=True)) if type == STRING
        ]
        count = rng.randint(1, max(1, min(MOST, size)))
        return joined([self.expression(rng, rng.choice(inputs)) for _ in range(count)])

    def expression(self, rng: Random, text: Program) -> Program:
        """A random expression over a text."""
        pool = rng.choice(("substring", "modification", "compose", "constant"))
        if pool == "constant":
            return Constant(rng.choice(self.values[CHARACTER]), STRING)
        if pool == "compose":
            inner = self._drawn(rng, rng.choice((*SUBSTRINGS, *self.modifications)), text)
            return self._drawn(rng, rng.choice(self.modifications), inner)
        return self._drawn(rng, rng.choice(SUBSTRINGS if pool == "substring" else self.modifications), text)

    def _drawn(self, rng: Random, called: str, text: Program) -> Call:
        if called == "If":
            test = self._drawn(rng, rng.choice(CONDITIONS), text)
            return Call(self.named[called], (test, text, self._drawn(rng, rng.choice(SUBSTRINGS), text)))
        arguments = [
            rng.choice(NEAR if type == INDEX and called != "SubStr" else self.values[type])
            for type in (CHARACTER if each == STRING else each for each in self.named[called].arguments[1:])
        ]
        return self.call(called, text, *arguments)


def joined(parts: Sequence[Program]) -> Program:
    """The program that concatenates the expressions."""
    return Call(concat(len(parts)), tuple(parts))


def expressions(program: Program) -> tuple[Program, ...]:
    """The expressions that a program concatenates."""
    if isinstance(program, Call) and program.operator.name == "Concat":
        return program.arguments
    return (program,)


language = RobustFill(EXEDEC)
paper = RobustFill(PAPER)
name, operators = language.name, language.operators
grammar, parse, print, sample = language.grammar, language.parse, language.print, language.sample
