"""Search: batched enumeration, slices, chains, deduction, conditionals, and the portfolio on whole tasks."""

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.synthesis import chains, grammars, slices
from phloem.synthesis.base import Budget, Candidate, Grammar, Rule, Spec, wrong
from phloem.synthesis.bottom_up import Enumerator
from phloem.synthesis.hoist import hoisted
from phloem.synthesis.languages import bit_vectors, spreadsheet, sygus_strings
from phloem.synthesis.program import BOOLEAN, INTEGER, STRING, Call, Constant, run, size
from phloem.synthesis.seen import Seen
from phloem.synthesis.solve import diverse, solve

words = st.text(alphabet="ab-1", max_size=6)


def spec(*rows: tuple, result: str = STRING, types: tuple[str, ...] = ()) -> Spec:
    inputs, outputs = tuple(row[:-1] for row in rows), tuple(row[-1] for row in rows)
    types = types or (STRING,) * len(inputs[0])
    return Spec(tuple(f"x{i}" for i in range(len(types))), types, inputs, outputs, result)


def test_every_kept_program_has_the_values_that_are_kept() -> None:
    task = spec(("ab-c", "x"), ("-b", "y"), ("", "z"))
    bank = Enumerator(task, grammars.merged(sygus_strings.grammar(task)))
    for _ in range(7):
        list(bank.grow())
    checked = 0
    for head, shelf in bank.shelves.items():
        vectors = set()
        for row in range(shelf.count):
            program = bank.program(head, row)
            assert size(program) == shelf.weight[row]
            values = bank.row_values(shelf, row)
            assert tuple(run(program, each) for each in task.inputs) == values
            vectors.add(values)
            checked += 1
        assert len(vectors) == shelf.count
    assert checked > 1_000


def test_the_memory_is_bounded_and_candidates_are_counted() -> None:
    task = spec(("ab-c", "nothing that it finds"), ("-b", "y"))
    bank = Enumerator(task, grammars.merged(spreadsheet.grammar(task)), memory=3_000_000)
    while not bank.full:
        list(bank.grow())
    assert bank.bytes < 60_000_000
    few = Enumerator(task, grammars.merged(spreadsheet.grammar(task)))
    while not few.out(float("inf"), 1_000):
        list(few.grow(candidates=1_000))
    assert few.tried < 600_000


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=40), max_size=12))
def test_seen_is_a_set(batches: list[list[int]]) -> None:
    seen, known = Seen(), set[int]()
    for batch in batches:
        hashes = np.array(batch, np.uint64)
        chosen = seen.first(hashes, np.arange(len(batch)))
        expected = [i for i, each in enumerate(batch) if each not in known and each not in batch[:i]]
        assert chosen.tolist() == expected
        known.update(batch)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=3), st.booleans(), st.integers(0, 1), st.randoms())
def test_slices_are_all_pairs_that_occur(
    rows: list[tuple[str, str]], by_end: bool, origin: int, rng: random.Random
) -> None:
    texts, outputs = [row[0] for row in rows], [row[1] for row in rows]
    vectors = np.array([[rng.randint(-1, 6) for _ in rows] for _ in range(12)], np.int64)
    weights = np.array([rng.randint(1, 4) for _ in range(12)], np.int64)
    positions = slices.Positions(vectors, weights, np.arange(12))
    found = slices.pairs(texts, outputs, positions, by_end=by_end, bound=100, most=1000, origin=origin)
    expected: dict[tuple[str, ...], int] = {}
    for i, j in product(range(12), repeat=2):
        pieces = []
        for e, text in enumerate(texts):
            start = int(vectors[i, e]) - origin
            count = int(vectors[j, e]) - (int(vectors[i, e]) if by_end else 0)
            if origin and (start < 0 or count < 0):
                break
            pieces.append(text[start : start + count] if start >= 0 and count > 0 else "")
        if len(pieces) == len(rows) and any(pieces) and all(p in o for p, o in zip(pieces, outputs, strict=True)):
            cost = int(weights[i] + weights[j] + (weights[i] + 1 if by_end else 0))
            expected[tuple(pieces)] = min(cost, expected.get(tuple(pieces), 100))
    got: dict[tuple[str, ...], int] = {}
    for k in range(len(found.first)):
        spans = zip(texts, found.starts[k].tolist(), found.ends[k].tolist(), strict=True)
        pieces = tuple(text[a:b] for text, a, b in spans)
        got[pieces] = min(int(found.weights[k]), got.get(pieces, 100))
    assert got == expected


def lightest(outputs: list[str], texts: list[tuple[str, ...]], weights: list[int], most: int) -> int | None:
    """The weight of the lightest concatenation of at most `most` parts, by trying all."""
    found = [
        sum(weights[i] for i in chosen) + count - 1
        for count in range(1, most + 1)
        for chosen in product(range(len(texts)), repeat=count)
        if all("".join(texts[i][e] for i in chosen) == output for e, output in enumerate(outputs))
    ]
    return min(found, default=None)


@settings(max_examples=40)
@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=4), min_size=1, max_size=2), st.randoms())
def test_chains_are_the_lightest_concatenations(outputs: list[str], rng: random.Random) -> None:
    texts = [tuple(output[(a := rng.randint(0, 3)) : rng.randint(a, 4)] for output in outputs) for _ in range(5)]
    weights = [rng.randint(1, 5) for _ in texts]
    found = chains.cheapest(chains.Fragments(outputs, texts, weights), 1, 1000, lambda: False)
    expected = lightest(outputs, texts, weights, 5)
    if found is None:
        assert expected is None
    else:
        joined = ["".join(texts[i][e] for i in found[1]) for e in range(len(outputs))]
        assert joined == outputs
        assert found[0] == sum(weights[i] for i in found[1]) + len(found[1]) - 1
        assert expected is None or found[0] <= expected
        assert len(found[1]) > 5 or found[0] == expected


def test_what_both_sides_share_moves_out_of_a_conditional() -> None:
    concat = sygus_strings.operator("str.++", (STRING, STRING))
    conditional = sygus_strings.operator("ite", (BOOLEAN, STRING, STRING))
    text = '(ite c (str.++ a (str.++ b "x")) (str.++ a "x"))'
    program = sygus_strings.parse(text, ["a", "b", "c"], [STRING, STRING, BOOLEAN])
    with_empty = hoisted(program, concat, conditional, Constant("", STRING))
    assert sygus_strings.print(with_empty) == '(str.++ a (str.++ (ite c b "") "x"))'
    without = hoisted(program, concat, conditional, None)
    assert size(without) <= size(program)
    for row in (("p", "q", True), ("p", "q", False)):
        assert run(with_empty, row) == run(without, row) == run(program, row)


def best(task: Spec, language: object = sygus_strings, seconds: float = 12, **options: int) -> Candidate:
    return next(solve(task, language, Budget(seconds), **options))


TASKS = {
    "a piece between two separators": spec(("a-bc-d", "bc"), ("xy-z-", "z"), ("--q", "")),
    "a chain": spec(("Ada", "Lovelace", "Lovelace, A."), ("Alan", "Turing", "Turing, A.")),
    "a replacement": spec(("1/2/3", "1-2-3"), ("x/y/", "x-y-"), ("a/b/c", "a-b-c")),
    "a conditional": spec(("ab1", "ab1"), ("cd", "cd!"), ("1x", "1x"), ("", "!"), ("q", "q!")),
    "a number as text": spec(("abc", "3"), ("", "0"), ("abcdefghijkl", "12")),
}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("language", [sygus_strings, spreadsheet], ids=lambda each: each.name)
def test_tasks(name: str, language: object) -> None:
    task = TASKS[name]
    found = best(task, language)
    assert found.wrong == wrong(found.program, task) == ()
    assert found.size == size(found.program)
    assert found.tried > 0


def test_numbers_and_truth() -> None:
    lengths = spec(("a b c", 2), ("ab", 0), ("x y", 1), result=INTEGER)
    found = best(lengths)
    assert found.solved
    truth = spec(("ab", True), ("b", False), ("cab", False), ("a", True), result=BOOLEAN)
    assert best(truth).solved


def test_bit_vectors_without_a_grammar() -> None:
    wide = bit_vectors.bits(8)
    rows = [(x, (~x << 1) & 255) for x in (0, 1, 77, 255)]
    task = spec(*rows, result=wide, types=(wide,))
    assert best(task, bit_vectors).solved


def test_the_lightest_program_is_found_where_the_bank_reaches_it() -> None:
    task = spec(("ab", "b"), ("cde", "e"), ("x-y", "y"))
    bank = Enumerator(task, grammars.merged(sygus_strings.grammar(task)))
    expected = None
    while expected is None:
        expected = next(bank.grow(), None)
    assert best(task).size == expected.weight


def test_many_examples_are_learned_from_few() -> None:
    rng = random.Random(2)
    rows = []
    for _ in range(300):
        first, last = ("".join(rng.choices("abcdefg", k=rng.randint(1, 9))) for _ in range(2))
        rows.append((f"{first} {last}", f"{last} {first}"))
    rows.append(("alone", "alone"))
    task = spec(*rows)
    assert 300 in diverse(task, 8)
    assert len(diverse(task, 8)) == 8
    found = best(task, seconds=20)
    assert found.solved


def test_wrong_examples_are_tolerated_and_told() -> None:
    task = spec(("ab-c", "ab"), ("d-ef", "d"), ("gh-i", "XX"), ("j-k", "j"))
    assert best(task, noise=1).wrong == (2,)


def test_no_examples_and_contradictions() -> None:
    with pytest.raises(PhloemError, match="no examples"):
        best(Spec(("x",), (STRING,), (), (), STRING))
    with pytest.raises(PhloemError, match="examples 1 and 2"):
        best(spec(("a", "b"), ("a", "c")))


def test_out_of_time_gives_the_best_partial_answer() -> None:
    task = spec(("a", "a"), ("b", "b"), ("c", "q7#zk"), ("d", "8hf!p"))
    grammar = Grammar(
        STRING, {STRING: STRING}, tuple(rule for rule in sygus_strings.grammar(task).rules if rule.leaf)[:1]
    )
    found = best(task._replace(grammar=grammar), seconds=1)
    assert found.wrong == (2, 3)


def test_several_programs() -> None:
    found = list(solve(spec(("abc", "c"), ("xyz", "z")), sygus_strings, Budget(20), most=3))
    assert len(found) == 3
    assert len({each.program for each in found}) == 3
    assert all(each.solved for each in found)
    assert [each.size for each in found] == sorted(each.size for each in found)


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from phloem.synthesis.search import Search

    original, rounds = Search._round, []

    def interrupted(self: Search) -> None:
        original(self)
        rounds.append(len(self.found))
        if self.found:
            raise KeyboardInterrupt

    monkeypatch.setattr(Search, "_round", interrupted)
    found = best(TASKS["a conditional"])
    assert found.solved
    assert rounds[-1] > 0


def test_equal_non_terminals_become_one() -> None:
    leaf = Constant("a", STRING)
    operator = sygus_strings.operator("str.++", (STRING, STRING))
    assert operator is not None
    rules = tuple(rule for head in ("A", "B") for rule in (Rule(head, leaf=leaf), Rule(head, operator, ("B", "B"))))
    merged = grammars.merged(Grammar("A", {"A": STRING, "B": STRING}, rules))
    assert set(merged.types) == {"A"}
    assert merged.start == "A"
    assert {rule.arguments for rule in merged.rules} == {(), ("A", "A")}
    assert isinstance(Call(operator, (leaf, leaf)), Call)


def test_grammars_that_derive_nothing() -> None:
    operator = sygus_strings.operator("str.++", (STRING, STRING))
    empty = Grammar("A", {"A": STRING}, (Rule("A", operator, ("A", "A")),))
    assert grammars.derives_nothing(empty)
    full = empty._replace(rules=(*empty.rules, Rule("A", leaf=Constant("", STRING))))
    assert not grammars.derives_nothing(full)
