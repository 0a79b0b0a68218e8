"""Bugs put into sources: exact labels, exact undoing, and the same as arrays."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import error_count
from phloem.represent.bug_arrays import Injector, live
from phloem.represent.bug_slots import (
    ARGUMENTS,
    CHECKS,
    DOC,
    EXCEPTION,
    EXCEPTIONS,
    OPERANDS,
    OPERATOR,
    VARIABLE,
    slots_of,
)
from phloem.represent.indent_tokens import indent_tokens, texts
from phloem.represent.review_view import CLOSED_NUMBER, KIND, ReviewView
from phloem.represent.subwords import Subwords
from phloem.tasks import bug_injection
from phloem.tasks.bug_injection import apply, corrupted, exception_hole, inject, replaced, swapped, usable

SOURCE = b'''
def read_table(path, lines, limit=3, *, strict=False):
    """Read the first lines of a table."""
    rows = []
    for number, line in enumerate(lines):
        if number >= limit and not strict or len(line) == 0:
            break
        if line in rows:
            continue
        try:
            rows.append(parse(line, number))
        except (ValueError, KeyError) as error:
            raise Broken(path, number) from error
        except OSError:
            return rows
    total = len(rows) - limit * 2
    done = total / limit if total is not None else total - (total + limit)
    text = f"{path}: {total}"
    compare(rows, lines, path)
    return rows, done, text, [row for row in rows if row != line]


class Cache:
    def get(self, key, default):
        """Look up a key."""
        if key not in self.known:
            self.known[key] = default
        elif self.size < len(self.known):
            return self.load(key, default)
        return self.known[key] if self.known[key] > default else default
'''
EXAMPLES = examples_of(SOURCE, by_name("python"))
DOCS = ["Write a file.", "Look up a key.", "Read the first lines of a table."]


def leaves(source: bytes) -> list[str]:
    """The tokens without layout."""
    tree = by_name("python").parse(source)
    words = texts(indent_tokens(tree, by_name("python")), source)
    return [word for word in words if not word.startswith("<") or len(word) < 4]


def test_every_kind_of_place_is_found() -> None:
    kinds = Counter(slot.kind for slot in usable(EXAMPLES[0]).slots)
    assert set(kinds) == {VARIABLE, OPERATOR, OPERANDS, ARGUMENTS, EXCEPTION}
    assert kinds[EXCEPTION] == 3
    names = {name for _, name in usable(EXAMPLES[0]).variables}
    assert {"path", "lines", "limit", "strict", "rows", "number", "line", "error", "total"} <= names
    assert not names & {"parse", "Broken", "len", "append", "self"}


@pytest.mark.row("S093", 2)
@settings(deadline=None, max_examples=120)
@given(st.integers(0, 1 << 30), st.sampled_from([VARIABLE, OPERATOR, OPERANDS, ARGUMENTS, EXCEPTION]))
def test_a_bug_parses_is_undone_exactly_and_changes_no_more_than_its_place(seed: int, kind: int) -> None:
    for example in EXAMPLES:
        bug = inject(example, np.random.default_rng(seed), kind=kind, docs=DOCS)
        if bug is None:
            continue
        original = example.tree.source
        assert bug.source != original
        assert error_count(by_name("python").parse(bug.source)) == 0
        compile(bug.source, "bug.py", "exec")
        assert apply(bug.source, bug.repair) == original
        before, after = leaves(original), leaves(bug.source)
        if kind in (OPERANDS, ARGUMENTS):
            assert Counter(before) == Counter(after)
            assert bug.source[: bug.start] == original[: bug.start]
            assert bug.source[bug.end :] == original[bug.end :]
            left, right = bug.edits[0].replacement, bug.edits[1].replacement
            assert left.split() != right.split()
        else:
            (edit,) = bug.edits
            assert bug.source[: edit.start] + bug.source[bug.end :] == original[: edit.start] + original[edit.end :]
            assert original[edit.start : edit.end].decode().split() == bug.right.split()
            if kind in (VARIABLE, EXCEPTION):
                assert len(before) == len(after)
                assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
            else:
                assert 1 <= len(bug.right.split()) <= 2
                assert 1 <= len(edit.replacement.split()) <= 2


@pytest.mark.row("S093", 2)
def test_no_swap_has_equal_operands_and_no_operator_stands_between_equal_ones() -> None:
    for example in EXAMPLES:
        for slot in usable(example).slots:
            if slot.kind in (OPERATOR, OPERANDS, ARGUMENTS):
                assert example.tree.text(slot.left) != example.tree.text(slot.right)
    source = b"def f(a, b):\n    return a - a, f(b, b), a == a, b in b, a - b"
    (example,) = examples_of(source, by_name("python"))
    places = [example.tree.text(slot.node) for slot in usable(example).slots if slot.kind != VARIABLE]
    assert places == ["-", "-"]  # the operator and the operands of the last one


def test_operators_stay_in_their_class_and_keep_the_tree() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        bug = inject(EXAMPLES[0], rng, kind=OPERATOR)
        assert bug is not None
        seen.add((bug.right, bug.edits[0].replacement.decode()))
    classes = [{"+", "-", "*", "/", "%", "//"}, {"==", "!=", "<", "<=", ">", ">=", "is", "is not"}, {"and", "or"},
               {"in", "not in"}]  # fmt: skip
    assert all(any({one, other} <= same for same in classes) for one, other in seen)
    assert ("*", "+") not in seen  # beside a minus it would bind otherwise
    assert {one for one, _ in seen} >= {">=", "and", "in", "is not", "/"}


def test_documentation_of_another_function() -> None:
    bug = inject(EXAMPLES[0], np.random.default_rng(0), kind=DOC, docs=DOCS)
    assert bug is not None
    assert bug.doc in DOCS
    assert bug.doc != EXAMPLES[0].doc
    assert bug.check == "doc-mismatch"
    assert corrupted(EXAMPLES[0], bug).doc == bug.doc
    assert inject(EXAMPLES[0], np.random.default_rng(0), kind=DOC, docs=[EXAMPLES[0].doc]) is None


def test_the_type_of_one_handler_is_hidden() -> None:
    slots = [slot for slot in usable(EXAMPLES[0]).slots if slot.kind == EXCEPTION]
    source, right = exception_hole(EXAMPLES[0], slots[0])
    assert b"except (__HOLE__, KeyError)" in source
    assert right == "ValueError"
    assert len(EXCEPTIONS) == len(set(EXCEPTIONS)) == 20


def test_languages_without_a_table_have_no_places() -> None:
    (example,) = examples_of(b"int f(int a, int b) { return a - b; }", by_name("c"))
    assert inject(example, np.random.default_rng(0)) is None


def view() -> ReviewView:
    return ReviewView(None, Subwords.fit([SOURCE.decode()] * 2, 500)).fit(EXAMPLES)


def comparable(encoded: object, example_view: ReviewView) -> object:
    """Arrays with variables numbered in order of occurrence."""
    function = live(encoded)  # type: ignore[arg-type]
    numbers: dict[int, int] = {}
    for _, number in sorted(map(tuple, function.variables.tolist())):
        numbers.setdefault(number, len(numbers))
    variables = sorted((token, numbers[number]) for token, number in function.variables.tolist())
    slots = sorted(
        (*row[:6], numbers[row[6]] if row[KIND] == VARIABLE else row[6], row[7]) for row in function.slots.tolist()
    )
    return function.pieces.tolist(), function.shape.tolist(), variables, slots


@pytest.mark.parametrize("kind", [VARIABLE, OPERATOR, OPERANDS, ARGUMENTS, EXCEPTION], ids=lambda k: CHECKS[k])
def test_a_bug_in_arrays_is_the_bug_in_the_source(kind: int) -> None:
    own = view()
    injector = Injector(own)
    compared = 0
    for example in EXAMPLES:
        encoded = own.encode_places(example)
        assert encoded is not None
        function, places = encoded
        found = usable(example)
        for slot in [slot for slot in found.slots if slot.kind == kind]:
            start = int(example.tree.start[slot.node])
            row = int(np.flatnonzero((function.slots[:, KIND] == kind) & (places.spans[:, 0] == start))[0])
            words = bug_injection.replacements(example, slot, found)
            if words is None:
                pairs = [(swapped(example.tree, slot), injector.swap(function, row))]
            elif kind == VARIABLE:
                pairs = [
                    (replaced(example.tree, slot, word),
                     injector.replace_variable(function, row, places.names.index(word)))
                    for word in words
                ]  # fmt: skip
            else:
                pairs = [
                    (replaced(example.tree, slot, word), injector.replace_word(function, row, CLOSED_NUMBER[word]))
                    for word in words
                ]
            for bug, arrays in pairs:
                again: Example = corrupted(example, bug)
                if slot.text in ("and", "or"):
                    continue  # between them the tree itself changes with the operator
                assert comparable(arrays, own) == comparable(own.encode(again), own)
                compared += 1
    assert compared >= 3


def test_slots_of_every_node_are_within_the_function() -> None:
    for example in EXAMPLES:
        for slot in slots_of(example.tree, "python").slots:
            assert 0 <= slot.node < len(example.tree.kind)
