"""Bugs put into functions that are arrays already, and batches of such functions.

What `tasks.bug_injection` does to a source, done to an `EncodedFunction`: the arrays are those that the changed source
would be encoded to. So every visit of a function gets a fresh bug without parsing it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from phloem.represent.bug_slots import ARGUMENTS, DOC, EXCEPTION, OPERANDS, OPERATOR, VARIABLE
from phloem.represent.closed_words import ClosedWords
from phloem.represent.review_view import (
    KIND,
    LEFT,
    LEFT_STOP,
    PIECES,
    RIGHT,
    RIGHT_STOP,
    TIGHT,
    TOKEN,
    VALUE,
    WORD,
    EncodedFunction,
    ReviewDataset,
    ReviewView,
)
from phloem.represent.subwords import CLS, SEP


class Injected(NamedTuple):
    """A function with the wrong slots marked; `right` is what the value of each was before."""

    function: EncodedFunction
    wrong: Bool[np.ndarray, " slots"]
    right: Int64[np.ndarray, " slots"]


class ReviewBatch(NamedTuple):
    """Functions for a detector. Slots stand one behind the other, `row` and `place` say which of which function one is;
    `anchors` are the tokens that tell of it. `occurrences` of variables are padded, their `number` with -1. A row is
    `dense` where any number of its slots can be wrong, else it is at most one."""

    pieces: Int64[Tensor, "batch time pieces"]
    shape: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    row: Int64[Tensor, " slots"]
    place: Int64[Tensor, " slots"]
    kind: Int64[Tensor, " slots"]
    anchors: Int64[Tensor, "slots 3"]
    value: Int64[Tensor, " slots"]
    occurrences: Int64[Tensor, "batch occurrences"]
    number: Int64[Tensor, "batch occurrences"]
    wrong: Bool[Tensor, " slots"]
    right: Int64[Tensor, " slots"]
    dense: Bool[Tensor, " batch"]


@dataclass(frozen=True)
class Injection:
    """How functions are drawn. A function gets no bug (`clean`), or one of a kind that applies, each kind as likely;
    or, `dense` of the functions, every slot is wrong with the probability `share`."""

    clean: float = 0.5
    dense: float = 0.0
    share: float = 0.12
    undocumented: float = 0.2  # of the functions lose their documentation


def live_slots(function: EncodedFunction, closed: ClosedWords) -> Bool[np.ndarray, " slots"]:
    """Which slots can be wrong as the code is now: no operands of operators that commute, none that are equal."""
    slots, pieces = function.slots, function.pieces
    kind = slots[:, KIND]
    alive = (kind != OPERANDS) | closed.ordered[slots[:, VALUE] * (kind == OPERANDS)]
    between = alive & np.isin(kind, (OPERATOR, OPERANDS, ARGUMENTS))
    between &= slots[:, LEFT_STOP] - slots[:, LEFT] == slots[:, RIGHT_STOP] - slots[:, RIGHT]
    for i in np.flatnonzero(between).tolist():
        a, b, c, d = slots[i, [LEFT, LEFT_STOP, RIGHT, RIGHT_STOP]].tolist()
        alive[i] = not np.array_equal(pieces[a:b], pieces[c:d])
    return alive


def live(function: EncodedFunction, closed: ClosedWords) -> EncodedFunction:
    """The function with its live slots alone."""
    keep = live_slots(function, closed)
    return function if keep.all() else function._replace(slots=function.slots[keep])


class Injector:
    """Puts bugs into encoded functions."""

    def __init__(self, view: ReviewView, plan: Injection | None = None) -> None:
        self.plan = plan or Injection()
        self.closed, self.pieces = view.closed, view.closed_pieces()

    def replace_variable(self, function: EncodedFunction, slot: int, number: int) -> EncodedFunction:
        """Another variable of the function in place of the one at a slot."""
        token = int(function.slots[slot, TOKEN])
        pieces, slots, variables = function.pieces.copy(), function.slots.copy(), function.variables.copy()
        other = variables[np.flatnonzero(variables[:, 1] == number)[0], 0]
        pieces[token] = pieces[other]
        slots[slot, VALUE] = number
        variables[variables[:, 0] == token, 1] = number
        return function._replace(pieces=pieces, slots=slots, variables=variables)

    def replace_word(self, function: EncodedFunction, slot: int, number: int) -> EncodedFunction:
        """Another operator or exception type."""
        token = int(function.slots[slot, TOKEN])
        pieces, slots = function.pieces.copy(), function.slots.copy()
        pieces[token] = self.pieces[number]
        same = (slots[:, TOKEN] == token) & np.isin(slots[:, KIND], (OPERATOR, OPERANDS, EXCEPTION))
        slots[same, VALUE] = number
        return function._replace(pieces=pieces, slots=slots)

    def swap(self, function: EncodedFunction, slot: int) -> EncodedFunction:
        """The operands or arguments of a slot the other way round."""
        chosen = function.slots[slot]
        a, b, c, d = (int(chosen[column]) for column in (LEFT, LEFT_STOP, RIGHT, RIGHT_STOP))
        order = np.concatenate(
            [np.arange(a), np.arange(c, d), np.arange(b, c), np.arange(a, b), np.arange(d, len(function.pieces))]
        )
        to = np.empty(len(order), np.int32)
        to[order] = np.arange(len(order))
        slots, variables = function.slots.copy(), function.variables.copy()
        code = slots[:, TOKEN] >= 0
        before = slots[code].copy()
        slots[code, TOKEN] = to[before[:, TOKEN]]
        first, second = (a, a + d - c), (d - b + a, d)  # where the operands are now
        pairs = np.isin(before[:, KIND], (OPERATOR, OPERANDS, ARGUMENTS))
        own = pairs & (before[:, TOKEN] == chosen[TOKEN])
        for near, far, was, now in ((LEFT, LEFT_STOP, (c, d), second), (RIGHT, RIGHT_STOP, (a, b), first)):
            around = (before[:, near] <= a) & (before[:, far] >= d)
            start = np.where(around, before[:, near], to[before[:, near]])
            stop = np.where(around, before[:, far], to[before[:, far] - 1] + 1)
            # what stood beside another comma stands there no more; of the swap itself the sides are changed
            moved = pairs & (before[:, near] == was[0]) & (before[:, far] == was[1])
            mine = first if near == LEFT else second
            slots[code, near] = np.where(own, mine[0], np.where(moved, now[0], start))
            slots[code, far] = np.where(own, mine[1], np.where(moved, now[1], stop))
        variables[:, 0] = to[variables[:, 0]]
        variables = variables[np.argsort(variables[:, 0], kind="stable")]
        return function._replace(
            pieces=function.pieces[order], shape=function.shape[order], slots=slots, variables=variables
        )

    def inject(
        self, function: EncodedFunction, slot: int, rng: np.random.Generator, other_doc: np.ndarray | None = None
    ) -> EncodedFunction | None:
        """The function with the slot wrong, in a way that is drawn; None where there is no other way."""
        kind, value = int(function.slots[slot, KIND]), int(function.slots[slot, VALUE])
        if kind == VARIABLE:
            others = np.unique(function.variables[:, 1])
            others = others[others != value]
            return self.replace_variable(function, slot, int(rng.choice(others))) if len(others) else None
        if kind in (OPERATOR, EXCEPTION):
            words = self.closed.choices(value, bool(function.slots[slot, TIGHT]))
            return self.replace_word(function, slot, int(rng.choice(words))) if len(words) else None
        if kind == DOC:
            if other_doc is None or not len(other_doc) or np.array_equal(other_doc, function.doc):
                return None
            return function._replace(doc=other_doc)
        return self.swap(function, slot)

    def draw(
        self, function: EncodedFunction, rng: np.random.Generator, other_doc: np.ndarray | None
    ) -> tuple[Injected, bool]:
        """The function as the plan says, and whether it is a dense one."""
        plan = self.plan
        if len(function.doc) and rng.random() < plan.undocumented:
            slots = function.slots[function.slots[:, KIND] != DOC]
            function = function._replace(doc=function.doc[:0], slots=slots)
        if rng.random() < plan.dense:
            return self._dense(function, rng, other_doc), True
        clean = _unchanged(live(function, self.closed))
        if rng.random() < plan.clean or not len(clean.function.slots):
            return clean, False
        return self.one_bug(function, rng, other_doc) or clean, False

    def one_bug(
        self, function: EncodedFunction, rng: np.random.Generator, other_doc: np.ndarray | None
    ) -> Injected | None:
        """One bug of a kind that applies; None where none does."""
        usable, kinds = live_slots(function, self.closed), function.slots[:, KIND]
        for kind in rng.permutation(np.unique(kinds[usable])).tolist():
            row = int(rng.choice(np.flatnonzero(usable & (kinds == kind))))
            changed = self.inject(function, row, rng, other_doc)
            if changed is not None:
                return self._marked(function, changed, np.arange(len(kinds)) == row)
        return None

    def _dense(self, function: EncodedFunction, rng: np.random.Generator, other_doc: np.ndarray | None) -> Injected:
        kinds = function.slots[:, KIND]
        wrong = np.zeros(len(kinds), bool)
        changed = function
        touched: set[int] = set()
        alone = np.isin(kinds, (VARIABLE, OPERATOR, EXCEPTION))
        drawn = rng.random(len(kinds)) < np.where(kinds == DOC, 0.5, self.plan.share)
        for slot in np.flatnonzero(drawn & (alone | (kinds == DOC))).tolist():
            token = int(function.slots[slot, TOKEN])
            if token in touched:
                continue
            found = self.inject(changed, slot, rng, other_doc)
            if found is not None:
                changed, wrong[slot] = found, True
                touched.add(token)
        swaps = np.flatnonzero(drawn & ~alone & (kinds != DOC))
        alive = live_slots(changed, self.closed)
        usable = [slot for slot in swaps.tolist() if int(function.slots[slot, TOKEN]) not in touched and alive[slot]]
        if usable:
            changed, wrong[usable[0]] = self.swap(changed, usable[0]), True
        return self._marked(function, changed, wrong)

    def _marked(self, before: EncodedFunction, after: EncodedFunction, wrong: Bool[np.ndarray, " slots"]) -> Injected:
        right = np.where(wrong, before.slots[:, VALUE], -1)
        keep = live_slots(after, self.closed)
        return Injected(after._replace(slots=after.slots[keep]), wrong[keep], right[keep])


def _unchanged(function: EncodedFunction) -> Injected:
    count = len(function.slots)
    return Injected(function, np.zeros(count, bool), np.full(count, -1))


def collate(drawn: Sequence[Injected], dense: Sequence[bool] | None = None) -> ReviewBatch:
    """A batch of functions; tokens of the code come behind [CLS], the documentation and [SEP]."""
    heads = [len(each.function.doc) + 2 for each in drawn]
    lengths = [head + len(each.function.pieces) for head, each in zip(heads, drawn, strict=True)]
    longest, count = max(lengths, default=1), len(drawn)
    most = max((len(each.function.variables) for each in drawn), default=0)
    pieces = np.zeros((count, longest, PIECES), np.int64)
    shape = np.zeros((count, longest), np.int64)
    occurrences, number = np.zeros((count, most), np.int64), np.full((count, most), -1, np.int64)
    rows, places, slots, anchors = [], [], [], []
    for i, (each, head) in enumerate(zip(drawn, heads, strict=True)):
        function = each.function
        pieces[i, 0, 0], pieces[i, head - 1, 0] = CLS, SEP
        pieces[i, 1 : head - 1, 0], shape[i, 1 : head - 1] = function.doc, WORD
        pieces[i, head : lengths[i]], shape[i, head : lengths[i]] = function.pieces, function.shape
        seen = len(function.variables)
        occurrences[i, :seen], number[i, :seen] = function.variables[:, 0] + head, function.variables[:, 1]
        rows.append(np.full(len(function.slots), i))
        places.append(np.arange(len(function.slots)))
        slots.append(function.slots)
        anchors.append(_anchors(function, head))
    flat = np.concatenate(slots) if slots else np.zeros((0, 8), np.int32)
    wrong = np.concatenate([each.wrong for each in drawn]) if drawn else np.zeros(0, bool)
    right = np.concatenate([each.right for each in drawn]) if drawn else np.zeros(0, np.int64)
    long = lambda parts: torch.from_numpy(np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64))  # noqa: E731
    return ReviewBatch(
        torch.from_numpy(pieces),
        torch.from_numpy(shape),
        torch.tensor(lengths, dtype=torch.long),
        long(rows),
        long(places),
        torch.from_numpy(flat[:, KIND].astype(np.int64)),
        long(anchors).reshape(-1, 3),
        torch.from_numpy(flat[:, VALUE].astype(np.int64)),
        torch.from_numpy(occurrences),
        torch.from_numpy(number),
        torch.from_numpy(wrong),
        torch.from_numpy(right.astype(np.int64)),
        torch.tensor(list(dense) if dense is not None else [False] * count),
    )


def _anchors(function: EncodedFunction, head: int) -> Int64[np.ndarray, "slots 3"]:
    """The tokens that tell of a slot: of a use the occurrences of its variable before and after, of an operator what
    stands beside it, of operands and arguments their first tokens, of the documentation the function's name."""
    slots, kind = function.slots, function.slots[:, KIND]
    token = slots[:, TOKEN]
    anchors = np.stack([token, token, token], axis=1).astype(np.int64)
    uses = kind == VARIABLE
    if uses.any():
        anchors[uses, 1:] = _neighbours(function.variables, token[uses])
    operators = kind == OPERATOR
    anchors[operators, 1], anchors[operators, 2] = token[operators] - 1, token[operators] + 1
    pairs = (kind == OPERANDS) | (kind == ARGUMENTS)
    anchors[pairs, 1], anchors[pairs, 2] = slots[pairs, LEFT], slots[pairs, RIGHT]
    anchors += head
    anchors[kind == DOC] = (head - 1, min(head + 1, head + len(function.pieces) - 1), 0)
    return np.minimum(anchors, head + len(function.pieces) - 1)


def _neighbours(variables: Int[np.ndarray, "occurrences 2"], tokens: Int[np.ndarray, " uses"]) -> np.ndarray:
    """The occurrences of the same variable before and after each token; the token itself where there is none."""
    order = np.lexsort((variables[:, 0], variables[:, 1]))
    token, number = variables[order, 0], variables[order, 1]
    before, after = token.copy(), token.copy()
    same = number[1:] == number[:-1]
    before[1:][same], after[:-1][same] = token[:-1][same], token[1:][same]
    place = np.argsort(token)
    at = place[np.searchsorted(token[place], tokens)]
    return np.stack([before[at], after[at]], axis=1)


class Injecting:
    """A `Dataset`: compiled functions with bugs, drawn afresh at each visit; without `rng` each has its fixed draw."""

    def __init__(self, dataset: ReviewDataset, injector: Injector, *, index: Int64[np.ndarray, " some"] | None = None):
        self.dataset, self.injector = dataset, injector
        self.index = np.arange(len(dataset)) if index is None else index

    def __len__(self) -> int:
        return len(self.index)

    @property
    def sizes(self) -> np.ndarray:
        return self.dataset.sizes[self.index]

    def drawn(self, index: int, rng: np.random.Generator | None) -> tuple[Injected, bool]:
        """One function of the dataset with its draw."""
        own = int(self.index[index])
        rng = rng if rng is not None else np.random.default_rng((11, own))
        return self.injector.draw(self.dataset.function(own), rng, self.other_doc(own, rng))

    def other_doc(self, own: int, rng: np.random.Generator) -> np.ndarray | None:
        """The documentation of a function nearby, mostly of the same project; None where none was found."""
        near = own + rng.integers(-200, 201, size=8)
        for each in near[(near >= 0) & (near < len(self.dataset)) & (near != own)].tolist():
            doc = self.dataset.function(each).doc
            if len(doc):
                return doc
        return None

    def batch(self, index: Int64[np.ndarray, " batch"], rng: np.random.Generator | None) -> ReviewBatch:
        drawn = [self.drawn(int(i), rng) for i in index]
        return collate([each for each, _ in drawn], [dense for _, dense in drawn])
