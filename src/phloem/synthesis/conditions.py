"""Conditions that tell examples apart, for programs that treat rows in two ways or more.

    If(AtLeast(points, 50), "pass", "fail")

What is tried: a cell is a word or empty, begins or ends with a word or has it, or is a number of some size. Every set
of examples that some condition picks keeps the lightest one. Among thresholds between two numbers the roundest is
taken; a word that rows which wait do not have in that column counts against the condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from phloem.synthesis.base import Spec
from phloem.synthesis.languages.cell_functions import number, plain
from phloem.synthesis.languages.robustfill import RobustFill
from phloem.synthesis.program import STRING, Call, Constant, Input, Program, run

IS, SIZE, ENDS, HAS = 3, 4, 5, 6  # weights of kinds of conditions
ROWS = 2  # rows that a case needs, examples or not: one row is an exception, or a mistake
CODE = 3  # characters of a cell that may be a code; two codes are two cases
STRANGE = 6  # weight of a condition that says little about the rows that wait
LONGEST = 30  # characters of a word that a condition looks for
WORD = re.compile(r"[^\W_]+|[^\w\s]")


def splits(spec: Spec, language: RobustFill) -> list[tuple[int, Program, frozenset[int]]]:
    """Conditions, lightest first, each with its weight and the examples on which it holds: some, but not all. No two
    tell the same examples apart."""
    found: dict[frozenset[int], tuple[int, Program]] = {}
    everything = frozenset(range(len(spec.inputs)))
    for weight, condition in _conditions(spec, language):
        holds = frozenset(i for i in everything if run(condition, spec.inputs[i]))
        if not holds or holds == everything:
            continue
        others = sum(bool(run(condition, row)) for row in spec.waiting)
        few = len(holds) + others < ROWS or len(everything - holds) + len(spec.waiting) - others < ROWS
        if few and not (len(everything) == ROWS and max(len(str(row[0])) for row in spec.inputs) <= CODE):
            continue
        known = min(found.get(each, (weight + 1, condition))[0] for each in (holds, everything - holds))
        if weight < known:
            found.pop(everything - holds, None)
            found[holds] = weight, condition
    return sorted(((weight, each, holds) for holds, (weight, each) in found.items()), key=lambda each: each[0])


def _conditions(spec: Spec, language: RobustFill) -> Iterator[tuple[int, Program]]:
    def holds(called: str, cell: Input, constant: str) -> Call:
        return Call(language.named[called], (cell, Constant(constant, STRING)))

    for index, (name, type) in enumerate(zip(spec.names, spec.types, strict=True)):
        if type != STRING:
            continue
        cell = Input(name, index, type)
        texts = [str(row[index]) for row in spec.inputs]
        waiting = [str(row[index]) for row in spec.waiting]
        strange = STRANGE * any(text not in texts for text in waiting)
        for text in dict.fromkeys(texts):
            if len(text) <= LONGEST:
                yield IS + strange * bool(text), holds("Is", cell, text)
        for threshold in _thresholds(texts):
            unlike = any(text and number(text) is None for text in waiting)
            yield SIZE + STRANGE * unlike, holds("AtLeast", cell, threshold)
        for word in dict.fromkeys(word for text in texts for word in WORD.findall(text)):
            if len(word) <= LONGEST:
                more = max(0, 3 - len(word))
                yield ENDS + more, holds("StartsWith", cell, word)
                yield ENDS + more, holds("EndsWith", cell, word)
                yield HAS + more, holds("Contains", cell, word)


def _thresholds(texts: Sequence[str]) -> list[str]:
    """A number between any two neighbours, where all texts that are not empty are numbers."""
    numbers = [value for text in texts if text and (value := number(text)) is not None]
    if len(numbers) < sum(map(bool, texts)):
        return []
    ordered = sorted(set(numbers))
    return [plain(roundest(low, high)) for low, high in pairwise(ordered)]


def roundest(low: Decimal, high: Decimal) -> Decimal:
    """The number above `low`, at most `high`, that is a multiple of the largest power of ten; in the middle of these.

    >>> roundest(Decimal(49), Decimal(50)), roundest(Decimal(8), Decimal(40)), roundest(Decimal(-3), Decimal(5))
    (Decimal('50'), Decimal('20'), Decimal('0'))
    """
    if low < 0 <= high:
        return Decimal(0)
    for power in range(max(low.adjusted(), high.adjusted()), -16, -1):
        unit = Decimal(1).scaleb(power)
        first, last = low // unit, high // unit
        if low < 0:  # `//` cuts towards zero
            first, last = first - (first * unit > low), last - (last * unit > high)
        if last > first:
            middle = ((low + high) / 2) // unit
            return Decimal(plain(unit * min(max(middle, first + 1), last)))
    return high
