"""Property signatures, the guides of bottom-up search, and what they may not lose."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.represent.property_signature import (
    ALL_TRUE,
    CATEGORIES,
    PADDING,
    STRING_OUTPUT,
    TYPE_MISMATCH,
    UNARY,
    example_signature,
    value_signature,
)
from phloem.represent.property_signature import STRING as STRING_PROPERTIES
from phloem.synthesis.base import Grammar, Rule, Spec
from phloem.synthesis.bottom_up import Enumerator
from phloem.synthesis.guides import Reweighting, edit_distance, weight_delta
from phloem.synthesis.languages import spreadsheet
from phloem.synthesis.program import INTEGER, STRING, Call, Constant, Input, Program, nodes, run, size

texts = st.text(alphabet="aAbB1 ,.-/é", max_size=8)
values = st.one_of(texts, st.integers(-5, 20), st.booleans())


@pytest.mark.row("S006", 4)
def test_weight_deltas() -> None:
    assert [weight_delta(p) for p in (0.61, 0.5, 0.35, 0.25, 0.15, 0.05)] == [0, 1, 2, 3, 4, 5]
    assert weight_delta(0.0) == 6


@pytest.mark.row("S006", 2)
@given(st.lists(st.tuples(texts, st.integers(-3, 12), texts), min_size=1, max_size=5), st.randoms())
def test_signatures_do_not_depend_on_the_order_of_examples(
    rows: list[tuple[str, int, str]], rng: random.Random
) -> None:
    inputs, outputs = [row[:2] for row in rows], [row[2] for row in rows]
    order = list(range(len(rows)))
    rng.shuffle(order)
    whole = example_signature(inputs, outputs)
    assert whole.shape == (160,)
    assert (example_signature([inputs[i] for i in order], [outputs[i] for i in order]) == whole).all()
    for column in zip(*inputs, strict=True):
        alone = value_signature(column, outputs)
        assert alone.shape == (46,)
        assert (value_signature([column[i] for i in order], [outputs[i] for i in order]) == alone).all()
        assert set(alone.tolist()) <= set(range(CATEGORIES))


@pytest.mark.row("S006", 2)
def test_signatures_of_equivalent_programs_are_equal() -> None:
    inputs = [("ab",), ("c",)]
    upper = spreadsheet.parse("UPPER(x)", ["x"], [STRING])
    longer = spreadsheet.parse("UPPER(LOWER(x))", ["x"], [STRING])
    found = [value_signature([run(p, row) or "" for row in inputs], ["AB!", "C!"]) for p in (upper, longer)]
    assert (found[0] == found[1]).all()


def test_what_is_not_asked_and_what_is_not_there() -> None:
    signature = value_signature([3, 4], ["abc", "abcd"])
    assert (signature[:14] == TYPE_MISMATCH).all()
    assert (signature[22:39] == TYPE_MISMATCH).all()
    assert (signature[39:] != TYPE_MISMATCH).all()
    assert (example_signature([("a",)], ["b"])[46:138] == PADDING).all()


def plain_distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@given(texts, texts)
def test_edit_distance_is_that_of_the_plain_table(left: str, right: str) -> None:
    assert edit_distance(left, right) == plain_distance(left, right)


def small_tasks(count: int) -> list[tuple[Spec, Program, Grammar]]:
    """Tasks whose solution is a random program of a small language, with that program."""
    rng = random.Random(3)
    used = {"CONCATENATE", "LEFT", "UPPER", "LEN"}
    operators = [each for each in spreadsheet.operators if each.name in used]
    leaves = [Constant("-", STRING), Constant(1, INTEGER)]
    tasks = []
    while len(tasks) < count:
        inputs = tuple(("".join(rng.choice("abXY ") for _ in range(rng.randint(2, 6))),) for _ in range(3))
        rules = [Rule(STRING, leaf=Input("x", 0, STRING)), *(Rule(leaf.type, leaf=leaf) for leaf in leaves)]
        rules += [Rule(each.result, each, each.arguments) for each in operators]
        grammar = Grammar(STRING, {STRING: STRING, INTEGER: INTEGER}, tuple(rules))
        program = draw(rng, operators, leaves, STRING, 5)
        outputs = [run(program, row) for row in inputs]
        if None not in outputs and size(program) > 2:
            spec = Spec(("x",), (STRING,), inputs, tuple(o for o in outputs if o is not None), STRING)
            tasks.append((spec, program, grammar))
    return tasks


def draw(rng: random.Random, operators: list, leaves: list, type: str, room: int) -> Program:
    possible = [each for each in operators if each.result == type and len(each.arguments) < room]
    if not possible or rng.random() < 0.2:
        return rng.choice([leaf for leaf in leaves if leaf.type == type] + [Input("x", 0, STRING)] * (type == STRING))
    operator = rng.choice(possible)
    share = (room - 1) // len(operator.arguments)
    return Call(operator, tuple(draw(rng, operators, leaves, each, share) for each in operator.arguments))


def first_solution(bank: Enumerator, most: int) -> tuple[Program, int] | None:
    while bank.weight < most:
        for found in bank.grow():
            return found.program, found.tried
    return None


def plainly(spec: Spec, grammar: Grammar, most: int) -> tuple[Program, int] | None:
    """The first solution of a nested loop over weights, and how many candidates it ran until then."""
    levels: dict[tuple[str, int], list[tuple[Program, tuple]]] = {}
    seen, tried = set(), 0
    limits = spreadsheet.LIMITS
    for weight in range(1, most + 1):
        for rule in grammar.rules:
            shares = [()] if rule.operator is None and weight == 1 else []
            if rule.operator is not None:
                shares = list(partitions(weight - 1, len(rule.arguments)))
            for share in shares:
                for chosen in combinations([levels.get(key, []) for key in zip(rule.arguments, share, strict=True)]):
                    tried += 1
                    program = Call(rule.operator, chosen) if rule.operator else rule.leaf
                    results = tuple(run(program, row) for row in spec.inputs)
                    if any(
                        r is None or (len(r) > limits.longest if isinstance(r, str) else abs(r) > limits.largest)
                        for r in results
                    ):
                        continue
                    if rule.head == grammar.start and results == spec.outputs:
                        return program, tried
                    if (rule.head, results) not in seen:
                        seen.add((rule.head, results))
                        levels.setdefault((rule.head, weight), []).append(program)
    return None


def partitions(total: int, parts: int):
    if parts == 0:
        if total == 0:
            yield ()
        return
    for head in range(1, total + 1):
        for rest in partitions(total - head, parts - 1):
            yield (head, *rest)


def combinations(choices: list):
    if not choices:
        yield ()
        return
    for each in choices[0]:
        for rest in combinations(choices[1:]):
            yield (each, *rest)


@pytest.mark.row("S006", 3)
def test_enumeration_is_the_plain_nested_loop() -> None:
    for spec, program, grammar in small_tasks(20):
        expected = plainly(spec, grammar, size(program))
        found = first_solution(Enumerator(spec, grammar, limits=spreadsheet.LIMITS), size(program))
        assert expected is not None
        assert found == expected


@pytest.mark.row("S006", 3)
@pytest.mark.parametrize("heuristics", [False, True])
def test_no_guide_loses_a_solution(heuristics: bool) -> None:
    for number, (spec, _, grammar) in enumerate(small_tasks(8)):
        plain = first_solution(Enumerator(spec, grammar, limits=spreadsheet.LIMITS), 5)
        assert plain is not None
        operators = sum(isinstance(part, Call) for part in nodes(plain[0]))
        rng = np.random.default_rng(number)
        guide = Reweighting(spec, lambda signatures, rng=rng: rng.random(len(signatures)), heuristics=heuristics)
        bank = Enumerator(spec, grammar, limits=spreadsheet.LIMITS, guide=guide)
        most = size(plain[0]) + (10 if heuristics else 6) * operators
        found = first_solution(bank, most)
        assert found is not None
        assert tuple(run(found[0], row) for row in spec.inputs) == spec.outputs


@given(texts, texts)
def test_the_properties_of_strings_are_those_of_the_tables(text: str, output: str) -> None:
    tables = [
        *(test(text) for test in STRING_PROPERTIES),
        *([False] * (UNARY - len(STRING_PROPERTIES))),
        *(test(text, output) for test in STRING_OUTPUT),
    ]
    signature = value_signature([text], [output])[: len(tables)]
    asked = signature != TYPE_MISMATCH
    assert asked.sum() == len(STRING_PROPERTIES) + len(STRING_OUTPUT)
    assert ((signature == ALL_TRUE) == (np.array(tables) & asked)).all()
