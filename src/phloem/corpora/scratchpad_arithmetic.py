"""Long addition with its scratchpad, and a checker of scratchpads.

Nye et al., "Show Your Work: Scratchpads for Intermediate Computation with Language Models" (2021, section 3). A line
holds the digits not yet added, the digits of the result with the newest in front, and the carry after that step:

    4 8 + 7 6 , C: 0
    4 + 7 , 4 C: 1
    , 2 4 C: 1
    1 2 4

The shorter number is padded with zeros. The last line is the carry in front of the result even where it is 0; the
answer is written without leading zeros. Comments in the paper's figure are no part of the target.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_STATE = re.compile(r"(?:([0-9 ]+) \+ ([0-9 ]+) )?,((?: [0-9])*) C: ([01])")


class Worked(NamedTuple):
    """A question, its scratch lines and its answer, all as they are written."""

    question: str
    scratch: tuple[str, ...]
    answer: str


def spaced(digits: str) -> str:
    """Digits with blanks between."""
    return " ".join(digits)


def state(left: str, right: str, result: str, carry: int) -> str:
    """The scratch line of digits not yet added, digits of the result, and the carry."""
    pending = f"{spaced(left)} + {spaced(right)} " if left else ""
    return f"{pending},{' ' if result else ''}{spaced(result)} C: {carry}"


@lru_cache(maxsize=1 << 15)
def following(line: str) -> str | None:
    """The scratch line after `line`, from that line alone; None if `line` is none, or the last one."""
    read = _STATE.fullmatch(line)
    if read is None:
        return None
    left, right, result = ((part or "").replace(" ", "") for part in read.group(1, 2, 3))
    carry = int(read[4])
    if len(left) != len(right):
        return None
    if not left:
        return spaced(f"{carry}{result}")
    carry, digit = divmod(int(left[-1]) + int(right[-1]) + carry, 10)
    return state(left[:-1], right[:-1], f"{digit}{result}", carry)


def addition(left: int, right: int) -> Worked:
    """The sum of two numbers of at least 0, worked out. Raises ValueError for a negative one."""
    if left < 0 or right < 0:
        raise ValueError("only numbers of at least 0 are added digit by digit")
    one, other = str(left), str(right)
    length = max(len(one), len(other))
    scratch = lines(one.zfill(length), other.zfill(length))
    return Worked(f"{spaced(one)} + {spaced(other)}", scratch, _answer(scratch[-1]))


def lines(left: str, right: str) -> tuple[str, ...]:
    """The scratch lines of two numbers that are written with equally many digits."""
    result, carry, found = "", 0, [state(left, right, "", 0)]
    for place in range(len(left) - 1, -1, -1):
        carry, digit = divmod(int(left[place]) + int(right[place]) + carry, 10)
        result = f"{digit}{result}"
        found.append(state(left[:place], right[:place], result, carry))
    return (*found, spaced(f"{carry}{result}"))


def is_right(question: str, scratch: Sequence[str], answer: str) -> bool:
    """Whether every line follows from the one before, the first from the question, and the answer from the last."""
    numbers = question.replace(" ", "").split("+")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers) or not scratch:
        return False
    length = max(map(len, numbers))
    first = state(numbers[0].zfill(length), numbers[1].zfill(length), "", 0)
    steps = zip([None, *scratch], [*scratch, None], strict=True)
    followed = all(after == (first if before is None else following(before)) for before, after in steps)
    return followed and answer == _answer(scratch[-1])


def of_digits(rng: np.random.Generator, least: int, most: int) -> tuple[int, int]:
    """Two numbers, the longer of uniformly `least` to `most` digits, the shorter of at most as many."""
    longer = int(rng.integers(least, most + 1))
    pair = [_number(rng, longer), _number(rng, int(rng.integers(1, longer + 1)))]
    if rng.random() < 0.5:
        pair.reverse()
    return pair[0], pair[1]


def _number(rng: np.random.Generator, digits: int) -> int:
    first = int(rng.integers(1 if digits > 1 else 0, 10))
    return int("".join(map(str, [first, *rng.integers(0, 10, digits - 1).tolist()])))


def _answer(last: str) -> str:
    return spaced(last.replace(" ", "").lstrip("0") or "0")
