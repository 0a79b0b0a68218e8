"""A program as a plain Python function: readable, without imports of phloem, with the value of the interpreter.

Operators become what a person would write where that means the same (`text[:3]`, `text.upper()`), which their constants
often tell; else a call of a small function that is written above. Where the interpreter fails the function returns
None. Operators are strict, so what may fail is computed before the branch that uses it; parts that occur twice get a
name. The interpreter's bound on the length of strings (`LONGEST`) is the one thing that the text leaves out.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

from phloem.assist.synth.export.bounds import number, simplified
from phloem.assist.synth.graphemes import PYTHON, Folding
from phloem.errors import PhloemError
from phloem.synthesis.program import (
    BOOLEAN,
    INTEGER,
    STRING,
    Call,
    Constant,
    Input,
    Program,
    Type,
    Value,
    nodes,
    size,
)

TERNARY, OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND, SHIFT, SUM, TERM, UNARY, ATOM = range(13)


RESERVED = {"re", "decimal", "unicodedata", "fold", "unfold", "folded", "clusters", "CLUSTER"}


class Text(NamedTuple):
    """An expression and how tightly its outermost operator binds."""

    code: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """The code, in parentheses where its operator binds less tightly than `binds`."""
        return self.code if self.binds >= binds else f"({self.code})"


class Writer:
    """Writes expressions; collects the helper functions that they call and the names that they need."""

    def __init__(self, parameters: Sequence[str], forms: Forms, folding: Folding | None = None) -> None:
        self.parameters, self.forms, self.folding = parameters, forms, folding
        self.helpers: dict[str, str] = {}
        self.imports: set[str] = set()
        self.statements: list[str] = []
        self.names: dict[Program, str] = {}
        self.taken = {*parameters, *keyword.kwlist, *dir(builtins)}

    def text(self, program: Program) -> Text:
        """The expression of a program."""
        if program in self.names:
            return Text(self.names[program])
        if isinstance(program, Input):
            return Text(self.parameters[program.index])
        if isinstance(program, Constant):
            if self.folding is not None and isinstance(program.value, str):
                unfolded = self.folding.unfold(program.value)
                if unfolded != program.value:
                    return Text(f"fold({literal(unfolded)})")
            return Text(literal(program.value), UNARY if literal(program.value).startswith("-") else ATOM)
        return self.forms.of(program)(self, program.arguments)

    def code(self, program: Program, binds: int = TERNARY) -> str:
        """The expression in parentheses where its operator binds less tightly than `binds`."""
        return self.text(program).within(binds)

    def call(self, helper: str, *arguments: Program | str) -> Text:
        """A call of one of the language's helper functions."""
        self.need(helper)
        codes = [each if isinstance(each, str) else self.code(each) for each in arguments]
        return Text(f"{helper}({', '.join(codes)})")

    def need(self, helper: str) -> None:
        """Have the helper written above the function, and what it calls itself."""
        if helper not in self.helpers:
            source = self.forms.helpers[helper]
            for other in self.forms.helpers:
                if other != helper and re.search(rf"\b{other}[(.]", source):
                    self.need(other)
            self.helpers[helper] = source
            self.imports |= {each for each in ("re", "decimal") if re.search(rf"\b{each}\.", source)}

    def name(self, program: Program) -> None:
        """Compute the program once, before the expression, under a name."""
        if isinstance(program, Call) and program not in self.names:
            code = self.code(program)
            base = {INTEGER: "number", BOOLEAN: "test"}.get(program.type, "part")
            name = next(each for each in (base, *(f"{base}{i}" for i in range(2, 1000))) if each not in self.taken)
            self.taken.add(name)
            self.statements.append(f"{name} = {code}")
            self.names[program] = name


Form = Callable[[Writer, Sequence[Program]], Text]


class Forms(NamedTuple):
    """How a language is written: the form of an operator of a program; helper functions by name; whether an operator
    may fail (raise `error`) with these arguments; whether its Python form evaluates lazily; the
    terms of a sum of integers, with signs; what is written as a term and a constant."""

    of: Callable[[Call], Form]
    helpers: dict[str, str]
    fails: Callable[[Call], bool] = lambda program: False
    lazy: Callable[[Call], bool] = lambda program: False
    terms: Callable[[Program], list[tuple[Program, int]] | None] = lambda program: None
    offset: Callable[[Writer, Program], tuple[str, int] | None] = lambda writer, program: None
    error: str = "ValueError"


def total(writer: Writer, *programs: tuple[Program, int], more: int = 0) -> Text:
    """The sum of the programs, each with its sign, and `more`: constants are added up and stand last."""
    added: list[Text] = []
    taken: list[Text] = []
    waiting = list(reversed(programs))
    while waiting:
        program, sign = waiting.pop()
        terms = None if program in writer.names else writer.forms.terms(program)
        offset = None if program in writer.names else writer.forms.offset(writer, program)
        known = number(program)
        if known is not None:
            more += sign * known
        elif terms is not None:
            waiting.extend((term, sign * its) for term, its in reversed(terms))
        else:
            more += sign * offset[1] if offset is not None else 0
            (added if sign > 0 else taken).append(Text(offset[0]) if offset is not None else writer.text(program))
    ordered = [("+", text) for text in added]
    last = [("+" if more > 0 else "-", Text(str(abs(more))))] if more else []
    if not added and more > 0:
        ordered, last = last, []
    ordered += [("-", text) for text in taken] + last
    if not ordered:
        return Text("0")
    # As the first term a difference needs no parentheses; behind a leading minus all but atoms do.
    (sign_of_first, first), *rest = ordered
    code = f"-{first.within(ATOM)}" if sign_of_first == "-" else first.within(SUM)
    code += "".join(f" {sign} {text.within(TERM)}" for sign, text in rest)
    return Text(code, SUM if rest else UNARY if sign_of_first == "-" else first.binds)


def cut(writer: Writer, string: Program, begin: str, end: str) -> Text:
    """A slice of a string."""
    begin = "" if begin == "0" else begin
    plain = re.fullmatch(r"-?\w*", begin) and re.fullmatch(r"-?\w*", end)
    inside = f"{begin}:{end}" if plain else f"{begin} : {end}".strip()
    return Text(f"{writer.code(string, ATOM)}[{inside}]")


def forms_of(language: str) -> Forms:
    """The forms of a language by its name. Raises PhloemError for a language that has none."""
    if language == "sygus-strings":
        from phloem.assist.synth.export.python_sygus import FORMS
    elif language == "bit-vectors":
        from phloem.assist.synth.export.python_bits import FORMS
    elif language == "spreadsheet":
        from phloem.assist.synth.export.python_spreadsheet import FORMS
    elif language.startswith("robustfill"):
        from phloem.assist.synth.export.python_robustfill import forms

        return forms(language)
    else:
        raise PhloemError(f"programs of the language {language!r} cannot be written as Python")
    return FORMS


def to_python(
    program: Program,
    language: str,
    *,
    function: str,
    parameters: Sequence[str],
    doc: str = "",
    folding: Folding | None = None,
) -> str:
    """The text of a function `function(*parameters)`, with what it needs above it.

    folding: how the program's texts were folded (see `assist/synth/graphemes.py`); the function does the same. Names
    are made valid and distinct by `identifiers`. Raises PhloemError for an operator that has no Python form.
    """
    forms = forms_of(language)
    program = simplified(program)
    function, *names = identifiers([function, *parameters], RESERVED | set(forms.helpers))
    writer = Writer(names, forms, folding)
    writer.taken |= {function, *forms.helpers}
    calls = [part for part in nodes(program) if isinstance(part, Call)]
    for part in _first(program, forms):
        writer.name(part)
    result = writer.code(program)
    if folding is not None and program.type == STRING:
        result = f"unfold({result})"
    lines = [*writer.statements, f"return {result}"]
    if folding is not None:
        texts = [name for name, type in zip(names, types_of(program, len(names)), strict=True) if type == STRING]
        lines[:0] = [f"{name} = fold({name})" for name in texts]
    if any(forms.fails(part) for part in calls):
        tried = [f"    {line}" for line in lines]
        lines = ["try:", *tried, f"except {forms.error}:", "    return None"]
    if doc:
        lines.insert(0, _docstring(doc))
    body = "\n".join(f"    {line}" for line in lines)
    blocks = [source.strip() for source in writer.helpers.values()]
    constants = "".join(f"{each}\n" for each in blocks if not each.startswith("def "))
    helpers = "".join(f"{each}\n\n\n" for each in blocks if each.startswith("def "))
    if folding is not None:
        writer.imports |= {"re", "unicodedata"}
        helpers = f"{PYTHON.strip()}\n\n\n{helpers}"
    imports = "".join(f"import {each}\n" for each in sorted(writer.imports))
    above = "\n".join(filter(None, (imports, constants)))
    above += "\n\n" if above else ""
    return f"{above}{helpers}def {function}({', '.join(names)}):\n{body}\n"


def _first(program: Program, forms: Forms) -> list[Program]:
    """Parts that get a name, each after the parts in it: those that occur twice and are worth it, and those that may
    fail inside of what evaluates lazily."""
    counted = Counter(part for part in nodes(program) if isinstance(part, Call))
    chosen: set[Program] = {part for part, count in counted.items() if count > 1 and size(part) >= 3}
    for part in counted:
        if forms.lazy(part):
            for argument in part.arguments:
                inner = [each for each in nodes(argument) if isinstance(each, Call)]
                if any(forms.fails(each) for each in inner):
                    chosen.add(argument)
    return sorted(chosen - {program}, key=size)


def types_of(program: Program, count: int) -> list[Type]:
    """The types of the inputs; those that the program does not read count as strings."""
    read = {part.index: part.type for part in nodes(program) if isinstance(part, Input)}
    return [read.get(i, STRING) for i in range(count)]


def literal(value: Value) -> str:
    """The value as Python writes it, strings in double quotes where they have none.

    >>> literal("it's"), literal('a "b"'), literal(-1)
    ('"it\'s"', "'a \"b\"'", '-1')
    """
    code = repr(value)
    return '"' + code[1:-1] + '"' if code[0] == "'" and '"' not in code else code


def identifiers(names: Sequence[str], reserved: Container[str] = ()) -> list[str]:
    """Valid and distinct Python names that read like the given ones, none of them reserved.

    >>> identifiers(["first name", "2nd", "class", "Größe (cm)", "first-name", "---"])
    ['first_name', '_2nd', 'class_', 'Größe_cm', 'first_name_2', 'value']
    """
    made: list[str] = []
    for name in names:
        word = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_")
        word = re.sub(r"^(?=\d)", "_", word)
        word = word if word.isidentifier() else "value"
        if keyword.iskeyword(word) or word in dir(builtins) or word in reserved:
            word += "_"
        chosen, count = word, 1
        while chosen in made or chosen in reserved:
            count += 1
            chosen = f"{word}_{count}"
        made.append(chosen)
    return made


def _docstring(doc: str) -> str:
    safe = doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return '"""' + " ".join(safe.split()) + '"""'
