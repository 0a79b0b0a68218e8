"""Conditionals by divide and conquer over sets of examples.

A conditional's predicate splits the examples; each side is a smaller question. `best` finds, for a set of examples, the
lightest of the direct answer and of all splits by enumerated predicates, by dynamic programming over sets with bounds:
a side can't be lighter than its hardest single example. So it learns the decision tree over enumerated predicates with
enumerated terms as leaves of Alur, Radhakrishna, Udupa (TACAS 2017, EUSolver), lightest first instead of by information
gain.
"""

from __future__ import annotations

import numpy as np

from phloem.synthesis.deduce import Deduction
from phloem.synthesis.pieces import Answer
from phloem.synthesis.program import Call, Program, run

CONDITIONAL = 6  # what a conditional weighs beyond its nodes: it may be made to measure for the examples
SPLITS = 400  # distinct splits of a set that are tried, lightest predicate first


class Divide:
    """Answers for sets of examples with conditionals, from one state of a deduction."""

    def __init__(self, deduction: Deduction) -> None:
        self.deduction = deduction
        self.conditional = deduction.roles.conditional
        self.splits = self._splits() if self.conditional is not None else {}
        self.answers: dict[tuple[int, ...], tuple[Answer | None, int]] = {}

    def _splits(self) -> dict[frozenset[int], tuple[int, int]]:
        """The lightest predicate for every set of examples on which one holds: (weight, row)."""
        bank, head = self.deduction.bank, self.deduction.roles.booleans
        if head is None:
            return {}
        shelf = bank.shelves[head]
        chooses = self.deduction.roles.chooses
        known = bank.values.of(shelf.type).known
        tests = known if chooses is None else [chooses(value, True, False) for value in known]
        values = np.array([bool(each) for each in tests], bool)
        found: dict[frozenset[int], tuple[int, int]] = {}
        for weight in sorted(shelf.levels):
            for row in shelf.level(weight).tolist():
                holds = frozenset(np.flatnonzero(values[shelf.ids[row]]).tolist())
                if 0 < len(holds) < bank.examples:
                    found.setdefault(holds, (weight, row))
        return found

    def best(self, examples: tuple[int, ...], bound: int, depth: int) -> Answer | None:
        """The lightest program for the examples that weighs less than `bound`, with at most `depth` nested
        conditionals; None when there is none."""
        known = self.answers.get(examples)
        if known is not None and (known[0] is not None or known[1] >= bound):
            return known[0] if known[0] is not None and known[0].weight < bound else None
        answer = self.deduction.direct(examples)
        if self.conditional is not None and depth > 0 and len(examples) > 1:
            limit = min(bound, answer.weight) if answer is not None else bound
            answer = self._split(examples, limit, depth) or answer
        self.answers[examples] = (answer, bound)
        return answer if answer is not None and answer.weight < bound else None

    def _split(self, examples: tuple[int, ...], bound: int, depth: int) -> Answer | None:
        best: Answer | None = None
        tried: set[frozenset[int]] = set()
        here = frozenset(examples)
        for holds, (weight, row) in self.splits.items():
            if self.deduction.late() or len(tried) >= SPLITS:
                break
            left, right = here & holds, here - holds
            if not left or not right or left in tried:
                continue
            tried.add(left)
            own = weight + 1 + CONDITIONAL
            rest = bound - own
            if rest < 2:
                break
            then = self._side(left, rest - self._least(right), depth)
            other = self._side(right, rest - then.weight, depth) if then is not None else None
            if then is None or other is None:
                continue
            assert self.conditional is not None
            assert self.deduction.roles.booleans is not None
            predicate = self.deduction.bank.program(self.deduction.roles.booleans, row)
            program = Call(self.conditional, (predicate, then.program, other.program))
            if self._fails(program, examples):
                continue
            best = Answer(own + then.weight + other.weight, program)
            bound = best.weight
        return best

    def _fails(self, program: Program, examples: tuple[int, ...]) -> bool:
        """Whether a run is without value: a side that is right on its examples may fail on the others', and a run
        evaluates both."""
        rows = self.deduction.bank.spec.inputs
        return any(run(program, rows[e]) is None for e in examples)

    def _side(self, side: frozenset[int], bound: int, depth: int) -> Answer | None:
        if bound <= self._least(side):
            return None
        return self.best(tuple(sorted(side)), bound, depth - 1)

    def _least(self, side: frozenset[int]) -> int:
        """A lower bound: the weight of the hardest example of a side that was already asked alone."""
        known = self.deduction.answers
        alone = (known.get((e,)) for e in side)
        return max((each.weight for each in alone if each is not None), default=1)
