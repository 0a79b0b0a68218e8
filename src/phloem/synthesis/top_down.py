"""Top-down enumeration of typed λ-terms in windows of increasing cost (Ellis et al. 2020; Lari and Young's grammars).

Every program whose cost (-log probability, in nats) lies in [0, 1.5) comes first, then those in [1.5, 3), and so on:
iterative deepening, which keeps no queue. A window is walked depth first; the last argument of a head only has to cover
what is left of the window.

Enumerating again what was enumerated is the price of iterative deepening. Here the answers to each problem (a type
asked for among variables of known types, library.py) below `KEPT` nats are kept in a table sorted by cost: since
probabilities sum to at most one, a problem has at most e^KEPT answers there. Only the outer layers of a program are
walked; answers carry their compiled code, so that a program is compiled by composing the codes of its parts.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

from phloem.synthesis.languages.lambda_machine import Machine
from phloem.synthesis.library import Filling, Fit, Problem, problem_of
from phloem.synthesis.polymorphic_types import Polytype, is_arrow
from phloem.synthesis.weighted_grammar import TOP, Derivation, WeightedGrammar, under_lambda

WINDOW = 1.5  # nats
KEPT = 10.0  # nats: at most e^10 = 22,026 answers a problem
GRID = 0.5  # answers are tabulated up to multiples of this
DEEPEST = 40  # heads within heads
SLACK = 1e-9  # sums of costs in different orders

_cost = attrgetter("cost")


class Table(NamedTuple):
    """All answers of a problem with a cost below `limit`, cheapest first."""

    limit: float
    costs: list[float]
    answers: list[Derivation]


NOTHING = Table(0.0, [], [])


class Enumerator:
    """Enumerates the programs of a grammar; with a `machine` they come compiled."""

    def __init__(self, grammar: WeightedGrammar, machine: Machine | None = None) -> None:
        self.grammar, self.machine = grammar, machine
        self._tables: dict[tuple[Problem, int], Table] = {}
        self._open: set[tuple[Problem, int, float]] = set()

    def windows(self, request: Polytype, width: float = WINDOW) -> Iterator[tuple[float, Iterator[Derivation]]]:
        """(upper bound, programs of the window that ends there), without end."""
        number = 0
        while True:
            yield (number + 1) * width, self.between(request, number * width, (number + 1) * width)
            number += 1

    def between(self, request: Polytype, low: float, high: float) -> Iterator[Derivation]:
        """All programs of type `request` with low <= cost < high, each once."""
        return self._answers(problem_of(request), TOP, low, high, 0)

    def _answers(self, problem: Problem, row: int, low: float, high: float, depth: int) -> Iterator[Derivation]:
        if high <= 0 or depth > DEEPEST:
            return
        limit = math.ceil(high / GRID) * GRID
        if limit <= KEPT and (problem, row, limit) not in self._open:
            table = self._table(problem, row, limit, depth)
            begin, end = bisect_left(table.costs, low), bisect_left(table.costs, high)
            yield from table.answers[begin:end]
        else:
            yield from self._walk(problem, row, low, high, depth)

    def _table(self, problem: Problem, row: int, limit: float, depth: int) -> Table:
        """The kept answers below at least `limit`, cheapest first."""
        known = self._tables.get((problem, row), NOTHING)
        if known.limit >= limit:
            return known
        key = (problem, row, limit)
        self._open.add(key)  # a hole of the same kind inside must walk
        try:
            answers = sorted(self._walk(problem, row, 0.0, limit, depth), key=_cost)
        finally:
            self._open.discard(key)
        table = self._tables[problem, row] = Table(limit, [answer.cost for answer in answers], answers)
        return table

    def _least(self, problem: Problem, row: int, high: float, depth: int) -> float:
        """No answer costs less than this; looked for up to `high` at most."""
        if depth > DEEPEST:
            return 0.0
        known = self._tables.get((problem, row), NOTHING)
        end = min(math.ceil(high / GRID) * GRID, KEPT)
        while not known.costs and known.limit < end:
            limit = min(known.limit + 4 * GRID, end)
            if (problem, row, limit) in self._open:
                return known.limit
            known = self._table(problem, row, limit, depth)
        return known.costs[0] if known.costs else known.limit

    def _walk(self, problem: Problem, row: int, low: float, high: float, depth: int) -> Iterator[Derivation]:
        if is_arrow(problem.request):
            for body in self._answers(under_lambda(problem), row, low, high, depth):
                code = self.machine.abstraction(body.code) if self.machine and body.code else None
                yield Derivation(body.cost, None, (body,), body.binding, code)
            return
        for choice in self.grammar.choices(problem, row):
            if choice.cost >= high:
                break
            yield from self._filled(choice.fit, choice.fit.start, (), choice.cost, (low, high), depth + 1)

    def _filled(
        self,
        fit: Fit,
        filling: Filling,
        parts: tuple[Derivation, ...],
        cost: float,
        window: tuple[float, float],
        depth: int,
    ) -> Iterator[Derivation]:
        """All ways to make the arguments that are missing, so that the cost of the whole lies in the window."""
        low, high = window
        hole = filling.hole
        if hole is None:
            if low <= cost < high:
                yield self._made(fit, parts, cost, filling.binding)
            return
        position = len(parts)
        row = self.grammar.row(fit.child, position)
        most = high - cost + SLACK
        for further, later in enumerate(filling.later, position + 1):
            if later is not None:
                most -= self._least(later, self.grammar.row(fit.child, further), most, depth)
        if filling.arity == 1:
            for part in self._answers(hole, row, low - cost - SLACK, most, depth):
                total = cost + part.cost
                if low <= total < high:
                    yield self._made(fit, (*parts, part), total, filling.after(part.binding).binding)
            return
        for part in self._answers(hole, row, 0.0, most, depth):
            after = filling.after(part.binding)
            yield from self._filled(fit, after, (*parts, part), cost + part.cost, window, depth)

    def _made(self, fit: Fit, parts: tuple[Derivation, ...], cost: float, binding: tuple[Polytype, ...]) -> Derivation:
        code = None
        if self.machine is not None:
            code = self.machine.call(fit.head, [part.code for part in parts if part.code is not None])
        return Derivation(cost, fit.head, parts, binding, code)


def until(programs: Iterator[Derivation], deadline: float, every: int = 64) -> Iterator[Derivation]:
    """The programs until the clock (time.monotonic) passes the deadline, looked at after every few."""
    for number, program in enumerate(programs):
        if number % every == 0 and time.monotonic() > deadline:
            return
        yield program
