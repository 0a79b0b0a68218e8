"""The search for one set of examples: enumerate a weight, deduce from the bank, divide; until light enough or late.

Rounds: the bank grows by one weight, then deduction and divide and conquer look for a program lighter than the best so
far. A bank alone would find the lightest program of all but only up to about weight ten; deduction finds much larger
ones early, which then get lighter while the bank grows. The longer the first program took, and when it has a
conditional (which may be made to measure for these examples), the longer is looked for a lighter one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import combinations, islice

from phloem.synthesis.base import Budget, Grammar, Spec, agrees, wrong
from phloem.synthesis.bottom_up import Enumerator
from phloem.synthesis.deduce import Deduction, clock, numeric, roles
from phloem.synthesis.divide import CONDITIONAL, Divide
from phloem.synthesis.hoist import hoisted
from phloem.synthesis.interning import Limits
from phloem.synthesis.pieces import Effort
from phloem.synthesis.program import STRING, Call, Program, nodes, size

HEAVIEST = 40  # weight of the bank at which a search ends
FIRST = 3  # the weight of the bank at which deduction begins
DEPTH = 3  # nested conditionals
WRONG = 6  # what an example that is given up counts, in nodes
GIVEN_UP = 60  # sets of examples that are given up at most, tried one by one
CROWDED = 12_000  # strings of a bank beyond which only integers and booleans are enumerated further
NUMBERS = 5_000  # integers that are enumerated apart
COUNTING = 0.2  # the share of the time for them
LARGE = 12  # nodes of a program that is looked at with suspicion
JOINED = 6  # the weight up to which the bank has concatenations and conditionals of its own


class Search:
    """A search for the programs of a grammar that give the outputs of all examples but `noise`.

    `accept` tells whether a program is right on examples that this search does not see; the first that is not ends the
    search, so that the example it gets wrong can join."""

    def __init__(
        self,
        spec: Spec,
        grammar: Grammar,
        budget: Budget,
        deadline: float,
        accept: Callable[[Program], bool],
        *,
        noise: int = 0,
        most: int = 1,
    ) -> None:
        self.accept, self.rejected = accept, dict[Program, None]()
        self.spec, self.grammar, self.deadline = spec, grammar, deadline
        self.candidates = float("inf") if budget.candidates is None else budget.candidates
        self.began = time.perf_counter()
        self.noise, self.most = noise, most
        texts = [value for row in (*spec.inputs, spec.outputs) for value in row if isinstance(value, str)]
        longest = 2 * max(map(len, texts), default=20) + 10
        largest = max([abs(int(v)) for v in spec.outputs if not isinstance(v, str)] + [10_000])
        bounded = grammar.types[grammar.start] in ("string", "integer", "boolean")
        limits = Limits(longest, largest if bounded else None)
        self.bank = Enumerator(spec, grammar, limits=limits, memory=budget.memory)
        self.roles = roles(grammar)
        numbers = numeric(grammar)
        self.numbers = None if numbers is None else Enumerator(spec, numbers, limits=limits, memory=budget.memory // 4)
        self.counting = 0.0  # seconds spent on `numbers`
        self.everything = tuple(range(len(spec.inputs)))
        self.found: dict[Program, float] = {}  # program -> size, conditionals and examples given up counted
        self.solved = False
        self.polishing = float("inf")  # when looking for a lighter program ends

    @property
    def tried(self) -> int:
        return self.bank.tried

    def out(self) -> bool:
        """Whether time, candidates or memory are used up."""
        return self.bank.out(self.deadline, self.candidates)

    def run(self) -> list[Program]:
        """Programs, best first; where none is accepted one that is right here and was rejected, else the best partial
        one. Empty when there is nothing at all. Ctrl-C ends the search with what there is, and is raised where there
        is nothing."""
        try:
            while not self._ended():
                self._round()
        except KeyboardInterrupt:
            if not self.found:
                raise
        self.solved = bool(self.found or self.rejected)
        if not self.found:
            return list(self.rejected) or self._partial()
        return sorted(self.found, key=lambda program: self.found[program])[: max(self.most, 1)]

    def _ended(self) -> bool:
        if self.rejected and not self.found:
            return True
        if self.out() or self.bank.weight >= HEAVIEST or time.perf_counter() > self.polishing:
            return True
        return self._lightest()

    def _round(self) -> None:
        """The next weight of the bank, and what can be deduced from it."""
        self._restrict()
        for found in self.bank.grow(min(self.deadline, self.polishing), self.candidates):
            self._keep(found.program, 0)
            if self._ended():
                return
        if self.bank.weight >= FIRST:
            self._count()
            self._deduce()

    def _count(self) -> None:
        """More integers, for a share of the time and up to a number."""
        numbers = self.numbers
        if numbers is None:
            return
        end = min(self.deadline, self.polishing)
        while numbers.shelves[numbers.grammar.start].count < NUMBERS and not numbers.out(end, float("inf")):
            began = time.perf_counter()
            if self.counting > COUNTING * (began - self.began) and numbers.weight >= self.bank.weight:
                break
            for _ in numbers.grow(end):
                pass
            self.counting += time.perf_counter() - began

    def _best(self) -> float:
        return min(self.found.values(), default=float("inf"))

    def _lightest(self) -> bool:
        """Whether enough programs are known and the bank would have any lighter one."""
        return len(self.found) >= self.most and self._best() <= self.bank.weight + 1

    def _keep(self, program: Program, given_up: int) -> None:
        roles = self.roles
        empty = next((r.leaf for r in self.grammar.of(self.grammar.start) if r.leaf and _is_empty(r.leaf)), None)
        program = hoisted(program, roles.concat, roles.conditional, empty)
        if not agrees(program, self.spec, self.noise):
            return
        if not self.accept(program):
            self.rejected.setdefault(program)
            return
        if not self.found:
            self.polishing = time.perf_counter() + self._patience(program)
        self.found.setdefault(program, size(program) + CONDITIONAL * self._conditionals(program) + WRONG * given_up)

    def _patience(self, program: Program) -> float:
        """Seconds to look for something lighter: as long as the first took; a third of the time left for what is
        large or has a conditional."""
        now = time.perf_counter()
        share = 0.35 if self._conditionals(program) or size(program) > LARGE else 0.1
        return max(now - self.began, share * (self.deadline - now))

    def _conditionals(self, program: Program) -> int:
        return sum(isinstance(each, Call) and each.operator == self.roles.conditional for each in nodes(program))

    def _deduction(self) -> Deduction:
        effort = Effort(positions=600 if self.bank.weight < 8 else 1500)
        return Deduction(self.bank, effort, clock(min(self.deadline, self.polishing)), self.numbers)

    def _restrict(self) -> None:
        """Leave to deduction what it does better, and strings alone once there are many."""
        roles = self.roles
        start = self.bank.shelves[self.grammar.start]
        for number, rule in enumerate(self.grammar.rules):
            if rule.operator is None:
                continue
            if rule.operator in (roles.concat, roles.conditional):
                self.bank.ceilings[number] = JOINED
            if rule.operator.result == STRING and start.type == STRING and start.count > CROWDED:
                self.bank.ceilings.setdefault(number, self.bank.weight)

    def _deduce(self) -> None:
        divide = Divide(self._deduction())
        count = len(self.everything)
        for given_up in range(self.noise + 1):
            for lost in islice(combinations(self.everything, given_up), GIVEN_UP):
                kept = tuple(e for e in self.everything if e not in lost)
                limit = min(self._best() - WRONG * given_up, Effort().weight)
                answer = divide.best(kept, int(limit), min(DEPTH, count - 1)) if kept else None
                if answer is not None:
                    self._keep(answer.program, len(wrong(answer.program, self.spec)))

    def _partial(self) -> list[Program]:
        """The program of the bank that is right on most examples, the lightest of these."""
        shelf = self.bank.shelves[self.grammar.start]
        if not shelf.count:
            return []
        right = (shelf.ids[: shelf.count] == self.bank.target).sum(1)
        return [self.bank.program(shelf.head, int(right.argmax()))]


def _is_empty(program: Program) -> bool:
    return getattr(program, "value", None) == ""
