"""Bugs put into functions, with exact labels: what a detector has to find, and what undoes it.

The corruptions of Kanade et al., "Learning and Evaluating Contextual Embedding of Source Code" (2020, section 3), on
source text: another variable of the function in place of one use (`variable-misuse`), another operator of the class
(`wrong-operator`), the operands of a non-commutative operator swapped (`swapped-operands`), the documentation of
another function (`doc-mismatch`), another exception type in one handler (`exception-type`); and two arguments swapped
(`swapped-arguments`). A bug changes the meaning (no `x op x` is touched), parses as the original does, and is undone
exactly by its label.

`exception_hole` is the paper's own form of the fifth task: the type is hidden, there is no corrupted twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import Tree, error_count
from phloem.represent.bug_slots import (
    CHECKS,
    DOC,
    EXCEPTION,
    OPERATOR,
    VARIABLE,
    Slot,
    Slots,
    alternatives,
    is_live,
    slots_of,
)
from phloem.represent.slot_rules import RULES

HOLE = "__HOLE__"


class Edit(NamedTuple):
    """Bytes `start:end` of a source become `replacement`."""

    start: int
    end: int
    replacement: bytes


class Bug(NamedTuple):
    """A function's source with one bug. `edits` made it, `repair` undoes it: both in order, neither overlapping.

    `start` and `end` are the bytes of the wrong token in `source` (of a swap, the whole expression; of documentation,
    it); `right` is what stood there, "" where nothing was replaced. Of `doc-mismatch` the source is the original one
    and `doc` the wrong documentation.
    """

    kind: int  # of CHECKS
    source: bytes
    start: int
    end: int
    right: str
    edits: tuple[Edit, ...]
    repair: tuple[Edit, ...]
    doc: str | None = None

    @property
    def check(self) -> str:
        return CHECKS[self.kind]


def apply(source: bytes, edits: Sequence[Edit]) -> bytes:
    """The source with edits made, which are in order and do not overlap."""
    parts, done = [], 0
    for edit in edits:
        parts += [source[done : edit.start], edit.replacement]
        done = edit.end
    return b"".join([*parts, source[done:]])


def inverse(source: bytes, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits of the changed source that give `source` again."""
    found, shift = [], 0
    for edit in edits:
        start = edit.start + shift
        found.append(Edit(start, start + len(edit.replacement), source[edit.start : edit.end]))
        shift += len(edit.replacement) - (edit.end - edit.start)
    return tuple(found)


def usable(example: Example) -> Slots:
    """The places of a function where a bug can be put."""
    found = slots_of(example.tree, example.language)
    rules = RULES.get(example.language)
    return found if rules is None else found._replace(slots=[slot for slot in found.slots if is_live(rules, slot)])


def inject(
    example: Example,
    rng: np.random.Generator,
    *,
    kind: int | None = None,
    docs: Sequence[str] = (),
    found: Slots | None = None,
) -> Bug | None:
    """One bug of a kind (of CHECKS; drawn, each as likely, where None); None where there is no place for one.

    `docs` are what documentation is replaced by. `found` is what `usable` gave, where it is known.
    """
    found = found or usable(example)
    kinds = sorted({slot.kind for slot in found.slots} | ({DOC} if example.doc and docs else set()))
    for each in rng.permutation([one for one in kinds if kind is None or one == kind]).tolist():
        bug = _doc_bug(example, rng, docs) if each == DOC else _slot_bug(example, rng, found, each)
        if bug is not None:
            return bug
    return None


def _slot_bug(example: Example, rng: np.random.Generator, found: Slots, kind: int) -> Bug | None:
    slots = [slot for slot in found.slots if slot.kind == kind]
    for place in rng.permutation(len(slots))[:4].tolist():
        slot = slots[place]
        words = replacements(example, slot, found)
        if words is None:
            bug = swapped(example.tree, slot)
        elif words:
            bug = replaced(example.tree, slot, str(rng.choice(words)))
        else:
            continue
        if _parses(bug, example):
            return bug
    return None


def replacements(example: Example, slot: Slot, found: Slots) -> list[str] | None:
    """What could stand wrongly at a slot, in alphabetical order; None where it is swapped."""
    if slot.kind == VARIABLE:
        return sorted({name for _, name in found.variables} - {slot.text})
    if slot.kind in (OPERATOR, EXCEPTION):
        return sorted(alternatives(RULES[example.language], slot.text, slot.tight))
    return None


def replaced(tree: Tree, slot: Slot, word: str) -> Bug:
    """The source with `word` at the slot."""
    start, end = int(tree.start[slot.node]), int(tree.end[slot.node])
    edits = (Edit(start, end, word.encode()),)
    source = apply(tree.source, edits)
    return Bug(
        slot.kind, source, start, start + len(word.encode()), tree.text(slot.node), edits, inverse(tree.source, edits)
    )


def swapped(tree: Tree, slot: Slot) -> Bug:
    """The source with the slot's operands or arguments the other way round."""
    a, b = int(tree.start[slot.left]), int(tree.end[slot.left])
    c, d = int(tree.start[slot.right]), int(tree.end[slot.right])
    edits = (Edit(a, b, tree.source[c:d]), Edit(c, d, tree.source[a:b]))
    return Bug(slot.kind, apply(tree.source, edits), a, d, "", edits, inverse(tree.source, edits))


def _doc_bug(example: Example, rng: np.random.Generator, docs: Sequence[str]) -> Bug | None:
    others = [doc for doc in docs if doc and doc != example.doc]
    if not others:
        return None
    start, end = example.doc_span or (0, 0)
    return Bug(DOC, example.tree.source, start, end, example.doc, (), (), others[int(rng.integers(len(others)))])


def _parses(bug: Bug, example: Example) -> bool:
    """Whether the changed source has no more errors, and as many nodes' worth of the same tokens, as the original."""
    before = example.tree
    after = by_name(example.language).parse(bug.source)
    return error_count(after) <= error_count(before) and abs(len(after.kind) - len(before.kind)) <= 4


def exception_hole(example: Example, slot: Slot) -> tuple[bytes, str]:
    """The source with the type of one handler hidden, and the type: the paper's fifth task."""
    start, end = int(example.tree.start[slot.node]), int(example.tree.end[slot.node])
    return apply(example.tree.source, [Edit(start, end, HOLE.encode())]), slot.text


def corrupted(example: Example, bug: Bug) -> Example:
    """The example that the changed source is."""
    from phloem.corpora.examples import examples_of

    if bug.kind == DOC:
        return example._replace(doc=bug.doc or "")
    again = examples_of(bug.source, by_name(example.language), example.path, example.project)
    return again[0]._replace(line=example.line, start=example.start)
