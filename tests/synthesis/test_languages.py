"""What holds in every language of programs: printing and parsing, types, totality, one value as many."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.synthesis.base import Language, Spec
from phloem.synthesis.interning import FAILED, Interned, Limits
from phloem.synthesis.languages import (
    bit_vectors,
    robustfill,
    robustfill_plus,
    spreadsheet,
    sygus_strings,
)
from phloem.synthesis.program import (
    BOOLEAN,
    INTEGER,
    STRING,
    Call,
    Constant,
    Input,
    Program,
    Value,
    compiled,
    nodes,
    run,
    size,
    well_typed,
)

STRINGS = (("name", "the text", "n"), (STRING, STRING, INTEGER))
BITS = (("x", "y"), (bit_vectors.bits(64), bit_vectors.bits(64)))
LANGUAGES = [
    (sygus_strings, (("name", "text", "n"), (STRING, STRING, INTEGER)), (STRING, INTEGER, BOOLEAN)),
    (spreadsheet, STRINGS, (STRING, INTEGER, BOOLEAN)),
    (bit_vectors, BITS, (bit_vectors.bits(64), BOOLEAN)),
    (robustfill.language, (("text",), (STRING,)), (STRING,)),
    (robustfill.paper, (("text",), (STRING,)), (STRING,)),
    (robustfill_plus, STRINGS, (STRING,)),
]
every = pytest.mark.parametrize(
    ("language", "signature", "results"), LANGUAGES, ids=lambda each: getattr(each, "name", "")
)
texts = st.text(alphabet=st.sampled_from("aAbZ09 ,.-/é\"'\\\n\u0301ß"), max_size=12) | st.text(max_size=5)
seeds = st.integers(0, 2**32)


def row(rng: random.Random, types: tuple[str, ...], text: str) -> tuple[Value, ...]:
    drawn: dict[str, Value] = {STRING: text, INTEGER: rng.randint(-3, 9), bit_vectors.bits(64): rng.getrandbits(64)}
    return tuple(drawn[type] for type in types)


def type_of(value: Value) -> str:
    return STRING if isinstance(value, str) else BOOLEAN if isinstance(value, bool) else INTEGER


@every
@given(seed=seeds, text=texts)
def test_print_parse_types_and_totality(
    language: Language, signature: tuple, results: tuple[str, ...], seed: int, text: str
) -> None:
    rng = random.Random(seed)
    names, types = signature
    result = rng.choice(results)
    program = language.sample(rng, names, types, result, rng.randint(1, 30))
    assert well_typed(program)
    assert program.type == result
    assert language.parse(language.print(program), names, types) == program
    value = run(program, row(rng, types, text))
    if value is not None:
        assert type_of(value) == (INTEGER if result.startswith("bits") else result)
    if result.startswith("bits") and value is not None:
        assert 0 <= int(value) < 2**64
    inputs = row(rng, types, text)
    assert run(program, inputs, fuel=size(program) - 1) is None
    assert compiled(program)(*inputs) == run(program, inputs)


@every
@given(seed=seeds, text=texts)
def test_tables_are_the_operators(
    language: Language, signature: tuple, results: tuple[str, ...], seed: int, text: str
) -> None:
    rng = random.Random(seed)
    names, types = signature
    program = language.sample(rng, names, types, rng.choice(results), 12)
    interned = Interned(Limits(200, None))
    for part in nodes(program):
        if not isinstance(part, Call):
            continue
        rows = [row(rng, types, other) for other in (text, text[::-1], "a b")]
        choices = [[run(argument, each) for each in rows] for argument in part.arguments]
        if any(value is None or (isinstance(value, str) and len(value) > 200) for each in choices for value in each):
            continue
        numbers = []
        for argument, each in zip(part.arguments, choices, strict=True):
            interner = interned.of(argument.type)
            numbers.append(sorted({interner[value] for value in each}))
        import numpy as np

        arrays = [np.array(each, np.int32) for each in numbers]
        table = interned.table(part.operator, arrays)
        again = interned.table(
            part.operator, arrays, ([each[:1] for each in arrays], table[(slice(0, 1),) * table.ndim])
        )
        assert (again == table).all()
        for place in np.ndindex(*table.shape):
            values = [
                interned.of(argument.type).known[numbers[axis][at]]
                for axis, (argument, at) in enumerate(zip(part.arguments, place, strict=True))
            ]
            expected = part.operator.apply(*values)
            kept = expected is not None and not (isinstance(expected, str) and len(expected) > 200)
            found = int(table[place])
            assert (interned.of(part.operator.result).known[found] == expected) if kept else found == FAILED


@every
@given(text=st.text(alphabet='()"`[]ab,0-x .+\\', max_size=30))
def test_what_is_no_program_is_refused(
    language: Language, signature: tuple, results: tuple[str, ...], text: str
) -> None:
    try:
        program = language.parse(text, *signature)
    except PhloemError:
        return
    assert well_typed(program)


def test_deep_programs_neither_overflow_nor_run_without_fuel() -> None:
    program: Program = Input("x", 0, STRING)
    upper = next(each for each in spreadsheet.operators if each.name == "UPPER")
    for _ in range(20_000):
        program = Call(upper, (program,))
    assert run(program, ("a",)) == "A"
    assert run(program, ("a",), fuel=100) is None
    assert spreadsheet.print(program).startswith("UPPER(UPPER(")


def test_doubling_ends() -> None:
    program: Program = Constant("ab", STRING)
    replace = sygus_strings.operator("str.replace_all", (STRING, STRING, STRING))
    assert replace is not None
    for _ in range(60):
        program = Call(replace, (program, Constant("a", STRING), Constant("aaab" * 50, STRING)))
    assert run(program, ()) is None


@pytest.mark.row("S006", 1)
@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ('FIND("b", "abcb", 3)', 4),
        ('FIND("z", "abc")', None),
        ('MID("abc", 9, 1)', ""),
        ('MID("abc", 0, 1)', None),
        ('REPLACE("abcdef", 2, 3, "X")', "aXef"),
        ('TRIM("  a   b ")', "a b"),
        ('SUBSTITUTE("a-b-c", "-", "+", 2)', "a-b+c"),
        ('SUBSTITUTE("aaa", "aa", "b", 2)', "ab"),
        ('SUBSTITUTE("abc", "", "x")', "abc"),
        ('REPT("ab", 51)', None),
        ('PROPER("o\'neil mc-x")', "O'Neil Mc-X"),
        ('LEFT("abc", -1)', None),
        ('RIGHT("abc", 2)', "bc"),
        ('RIGHT("abc", 5)', "abc"),
        ('IF(GT(LEN("ab"), 1), "yes", "no")', "yes"),
    ],
)
def test_golden_formulas(formula: str, value: Value | None) -> None:
    assert run(spreadsheet.parse(formula, [], []), ()) == value


def test_the_spreadsheet_language_has_22_operators() -> None:
    assert len(spreadsheet.operators) == 22


def test_an_input_may_have_any_name() -> None:
    names, types = ["First ]Name", "TRUE"], [STRING, BOOLEAN]
    text = 'IF([TRUE], [First ]]Name], "a ""quoted"" word")'
    program = spreadsheet.parse(text, names, types)
    assert spreadsheet.print(program) == text
    assert run(program, ("Ada", False)) == 'a "quoted" word'


def test_grammars_of_examples_hold_the_operators() -> None:
    spec = Spec(("x",), (STRING,), (("a-b",), ("c-d",)), ("a", "c"), STRING)
    for language in (sygus_strings, spreadsheet):
        rules = language.grammar(spec).rules
        assert Constant("-", STRING) in [rule.leaf for rule in rules]
        assert Input("x", 0, STRING) in [rule.leaf for rule in rules]
    assert {r.operator.name for r in spreadsheet.grammar(spec).rules if r.operator} >= {"CONCATENATE", "MID", "IF"}
