"""Bottom-up enumeration by weight with observational equivalence, batched.

Programs are built from smaller ones in the order of their weight (by default the number of nodes); of the programs that
give the same values on all examples only the first is kept, since a larger program does not care which one it holds
(Udupa et al. 2013, TRANSIT; Albarghouthi, Gulwani, Kincaid 2013; Odena et al. 2021, BUSTLE, algorithm 1).

A straightforward enumerator runs an operator once a candidate and example. Here a batch is all combinations of the
programs of given weights under one rule. Its results on one example are a table over the distinct values that the
arguments have there (interning.py), so an operator runs once a combination of *values*; the hash of a candidate's
vector of results, a random linear function of the value numbers, is gathered from these tables by NumPy; duplicates
fall out by hash; and only what is new is written down: the numbers of its values, its rule and its arguments.

Order within a weight: rules as in the grammar, then the ways to share the weight among the arguments, then arguments
from the left. So the first program that reaches the target is the one that a plain nested loop finds, and `tried` is
its place in that order (tests hold both against such a loop).

A `Guide` may move new programs of a finished weight to larger weights, as BUSTLE's learned model does (guides.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt64

from phloem.synthesis.base import Grammar, Rule, Spec
from phloem.synthesis.interning import Interned, Limits
from phloem.synthesis.program import Call, Input, Program, Type, Value
from phloem.synthesis.seen import Seen

Rows = Int64[np.ndarray, "rows"]
Guide = Callable[[Type, Sequence[tuple[Value, ...]], int], Sequence[int]]
"""(type, values of each new program on the examples, their weight) -> the weight of each, not below the old one."""

BATCH = 1 << 19  # results, candidates times examples, that are computed at once: a fraction of a second
SEED = 20210503


class Found(NamedTuple):
    """A program whose values are the target's, and how many candidates were tried until then."""

    program: Program
    weight: int
    tried: int


class Shelf:
    """The programs of one non-terminal: one row each, and which rows have which weight."""

    def __init__(self, head: str, type: Type, examples: int, arity: int) -> None:
        self.head, self.type = head, type
        self.count = 0
        self.ids = np.empty((64, examples), np.int32)
        self.rule = np.empty(64, np.int32)
        self.arguments = np.empty((64, arity), np.int32)
        self.weight = np.empty(64, np.int32)
        self.levels: dict[int, list[Rows]] = {}
        self.columns: dict[int, list[tuple[Int32[np.ndarray, "_"], Int64[np.ndarray, "_"]]]] = {}
        self.seen = Seen()

    def level(self, weight: int) -> Rows:
        """The rows of a weight, in the order in which they came."""
        parts = self.levels.get(weight)
        if not parts:
            return np.empty(0, np.int64)
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]

    def distinct(self, rows: Rows, weight: int) -> list[tuple[Int32[np.ndarray, "_"], Int64[np.ndarray, "_"]]]:
        """For each example the distinct values of some rows of a weight, and which of them each row has."""
        whole = len(rows) == len(self.level(weight))
        if whole and weight in self.columns:
            return self.columns[weight]
        ids = self.ids[rows]
        found = [np.unique(ids[:, example], return_inverse=True) for example in range(ids.shape[1])]
        if whole:
            self.columns[weight] = found
        return found

    def add(self, ids: Int32[np.ndarray, "new examples"], rule: int, arguments: Int32[np.ndarray, "new arity"]) -> Rows:
        """Write new programs down, without a weight yet; returns their rows."""
        first, last = self.count, self.count + len(ids)
        if last > len(self.rule):
            self._grow(max(last, 2 * len(self.rule)))
        self.ids[first:last] = ids
        self.rule[first:last] = rule
        self.arguments[first:last, : arguments.shape[1]] = arguments
        self.count = last
        return np.arange(first, last)

    def place(self, rows: Rows, weight: int) -> None:
        if len(rows):
            self.weight[rows] = weight
            self.columns.pop(weight, None)
            self.levels.setdefault(weight, []).append(rows)

    def _grow(self, capacity: int) -> None:
        for name in ("ids", "rule", "arguments", "weight"):
            old = getattr(self, name)
            new = np.empty((capacity, *old.shape[1:]), np.int32)
            new[: self.count] = old[: self.count]
            setattr(self, name, new)

    @property
    def bytes(self) -> int:
        return sum(each.nbytes for each in (self.ids, self.rule, self.arguments, self.weight)) + self.seen.bytes


class Enumerator:
    """All programs of a grammar up to a weight, one for every vector of values on the examples."""

    def __init__(
        self,
        spec: Spec,
        grammar: Grammar,
        *,
        limits: Limits | None = None,
        guide: Guide | None = None,
        memory: int = 1 << 30,
    ) -> None:
        self.spec, self.grammar, self.guide, self.memory = spec, grammar, guide, memory
        self.values = Interned(limits or Limits())
        self.examples = len(spec.inputs)
        arity = max((len(rule.arguments) for rule in grammar.rules), default=1) or 1
        self.shelves = {head: Shelf(head, type, self.examples, arity) for head, type in grammar.types.items()}
        self.factors: UInt64[np.ndarray, "examples"] = np.random.default_rng(SEED).integers(
            0, 1 << 63, self.examples, np.uint64
        ) * np.uint64(2) + np.uint64(1)
        self.weight = 0  # all programs up to this weight are enumerated
        self.tried = 0
        self.full = False  # the memory is used up
        self.target = np.array([self.values.of(spec.result)[value] for value in spec.outputs], np.int32)
        self.ceilings: dict[int, int] = {}  # rules, by number, that are not used beyond a weight

    @property
    def bytes(self) -> int:
        return self.values.bytes + sum(shelf.bytes for shelf in self.shelves.values())

    def grow(self, deadline: float = float("inf"), candidates: float = float("inf")) -> Iterator[Found]:
        """Enumerate the next weight, yielding programs that meet the target as they come.

        Stops early at the deadline (of `time.perf_counter`), after so many candidates in all, or when the memory is
        used up (`full`); the weight then counts as not enumerated."""
        weight = self.weight + 1
        fresh: dict[str, list[Rows]] = {head: [] for head in self.shelves}
        complete = True
        for number, rule in enumerate(self.grammar.rules):
            if weight > self.ceilings.get(number, weight):
                continue
            for rows, found in self._rule(number, rule, weight, deadline, candidates):
                fresh[rule.head].append(rows)
                yield from found
            if self.out(deadline, candidates):
                complete = False
                break
        for head, parts in fresh.items():
            self._place(self.shelves[head], np.concatenate(parts) if parts else np.empty(0, np.int64), weight)
        if complete:
            self.weight = weight

    def out(self, deadline: float, candidates: float) -> bool:
        """Whether the budget is used up."""
        self.full = self.full or self.bytes > self.memory
        return self.full or self.tried >= candidates or time.perf_counter() > deadline

    def _rule(
        self, number: int, rule: Rule, weight: int, deadline: float, candidates: float
    ) -> Iterator[tuple[Rows, list[Found]]]:
        if rule.operator is None:
            if weight == rule.weight:
                yield self._leaf(number, rule)
            return
        shelves = [self.shelves[head] for head in rule.arguments]
        most = max(1, BATCH // max(1, self.examples))
        for parts in _shares(weight - rule.weight, len(rule.arguments)):
            levels = [shelf.level(part) for shelf, part in zip(shelves, parts, strict=True)]
            for block in _blocks([len(level) for level in levels], most):
                if self.out(deadline, candidates):
                    return
                rows = [level[part] for level, part in zip(levels, block, strict=True)]
                columns = [shelf.distinct(each, part) for shelf, each, part in zip(shelves, rows, parts, strict=True)]
                yield self._batch(number, rule, rows, columns, weight)

    def _leaf(self, number: int, rule: Rule) -> tuple[Rows, list[Found]]:
        leaf = rule.leaf
        assert leaf is not None
        assert not isinstance(leaf, Call)
        column = [row[leaf.index] for row in self.spec.inputs] if isinstance(leaf, Input) else None
        values = self.values.of(leaf.type)
        ids = values.all(column if column is not None else [leaf.value] * self.examples, self.examples).reshape(1, -1)  # type: ignore[union-attr]
        self.tried += 1
        if (ids < 0).any():
            return np.empty(0, np.int64), []
        met = leaf.type == self.spec.result and rule.head == self.grammar.start and bool((ids[0] == self.target).all())
        found = [Found(leaf, rule.weight, self.tried)] if met else []
        shelf = self.shelves[rule.head]
        hashes = ((ids.astype(np.uint64) + np.uint64(1)) * self.factors).sum(1, dtype=np.uint64)
        if not shelf.seen.new(hashes).any():
            return np.empty(0, np.int64), found
        shelf.seen.add(hashes)
        return shelf.add(ids, number, np.zeros((1, 0), np.int32)), found

    def _batch(
        self,
        number: int,
        rule: Rule,
        rows: list[Rows],
        columns: list[list[tuple[Int32[np.ndarray, "_"], Int64[np.ndarray, "_"]]]],
        weight: int,
    ) -> tuple[Rows, list[Found]]:
        """All combinations of the rows under a rule: writes down what is new, tells what meets the target."""
        assert rule.operator is not None
        shape = tuple(len(each) for each in rows)
        hashes: UInt64[np.ndarray, "*shape"] = np.zeros(shape, np.uint64)
        bad: Bool[np.ndarray, "*shape"] | None = None
        tables = []
        first: tuple[list[Int32[np.ndarray, "_"]], Int32[np.ndarray, "..."]] | None = None
        for example in range(self.examples):
            here = [each[example] for each in columns]
            choices = [distinct for distinct, _ in here]
            table = self.values.table(rule.operator, choices, first)
            first = first or (choices, table)
            places = np.ix_(*(inverse for _, inverse in here))
            hashes += ((table.astype(np.uint64) + np.uint64(1)) * self.factors[example])[places]
            failed = table < 0
            if failed.any():
                bad = failed[places] if bad is None else bad | failed[places]
            tables.append((table, [inverse for _, inverse in here]))
        flat = hashes.ravel()
        good = np.arange(flat.size) if bad is None else np.flatnonzero(~bad.ravel())
        before, self.tried = self.tried, self.tried + flat.size
        found = self._found(number, rule, rows, shape, tables, flat, good, weight, before)
        shelf = self.shelves[rule.head]
        chosen = shelf.seen.first(flat, good)
        if not len(chosen):
            return np.empty(0, np.int64), found
        places = np.unravel_index(chosen, shape)
        arguments = np.stack([each[at] for each, at in zip(rows, places, strict=True)], 1)
        return shelf.add(_gather(tables, places), number, arguments.astype(np.int32)), found

    def _found(
        self,
        number: int,
        rule: Rule,
        rows: list[Rows],
        shape: tuple[int, ...],
        tables: list[tuple[Int32[np.ndarray, "..."], list[Int64[np.ndarray, "_"]]]],
        flat: UInt64[np.ndarray, "candidates"],
        good: Rows,
        weight: int,
        before: int,
    ) -> list[Found]:
        if rule.head != self.grammar.start or (self.target < 0).any():
            return []
        wanted = ((self.target.astype(np.uint64) + np.uint64(1)) * self.factors).sum(dtype=np.uint64)
        hits = good[flat[good] == wanted]
        if not len(hits):
            return []
        places = np.unravel_index(hits, shape)
        exact = (_gather(tables, places) == self.target).all(1)
        found = []
        for hit in np.flatnonzero(exact).tolist():
            arguments = [int(each[at[hit]]) for each, at in zip(rows, places, strict=True)]
            found.append(Found(self._call(number, arguments), weight, before + int(hits[hit]) + 1))
        return found

    def _place(self, shelf: Shelf, rows: Rows, weight: int) -> None:
        if self.guide is None or not len(rows):
            shelf.place(rows, weight)
            return
        moved = np.asarray(self.guide(shelf.type, [self.row_values(shelf, row) for row in rows.tolist()], weight))
        for each in np.unique(moved).tolist():
            shelf.place(rows[moved == each], max(weight, int(each)))

    def row_values(self, shelf: Shelf, row: int) -> tuple[Value, ...]:
        """The values of a program on the examples."""
        values = self.values.of(shelf.type).known
        return tuple(values[i] for i in shelf.ids[row].tolist())

    def program(self, head: str, row: int) -> Program:
        """The program of a row."""
        shelf = self.shelves[head]
        rule = self.grammar.rules[int(shelf.rule[row])]
        if rule.leaf is not None:
            return rule.leaf
        return self._call(int(shelf.rule[row]), shelf.arguments[row, : len(rule.arguments)].tolist())

    def _call(self, number: int, arguments: list[int]) -> Program:
        rule = self.grammar.rules[number]
        assert rule.operator is not None
        parts = (self.program(head, row) for head, row in zip(rule.arguments, arguments, strict=True))
        return Call(rule.operator, tuple(parts))


def _gather(
    tables: list[tuple[Int32[np.ndarray, "..."], list[Int64[np.ndarray, "_"]]]], places: tuple[Rows, ...]
) -> Int32[np.ndarray, "chosen examples"]:
    """The value numbers of chosen candidates on all examples."""
    columns = [table[tuple(each[at] for each, at in zip(inverse, places, strict=True))] for table, inverse in tables]
    return np.stack(columns, 1) if columns else np.empty((len(places[0]), 0), np.int32)


def _shares(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `total` as an ordered sum of positive numbers, smaller first parts first."""
    if parts == 1:
        if total >= 1:
            yield (total,)
        return
    for first in range(1, total - parts + 2):
        for rest in _shares(total - first, parts - 1):
            yield (first, *rest)


def _blocks(lengths: list[int], most: int) -> Iterator[tuple[slice, ...]]:
    """Boxes of at most `most` combinations that cover all, in the order of a nested loop (the last index fastest)."""
    if not lengths:
        yield ()
        return
    rest = 1
    for length in lengths[1:]:
        rest *= length
    if lengths[0] == 0 or rest == 0:
        return
    if rest > most:
        for i in range(lengths[0]):
            for block in _blocks(lengths[1:], most):
                yield (slice(i, i + 1), *block)
        return
    step = max(1, most // rest)
    for i in range(0, lengths[0], step):
        yield (slice(i, min(i + step, lengths[0])), *(slice(0, length) for length in lengths[1:]))
