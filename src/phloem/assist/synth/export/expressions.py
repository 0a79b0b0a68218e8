"""What writers of expressions share: a table of forms, a limit on length, and a reason where there is no form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from phloem.assist.synth.export.bounds import at_least, number
from phloem.synthesis.program import Call, Constant, Input, Program, Value


class Unwritable(Exception):
    """The program has no such expression; the message says why, after "no expression: "."""


class Text(NamedTuple):
    """An expression and how tightly its outermost operator binds."""

    code: str
    binds: int


class Dialect(NamedTuple):
    """A language of expressions: how a value is written; how tightly an atom and a sum bind; what stands around a sign;
    the longest expression; a form for each operator that has one; `offset`: what is written as a text and a constant
    that is added."""

    name: str
    literal: Callable[[Value], str]
    atom: int
    sum: int
    gap: str
    longest: int
    forms: Mapping[str, "Form"]
    offset: Callable[["Writer", Call], tuple[Text, int] | None]


class Writer:
    """Writes the parts of one program."""

    def __init__(self, dialect: Dialect, references: Sequence[str], keys: Callable[[Call], str]) -> None:
        self.dialect, self.references, self.keys = dialect, references, keys

    def text(self, program: Program) -> Text:
        """The expression of a program. Raises Unwritable."""
        atom = self.dialect.atom
        if isinstance(program, Input):
            return Text(self.references[program.index], atom)
        if isinstance(program, Constant):
            code = self.dialect.literal(program.value)
            return Text(code, self.dialect.sum if code.startswith("-") else atom)
        form = self.dialect.forms.get(self.keys(program))
        if form is None:
            raise Unwritable(f"{program.operator.name} has no counterpart in {self.dialect.name}")
        text = form(self, program.arguments)
        if len(text.code) > self.dialect.longest:
            raise Unwritable(f"longer than the {self.dialect.longest:,} characters of {self.dialect.name}")
        return text

    def code(self, program: Program, binds: int = 0) -> str:
        """The expression, in parentheses where it binds less tightly than `binds`."""
        text = self.text(program)
        return text.code if text.binds >= binds else f"({text.code})"

    def plus(self, program: Program, more: int, binds: int = 0) -> str:
        """The number `program + more`."""
        total, constant = self._split(program)
        constant += more
        if total is None:
            text = Text(str(constant), self.dialect.sum if constant < 0 else self.dialect.atom)
        elif constant == 0:
            text = total
        else:
            joined = f"{total.code if total.binds >= self.dialect.sum else f'({total.code})'}"
            text = Text(
                f"{joined}{self.dialect.gap}{'+' if constant > 0 else '-'}{self.dialect.gap}{abs(constant)}",
                self.dialect.sum,
            )
        return text.code if text.binds >= binds else f"({text.code})"

    def _split(self, program: Program) -> tuple[Text | None, int]:
        """The program as a rest and a constant."""
        known = number(program)
        if known is not None:
            return None, known
        if isinstance(program, Call) and len(program.arguments) == 2 and self.keys(program) in ADDITIONS:
            sign = ADDITIONS[self.keys(program)]
            left, right = program.arguments
            constant = number(right)
            if constant is not None:
                rest, before = self._split(left)
                return rest, before + sign * constant
            constant = number(left)
            if constant is not None and sign > 0:
                rest, before = self._split(right)
                return rest, before + constant
        offset = self.dialect.offset(self, program) if isinstance(program, Call) else None
        return offset if offset is not None else (self.text(program), 0)


Form = Callable[[Writer, Sequence[Program]], Text]

ADDITIONS = {"add": 1, "minus": -1, "+": 1, "-": -1}


def never_below(program: Program, bound: int) -> bool:
    """Whether the program's value is known to be at least `bound`."""
    return at_least(program) >= bound
