"""What is written of a program against the interpreter: Python executed, SQL in sqlite3, Excel in an evaluator.

The oracle is `synthesis.program.run` on random programs and random inputs; the texts are run by what they are written
for."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.synth.export.bounds import at_least
from phloem.assist.synth.export.excel import to_excel
from phloem.assist.synth.export.expressions import Unwritable
from phloem.assist.synth.export.python import identifiers, to_python
from phloem.assist.synth.export.sql import changes_case, to_sql
from phloem.assist.synth.graphemes import Folding
from phloem.execute.sandbox import Call as SandboxCall
from phloem.execute.sandbox import run as run_in_sandbox
from phloem.synthesis.languages import bit_vectors, cell_functions, robustfill_plus, spreadsheet, sygus_strings
from phloem.synthesis.program import BOOLEAN, INTEGER, STRING, Call, Constant, Input, Program, Value, nodes, run

NAMES, TYPES = ("text", "n", "other text"), (STRING, INTEGER, STRING)
LETTERS = "abAB09 .,-é\U0001f600\n'\"\\"
LANGUAGES = {language.name: language for language in (sygus_strings, spreadsheet)}


def programs(language: ModuleType, count: int, seed: int, size: int = 16) -> Iterator[tuple[Program, random.Random]]:
    rng = random.Random(seed)
    for _ in range(count):
        result = rng.choice([STRING, STRING, INTEGER, BOOLEAN])
        yield language.sample(rng, NAMES, TYPES, result, rng.randint(1, size)), rng


def rows(rng: random.Random, count: int, letters: str = LETTERS) -> list[tuple[Value, ...]]:
    def text() -> str:
        return "".join(rng.choice(letters) for _ in range(rng.randint(0, 8)))

    return [(text(), rng.randint(-3, 9), text()) for _ in range(count)]


def same(left: Any, right: Any) -> bool:
    return left == right and type(left) is type(right)


def constants(program: Program) -> str:
    return "".join(str(part.value) for part in nodes(program) if isinstance(part, Constant))


@pytest.mark.row("S006", 5)
@pytest.mark.parametrize("language", LANGUAGES)
def test_python_has_the_value_of_the_interpreter(language: str) -> None:
    for program, rng in programs(LANGUAGES[language], 2_000, seed=1):
        text = to_python(program, language, function="f", parameters=NAMES)
        names: dict[str, Any] = {}
        exec(text, names)
        for row in rows(rng, 4):
            assert same(names["f"](*row), run(program, row)), text


def cells(rng: random.Random) -> str:
    """A text as cells have them: numbers, names of months, words."""
    drawn = rng.choice(
        ["-1,234.50", "007", "0.3", "12", "mar", "Sept.", "homePhoneNr", "a-b, c", " x  y ", "\u00e9B", ""]
    )
    return drawn if rng.random() < 0.7 else rows(rng, 1)[0][0] + drawn  # type: ignore[operator, return-value]


def test_python_of_tables_has_the_value_of_the_interpreter() -> None:
    rng = random.Random(6)
    seen = set()
    for _ in range(1_200):
        program = robustfill_plus.sample(rng, ("a", "b"), (STRING, STRING), STRING, 3)
        names: dict[str, Any] = {}
        text = to_python(program, "robustfill-plus", function="f", parameters=("a", "b"))
        exec(text, names)
        seen |= {part.operator.name for part in nodes(program) if isinstance(part, Call)}
        for _ in range(4):
            row = cells(rng), cells(rng)
            assert same(names["f"](*row), run(program, row)), (text, row)
    assert {each.name for each in robustfill_plus.operators} <= seen


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ('Add(a, "0.2")', {"0.1": "0.3", "1,000": "1000.2", "x": "", "": ""}),
        ('Divide(a, "3")', {"1": "0.333333333333333", "6": "2"}),
        ('Divide("1", a)', {"0": "", "4": "0.25"}),
        ("Round(a, 2)", {"2.675": "2.68", "-0.001": "0.00", "7": "7.00", "0.333333333333333": "0.33"}),
        ("Format(a, Thousands)", {"1234567": "1,234,567", "1234.50": "1,234.50"}),
        ("Format(a, Number)", {"007": "7", "1,234.50": "1234.5", "12345678901234567890": ""}),
        ("Format(a, Integer)", {"-1.5": "-2", "3.7": "3"}),
        ("Pad(a, 4)", {"7": "0007", "12345": "12345", "": ""}),
        ("LookUp(a, MonthNumber)", {"March": "3", "sept": "9", "13": "", "ma": ""}),
        ('Join(a, Part, 0, Lower, "_")', {"homePhoneNr": "home_phone_nr", "HTTPServer2": "http_server_2"}),
        ('Join(a, Word, 1, AllCaps, ".")', {"ada king noel": "A.K.N"}),
        ('If(AtLeast(a, "50"), "pass", "fail")', {"50": "pass", "49.9": "fail", "": "fail"}),
        ("Remove(a, Char, -1)", {"houses": "house"}),
        ('Count(a, ",")', {"a,b,c": "2", "": "0"}),
    ],
)
def test_functions_of_cells(written: str, wanted: dict[str, str], evaluate: Any) -> None:
    program = robustfill_plus.parse(written, ("a",), (STRING,))
    names: dict[str, Any] = {}
    exec(to_python(program, "robustfill-plus", function="f", parameters=("a",)), names)
    try:
        excel = to_excel(program, "robustfill-plus", ("A1",))
    except Unwritable:
        excel = None
    for cell, value in wanted.items():
        assert run(program, (cell,)) == value
        assert names["f"](cell) == value
        if excel is not None and "," not in cell and len(cell) < 15:
            shown = evaluate(excel, {"A1": cell})  # with binary fractions of 17 digits, where Excel shows 15
            number = cell_functions.number(value)
            close = number is not None and float(shown) == pytest.approx(float(number), rel=1e-14)
            assert close or shown == value, (excel, cell)


def test_python_of_bit_vectors_has_the_value_of_the_interpreter() -> None:
    rng = random.Random(2)
    wide = bit_vectors.bits(64)
    for _ in range(1_500):
        program = bit_vectors.sample(rng, ("x", "y"), (wide, wide), rng.choice([wide, BOOLEAN]), rng.randint(1, 15))
        names: dict[str, Any] = {}
        exec(to_python(program, "bit-vectors", function="f", parameters=("x", "y")), names)
        for _ in range(4):
            row = rng.getrandbits(64), rng.choice([0, 1, 63, 64, rng.getrandbits(64)])
            assert same(names["f"](*row), run(program, row))


@pytest.mark.parametrize("language", LANGUAGES)
def test_python_needs_nothing_and_runs_in_the_sandbox(language: str) -> None:
    for program, rng in programs(LANGUAGES[language], 12, seed=3):
        text = to_python(program, language, function="answer", parameters=NAMES)
        given = rows(rng, 20)
        outcomes = run_in_sandbox(text, [SandboxCall("answer", row) for row in given])
        assert [(each.status, each.value) for each in outcomes] == [("ok", run(program, row)) for row in given]


@pytest.mark.row("S006", 5)
@pytest.mark.parametrize("language", LANGUAGES)
def test_sql_has_the_value_of_the_interpreter(language: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute('create table t (text text, n integer, "other text" text)')
    written = 0
    for program, rng in programs(LANGUAGES[language], 2_000, seed=4, size=12):
        try:
            sql = to_sql(program, language, NAMES)
        except Unwritable:
            continue
        if changes_case(program) and not constants(program).isascii():
            continue
        letters = LETTERS if not changes_case(program) else "".join(filter(str.isascii, LETTERS))
        for row in rows(rng, 4, letters):
            wanted = run(program, row)
            if wanted is None or (isinstance(wanted, int) and abs(wanted) >= 1 << 62):
                continue
            database.execute("delete from t")
            database.execute("insert into t values (?, ?, ?)", row)
            assert database.execute(f"select {sql} from t").fetchone()[0] == wanted, sql
            written += 1
    assert written > 1_500


def test_sql_is_null_where_the_program_has_no_value() -> None:
    program = spreadsheet.parse('LEFT(text, MINUS(FIND("-", text), 1))', ("text",), (STRING,))
    sql = to_sql(program, "spreadsheet", ("text",))
    database = sqlite3.connect(":memory:")
    values = [
        database.execute(f"select {sql} from (select ? as text)", (text,)).fetchone()[0] for text in ("a-b", "ab")
    ]
    assert values == ["a", None]


@pytest.fixture(scope="module")
def evaluate() -> Any:
    """Excel formulas by the package `formulas`, with two functions as Excel documents them: TRIM leaves one space
    between words, SUBSTITUTE of an empty text changes nothing."""
    formulas = pytest.importorskip("formulas")
    functions = formulas.get_functions()
    substitute, trim = functions["SUBSTITUTE"], functions["TRIM"]

    def one_space(text: Any) -> Any:
        shown = str(trim(text).item())
        return " ".join(shown.split(" ")) if "  " not in shown else " ".join(filter(None, shown.split(" ")))

    def careful(text: Any, old: Any, new: Any, *which: Any) -> Any:
        empty = str(getattr(old, "item", lambda: old)()) == ""
        return text if empty else substitute(text, old, new, *which)

    functions["SUBSTITUTE"], functions["TRIM"] = careful, one_space

    def value(formula: str, cells: dict[str, Value]) -> Any:
        function = formulas.Parser().ast(formula)[1].compile()
        result = function(*[cells[str(name)] for name in function.inputs])
        return result.item() if hasattr(result, "item") else result

    yield value
    functions["SUBSTITUTE"], functions["TRIM"] = substitute, trim


@pytest.mark.row("S006", 5)
@pytest.mark.parametrize("language", LANGUAGES)
def test_excel_has_the_value_of_the_interpreter(language: str, evaluate: Any) -> None:
    cells = ("A2", "B2", "C2")
    letters = "abAB09 .,-é'\""
    written = 0
    for program, rng in programs(LANGUAGES[language], 450, seed=5, size=10):
        try:
            formula = to_excel(program, language, cells)
        except Unwritable:
            continue
        for row in rows(rng, 2, letters):
            wanted = run(program, row)
            if wanted is None:
                continue
            value = evaluate(formula, dict(zip(cells, row, strict=True)))
            assert (bool(value) if isinstance(wanted, bool) else value) == wanted, formula
            written += 1
    assert written > 250


def parsed(text: str, names: Sequence[str] = ("name",)) -> Program:
    return spreadsheet.parse(text, names, (STRING,) * len(names))


@pytest.mark.parametrize(
    ("formula", "python", "excel", "sql"),
    [
        ("LEFT(name, 3)", "name[:3]", "=LEFT(A1,3)", 'substr("name", 1, 3)'),
        (
            'LEFT(name, MINUS(FIND("-", name), 1))',
            'name[: name.index("-")]',
            '=LEFT(A1,FIND("-",A1)-1)',
            """substr("name", 1, nullif(instr("name", '-'), 0) - 1)""",
        ),
        (
            'RIGHT(name, MINUS(LEN(name), FIND(" ", name)))',
            'name[name.index(" ") + 1 :]',
            '=RIGHT(A1,LEN(A1)-FIND(" ",A1))',
            None,
        ),
        ("MID(name, 2, 3)", "name[1:4]", "=MID(A1,2,3)", 'substr("name", 2, 3)'),
        (
            'CONCATENATE("a", CONCATENATE(UPPER(name), CONCATENATE(".", "b")))',
            '"a" + name.upper() + ".b"',
            '="a"&UPPER(A1)&".b"',
            "'a' || upper(\"name\") || '.b'",
        ),
        (
            'IF(EXACT(name, "x"), "yes", "no")',
            '"yes" if name == "x" else "no"',
            '=IF(EXACT(A1,"x"),"yes","no")',
            "CASE WHEN \"name\" = 'x' THEN 'yes' ELSE 'no' END",
        ),
    ],
)
def test_what_is_written_is_what_a_person_would_write(formula: str, python: str, excel: str, sql: str | None) -> None:
    program = parsed(formula)
    assert f"return {python}\n" in to_python(program, "spreadsheet", function="f", parameters=("name",))
    assert to_excel(program, "spreadsheet", ("A1",)) == excel
    assert sql is None or to_sql(program, "spreadsheet", ("name",)) == sql


def test_a_branch_that_fails_fails_though_it_is_not_taken() -> None:
    """The interpreter is strict; a conditional expression of Python is not."""
    program = parsed('IF(EXACT(name, "x"), "yes", MID(name, FIND("-", name), 1))')
    names: dict[str, Any] = {}
    exec(to_python(program, "spreadsheet", function="f", parameters=("name",)), names)
    assert [names["f"](text) for text in ("x", "a-b")] == [None, "-"]
    assert run(program, ("x",)) is None


def test_excel_does_not_guess() -> None:
    with pytest.raises(Unwritable, match="overlap"):
        to_excel(parsed('SUBSTITUTE(name, "aa", "b", 2)'), "spreadsheet", ("A1",))
    integer = sygus_strings.parse("(str.to_int x)", ("x",), (STRING,))
    with pytest.raises(Unwritable, match=r"str\.to_int"):
        to_excel(integer, "sygus-strings", ("A1",))
    long = parsed(f'CONCATENATE(name, "{"x" * 9000}")')
    with pytest.raises(Unwritable, match="longer"):
        to_excel(long, "spreadsheet", ("A1",))


def test_long_texts_are_cut_to_what_a_formula_may_hold(evaluate: Any) -> None:
    formula = to_excel(parsed(f'CONCATENATE(name, "{"x" * 600}")'), "spreadsheet", ("A1",))
    assert max(len(piece) for piece in formula.split('"')) <= 255
    assert evaluate(formula, {"A1": "y"}) == "y" + "x" * 600


@given(st.lists(st.text(max_size=12), min_size=1, max_size=6))
def test_identifiers_are_valid_and_distinct(names: list[str]) -> None:
    made = identifiers(names)
    assert len(set(made)) == len(names)
    exec(f"def f({', '.join(made)}):\n    pass\n", {})


@pytest.mark.parametrize(
    "name", ["part", "number", "test", "left", "right", "mid", "str", "len", "re", "f", "None", "fold"]
)
def test_no_name_of_a_column_breaks_the_function(name: str) -> None:
    for formula in ('IF(EXACT(a, "x"), MID(b, FIND("-", b), 2), RIGHT(LEFT(a, LEN(b)), 1))', "REPT(TRIM(a), LEN(b))"):
        program = parsed(formula, ("a", "b"))
        text = to_python(program, "spreadsheet", function=name, parameters=(name, "fold"))
        names: dict[str, Any] = {}
        exec(text, names)
        function = names[text.rpartition("\ndef ")[2].removeprefix("def ").split("(")[0]]
        for row in (("x", "a-bc"), ("y", "a-b"), ("y", "")):
            assert function(*row) == run(program, row)


def test_sygus_names_old_and_new_are_the_same_in_python() -> None:
    old = sygus_strings.parse("(int.to.str (str.to.int x))", ("x",), (STRING,))
    new = sygus_strings.parse("(str.from_int (str.to_int x))", ("x",), (STRING,))
    texts = {to_python(each, "sygus-strings", function="f", parameters=("x",)) for each in (old, new)}
    assert len(texts) == 1


def test_characters_of_several_code_points_stay_whole_in_python() -> None:
    folding = Folding()
    family = "👩‍👩‍👧"
    folded = folding.fold(family)
    left = next(each for each in spreadsheet.operators if each.name == "LEFT")
    concatenate = next(each for each in spreadsheet.operators if each.name == "CONCATENATE")
    program = Call(
        concatenate, (Call(left, (Input("name", 0, STRING), Constant(1, INTEGER))), Constant(folded + "!", STRING))
    )
    text = to_python(program, "spreadsheet", function="f", parameters=("name",), folding=folding)
    names: dict[str, Any] = {}
    exec(text, names)
    assert names["f"]("🇩🇪🇫🇷") == f"🇩🇪{family}!"
    assert names["f"]("e\u0301a") == f"e\u0301{family}!"


@pytest.mark.parametrize("language", LANGUAGES)
def test_bounds_hold(language: str) -> None:
    for program, rng in programs(LANGUAGES[language], 1_500, seed=6):
        if program.type == INTEGER:
            low = at_least(program)
            assert all(value is None or value >= low for value in (run(program, row) for row in rows(rng, 5)))
