"""RobustFill programs as token numbers, as ExeDec released them: what a model writes and reads.

Pre-order, one token an operator and an argument; a nesting of another expression begins with `Compose`. 0 is padding, 1
begins, 2 ends; then the operators, the 83 characters, the eight classes, the cases, the boundaries, the numbers -100 to
100: 316 in all. `Concat` has no token: its expressions follow each other, and each one's length is known from its
operators. The text is always the one input.
"""

from __future__ import annotations

from collections.abc import Sequence

from phloem.errors import PhloemError
from phloem.synthesis.languages import robustfill
from phloem.synthesis.languages.robustfill import BOUNDARIES, CASES, CHARACTERS, CLASSES, FAR, joined
from phloem.synthesis.program import STRING, Call, Constant, Input, Program, Type, Value

PAD, BEGIN, END = 0, 1, 2
INPUT = Input("text", 0, STRING)
_OPERATORS = (
    "Compose",
    "ConstStr",
    "SubStr",
    "GetSpan",
    "GetToken",
    "ToCase",
    "Replace",
    "Trim",
    "GetUpto",
    "GetFrom",
    "GetFirst",
    "GetAll",
    "Substitute",
    "SubstituteAll",
    "Remove",
    "RemoveAll",
)
_MEANINGS: list[tuple[str, Value]] = [
    *(("operator", each) for each in _OPERATORS),
    *(("character", each) for each in CHARACTERS),
    *(("class", each) for each in CLASSES),
    *(("case", each) for each in CASES),
    *(("boundary", each) for each in BOUNDARIES),
    *(("index", each) for each in range(-FAR, FAR + 1)),
]
_NUMBERS = {meaning: number for number, meaning in enumerate(_MEANINGS, END + 1)}
SIZE = END + 1 + len(_MEANINGS)
_KINDS: dict[Type, tuple[str, ...]] = {
    "regex": ("class", "character"),
    "delimiter": ("character",),
    "replacement": ("character",),
}


def encode(program: Program) -> list[int]:
    """The tokens of a program over one input, without BEGIN and END. Raises PhloemError for what has no token."""
    tokens: list[int] = []
    for expression in robustfill.expressions(program):
        _write(expression, tokens)
    return tokens


def _write(expression: Program, tokens: list[int]) -> None:
    if isinstance(expression, Constant):
        tokens.extend((_NUMBERS["operator", "ConstStr"], _number(("character",), expression.value)))
        return
    if not isinstance(expression, Call):
        raise PhloemError("an input alone has no tokens in this language")
    inner = expression.arguments[0]
    if isinstance(inner, Call):
        tokens.append(_NUMBERS["operator", "Compose"])
    tokens.append(_number(("operator",), expression.operator.name))
    for argument in expression.arguments[1:]:
        assert isinstance(argument, Constant)
        tokens.append(_number(_KINDS.get(argument.type, (argument.type,)), argument.value))
    if isinstance(inner, Call):
        _write(inner, tokens)


def _number(kinds: Sequence[str], value: Value) -> int:
    for kind in kinds:
        if (kind, value) in _NUMBERS:
            return _NUMBERS[kind, value]
    raise PhloemError(f"{value!r} has no token")


def decode(tokens: Sequence[int]) -> Program:
    """The program of tokens; END and what follows is ignored. Raises PhloemError where they are none."""
    ended = tokens.index(END) if END in tokens else len(tokens)
    reader = _Reader(tokens[:ended])
    parts = []
    while reader.at < len(reader.tokens):
        parts.append(reader.expression(INPUT, 0))
    if not parts:
        raise PhloemError("no tokens, no program")
    return joined(parts)


class _Reader:
    """Reads expressions from tokens."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens, self.at = tokens, 0

    def meaning(self, kinds: Sequence[str]) -> Value:
        if self.at >= len(self.tokens):
            raise PhloemError("the tokens end within an expression")
        number = self.tokens[self.at] - END - 1
        kind, value = _MEANINGS[number] if 0 <= number < len(_MEANINGS) else ("nothing", "")
        if kind not in kinds:
            raise PhloemError(f"token {self.at} is {kind} {value!r}, expected {' or '.join(kinds)}")
        self.at += 1
        return value

    def expression(self, text: Program, depth: int) -> Program:
        called = self.meaning(("operator",))
        if called == "ConstStr":
            if depth:
                raise PhloemError("a constant within an expression")
            return Constant(self.meaning(("character",)), STRING)
        if called == "Compose":
            if depth:
                raise PhloemError("Compose within Compose")
            outer = str(self.meaning(("operator",)))
            arguments = self.arguments(outer)
            return robustfill.language.call(outer, self.expression(text, depth + 1), *arguments)
        return robustfill.language.call(str(called), text, *self.arguments(str(called)))

    def arguments(self, called: str) -> list[str | int]:
        operator = robustfill.language.named.get(called)
        if operator is None:
            raise PhloemError(f"{called} can't be composed")
        return [self.meaning(_KINDS.get(type, (type,))) for type in operator.arguments[1:]]


def length(tokens: Sequence[int]) -> int | None:
    """How many tokens the expression has that `tokens` begin with; None where they do not tell yet.

    Raises PhloemError where no expression begins so."""
    if not tokens:
        return None
    if tokens[0] == _NUMBERS["operator", "ConstStr"]:
        return 2
    if tokens[0] != _NUMBERS["operator", "Compose"]:
        return 1 + _constants(tokens[0])
    if len(tokens) < 2:
        return None
    inner = 2 + _constants(tokens[1])
    return inner + 1 + _constants(tokens[inner]) if len(tokens) > inner else None


def _constants(token: int) -> int:
    """How many constants follow an operator's token."""
    number = token - END - 1
    kind, value = _MEANINGS[number] if 0 <= number < len(_MEANINGS) else ("nothing", "")
    operator = robustfill.language.named.get(str(value)) if kind == "operator" else None
    if operator is None:
        raise PhloemError(f"{kind} {value!r}, expected an operator")
    return len(operator.arguments) - 1
