"""Property signatures: what is true of a value, and between a value and the wanted output, on all examples at once.

A property is a question with the answer yes or no on one example ("is it empty?", "does the output begin with it?").
Over the examples the answers become one category: all true, all false, mixed; not asked, where the value has another
type; and padding, where there is no value. A signature does not depend on the order of the examples or their number,
so a small model can read it whatever the task. Source: Odena, Sutton: Learning to Represent Programs with Property
Signatures, ICLR 2020; the properties are those of BUSTLE (Odena et al., ICLR 2021, appendix).

A value has 14 properties as a string, 7 as an integer, 1 as a boolean; compared with the output 17 as a string and 7
as an integer (with the output's length, where the output is a string): 46 categories. The examples' own signature is
that of the first three inputs and the 22 of the output: 160.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Int8, Int64

Value: TypeAlias = str | int | bool

ALL_FALSE, ALL_TRUE, MIXED, TYPE_MISMATCH, PADDING = range(5)
CATEGORIES = 5
INPUTS = 3  # of the examples that are described

STRING: tuple[Callable[[str], bool], ...] = (
    lambda text: text == "",
    lambda text: len(text) == 1,
    lambda text: len(text) <= 5,
    lambda text: text == text.lower(),
    lambda text: text == text.upper(),
    *((lambda text, part=part: part in text) for part in " ,.-/"),
    lambda text: re.search(r"[0-9]", text) is not None,
    lambda text: re.fullmatch(r"[0-9]+", text) is not None,
    lambda text: re.search(r"[A-Za-z]", text) is not None,
    lambda text: re.fullmatch(r"[A-Za-z]+", text) is not None,
)
INTEGER: tuple[Callable[[int], bool], ...] = (
    lambda number: number == 0,
    lambda number: number == 1,
    lambda number: number == 2,
    lambda number: number < 0,
    lambda number: 1 <= number <= 3,
    lambda number: 4 <= number <= 9,
    lambda number: number > 9,
)
BOOLEAN: tuple[Callable[[bool], bool], ...] = (lambda value: value,)

_CONTAINED: tuple[Callable[[str, str], bool], ...] = (
    lambda x, y: x in y,
    lambda x, y: y.startswith(x),
    lambda x, y: y.endswith(x),
    lambda x, y: y in x,
    lambda x, y: x.startswith(y),
    lambda x, y: x.endswith(y),
)
STRING_OUTPUT: tuple[Callable[[str, str], bool], ...] = (
    *_CONTAINED,
    *((lambda x, y, test=test: test(x.lower(), y.lower())) for test in _CONTAINED),
    lambda x, y: x == y,
    lambda x, y: x.lower() == y.lower(),
    lambda x, y: len(x) == len(y),
    lambda x, y: len(x) < len(y),
    lambda x, y: len(x) > len(y),
)
INTEGER_OUTPUT: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: x < y,
    lambda x, y: x <= y,
    lambda x, y: x == y,
    lambda x, y: x >= y,
    lambda x, y: x > y,
    lambda x, y: abs(x - y) <= 1,
    lambda x, y: abs(x - y) <= 3,
)
UNARY = len(STRING) + len(INTEGER) + len(BOOLEAN)  # 22
COMPARED = len(STRING_OUTPUT) + len(INTEGER_OUTPUT)  # 24
VALUE = UNARY + COMPARED  # 46
EXAMPLES = INPUTS * VALUE + UNARY  # 160


def _bits(tests: Sequence[bool], first: int) -> int:
    return sum(1 << place for place, true in enumerate(tests, first) if true)


def _properties(value: Value, output: Value | None) -> int:
    """The properties that are true, a bit each at its place of the 46; without output the comparisons are 0.

    Strings, of which a search meets most, are looked at by `_of_string`; the tables above define what it gives."""
    if isinstance(value, bool):
        return _bits([test(value) for test in BOOLEAN], len(STRING) + len(INTEGER))
    if isinstance(value, int):
        true = _bits([test(value) for test in INTEGER], len(STRING))
        if output is None:
            return true
        number = len(output) if isinstance(output, str) else int(output)
        return true | _bits([test(value, number) for test in INTEGER_OUTPUT], UNARY + len(STRING_OUTPUT))
    lower = value.lower()
    true = _of_string(value, lower)
    return true | _compared(value, lower, output, output.lower()) << UNARY if isinstance(output, str) else true


_DIGIT, _DIGITS = re.compile(r"[0-9]").search, re.compile(r"[0-9]+").fullmatch
_LETTER, _LETTERS = re.compile(r"[A-Za-z]").search, re.compile(r"[A-Za-z]+").fullmatch


def _of_string(text: str, lower: str) -> int:
    """The bits of `STRING`."""
    digit, letter = _DIGIT(text) is not None, _LETTER(text) is not None
    return (
        (not text)
        | (len(text) == 1) << 1
        | (len(text) <= 5) << 2
        | (text == lower) << 3
        | (text == text.upper()) << 4
        | (" " in text) << 5
        | ("," in text) << 6
        | ("." in text) << 7
        | ("-" in text) << 8
        | ("/" in text) << 9
        | digit << 10
        | (digit and _DIGITS(text) is not None) << 11
        | letter << 12
        | (letter and _LETTERS(text) is not None) << 13
    )


def _compared(x: str, x_lower: str, y: str, y_lower: str) -> int:
    """The bits of `STRING_OUTPUT`."""
    bits = (x == y) << 12 | (x_lower == y_lower) << 13
    bits |= (len(x) == len(y)) << 14 | (len(x) < len(y)) << 15 | (len(x) > len(y)) << 16
    return bits | _contained(x, y) | _contained(x_lower, y_lower) << 6


def _contained(x: str, y: str) -> int:
    """The bits of `_CONTAINED`."""
    bits = 0
    if x in y:
        bits = 1 | y.startswith(x) << 1 | y.endswith(x) << 2
    if y in x:
        bits |= 8 | x.startswith(y) << 4 | x.endswith(y) << 5
    return bits


def _asked(value: Value, output: Value | None) -> int:
    """The properties that are asked of values of this type, a bit each."""
    if isinstance(value, bool):
        return _bits([True] * len(BOOLEAN), len(STRING) + len(INTEGER))
    if isinstance(value, int):
        asked = _bits([True] * len(INTEGER), len(STRING))
        compared = _bits([True] * len(INTEGER_OUTPUT), UNARY + len(STRING_OUTPUT))
        return asked | (compared if output is not None else 0)
    asked = _bits([True] * len(STRING), 0)
    return asked | (_bits([True] * len(STRING_OUTPUT), UNARY) if isinstance(output, str) else 0)


class Signatures:
    """Signatures of values against fixed outputs; what was asked of a value on an example is remembered."""

    def __init__(self, outputs: Sequence[Value]) -> None:
        self.outputs = list(outputs)
        self.known: list[dict[str | tuple[type, Value], int]] = [{} for _ in self.outputs]

    def of(self, values: Sequence[Sequence[Value]]) -> Int8[np.ndarray, "values 46"]:
        """The signatures of values that all have one type; each is a row of values, one an example."""
        if not values:
            return np.empty((0, VALUE), np.int8)
        table = np.array([[self._true(e, value) for e, value in enumerate(row)] for row in values], np.int64)
        return _categories(table, _asked(values[0][0], self.outputs[0]))

    def _true(self, example: int, value: Value) -> int:
        known = self.known[example]
        key = value if isinstance(value, str) else (type(value), value)
        found = known.get(key)
        if found is None:
            found = known[key] = _properties(value, self.outputs[example])
        return found


def _categories(true: Int64[np.ndarray, "values examples"], asked: int) -> Int8[np.ndarray, "values 46"]:
    places = np.arange(VALUE)
    everywhere = np.bitwise_and.reduce(true, 1)[:, None] >> places & 1
    somewhere = np.bitwise_or.reduce(true, 1)[:, None] >> places & 1
    found = np.where(everywhere == 1, ALL_TRUE, np.where(somewhere == 1, MIXED, ALL_FALSE))
    return np.where(asked >> places & 1, found, TYPE_MISMATCH).astype(np.int8)


def value_signature(values: Sequence[Value], outputs: Sequence[Value]) -> Int8[np.ndarray, "46"]:
    """The signature of one value: `values[e]` on example e, whose output is `outputs[e]`."""
    return Signatures(outputs).of([values])[0]


def example_signature(inputs: Sequence[Sequence[Value]], outputs: Sequence[Value]) -> Int8[np.ndarray, "160"]:
    """The signature of a task: `inputs[e]` is the row of example e. Inputs after the third are not described."""
    columns = list(zip(*inputs, strict=True))[:INPUTS]
    parts = [value_signature(column, outputs) for column in columns]
    parts += [np.full(VALUE, PADDING, np.int8)] * (INPUTS - len(columns))
    true = np.array([[_properties(output, None) for output in outputs]], np.int64)
    parts.append(_categories(true, _asked(outputs[0], None))[0, :UNARY])
    return np.concatenate(parts)
