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
    OPERANDS,
    OPERATOR,
    VARIABLE,
    slots_of,
)
from phloem.represent.indent_tokens import indent_tokens, texts
from phloem.represent.review_view import KIND, ReviewView, ReviewViewConfig
from phloem.represent.slot_rules import EXCEPTIONS, RULES, family
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
OTHERS = {
    "java": b"""
public int read(String path, List<String> lines, int limit) throws IOException {
  int seen = 0, total = limit - seen;
  for (String line : lines) {
    try (Reader in = open(path)) {
      if (line != null && in.ready() || seen <= limit) { seen += line.length() - total; store(line, path, in.size); }
      switch (seen) { case LIMIT: break; default: total = seen << 2 & total; }
    } catch (IllegalStateException | NumberFormatException bad) { log(bad); }
  }
  apply((a, b) -> a - b, x -> x / total, total, limit);
  Object o = this.total;
  if (o instanceof Integer n) { return n % total; }
  return Map.total > total ? seen : -total;
}
""",
    "javascript": b"""
function read(path, {limit = 3, rest: others}, [first, ...more], cb) {
  const seen = [], total = limit - first.length;
  let a = 1;
  for (const line of others) {
    if (line !== path && a <= total || line in seen) { seen.push(line, path); a += total; }
  }
  try { cb(path, total, this.total); } catch (error) { report(error, path); }
  more.map(x => x - a).reduce((p, q) => p * q, total);
  return {path, total: a, limit} && a << 2;
}
""",
    "typescript": b"""
function read(path: string, limit: number = 3, cb?: (total: number) => void): number {
  const total: number = limit - path.length;
  if (total === limit) { cb(total, limit); }
  return total as number;
}
""",
    "c": b"""
static int read(const char *path, size_t limit, struct table *out, int (*cb)(int total)) {
  int total = 0, *place = NULL;
  char buffer[limit];
  for (size_t i = 0; i < limit; i++) {
    if (path[i] == 'x' && out->size > total) { total += i - limit; store(path, total, out->size); }
  }
  if (cb != NULL || place) goto done;
  place = &total;
done:
  return total % (int)limit;
}
""",
    "cpp": b"""
int read(const std::string &path, std::vector<int> lines, int limit = 3) {
  auto total = limit - 1;
  for (auto &line : lines) {
    if (line >= limit) { total += line / limit; store(path, lines, limit); }
  }
  return std::max(total, limit);
}
""",
}
VARIABLES = {
    "java": "a b bad in limit line lines n o path seen total x",
    "javascript": "a cb error first limit line more others p path q seen total x",
    "typescript": "cb limit path total",
    "c": "buffer i limit out path place total",
    "cpp": "limit line lines path total",
}
EXAMPLES = examples_of(SOURCE, by_name("python"))
OF = {"python": EXAMPLES} | {name: examples_of(source, by_name(name)) for name, source in OTHERS.items()}
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


@pytest.mark.parametrize("language", OTHERS)
def test_places_of_other_languages(language: str) -> None:
    (example,) = OF[language]
    found = usable(example)
    assert {name for _, name in found.variables} == set(VARIABLES[language].split())
    kinds = {VARIABLE, OPERATOR, OPERANDS, ARGUMENTS} | ({EXCEPTION} if language == "java" else set())
    assert {slot.kind for slot in found.slots} == kinds
    used = [(example.tree.text(slot.node), int(example.tree.start[slot.node])) for slot in found.slots]
    source = example.tree.source.decode()
    for name, start in used[: sum(slot.kind == VARIABLE for slot in found.slots)]:
        assert source[start - 1] != "."  # a field of that name is no variable
        assert source[start : start + len(name)] == name
    assert language in family(language)
    assert all(RULES[other] is RULES[language] for other in family(language))


@pytest.mark.parametrize("language", OTHERS)
def test_bugs_of_other_languages_parse_and_are_undone(language: str) -> None:
    (example,) = OF[language]
    rng = np.random.default_rng(0)
    made = Counter()
    for _ in range(80):
        bug = inject(example, rng)
        assert bug is not None
        assert apply(bug.source, bug.repair) == example.tree.source != bug.source
        assert error_count(by_name(language).parse(bug.source)) == error_count(example.tree)
        made[bug.kind] += 1
        if bug.kind == OPERATOR and bug.right in ("==", "!=", "===", "!=="):
            assert bug.edits[0].replacement.decode()[1:] == bug.right[1:]
    assert len(made) >= 4


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
    (example,) = examples_of(b"fn f(a: i32, b: i32) -> i32 { a - b }", by_name("rust"))
    assert family("rust") == ()
    assert inject(example, np.random.default_rng(0)) is None


def view(language: str = "python") -> ReviewView:
    units = Subwords.fit([each.tree.source.decode() for each in OF[language]] * 2, 500)
    return ReviewView(ReviewViewConfig(language=language), units).fit(OF[language])


def comparable(encoded: object, example_view: ReviewView) -> object:
    """Arrays with variables numbered in order of occurrence."""
    function = live(encoded, example_view.closed)  # type: ignore[arg-type]
    numbers: dict[int, int] = {}
    for _, number in sorted(map(tuple, function.variables.tolist())):
        numbers.setdefault(number, len(numbers))
    variables = sorted((token, numbers[number]) for token, number in function.variables.tolist())
    slots = sorted(
        (*row[:6], numbers[row[6]] if row[KIND] == VARIABLE else row[6], row[7]) for row in function.slots.tolist()
    )
    return function.pieces.tolist(), function.shape.tolist(), variables, slots


@pytest.mark.parametrize("language", ["python", *OTHERS])
@pytest.mark.parametrize("kind", [VARIABLE, OPERATOR, OPERANDS, ARGUMENTS, EXCEPTION], ids=lambda k: CHECKS[k])
def test_a_bug_in_arrays_is_the_bug_in_the_source(kind: int, language: str) -> None:
    if kind == EXCEPTION and language not in ("python", "java"):
        pytest.skip(f"{language} has no table of exception types")
    own = view(language)
    injector = Injector(own)
    compared = 0
    for example in OF[language]:
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
                    (replaced(example.tree, slot, word), injector.replace_word(function, row, own.closed.number[word]))
                    for word in words
                ]
            for bug, arrays in pairs:
                again: Example = corrupted(example, bug)
                if slot.text in ("and", "or", "&&", "||"):
                    continue  # between them the tree itself changes with the operator
                assert comparable(arrays, own) == comparable(own.encode(again), own)
                compared += 1
    assert compared >= (3 if language in ("python", "java", "javascript") else 1)


def test_slots_of_every_node_are_within_the_function() -> None:
    for example in EXAMPLES:
        for slot in slots_of(example.tree, "python").slots:
            assert 0 <= slot.node < len(example.tree.kind)
