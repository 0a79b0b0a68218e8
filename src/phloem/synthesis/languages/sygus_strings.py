"""The theory of strings with linear integers (SLIA), as SyGuS-IF files use it, with the semantics of SMT-LIB 2.6.

Every operator is total by definition of the theory: `str.at` and `str.substr` outside of the string give "",
`str.indexof` that finds nothing -1, `str.to_int` of what is not a numeral -1, `str.from_int` of a negative number "",
`str.replace` of "" puts the replacement in front. The old names of SyGuS-IF version 1 (`int.to.str`, `str.to.int`,
`str.to-int` …) are read as well, and printed as they were read. Source: SMT-LIB standard, theory Strings (Tinelli,
Barrett, Fontaine 2020); SyGuS-IF 2.1 (Padhi et al.).

Two bounds keep the interpreter total in practice: an integer of more than `BITS` bits, and a numeral of more than 1,200
digits, make the run fail instead of filling the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

from phloem.synthesis import grammars, sampling, terms
from phloem.synthesis.base import Grammar, Spec
from phloem.synthesis.program import (
    BOOLEAN,
    INTEGER,
    STRING,
    Call,
    Constant,
    Operator,
    Program,
    Type,
    Value,
)
from phloem.synthesis.sexpressions import Atom, Expression, Group, quoted

name = "sygus-strings"
BITS = 3_900
DIGITS = 1_200

_S, _I, _B = STRING, INTEGER, BOOLEAN


def _bounded(number: int) -> int | None:
    return number if number.bit_length() <= BITS else None


def _at(text: str, index: int) -> str:
    return text[index] if 0 <= index < len(text) else ""


def _substr(text: str, start: int, count: int) -> str:
    return text[start : start + count] if start >= 0 and count > 0 else ""


def _index_of(text: str, part: str, start: int) -> int:
    return text.find(part, start) if 0 <= start <= len(text) else -1


def _to_int(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return -1
    return int(text) if len(text) <= DIGITS else None


def _from_int(number: int) -> str:
    return str(number) if number >= 0 else ""


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new, 1)


def _replace_all(text: str, old: str, new: str) -> str | None:
    if not old:
        return text
    return text.replace(old, new) if len(text) * max(1, len(new)) <= 1 << 22 else None


def _concat(*parts: str) -> str:
    return "".join(parts)


def _div(left: int, right: int) -> int | None:
    """The quotient whose remainder is not negative; division by zero is free in the standard, and fails here."""
    if right == 0:
        return None
    return left // right if right > 0 else -(left // -right)


def _mod(left: int, right: int) -> int | None:
    return left % abs(right) if right else None


def _plus(*terms: int) -> int | None:
    return _bounded(sum(terms))


def _times(*terms: int) -> int | None:
    product = 1
    for term in terms:
        product *= term
        if _bounded(product) is None:
            return None
    return product


def _minus(left: int, *rest: int) -> int | None:
    return _bounded(left - sum(rest) if rest else -left)


def _ite(condition: bool, then: Value, otherwise: Value) -> Value:
    return then if condition else otherwise


def _to_code(text: str) -> int:
    return ord(text) if len(text) == 1 else -1


def _from_code(code: int) -> str:
    return chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""


def _equal(left: Value, right: Value) -> bool:
    return left == right


operators: tuple[Operator, ...] = (
    Operator("str.++", (_S, _S), _S, _concat),
    Operator("str.replace", (_S, _S, _S), _S, _replace),
    Operator("str.replace_all", (_S, _S, _S), _S, _replace_all),
    Operator("str.at", (_S, _I), _S, _at),
    Operator("str.substr", (_S, _I, _I), _S, _substr),
    Operator("str.from_int", (_I,), _S, _from_int),
    Operator("str.from_code", (_I,), _S, _from_code),
    Operator("ite", (_B, _S, _S), _S, _ite),
    Operator("str.len", (_S,), _I, len),
    Operator("str.to_int", (_S,), _I, _to_int),
    Operator("str.to_code", (_S,), _I, _to_code),
    Operator("str.indexof", (_S, _S, _I), _I, _index_of),
    Operator("+", (_I, _I), _I, _plus),
    Operator("-", (_I, _I), _I, _minus),
    Operator("-", (_I,), _I, _minus),
    Operator("*", (_I, _I), _I, _times),
    Operator("div", (_I, _I), _I, _div),
    Operator("mod", (_I, _I), _I, _mod),
    Operator("abs", (_I,), _I, abs),
    Operator("ite", (_B, _I, _I), _I, _ite),
    Operator("str.prefixof", (_S, _S), _B, lambda part, text: text.startswith(part)),
    Operator("str.suffixof", (_S, _S), _B, lambda part, text: text.endswith(part)),
    Operator("str.contains", (_S, _S), _B, lambda text, part: part in text),
    Operator("str.<", (_S, _S), _B, lambda left, right: left < right),
    Operator("str.<=", (_S, _S), _B, lambda left, right: left <= right),
    Operator("str.is_digit", (_S,), _B, lambda text: len(text) == 1 and "0" <= text <= "9"),
    Operator("=", (_S, _S), _B, _equal),
    Operator("=", (_I, _I), _B, _equal),
    Operator("=", (_B, _B), _B, _equal),
    Operator("distinct", (_S, _S), _B, lambda left, right: left != right),
    Operator("distinct", (_I, _I), _B, lambda left, right: left != right),
    Operator("<", (_I, _I), _B, lambda left, right: left < right),
    Operator("<=", (_I, _I), _B, lambda left, right: left <= right),
    Operator(">", (_I, _I), _B, lambda left, right: left > right),
    Operator(">=", (_I, _I), _B, lambda left, right: left >= right),
    Operator("not", (_B,), _B, lambda value: not value),
    Operator("and", (_B, _B), _B, lambda *values: all(values)),
    Operator("or", (_B, _B), _B, lambda *values: any(values)),
    Operator("xor", (_B, _B), _B, lambda left, right: left != right),
    Operator("=>", (_B, _B), _B, lambda left, right: not left or right),
    Operator("ite", (_B, _B, _B), _B, _ite),
)

ALIASES = {
    "int.to.str": "str.from_int",
    "int.to.string": "str.from_int",
    "str.to.int": "str.to_int",
    "str.to-int": "str.to_int",
    "str.from-int": "str.from_int",
    "str.to.code": "str.to_code",
    "str.from.code": "str.from_code",
    "str.prefixOf": "str.prefixof",
    "str.suffixOf": "str.suffixof",
    "str.indexOf": "str.indexof",
    "str.replaceall": "str.replace_all",
    "str.replace.all": "str.replace_all",
}
_LONGER = {"str.++", "+", "*", "-", "and", "or"}  # may take more than two arguments of one type


@cache
def operator(called: str, arguments: tuple[Type, ...]) -> Operator | None:
    """The operator of a name, old or new, for these argument types; None when there is none."""
    known = ALIASES.get(called, called)
    short = arguments[:2] if known in _LONGER and len(arguments) > 2 and len(set(arguments)) == 1 else arguments
    for each in operators:
        if each.name == known and each.arguments == short:
            return each._replace(name=called, arguments=arguments)
    return None


def is_operator(called: str) -> bool:
    return any(each.name == ALIASES.get(called, called) for each in operators)


def literal(expression: Expression) -> Constant | None:
    """The constant that is written: a string literal, true, false, a numeral, `(- 1)`; None for anything else."""
    if isinstance(expression, Group):
        match expression.items:
            case (Atom(text="-", literal=False), Atom() as numeral) if numeral.text[:1] != "-":
                number = literal(numeral)
                return Constant(-int(number.value), INTEGER) if number and number.type == INTEGER else None
        return None
    if expression.literal:
        return Constant(expression.text, STRING)
    if expression.text in ("true", "false"):
        return Constant(expression.text == "true", BOOLEAN)
    digits = expression.text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS:
        return Constant(int(expression.text), INTEGER)
    return None


def constant(written: Constant) -> str:
    """A constant as SMT-LIB writes it. A negative number is `(- n)`."""
    value = written.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"(- {-value})"
    return quoted(value)


theory = terms.Theory(operator, is_operator, literal, constant)


def parse(text: str, names: Sequence[str], types: Sequence[Type]) -> Program:
    """Read a term of the theory over the named inputs. Raises PhloemError."""
    return terms.parse(text, names, types, theory)


def print(program: Program) -> str:
    """The term in prefix form."""
    return terms.write(program, theory)


def grammar(spec: Spec) -> Grammar:
    """The task's own grammar where it has one; else the operators that strings need, and constants of the examples."""
    if spec.grammar is not None:
        return spec.grammar
    used = {"str.++", "str.replace", "str.at", "str.substr", "str.from_int", "str.len", "str.to_int", "str.indexof"}
    used |= {"+", "-", "ite", "str.prefixof", "str.suffixof", "str.contains", "=", "<"}
    chosen = [each for each in operators if each.name in used and each.arguments not in ((_B, _B), (_B, _B, _B))]
    return grammars.typed(spec, chosen)


SAMPLED: dict[Type, tuple[Value, ...]] = {
    STRING: ("", " ", ",", "-", ".", "a", "ab", "Abc", "0", "12", "é", '"', "\\u"),
    INTEGER: (-2, -1, 0, 1, 2, 3, 7),
    BOOLEAN: (True, False),
}


def sample(rng: Random, names: Sequence[str], types: Sequence[Type], result: Type, size: int) -> Program:
    """A random term: operators uniformly among those of the wanted type, constants from `SAMPLED`. The negation of a
    numeral is the negative constant that it reads as."""
    return _negative_constants(sampling.sample(operators, SAMPLED, rng, names, types, result, size))


def _negative_constants(program: Program) -> Program:
    if not isinstance(program, Call):
        return program
    arguments = tuple(map(_negative_constants, program.arguments))
    only = arguments[0]
    if program.operator.name == "-" and len(arguments) == 1 and isinstance(only, Constant) and int(only.value) >= 0:
        return Constant(-int(only.value), INTEGER)
    return Call(program.operator, arguments)
