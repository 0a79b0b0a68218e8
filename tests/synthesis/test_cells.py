"""Programs for cells: calculations, conditions, names of months, and what rows that wait say about them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.synthesis.base import Budget, Spec
from phloem.synthesis.conditions import roundest, splits
from phloem.synthesis.contexts import Contexts
from phloem.synthesis.languages import cell_functions, robustfill_plus
from phloem.synthesis.program import STRING, Program, run
from phloem.synthesis.solve import solve

LANGUAGE = robustfill_plus.language


def asked(rows: list[tuple[str, ...]], waiting: list[tuple[str, ...]] | None = None) -> Spec:
    """Examples, the last cell the output; rows that wait have no output."""
    names = tuple("abcd"[: len(rows[0]) - 1])
    inputs, outputs = tuple(row[:-1] for row in rows), tuple(row[-1] for row in rows)
    return Spec(names, (STRING,) * len(names), inputs, outputs, STRING, waiting=tuple(waiting or ()))


def learned(rows: list[tuple[str, ...]], waiting: list[tuple[str, ...]] | None = None) -> Program:
    return next(solve(asked(rows, waiting), LANGUAGE, Budget(30))).program


@pytest.mark.parametrize(
    ("rows", "unseen"),
    [
        ([("3.5", "4.25", "7.75"), ("10.1", "2.3", "12.4")], ("0.1", "0.2", "0.3")),
        ([("3", "4.50", "13.50"), ("10", "2.25", "22.50")], ("7", "8.00", "56.00")),
        ([("3", "4", "5", "4"), ("10", "20", "30", "20"), ("7", "8", "12", "9")], ("0", "5", "10", "5")),
        ([("1:30", "90"), ("2:05", "125"), ("0:45", "45")], ("10:10", "610")),
        ([("0", "32"), ("100", "212"), ("20", "68")], ("37", "98.6")),
        ([("25", "100", "25%"), ("30", "50", "60%")], ("9", "10", "90%")),
        ([("v1", "v2"), ("v9", "v10")], ("v41", "v42")),
        ([("7", "INV-0007"), ("42", "INV-0042")], ("365", "INV-0365")),
        ([("1234567", "1,234,567"), ("98765", "98,765")], ("55000", "55,000")),
        ([("3/7/2024", "2024-03-07"), ("11/25/2023", "2023-11-25")], ("1/9/2010", "2010-01-09")),
        ([("2024-03-17", "March 17, 2024"), ("2023-11-05", "November 5, 2023")], ("2010-01-09", "January 9, 2010")),
        ([("homePhone", "home_phone"), ("zipCodeTwo", "zip_code_two")], ("id", "id")),
        ([("first_name", "firstName"), ("date_of_birth", "dateOfBirth")], ("a_b_c_d", "aBCD")),
        ([("Ada Lovelace", "AL"), ("Grace Brewster Hopper", "GBH")], ("John Ronald Reuel Tolkien", "JRRT")),
        ([("35", "fail"), ("49", "fail"), ("50", "pass"), ("90", "pass")], ("77", "pass")),
        ([("a.jpg", "image"), ("b.txt", "text"), ("c.jpg", "image"), ("d.txt", "text")], ("x.y.jpg", "image")),
    ],
)
def test_what_spreadsheets_are_filled_with(rows: list[tuple[str, ...]], unseen: tuple[str, ...]) -> None:
    assert run(learned(rows), unseen[:-1]) == unseen[-1]


@pytest.mark.parametrize(
    ("rows", "waiting", "wanted"),
    [
        ([("a;b;c", "c"), ("x;yy", "yy")], "p;q;last one", "last one"),
        ([("Lovelace, Ada", "Lovelace"), ("Turing, Alan", "Turing")], "van Rossum, Guido", "van Rossum"),
        ([("report.docx", "report.pdf"), ("notes.txt", "notes.pdf")], "my letter.odt", "my letter.pdf"),
        ([("12 Main St, Reno, NV", "Reno"), ("4 Oak Ave, Bend, OR", "Bend")], "1 Wall St, New York, NY", "New York"),
    ],
)
def test_rows_that_wait_tell_readings_apart(rows: list[tuple[str, ...]], waiting: str, wanted: str) -> None:
    assert run(learned(rows, [(waiting,)]), (waiting,)) == wanted


def test_an_exception_is_no_case() -> None:
    rows = [("ada@x.org", "ada"), ("alan@x.org", "alan"), ("don@y.z", "don"), ("grace@x.org", "margot")]
    assert all(1 < len(holds) < 3 for _, _, holds in splits(asked(rows), LANGUAGE))


def test_what_is_new_around_a_substring_counts_against_it() -> None:
    contexts = Contexts(["a;b", "x;yy"], ["p;q r"])
    after_semicolon, last_word = (
        contexts.penalty([(2, 3), (2, 4)], [(2, 5)]),
        contexts.penalty([(2, 3), (2, 4)], [(4, 5)]),
    )
    assert after_semicolon == 0 < last_word
    assert Contexts(["a;b"], []).penalty([(0, 1)], []) == 0
    assert contexts.penalty([(2, 3), (2, 4)], [None]) > last_word


numbers = st.decimals(-10_000, 10_000, places=3, allow_nan=False)


@given(numbers, numbers)
def test_the_roundest_number_lies_between(left: Decimal, right: Decimal) -> None:
    low, high = min(left, right), max(left, right)
    if low < high:
        assert low < roundest(low, high) <= high


@given(numbers, numbers)
def test_sums_are_exact_and_written_plainly(left: Decimal, right: Decimal) -> None:
    total = cell_functions.add(str(left), f"{right:,}")
    assert Decimal(total) == left + right
    assert cell_functions.number(total) == left + right
    assert total == cell_functions.formatted(total, "Number")


@given(st.text(alphabet="0123456789-.,+eE \u0663", max_size=24))
def test_functions_of_cells_never_fail(text: str) -> None:
    for operator in (cell_functions.add, cell_functions.divide, cell_functions.largest, cell_functions.multiply):
        assert isinstance(operator(text, "0"), str)
    for form in cell_functions.FORMATS:
        assert isinstance(cell_functions.formatted(text, form), str)
    assert isinstance(cell_functions.rounded(text, 15), str)
    for table in cell_functions.TABLES:
        assert isinstance(cell_functions.look_up(text, table), str)


def test_a_condition_is_no_text() -> None:
    with pytest.raises(PhloemError, match="takes a boolean"):
        robustfill_plus.parse('If(a, "x", "y")', ("a",), (STRING,))
    with pytest.raises(PhloemError, match="takes a string"):
        robustfill_plus.parse('Concat(Is(a, "x"), "y")', ("a",), (STRING,))
