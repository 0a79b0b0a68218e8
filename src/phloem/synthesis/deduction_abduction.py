"""Deduction and abduction: what is wrong with a tree whose root has the wrong value, and how to repair it.

Li et al., "Neural-Symbolic Recursive Machine for Systematic Generalization" (ICLR 2024, section 3.3 and algorithm 1). A
queue holds places with the values that they should have, first the root with the wanted one. What is popped is
compared with its value: if it is one of those wanted, the repair is found. Otherwise changes are pushed:

    perception   another symbol at the place              log p(s) - log p(s')
    semantics    the value itself set to a wanted one     log l - log(1 - l)       l: likelihood of the program
    syntax       an arc to a child turned round           log p - log(1 - p)
    top-down     a child, with the values that would make the place right by its table (or EMPTY), the same of the child

An entry carries its own cost alone: costs along a path are not added, as in the released code, so that the first repair
that is popped is the best entry of the queue at that moment and not the cheapest of all. Only the moves of the module
that is being trained are tried, with the top-down ones.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Literal, NamedTuple, Protocol

from phloem.synthesis.grounded_symbols import (
    EMPTY,
    Arguments,
    Heads,
    Meanings,
    Value,
    arguments,
    children,
    deduce,
)

Module = Literal["perception", "semantics", "syntax"]
Tables = Mapping[str, Mapping[Arguments, Value]]
MOST = 2000  # entries that are looked at
SMALL = 1e-6


class Beliefs(Protocol):
    """Probabilities of what may be wrong."""

    def symbol(self, place: int, symbol: str) -> float:
        """That a place has this symbol."""

    def program(self, symbol: str) -> float:
        """That a symbol's program is right."""

    def arc(self, place: int) -> float:
        """That the arc from a place to its head is right."""


class Hypothesis(NamedTuple):
    """Symbols, heads, and values that are set in place of what the programs give."""

    symbols: tuple[str, ...]
    heads: Heads
    fixed: dict[int, Value]


class Repair(NamedTuple):
    """What gives the wanted value; where it was changed and at which cost (no place where nothing was wrong)."""

    hypothesis: Hypothesis
    values: list[Value]
    place: int | None
    cost: float


class Entry(NamedTuple):
    hypothesis: Hypothesis
    values: list[Value]
    place: int
    wanted: frozenset[Value]
    changed: bool  # the place itself, not only what is asked of it


class Abduction:
    """Repairs of trees under given meanings, tables and beliefs."""

    def __init__(self, meanings: Meanings, tables: Tables, beliefs: Beliefs, module: Module) -> None:
        self.meanings, self.tables, self.beliefs, self.module = meanings, tables, beliefs, module
        self._inverted: dict[str, dict[Value, list[Arguments]]] = {}

    def __call__(self, start: Hypothesis, target: Value) -> Repair | None:
        """The first repair that is popped; None where the queue runs empty, or after `MOST` entries."""
        values = deduce(start.symbols, start.heads, self.meanings, start.fixed)
        root = start.heads.index(-1)
        number = count()
        queue = [(0.0, next(number), Entry(start, values, root, frozenset([target]), False))]
        for _ in range(MOST):
            if not queue:
                return None
            cost, _, entry = heapq.heappop(queue)
            if entry.values[entry.place] in entry.wanted:
                found = entry.hypothesis
                repaired = deduce(found.symbols, found.heads, self.meanings, found.fixed)
                if repaired[found.heads.index(-1)] == target:
                    return Repair(found, repaired, entry.place if entry.changed else None, cost)
            if entry.changed:
                continue
            for price, further in [*self._own(entry), *self._below(entry)]:
                heapq.heappush(queue, (price, next(number), further))
        return None

    def _own(self, entry: Entry) -> list[tuple[float, Entry]]:
        """Changes of the place itself by the module's moves."""
        if self.module == "perception":
            return self._symbols(entry)
        if self.module == "semantics":
            return self._values(entry)
        return self._rotations(entry)

    def _symbols(self, entry: Entry) -> list[tuple[float, Entry]]:
        start, place = entry.hypothesis, entry.place
        now = math.log(self.beliefs.symbol(place, start.symbols[place]))
        found = []
        for symbol in self.tables:
            chance = self.beliefs.symbol(place, symbol)
            if symbol != start.symbols[place] and chance > 0:
                symbols = (*start.symbols[:place], symbol, *start.symbols[place + 1 :])
                changed = Hypothesis(symbols, start.heads, start.fixed)
                found.append((now - math.log(chance), self._changed(entry, changed, place)))
        return found

    def _values(self, entry: Entry) -> list[tuple[float, Entry]]:
        start, place = entry.hypothesis, entry.place
        price = odds(self.beliefs.program(start.symbols[place]))
        found = []
        for value in sorted(entry.wanted, key=repr):
            changed = start._replace(fixed={**start.fixed, place: value})
            found.append((price, self._changed(entry, changed, place)))
        return found

    def _rotations(self, entry: Entry) -> list[tuple[float, Entry]]:
        start, found = entry.hypothesis, []
        for child in children(start.heads)[entry.place]:
            turned = start._replace(heads=rotated(start.heads, child))
            found.append((odds(self.beliefs.arc(child)), self._changed(entry, turned, child)))
        return found

    def _changed(self, entry: Entry, hypothesis: Hypothesis, place: int) -> Entry:
        values = deduce(hypothesis.symbols, hypothesis.heads, self.meanings, hypothesis.fixed)
        return Entry(hypothesis, values, place, entry.wanted, True)

    def _below(self, entry: Entry) -> list[tuple[float, Entry]]:
        """Children with the values that would make the place right."""
        start, place = entry.hypothesis, entry.place
        below = children(start.heads)[place]
        inverted = self._inverse(start.symbols[place])
        given = {tuple_ for value in entry.wanted for tuple_ in inverted.get(value, ())}
        found = []
        for number, child in enumerate(below):
            before = arguments(entry.values[other] for other in below[:number])
            after = arguments(entry.values[other] for other in below[number + 1 :])
            if before is None or after is None:
                continue
            wanted: set[Value] = {EMPTY} if (*before, *after) in given else set()
            wanted |= {
                each[len(before)]
                for each in given
                if len(each) == len(before) + 1 + len(after)
                and each[: len(before)] == before
                and each[len(before) + 1 :] == after
            }
            if wanted:
                price = odds(self._belief(start, child))
                found.append((price, Entry(start, entry.values, child, frozenset(wanted), False)))
        return found

    def _belief(self, start: Hypothesis, place: int) -> float:
        """That a place has the right value: symbol and program."""
        symbol = start.symbols[place]
        return self.beliefs.symbol(place, symbol) * self.beliefs.program(symbol)

    def _inverse(self, symbol: str) -> dict[Value, list[Arguments]]:
        if symbol not in self._inverted:
            found: dict[Value, list[Arguments]] = {}
            for given, value in self.tables.get(symbol, {}).items():
                found.setdefault(value, []).append(given)
            self._inverted[symbol] = found
        return self._inverted[symbol]


def odds(chance: float) -> float:
    """log p - log(1 - p), finite."""
    chance = min(max(chance, SMALL), 1 - SMALL)
    return math.log(chance) - math.log(1 - chance)


def rotated(heads: Sequence[int], child: int) -> Heads:
    """The arc to a child turned round: it takes its head's place, and its head becomes its child. Its own inverse."""
    head = heads[child]
    changed = list(heads)
    changed[child], changed[head] = heads[head], child
    return tuple(changed)
