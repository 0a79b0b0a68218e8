"""Values as small numbers: every distinct value once, and operators computed once for every combination of values.

The values that a search meets repeat: with five examples a million vectors of results are made of a few thousand
strings. `Values` gives each distinct value of a type a number; `table` applies an operator to all combinations of some
numbers and returns numbers, -1 where the operator fails or its result is too long or too large to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product, starmap
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from phloem.synthesis.program import Operator, Type, Value

FAILED = -1

Numbers = Int32[np.ndarray, "choices"]
Table = Int32[np.ndarray, "..."]


class Limits(NamedTuple):
    """Which values a search keeps: strings of at most `longest` characters, integers of at most `largest` either way.

    `largest` also bounds bit-vectors unless None."""

    longest: int = 200
    largest: int | None = 10_000


class Values(dict[Value | None, int]):
    """The distinct values of one type, numbered from 0 in the order in which they came: `self[value]` is the number.

    A value that was not seen gets a new number when it is looked up; None and what is not kept give FAILED."""

    def __init__(self, limits: Limits) -> None:
        super().__init__({None: FAILED})
        self.limits = limits
        self.known: list[Value] = []
        self.bytes = 0

    def __missing__(self, value: Value | None) -> int:
        if isinstance(value, str):
            if len(value) > self.limits.longest:
                return FAILED
            self.bytes += 150 + len(value)
        elif value is None or (self.limits.largest is not None and abs(value) > self.limits.largest):
            return FAILED
        else:
            self.bytes += 140
        number = self[value] = len(self.known)
        self.known.append(value)
        return number

    def all(self, values: Iterable[Value | None], count: int) -> Int32[np.ndarray, "values"]:
        """The numbers of `count` values."""
        return np.fromiter(map(self.__getitem__, values), np.int32, count)


class Interned:
    """The values of all types of a search."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.types: dict[Type, Values] = {}

    def of(self, type: Type) -> Values:
        if type not in self.types:
            self.types[type] = Values(self.limits)
        return self.types[type]

    @property
    def bytes(self) -> int:
        """About how much memory the values hold."""
        return sum(each.bytes for each in self.types.values())

    def table(
        self, operator: Operator, numbers: Sequence[Numbers], known: tuple[Sequence[Numbers], Table] | None = None
    ) -> Table:
        """The operator on all combinations: `numbers[k]` are the choices of argument k, ascending; one axis an
        argument.

        `known`: choices and table of the same operator on another example. What both have in common, constants above
        all, is copied: the combinations of common choices; the rest is a box for each argument, in which this argument
        is the first that is not common."""
        if known is None:
            return self._computed(operator, numbers)
        places = [
            np.minimum(np.searchsorted(old, new), len(old) - 1) for old, new in zip(known[0], numbers, strict=True)
        ]
        common = [old[at] == new for old, new, at in zip(known[0], numbers, places, strict=True)]
        if not all(each.any() for each in common):
            return self._computed(operator, numbers)
        table = np.empty([len(each) for each in numbers], np.int32)
        shared = [at[same] for at, same in zip(places, common, strict=True)]
        table[np.ix_(*common)] = known[1][np.ix_(*shared)]
        for axis, same in enumerate(common):
            box = [*common[:axis], ~same, *(np.ones(len(each), bool) for each in numbers[axis + 1 :])]
            if not same.all():
                table[np.ix_(*box)] = self._computed(operator, [n[b] for n, b in zip(numbers, box, strict=True)])
        return table

    def _computed(self, operator: Operator, numbers: Sequence[Numbers]) -> Table:
        choices = []
        for type, chosen in zip(operator.arguments, numbers, strict=True):
            values = self.of(type).known
            choices.append([values[i] for i in chosen.tolist()])
        shape = [len(each) for each in choices]
        results = starmap(operator.apply, product(*choices))
        return self.of(operator.result).all(results, prod(shape)).reshape(shape)
