"""Numbers in outputs as calculations with numbers in inputs, found from both ends.

What the output says tells what must be calculated: its numbers are the targets, and how they are written (decimals,
zeros in front, commas) is the format. What the inputs offer are their numbers, lengths and counts. A target is one of
these, a sum, difference, product, quotient or extreme of two, a sum or mean of all columns, or one of them with a
constant; the constant follows from the first example and must fit all others. So nothing is enumerated but pairs. In
the spirit of learning number transformations from examples (Singh, Gulwani, CAV 2012) with arithmetic added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, DecimalException
from itertools import permutations
from typing import NamedTuple

from phloem.synthesis.base import Spec
from phloem.synthesis.languages.cell_functions import EXACT, number, plain
from phloem.synthesis.languages.robustfill import RobustFill
from phloem.synthesis.pieces import Fragment
from phloem.synthesis.program import STRING, Call, Constant, Input, Program, run

NUMERAL = re.compile(r"(?:(?<![\w.)])-)?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
PLACES = (0, 1, -1, 2)  # which numbers of an output are targets
TOKENS = (1, 2, -1, 3)  # which numbers of an input are offered
BASE, LENGTH, COUNTED = 7, 12, 11  # weights of a number, of the length of a text, of a count in it
FORMATTED, ROUNDED = 1, 2  # of writing a number in another way
SUM, PRODUCT, QUOTIENT, EXTREME, MEAN = 4, 6, 7, 6, 5
CONSTANT, DIGIT = 4, 3  # of a constant, and of each of its digits that says something
ROUND_ONES = frozenset({"1", "2", "7", "12", "24", "60", "365"})  # constants without a further price, as powers of ten
MOST_BASES = 12
AFFINE = 12  # weight of a factor and a summand, both found


class Number(NamedTuple):
    """A calculation with what it gives on the examples, and its weight."""

    program: Program
    values: tuple[Decimal, ...]
    weight: int


class Target(NamedTuple):
    """Numbers of the outputs as texts and values, their decimals (None: as many as there are), and how one is written
    as these texts."""

    texts: tuple[str, ...]
    values: tuple[Decimal, ...]
    decimals: int | None
    write: Callable[[Program], Program]
    weight: int


def fragments(spec: Spec, outputs: Sequence[str], language: RobustFill) -> Iterator[Fragment]:
    """Calculations that give numbers of the outputs, one or more for every number that has any."""
    bases = _bases(spec, language)
    if not bases:
        return
    known: set[tuple[tuple[str, ...], str]] = set()
    for target in _targets(outputs, language):
        for found in _calculations(spec, bases, target, language):
            program = target.write(found.program)
            if (target.texts, language.print(program)) in known:
                continue
            known.add((target.texts, language.print(program)))
            if [run(program, row) for row in spec.inputs] == list(target.texts):
                weight = found.weight + target.weight
                yield Fragment(target.texts, weight, lambda program=program: program)  # type: ignore[misc]


def _bases(spec: Spec, language: RobustFill) -> list[Number]:
    """Numbers of the inputs, whole cells before parts of cells, and lengths and counts."""
    call = language.call
    offered: list[tuple[Program, int]] = []
    for index, (name, type) in enumerate(zip(spec.names, spec.types, strict=True)):
        if type != STRING:
            continue
        cell = Input(name, index, type)
        texts = [str(row[index]) for row in spec.inputs]
        if all(number(text) is not None for text in texts):
            offered.append((cell, BASE))
            continue
        offered += [(call("GetToken", cell, "Decimal", place), BASE + 1 + abs(place)) for place in TOKENS]
        offered.append((call("Length", cell), LENGTH))
        marks = [each for each in language.dialect.delimiters if any(each in text for text in texts)]
        offered += [(call("Count", cell, each), COUNTED) for each in ("NonSpace", "Word", "Digit", *marks)]
    bases: dict[tuple[Decimal, ...], Number] = {}
    for program, weight in offered:
        values = [number(str(run(program, row))) for row in spec.inputs]
        known = tuple(each for each in values if each is not None)
        if len(known) == len(values):
            bases.setdefault(known, Number(program, known, weight))
    return sorted(bases.values(), key=lambda each: each.weight)[:MOST_BASES]


def _targets(outputs: Sequence[str], language: RobustFill) -> Iterator[Target]:
    """Numbers of the outputs, each in the ways in which it may have been written."""
    found = [NUMERAL.findall(output) for output in outputs]
    for place in PLACES:
        if any(not -len(each) <= place < len(each) for each in found):
            continue
        texts = tuple(each[place] for each in found)
        values = tuple(value for value in map(number, texts) if value is not None)
        if len(values) == len(texts):
            yield from _written(texts, values, language)


def _written(texts: tuple[str, ...], values: tuple[Decimal, ...], language: RobustFill) -> Iterator[Target]:
    call = language.call
    bare = [text.replace(",", "") for text in texts]
    commas = any("," in text for text in texts)
    decimals = {len(text.partition(".")[2]) for text in texts}
    widths = {len(text) for text in texts}
    if list(bare) == [plain(value) for value in values]:
        if commas:
            write = lambda program: call("Format", program, "Thousands")  # noqa: E731
            yield Target(texts, values, None, write, FORMATTED)
        else:
            yield Target(texts, values, None, lambda program: program, 0)
    if len(decimals) == 1:
        (places,) = decimals
        if commas:
            write = lambda program: call("Format", call("Round", program, places), "Thousands")  # noqa: E731
        else:
            write = lambda program: call("Round", program, places)  # noqa: E731
        yield Target(texts, values, places, write, ROUNDED)
    if any(text[0] == "0" for text in texts) and max(map(len, texts)) > 1 and len(widths) < 3 and decimals == {0}:
        width = min(widths)
        yield Target(texts, values, None, lambda program: call("Pad", program, width), FORMATTED)


def _calculations(spec: Spec, bases: Sequence[Number], target: Target, language: RobustFill) -> Iterator[Number]:
    for base in bases:
        if _fits(base.values, target):
            counted = isinstance(base.program, Call) and base.program.operator.name in ("Count", "Length")
            bare = target.weight > 0 or counted  # the target's format reads any number
            program = base.program if bare else language.call("Format", base.program, "Number")
            yield Number(program, base.values, base.weight + FORMATTED * (not bare))
    if len(set(target.values)) < 2:  # a constant says as much
        return
    for base in bases:
        yield from _with_constants(base, target, language)
    for left, right in permutations(bases, 2):
        for both in _pairs(left, right, language):
            if _fits(both.values, target):
                yield both
            else:
                yield from _with_constants(both, target, language)
        yield from _weighted_sum(left, right, target, language)
    yield from _of_columns(spec, target, language)


def _fits(values: Sequence[Decimal], target: Target) -> bool:
    """Whether the values are the target's, to the decimals that it has."""
    if target.decimals is None:
        return all(a == b for a, b in zip(values, target.values, strict=True))
    half = Decimal(5).scaleb(-target.decimals - 1)
    return all(abs(a - b) <= half for a, b in zip(values, target.values, strict=True))


def _pairs(left: Number, right: Number, language: RobustFill) -> Iterator[Number]:
    """What two numbers give; where the order does not matter, in one order."""
    weight = left.weight + right.weight
    symmetric = str(left.program) < str(right.program)
    for called, calculate, more, once in (
        ("Add", EXACT.add, SUM, True),
        ("Subtract", EXACT.subtract, SUM, False),
        ("Multiply", EXACT.multiply, PRODUCT, True),
        ("Divide", EXACT.divide, QUOTIENT, False),
        ("Largest", max, EXTREME, True),
        ("Smallest", min, EXTREME, True),
    ):
        if once and not symmetric:
            continue
        values = _applied(calculate, left.values, right.values)
        if values is not None:
            yield Number(language.calculate(called, left.program, right.program), values, weight + more)


def _applied(
    calculate: Callable[[Decimal, Decimal], Decimal], left: Sequence[Decimal], right: Sequence[Decimal]
) -> tuple[Decimal, ...] | None:
    try:
        return tuple(calculate(a, b) for a, b in zip(left, right, strict=True))
    except DecimalException:
        return None


def _with_constants(base: Number, target: Target, language: RobustFill) -> Iterator[Number]:
    """`base + c`, `base * c`, `base / c`, and with three different examples `base * c + d`."""
    if len(set(base.values)) < 2:
        return
    first, wanted = base.values[0], target.values[0]
    differences = _applied(EXACT.subtract, target.values, base.values)
    if differences is not None and len(set(differences)) == 1:
        yield _summand(base, differences[0], language)
    place = next((i for i, value in enumerate(base.values) if value), None)
    if place is not None:
        for called, divide in (("Multiply", False), ("Divide", True)):
            above, below = target.values[place], base.values[place]
            if divide:
                above, below = below, above
            constant = EXACT.divide(above, below) if below else Decimal(0)
            if constant in (0, 1) or len(plain(abs(constant)).replace(".", "")) > 6:
                continue
            values = _applied(EXACT.divide if divide else EXACT.multiply, base.values, [constant] * len(base.values))
            if values is not None and _fits(values, target):
                program = language.calculate(called, base.program, Constant(plain(constant), STRING))
                yield Number(program, values, base.weight + PRODUCT + divide + _price(constant))
    if len(set(base.values)) < 3:
        return
    other = next(i for i, value in enumerate(base.values) if value != first)
    factor = EXACT.divide(target.values[other] - wanted, base.values[other] - first)
    summand = EXACT.subtract(wanted, EXACT.multiply(factor, first))
    if factor in (0, 1) or not summand or max(map(_price, (factor, summand))) > CONSTANT + 4 * DIGIT:
        return
    values = tuple(EXACT.add(EXACT.multiply(value, factor), summand) for value in base.values)
    if _fits(values, target):
        product = language.calculate("Multiply", base.program, Constant(plain(factor), STRING))
        scaled = Number(product, values, base.weight + AFFINE + _price(factor))
        yield _summand(scaled, summand, language)._replace(values=values)


def _summand(base: Number, constant: Decimal, language: RobustFill) -> Number:
    values = tuple(EXACT.add(value, constant) for value in base.values)
    called = "Add" if constant > 0 else "Subtract"
    program = language.calculate(called, base.program, Constant(plain(abs(constant)), STRING))
    return Number(program, values, base.weight + SUM + _price(constant))


def _weighted_sum(left: Number, right: Number, target: Target, language: RobustFill) -> Iterator[Number]:
    """`left * c + right`, as hours and minutes are minutes."""
    rest = _applied(EXACT.subtract, target.values, right.values)
    if rest is None or left.program == right.program:
        return
    place = next((i for i, value in enumerate(left.values) if value), None)
    constant = EXACT.divide(rest[place], left.values[place]) if place is not None else Decimal(0)
    if constant in (-1, 0, 1) or len(set(left.values)) < 2 or _price(constant) > CONSTANT + 2 * DIGIT:
        return
    if all(EXACT.multiply(a, constant) == b for a, b in zip(left.values, rest, strict=True)):
        product = language.calculate("Multiply", left.program, Constant(plain(constant), STRING))
        weight = left.weight + right.weight + PRODUCT + SUM + _price(constant)
        yield Number(language.calculate("Add", product, right.program), target.values, weight)


def _of_columns(spec: Spec, target: Target, language: RobustFill) -> Iterator[Number]:
    """The sum, mean, largest and smallest of all columns of numbers."""
    columns: list[tuple[Input, tuple[Decimal, ...]]] = []
    for index, (name, type) in enumerate(zip(spec.names, spec.types, strict=True)):
        known = tuple(v for row in spec.inputs if (v := number(str(row[index]))) is not None)
        if type == STRING and len(known) == len(spec.inputs):
            columns.append((Input(name, index, type), known))
    if len(columns) < 2:
        return
    calculations: tuple[tuple[str, Callable[[Decimal, Decimal], Decimal], int], ...] = (
        ("Add", EXACT.add, SUM),
        ("Largest", max, EXTREME),
        ("Smallest", min, EXTREME),
    )
    for called, calculate, weight in calculations:
        program: Program = columns[0][0]
        values = columns[0][1]
        for cell, more in columns[1:]:
            program = language.calculate(called, program, cell)
            values = tuple(calculate(a, b) for a, b in zip(values, more, strict=True))
        weight += BASE + 2 * len(columns)
        if _fits(values, target):
            yield Number(program, values, weight)
        count = Decimal(len(columns))
        means = tuple(EXACT.divide(value, count) for value in values)
        if called == "Add" and _fits(means, target):
            yield Number(language.calculate("Divide", program, Constant(str(count), STRING)), means, weight + MEAN)


def _price(constant: Decimal) -> int:
    text = plain(abs(constant))
    if text in ROUND_ONES or not text.strip("0.").strip("1"):
        return CONSTANT
    return CONSTANT + DIGIT * len(text.replace(".", "").strip("0"))
