"""Top-down deduction over a bottom-up bank: from the wanted outputs to what the arguments must be.

Enumeration alone reaches programs of about ten nodes. But what an operator's arguments must be follows from its result:
the parts of a concatenation are consecutive pieces of the output, a substring is a pair of positions of its source,
`a - b` is a pair of integer vectors with a known difference, a number as text is that number (the witness functions of
FlashMeta: Polozov, Gulwani, OOPSLA 2015; with a bottom-up bank as leaves: Lee, POPL 2021, Duet). A question is a set of
examples; `direct` answers it without conditionals (strings: pieces.py), and divide.py builds conditionals from the
answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from phloem.synthesis.base import Grammar, Rule
from phloem.synthesis.bottom_up import Enumerator, Shelf
from phloem.synthesis.grammars import productive
from phloem.synthesis.pieces import ANYTHING, IMPOSSIBLE, Answer, Effort, Pieces, instead
from phloem.synthesis.program import BOOLEAN, INTEGER, STRING, Call, Operator, Program, Value
from phloem.synthesis.slices import Positions

NAMES = {
    "str.++": "concat",
    "str.substr": "substr",
    "str.from_int": "from_int",
    "int.to.str": "from_int",
    "str.replace": "replace",
    "-": "minus",
    "+": "plus",
    "ite": "conditional",
    "CONCATENATE": "concat",
    "MID": "substr",
    "TO_TEXT": "from_int",
    "MINUS": "minus",
    "ADD": "plus",
    "IF": "conditional",
}
ORIGINS = {"MID": 1}  # the number of the first character, where it is not 0; such an operator fails outside the string


class Roles(NamedTuple):
    """The operators of a grammar whose arguments deduction can find, each from and to single non-terminals."""

    concat: Operator | None = None
    substr: Operator | None = None
    from_int: Operator | None = None
    replace: Operator | None = None
    minus: Operator | None = None
    plus: Operator | None = None
    conditional: Operator | None = None
    origin: int = 0
    chooses: Callable[..., Value | None] | None = None  # of a conditional whose first argument is no boolean
    integers: str | None = None
    booleans: str | None = None


def roles(grammar: Grammar) -> Roles:
    """What deduction may use of a grammar: rules whose non-terminals are the start or the first of a type."""
    type = grammar.types[grammar.start]
    heads: dict[str, str] = {}
    for head, each in grammar.types.items():
        heads.setdefault(each, head)
    heads[type] = grammar.start
    found: dict[str, Operator] = {}
    for rule in grammar.rules:
        operator = rule.operator
        if operator is None or rule.arguments != tuple(heads.get(each, "") for each in operator.arguments):
            continue
        if rule.head == heads[operator.result] and _useful(rule, type):
            found.setdefault(NAMES[operator.name], operator)
    for rule in grammar.rules:
        operator = rule.operator
        if operator is not None and set(rule.arguments) == {grammar.start} and _selects(operator):
            return Roles(conditional=operator, chooses=operator.apply, booleans=grammar.start)
    origin = ORIGINS.get(found["substr"].name, 0) if "substr" in found else 0
    return Roles(
        concat=found.get("concat"),
        substr=found.get("substr"),
        from_int=found.get("from_int"),
        replace=found.get("replace"),
        minus=found.get("minus"),
        plus=found.get("plus"),
        conditional=found.get("conditional"),
        origin=origin,
        integers=heads.get(INTEGER),
        booleans=heads.get(BOOLEAN),
    )


def _selects(operator: Operator) -> bool:
    """Whether an operator gives its second or its third argument, depending on the first: a conditional by another
    name, as the functions that files of bit-vectors define."""
    if len(operator.arguments) != 3 or not operator.result.startswith("bits"):
        return False
    try:
        chosen = {operator.apply(value, "then", "else") for value in (0, 1, 2)}
    except TypeError:  # it computes with them
        return False
    return chosen == {"then", "else"}


def _useful(rule: Rule, type: str) -> bool:
    operator = rule.operator
    assert operator is not None
    role = NAMES.get(operator.name)
    if role == "conditional":
        return operator.arguments[1:] == (type, type)
    if role in ("minus", "plus"):
        return operator.arguments == (INTEGER, INTEGER)
    return role is not None and type == STRING and (role != "concat" or len(operator.arguments) == 2)


def numeric(grammar: Grammar) -> Grammar | None:
    """The part of a grammar that makes integers from leaves by operators on integers and single strings.

    Positions lie deeper than a bank of everything reaches: the end of the second word is an `indexof` of an `indexof`.
    With strings that are leaves, integers of weight twelve are few. None where the grammar has no integers."""
    head = roles(grammar).integers
    if head is None or grammar.types[grammar.start] != STRING:
        return None
    plain = (STRING, INTEGER)
    rules = tuple(
        rule
        for rule in grammar.rules
        if rule.operator is None or (rule.operator.result == INTEGER and set(rule.operator.arguments) <= set(plain))
    )
    reduced = productive(Grammar(head, grammar.types, rules))
    return reduced if any(rule.operator for rule in reduced.rules) else None


class Deduction:
    """Answers questions about subsets of the examples from the programs that an enumerator holds now."""

    def __init__(
        self, bank: Enumerator, effort: Effort, late: Callable[[], bool], numbers: Enumerator | None = None
    ) -> None:
        self.bank, self.effort, self.late = bank, effort, late
        self.roles = roles(bank.grammar)
        self.banks = [bank] if numbers is None else [bank, numbers]
        self.start = bank.shelves[bank.grammar.start]
        self.order = by_weight(self.start)
        self.strings = bank.spec.result == STRING
        self.outputs = [str(output) for output in bank.spec.outputs]
        self.sources: list[tuple[int, int]] = []  # bank and row of each of the positions
        self.positions = self._positions()
        self.within = self._within() if self.strings else np.empty((0, 0), bool)
        self.answers: dict[tuple[int, ...], Answer | None] = {}
        self.replacements: list[str] = []
        self._undone: dict[tuple[int, int], Int64[np.ndarray, "rows"]] = {}

    def direct(self, examples: tuple[int, ...]) -> Answer | None:
        """The lightest program found, without a conditional on top, that is right on the given examples."""
        if examples not in self.answers:
            best = self._banked(examples)
            if self.strings:
                best = lighter(best, self._number(examples))
                pieces = Pieces(self, examples)
                best = lighter(best, pieces.chain(_weight(best, self.effort.weight)))
                best = lighter(best, pieces.replaced(_weight(best, self.effort.weight)))
            elif self.bank.spec.result == INTEGER:
                wanted = [int(self.bank.spec.outputs[e]) for e in examples]
                best = lighter(best, self._integer(list(examples), np.array(wanted, np.int64)))
            self.answers[examples] = best
        return self.answers[examples]

    def _banked(self, examples: tuple[int, ...]) -> Answer | None:
        columns = list(examples)
        wanted = self.bank.target[columns]
        if (wanted < 0).any():
            return None
        rows = self.order[(self.start.ids[self.order][:, columns] == wanted).all(1)]
        return Answer(int(self.start.weight[rows[0]]), self.string(int(rows[0]))) if len(rows) else None

    def string(self, row: int) -> Program:
        """The program of a row of the start's shelf."""
        return self.bank.program(self.start.head, row)

    def integer(self, place: int) -> Program:
        """The program of the integer at a place of `positions`."""
        assert self.roles.integers is not None
        which, row = self.sources[place]
        return self.banks[which].program(self.roles.integers, row)

    def texts(self, row: int, columns: list[int]) -> list[str]:
        """The strings of a row on some examples."""
        values = self.bank.values.of(STRING).known
        return [str(values[i]) for i in self.start.ids[row, columns].tolist()]

    def _positions(self) -> Positions:
        """The integer vectors of the banks, lightest first, each once; `sources` tells bank and row of each."""
        head, examples = self.roles.integers, self.bank.examples
        values, weights = [np.empty((0, examples), np.int64)], [np.empty(0, np.int64)]
        sources: list[tuple[int, int]] = []
        for which, bank in enumerate(self.banks if head is not None else []):
            assert head is not None
            shelf = bank.shelves[head]
            rows = by_weight(shelf)
            known = np.array([int(each) for each in bank.values.of(INTEGER).known], np.int64)
            values.append(known[shelf.ids[rows]].reshape(len(rows), examples))
            weights.append(shelf.weight[rows].astype(np.int64))
            sources.extend((which, row) for row in rows.tolist())
        every, heavy = np.concatenate(values), np.concatenate(weights)
        order = np.argsort(heavy, kind="stable")
        _, first = np.unique(every[order], axis=0, return_index=True)
        kept = order[np.sort(first)]
        self.sources = [sources[place] for place in kept.tolist()]
        return Positions(every[kept], heavy[kept], kept)

    def _within(self) -> Bool[np.ndarray, "rows examples"]:
        """Whether a string of the bank occurs in the output of an example."""
        texts = self.bank.values.of(STRING).known
        ids = self.start.ids[self.order]
        found = np.empty(ids.shape, bool)
        for e, output in enumerate(self.outputs):
            distinct, inverse = np.unique(ids[:, e], return_inverse=True)
            found[:, e] = np.array([str(texts[i]) in output for i in distinct.tolist()], bool)[inverse]
        return found

    def instead(self, source: int, example: int) -> Int64[np.ndarray, "rows"]:
        """For every string of the bank, what the output has in place of its first occurrence in the source.

        Numbers of `replacements`; IMPOSSIBLE where nothing can stand there, ANYTHING where it does not occur and the
        source is the output already."""
        key = (source, example)
        if key not in self._undone:
            text, output = self.texts(source, [example])[0], self.outputs[example]
            values = self.bank.values.of(STRING).known
            distinct, inverse = np.unique(self.start.ids[self.order, example], return_inverse=True)
            absent = ANYTHING if text == output else IMPOSSIBLE
            found = np.full(len(distinct), absent, np.int64)
            for place, number in enumerate(distinct.tolist()):
                old = str(values[number])
                if old in text:
                    new = instead(text, old, output)
                    found[place] = IMPOSSIBLE if new is None else len(self.replacements)
                    self.replacements.extend([] if new is None else [new])
            self._undone[key] = found[inverse]
        return self._undone[key]

    def _number(self, examples: tuple[int, ...]) -> Answer | None:
        """The output as the text of a number."""
        operator = self.roles.from_int
        outputs = [self.outputs[e] for e in examples]
        if operator is None or not all(map(_numeral, outputs)):
            return None
        number = self._integer(list(examples), np.array([int(output) for output in outputs], np.int64))
        return Answer(number.weight + 1, Call(operator, (number.program,))) if number is not None else None

    def _integer(self, columns: list[int], wanted: Int64[np.ndarray, "examples"]) -> Answer | None:
        """An integer of the banks, or the sum or difference of two: these meet in the middle by a linear hash."""
        values, weights = self.positions.values[:, columns], self.positions.weights
        places = np.flatnonzero((values == wanted).all(1))
        best = Answer(int(weights[places[0]]), self.integer(int(places[0]))) if len(places) else None
        for operator, sign in ((self.roles.minus, 1), (self.roles.plus, -1)):
            pair = _matching(values, weights, wanted, sign) if operator is not None and len(values) else None
            if operator is not None and pair is not None and (best is None or pair[0] + 1 < best.weight):
                best = Answer(pair[0] + 1, Call(operator, (self.integer(pair[1]), self.integer(pair[2]))))
        return best


def lighter(left: Answer | None, right: Answer | None) -> Answer | None:
    """The one that weighs less; the left one of equals."""
    if left is None or right is None:
        return left or right
    return right if right.weight < left.weight else left


def _weight(answer: Answer | None, otherwise: int) -> int:
    return answer.weight if answer is not None else otherwise


def _numeral(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 18


def by_weight(shelf: Shelf) -> Int64[np.ndarray, "rows"]:
    """The rows that have a weight, lightest first, within a weight in the order in which they came."""
    parts = [shelf.level(weight) for weight in sorted(shelf.levels)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _matching(
    values: Int64[np.ndarray, "integers examples"],
    weights: Int64[np.ndarray, "integers"],
    wanted: Int64[np.ndarray, "examples"],
    sign: int,
) -> tuple[int, int, int] | None:
    """(weight, i, j) of the lightest pair with values[i] - sign * values[j] == wanted; values in order of weight."""
    factors = np.random.default_rng(1).integers(1, 1 << 62, values.shape[1])
    hashes = (values * factors).sum(1)
    missing = sign * (hashes - (wanted * factors).sum())  # of values[j]
    distinct, first = np.unique(hashes, return_index=True)  # the first is the lightest
    places = np.minimum(np.searchsorted(distinct, missing), len(distinct) - 1)
    hits = np.flatnonzero(distinct[places] == missing)
    if not len(hits):
        return None
    other = first[places[hits]]
    total = weights[hits] + weights[other]
    best = int(np.argmin(total))
    i, j = int(hits[best]), int(other[best])
    return (int(total[best]), i, j) if (values[i] - sign * values[j] == wanted).all() else None


def clock(deadline: float) -> Callable[[], bool]:
    """Whether the deadline has passed."""
    return lambda: time.perf_counter() > deadline
