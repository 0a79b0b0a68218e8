"""String questions of deduction: the outputs as pieces that a bank, slices of sources, or replacements give.

For one set of examples `Pieces` collects the fragments: strings of the bank that occur in all outputs, and slices of
the lightest sources (slices.py). `chain` concatenates them (chains.py). `replaced` undoes a replacement: where the
output is a source s with its first t replaced, what stands there instead is known, and is a chain of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phloem.synthesis import chains, slices
from phloem.synthesis.program import Call, Constant, Program

if TYPE_CHECKING:
    from phloem.synthesis.deduce import Deduction

IMPOSSIBLE, ANYTHING = -1, -2  # instead of numbers of replacements
UNDONE = 30_000  # pairs of a source and a string whose replacement is undone
NO_CONCAT = 1000  # the weight of a joint where the grammar has no concatenation


class Effort(NamedTuple):
    """How much a question may cost: fragments of a chain, integer vectors, sources of slices, the largest weight."""

    fragments: int = 4000
    positions: int = 600
    sources: int = 6
    weight: int = 80


class Answer(NamedTuple):
    """A program for some examples and its weight."""

    weight: int
    program: Program


class Fragment(NamedTuple):
    """A vector of strings, its weight, and what makes its program."""

    texts: tuple[str, ...]
    weight: int
    make: Callable[[], Program]


class Pieces:
    """The fragments for one set of examples."""

    def __init__(self, deduction: Deduction, examples: tuple[int, ...]) -> None:
        self.deduction, self.columns = deduction, list(examples)
        self.outputs = [deduction.outputs[e] for e in examples]
        self.fragments: list[Fragment] | None = None
        self.sliced = 0  # the bound up to which slices were made

    def chain(self, bound: int, outputs: list[str] | None = None) -> Answer | None:
        """The lightest concatenation below `bound` that gives the outputs (by default those of the examples)."""
        goal = outputs or self.outputs
        fragments = [
            each
            for each in self._all(bound)
            if outputs is None or all(text in output for text, output in zip(each.texts, goal, strict=True))
        ]
        if not fragments:
            return None
        concat = self.deduction.roles.concat
        graph = chains.Fragments(goal, [each.texts for each in fragments], [each.weight for each in fragments])
        found = chains.cheapest(graph, 1 if concat is not None else NO_CONCAT, bound, self.deduction.late)
        if found is None:
            return None
        program = fragments[found[1][-1]].make()
        for place in found[1][-2::-1]:
            assert concat is not None
            program = Call(concat, (fragments[place].make(), program))
        return Answer(found[0], program)

    def _all(self, bound: int) -> list[Fragment]:
        if self.fragments is None:
            self.fragments = self._banked()
            for source, text in self._sources(self.deduction.effort.sources):
                self.fragments.extend(self._slices(source, text, bound))
        return self.fragments

    def _banked(self) -> list[Fragment]:
        """Strings of the bank that occur in all outputs, lightest first, each vector once."""
        deduction = self.deduction
        rows = deduction.order[deduction.within[:, self.columns].all(1)]
        found: dict[tuple[str, ...], Fragment] = {}
        for row in rows.tolist():
            texts = tuple(deduction.texts(row, self.columns))
            if texts not in found and any(texts):
                make = lambda row=row: deduction.string(row)  # noqa: E731
                found[texts] = Fragment(texts, int(deduction.start.weight[row]), make)
                if len(found) >= deduction.effort.fragments:
                    break
        return list(found.values())

    def _sources(self, most: int) -> list[tuple[int, list[str]]]:
        """Strings that slices are taken of, the lightest first: no constants, no two the same."""
        deduction = self.deduction
        found: dict[tuple[str, ...], int] = {}
        for row in deduction.order.tolist():
            rule = deduction.bank.grammar.rules[int(deduction.start.rule[row])]
            text = tuple(deduction.texts(row, self.columns))
            if any(text) and not isinstance(rule.leaf, Constant) and max(map(len, text)) <= slices.LONGEST:
                found.setdefault(text, row)
            if len(found) >= most:
                break
        return [(row, list(text)) for text, row in found.items()]

    def _slices(self, source: int, text: list[str], bound: int) -> list[Fragment]:
        deduction, effort = self.deduction, self.deduction.effort
        if deduction.roles.substr is None or deduction.late():
            return []
        base = int(deduction.start.weight[source]) + 1
        values = deduction.positions.values[:, self.columns]
        sizes = np.array([len(each) for each in text])
        useful = np.flatnonzero(((values >= 0) & (values <= sizes + deduction.roles.origin)).any(1))[: effort.positions]
        positions = slices.Positions(values[useful], deduction.positions.weights[useful], useful)
        fragments = []
        for by_end in (False, True):
            if by_end and deduction.roles.minus is None:
                continue
            most, limit = effort.fragments // 2, bound - base
            origin = deduction.roles.origin
            found = slices.pairs(text, self.outputs, positions, by_end=by_end, bound=limit, most=most, origin=origin)
            for i in range(len(found.first)):
                spans = zip(text, found.starts[i].tolist(), found.ends[i].tolist(), strict=True)
                texts = tuple(each[a:b] for each, a, b in spans)
                first, second = int(useful[found.first[i]]), int(useful[found.second[i]])
                make = lambda f=first, s=second, by_end=by_end: self._slice(source, f, s, by_end)  # noqa: E731
                fragments.append(Fragment(texts, base + int(found.weights[i]), make))
        return fragments

    def _slice(self, source: int, first: int, second: int, by_end: bool) -> Program:
        deduction = self.deduction
        assert deduction.roles.substr is not None
        start, length = deduction.integer(first), deduction.integer(second)
        if by_end:
            assert deduction.roles.minus is not None
            length = Call(deduction.roles.minus, (length, start))
        return Call(deduction.roles.substr, (deduction.string(source), start, length))

    def replaced(self, bound: int) -> Answer | None:
        """The output as `replace(s, t, u)`: s a source, t a string of the bank in it, u what the output has instead."""
        deduction, operator = self.deduction, self.deduction.roles.replace
        best: Answer | None = None
        if operator is None:
            return None
        tried: dict[tuple[str, ...], Answer | None] = {}
        sources = max(deduction.effort.sources, UNDONE // max(1, len(deduction.order)))
        for source, _ in self._sources(sources):
            base = int(deduction.start.weight[source])
            numbers = np.stack([deduction.instead(source, e) for e in self.columns], 1)
            rows = np.flatnonzero((numbers != IMPOSSIBLE).all(1) & (numbers != ANYTHING).any(1))
            for place in rows.tolist():
                row = int(deduction.order[place])
                least = base + int(deduction.start.weight[row]) + 1
                if least + 1 >= bound or deduction.late():
                    break
                instead = self._filled(numbers[place].tolist())
                if instead is None:
                    continue
                if instead not in tried:
                    tried[instead] = self._string(list(instead), bound - least)
                answer = tried[instead]
                if answer is not None and least + answer.weight < bound:
                    bound = least + answer.weight
                    parts = (deduction.string(source), deduction.string(row), answer.program)
                    best = Answer(bound, Call(operator, parts))
        return best

    def _filled(self, numbers: list[int]) -> tuple[str, ...] | None:
        """The replacements; where an example leaves it open, what the others agree on."""
        known = self.deduction.replacements
        fixed = {known[number] for number in numbers if number != ANYTHING}
        if len(fixed) > 1 and ANYTHING in numbers:
            return None
        default = next(iter(fixed))
        return tuple(known[number] if number != ANYTHING else default for number in numbers)

    def _string(self, outputs: list[str], bound: int) -> Answer | None:
        """A string of the bank or a chain that gives other outputs than the examples'."""
        if any(outputs):
            return self.chain(bound, outputs)
        deduction = self.deduction
        number = deduction.bank.values.of(deduction.start.type).get("")
        here = deduction.start.ids[deduction.order][:, self.columns]
        rows = deduction.order[(here == number).all(1)] if number is not None else []
        return Answer(int(deduction.start.weight[rows[0]]), deduction.string(int(rows[0]))) if len(rows) else None


def instead(text: str, old: str, output: str) -> str | None:
    """What the output has where `text` has its first `old`; None when they differ elsewhere, or it has none."""
    at = text.find(old)
    end = len(output) - (len(text) - at - len(old))
    if at < 0 or end < at or output[:at] != text[:at] or output[end:] != text[at + len(old) :]:
        return None
    return output[at:end]
