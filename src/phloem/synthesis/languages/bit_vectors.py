"""Fixed-width bit-vectors (theory FixedSizeBitVectors of SMT-LIB 2.6), as the PBE_BV track of SyGuS-Comp uses them.

A bit-vector of width w is the integer 0 … 2^w - 1 of type `bitsW`. Arithmetic is modulo 2^w; shifts by w or more give 0
(`bvashr`: copies of the sign); division by zero gives all ones and the remainder its dividend, as the standard says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

from phloem.synthesis import grammars, sampling, terms
from phloem.synthesis.base import Grammar, Spec
from phloem.synthesis.program import BOOLEAN, Constant, Operator, Program, Type, Value
from phloem.synthesis.sexpressions import Atom, Expression, Group

name = "bit-vectors"
WIDTH = 64
WIDEST = 1024


def bits(width: int) -> Type:
    """The type of bit-vectors of a width."""
    return f"bits{width}"


def width(sort: Expression) -> int | None:
    """The width that `(BitVec w)` or `(_ BitVec w)` names; None for another sort."""
    match sort:
        case Group(items=(Atom(text="BitVec"), Atom(text=digits))):
            pass
        case Group(items=(Atom(text="_"), Atom(text="BitVec"), Atom(text=digits))):
            pass
        case _:
            return None
    return int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits[:9]) <= WIDEST else None


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def _arithmetic(width: int) -> dict[str, Callable[[int, int], int]]:
    mask = (1 << width) - 1
    return {
        "bvand": lambda left, right: left & right,
        "bvor": lambda left, right: left | right,
        "bvxor": lambda left, right: left ^ right,
        "bvadd": lambda left, right: (left + right) & mask,
        "bvsub": lambda left, right: (left - right) & mask,
        "bvmul": lambda left, right: (left * right) & mask,
        "bvudiv": lambda left, right: left // right if right else mask,
        "bvurem": lambda left, right: left % right if right else left,
        "bvshl": lambda left, right: (left << right) & mask if right < width else 0,
        "bvlshr": lambda left, right: left >> right if right < width else 0,
        "bvashr": lambda left, right: (_signed(left, width) >> min(right, width)) & mask,
    }


def _comparisons(width: int) -> dict[str, Callable[[int, int], bool]]:
    return {
        "=": lambda left, right: left == right,
        "bvult": lambda left, right: left < right,
        "bvule": lambda left, right: left <= right,
        "bvugt": lambda left, right: left > right,
        "bvuge": lambda left, right: left >= right,
        "bvslt": lambda left, right: _signed(left, width) < _signed(right, width),
        "bvsle": lambda left, right: _signed(left, width) <= _signed(right, width),
        "bvsgt": lambda left, right: _signed(left, width) > _signed(right, width),
        "bvsge": lambda left, right: _signed(left, width) >= _signed(right, width),
    }


@cache
def of_width(width: int) -> tuple[Operator, ...]:
    """All operators on bit-vectors of one width, and the connectives of booleans."""
    type, mask = bits(width), (1 << width) - 1
    return (
        Operator("bvnot", (type,), type, lambda value: ~value & mask),
        Operator("bvneg", (type,), type, lambda value: -value & mask),
        *(Operator(each, (type, type), type, apply) for each, apply in _arithmetic(width).items()),
        *(Operator(each, (type, type), BOOLEAN, apply) for each, apply in _comparisons(width).items()),
        Operator("ite", (BOOLEAN, type, type), type, lambda condition, then, other: then if condition else other),
        Operator("not", (BOOLEAN,), BOOLEAN, lambda value: not value),
        Operator("and", (BOOLEAN, BOOLEAN), BOOLEAN, lambda left, right: left and right),
        Operator("or", (BOOLEAN, BOOLEAN), BOOLEAN, lambda left, right: left or right),
        Operator("xor", (BOOLEAN, BOOLEAN), BOOLEAN, lambda left, right: left != right),
    )


operators: tuple[Operator, ...] = of_width(WIDTH)


def operator(called: str, arguments: tuple[Type, ...]) -> Operator | None:
    """The operator of a name for these argument types; None when there is none."""
    widths = [int(type[4:]) for type in arguments if type.startswith("bits")]
    for each in of_width(widths[0] if widths else WIDTH):
        if each.name == called and each.arguments == arguments:
            return each
    return None


def is_operator(called: str) -> bool:
    return any(each.name == called for each in operators)


def literal(expression: Expression) -> Constant | None:
    """`#x` and four bits a digit, `#b` and one bit a digit, true, false; None for anything else."""
    if isinstance(expression, Group) or expression.literal:
        return None
    text = expression.text
    if text in ("true", "false"):
        return Constant(text == "true", BOOLEAN)
    if re.fullmatch(r"#x[0-9a-fA-F]{1,256}", text):
        return Constant(int(text[2:], 16), bits(4 * (len(text) - 2)))
    if re.fullmatch(r"#b[01]{1,1024}", text):
        return Constant(int(text[2:], 2), bits(len(text) - 2))
    return None


def constant(value: Constant) -> str:
    """The literal: hexadecimal where the width is a multiple of four, else binary."""
    if value.type == BOOLEAN:
        return "true" if value.value else "false"
    wide = int(value.type[4:])
    return f"#x{value.value:0{wide // 4}x}" if wide % 4 == 0 else f"#b{value.value:0{wide}b}"


theory = terms.Theory(operator, is_operator, literal, constant)


def parse(text: str, names: Sequence[str], types: Sequence[Type]) -> Program:
    """Read a term of the theory over the named inputs. Raises PhloemError."""
    return terms.parse(text, names, types, theory)


def print(program: Program) -> str:
    """The term in prefix form."""
    return terms.write(program, theory)


def grammar(spec: Spec) -> Grammar:
    """The grammar of the file where there is one; else all operators of the result's width, and 0 and 1."""
    if spec.grammar is not None:
        return spec.grammar
    wide = next((int(type[4:]) for type in (spec.result, *spec.types) if type.startswith("bits")), WIDTH)
    leaves: list[Program] = [Constant(0, bits(wide)), Constant(1, bits(wide))]
    return grammars.typed(spec, of_width(wide), leaves)


SAMPLED: dict[Type, tuple[Value, ...]] = {
    bits(WIDTH): (0, 1, 2, 63, 64, 1 << 63, (1 << 64) - 1),
    BOOLEAN: (True, False),
}


def sample(rng: Random, names: Sequence[str], types: Sequence[Type], result: Type, size: int) -> Program:
    """A random term over bit-vectors of 64 bits; operators uniformly among those of the wanted type."""
    return sampling.sample(operators, SAMPLED, rng, names, types, result, size)
