"""Answers: programs that agree, where they disagree, formulas that equal them, characters that stay whole."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import phloem
from phloem.assist.synth import committee
from phloem.assist.synth.columns import run_column
from phloem.assist.synth.committee import compare, counterpart, find, widened
from phloem.assist.synth.export.excel import to_excel
from phloem.assist.synth.export.python import to_python
from phloem.assist.synth.probes import probes
from phloem.assist.synth.questions import Question, question_of_pairs, question_of_table
from phloem.assist.synth.reports import as_text, by_heart
from phloem.assist.synth.synth import languages, synth, synth_problem
from phloem.assist.synth.tables import read_table
from phloem.assist.synth.variations import variations
from phloem.errors import PhloemError
from phloem.execute.sandbox import Call, run
from phloem.synthesis import sygus
from phloem.synthesis.base import Candidate, wrong
from phloem.synthesis.languages import robustfill_plus, spreadsheet, sygus_strings
from phloem.synthesis.program import BOOLEAN, INTEGER, LONGEST, STRING, Program, Value
from phloem.synthesis.program import run as interpret

INITIALS = [("Ada Lovelace", "A.L."), ("Grace Hopper", "G.H.")]


def asked(*pairs: tuple[str, str], waiting: tuple[str, ...] = ()) -> Question:
    question = question_of_pairs((tuple(given.split("\t")), output) for given, output in pairs)
    return question._replace(open=tuple(tuple(each.split("\t")) for each in waiting))


@pytest.mark.parametrize("language", [spreadsheet, sygus_strings, robustfill_plus.language], ids=lambda each: each.name)
def test_a_column_has_the_values_of_its_rows(language: Any) -> None:
    rng = random.Random(1)
    types = (STRING, STRING) if language is robustfill_plus.language else (STRING, INTEGER)
    for _ in range(400):
        result = STRING if language is robustfill_plus.language else rng.choice([STRING, INTEGER, BOOLEAN])
        program = language.sample(rng, ("a", "b"), types, result, rng.randint(1, 12))
        rows: list[tuple[Value, ...]] = [
            tuple(
                "".join(rng.choice("aB1 -é") for _ in range(rng.randint(0, 6)))
                if type == STRING
                else rng.randint(-2, 5)
                for type in types
            )
            for _ in range(12)
        ]
        assert run_column(program, rows) == [interpret(program, row) for row in rows]


def test_a_column_has_nothing_where_a_value_is_too_long() -> None:
    program = spreadsheet.parse("CONCATENATE(a, a)", ("a",), (STRING,))
    rows = [("x",), ("x" * LONGEST,), ("y",)]
    assert run_column(program, rows) == ["xx", None, "yy"]
    assert run_column(program, []) == []


@pytest.mark.parametrize(
    ("pairs", "given", "wanted"),
    [
        ([("Ada Lovelace", "Lovelace, Ada"), ("Grace Hopper", "Hopper, Grace")], "Alan Turing", "Turing, Alan"),
        ([("2024-01-31", "31.01.2024"), ("1999-12-05", "05.12.1999")], "2011-03-04", "04.03.2011"),
        ([("(555) 123-4567", "555-123-4567"), ("(212) 987-6543", "212-987-6543")], "(999) 111-2222", "999-111-2222"),
        ([("ada\tlovelace", "ada.lovelace@x.org"), ("alan\tturing", "alan.turing@x.org")], "g\th", "g.h@x.org"),
        ([("report.final.pdf", "pdf"), ("photo.jpeg", "jpeg")], "a.b.c.tar", "tar"),
        ([("hello world", "HELLO WORLD"), ("abc", "ABC")], "straße", "STRASSE"),
        ([("id: 17 kg", "17"), ("weight: 5 kg", "5")], "x: 123 kg", "123"),
    ],
)
def test_a_person_s_tasks(pairs: list[tuple[str, str]], given: str, wanted: str) -> None:
    answer = synth(asked(*pairs), seconds=10)
    assert answer is not None
    assert answer.solved
    row = tuple(given.split("\t"))
    assert answer(*row) == wanted
    assert answer.python is not None
    name = "output"
    examples = [Call(name, tuple(text.split("\t"))) for text, _ in pairs]
    assert [each.value for each in run(answer.python, [*examples, Call(name, row)])] == [
        *(out for _, out in pairs),
        wanted,
    ]


def test_all_that_is_counted_agrees_with_the_examples_and_differs() -> None:
    spec = asked(*INITIALS).spec
    search = find(spec, languages(), seconds=10)
    programs, votes = widened(search, spec)
    assert len(programs) == len(set(programs)) == len(votes) > 5
    assert votes[0] == max(votes) == 1.0
    assert not [program for program in programs if wrong(program, spec)]


def test_variations_agree_with_the_examples() -> None:
    spec = asked(*INITIALS).spec
    program = robustfill_plus.language.parse(
        'Concat(GetToken(text, AllCaps, 1), ".", GetToken(text, AllCaps, -1), ".")', ("text",), (STRING,)
    )
    found = variations(program, spec, robustfill_plus.language, 50)
    assert len(found) > 5
    assert [weight for weight, _ in found] == sorted(weight for weight, _ in found)
    assert all(not wrong(each, spec) and each != program for _, each in found)


def test_the_row_in_doubt_is_one_on_which_programs_disagree() -> None:
    rows = ("Alan Turing", "Jean Luc Picard", "Edsger Dijkstra")
    answer = synth(asked(*INITIALS, waiting=rows))
    assert answer is not None
    doubt = answer.ambiguous_on
    assert doubt is not None
    assert doubt.inputs == ("Jean Luc Picard",)
    assert not doubt.made_up
    assert len({output for output, _ in doubt.outputs}) == len(doubt.outputs) > 1
    assert answer("Jean Luc Picard") == doubt.outputs[0][0]


def test_doubt_ends_when_every_reading_is_told_apart() -> None:
    question = asked(*INITIALS, waiting=("Jean Luc Picard", "Alan Turing", "Mary Ann Evans"))
    for _ in range(8):
        answer = synth(question)
        assert answer is not None
        if answer.ambiguous_on is None:
            break
        first, _, *middle = str(answer.ambiguous_on.inputs[0]).split(" ")
        last = middle[-1] if middle else _
        question = question.answered(("".join(map(str, answer.ambiguous_on.inputs)),), f"{first[0]}.{last[0]}.")
    assert answer is not None
    assert answer("Mary Ann Evans") == "M.E."


def test_made_up_rows_serve_where_the_table_has_none() -> None:
    answer = synth(asked(*INITIALS))
    assert answer is not None
    assert answer.ambiguous_on is not None
    assert answer.ambiguous_on.made_up
    rows = [("Ada Lovelace",), ("17-b",)]
    made = probes(rows)
    assert made == probes(rows)
    assert len(made) == len(set(made))
    assert not set(made) & set(rows)
    assert set(probes(rows, plain=True)) <= set(made)
    assert probes([]) == []


def test_a_program_that_gives_nothing_on_the_rows_stands_behind() -> None:
    def program(text: str) -> Program:
        return spreadsheet.parse(text, ("a",), (STRING,))

    programs = [program('LEFT(a, FIND("-", a))'), program("LEFT(a, 2)")]
    rows = [(f"{i}xyz",) for i in range(20)]
    ordered, doubt = compare(programs, [1.0, 0.5], rows, reorder=True)
    assert ordered == programs[::-1]
    assert doubt is not None
    assert set(dict(doubt.outputs)) == {None, doubt.inputs[0][:2]}
    kept, _ = compare(programs, [1.0, 0.5], [*(("a-b",) for _ in range(20)), ("xyz",)], reorder=True)
    assert kept == programs
    assert compare(programs[:1], [1.0], rows, reorder=True)[1] is None


def test_a_formula_of_another_program_equals_the_answer_on_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committee, "COUNTERPART", 30.0)
    rows = tuple(
        f"{first} {last}"
        for first in ("Alan", "Edsger", "Barbara", "Ken")
        for last in ("Turing", "Liskov", "Ito", "Xu", "Abe")
    )
    answer = synth(asked(("Ada Lovelace", "Lovelace"), ("Grace Hopper", "Hopper"), waiting=rows))
    assert answer is not None
    assert answer.excel is not None
    formulas = pytest.importorskip("formulas")
    function = formulas.Parser().ast(answer.excel)[1].compile()
    for row in rows:
        assert str(function(row)) == answer(row) == row.split()[1]


def test_a_counterpart_must_find_rows_that_it_was_not_shown() -> None:
    spec = asked(("Ada Lovelace", "Lovelace"), ("Grace Hopper", "Hopper")).spec
    last = robustfill_plus.language.parse("GetToken(text, Word, -1)", ("text",), (STRING,))
    rows: list[tuple[Value, ...]] = [
        (text,) for text in ("a b", "c d e f", "g", "h i-j", "k, l", "m n.", "o p q", "", "r s t u v")
    ]
    other = counterpart(last, spec, rows, spreadsheet)
    assert other is None or run_column(other, rows) == run_column(last, rows)


TASKS = [
    [("9:00", "9"), ("11:30", "11")],
    [("a-b", "a"), ("xyz-q", "xyz")],
    [("ada", "Ada!"), ("grace", "Grace!")],
    [("x 1", "1"), ("abc 22", "22")],
    [("ab", "abab"), ("c", "cc")],
    [("a b", "a-b"), ("c d", "c-d")],
    [("ab", "a"), ("c", "c"), ("def", "d")],
]


@pytest.mark.row("S006", 5)
@pytest.mark.parametrize("pairs", TASKS, ids=lambda pairs: pairs[0][0])
def test_every_returned_formula_reproduces_all_examples(pairs: list[tuple[str, str]]) -> None:
    formulas = pytest.importorskip("formulas")
    spec = asked(*pairs).spec
    search = find(spec, [spreadsheet], seconds=10)
    assert search.solved
    for candidate in search.candidates[:5]:
        formula = to_excel(candidate.program, "spreadsheet", ("A1",))
        function = formulas.Parser().ast(formula)[1].compile()
        names: dict[str, Any] = {}
        exec(to_python(candidate.program, "spreadsheet", function="f", parameters=("text",)), names)
        for given, output in pairs:
            assert str(function(*[given for _ in function.inputs])) == output
            assert names["f"](given) == output


def test_noise_is_found_out() -> None:
    pairs = [*INITIALS, ("Alan Turing", "A.Q."), ("Edsger Dijkstra", "E.D."), ("Barbara Liskov", "B.L.")]
    answer = synth(asked(*pairs), noise=1)
    assert answer is not None
    assert answer.solved
    assert answer.wrong == (2,)
    assert answer("Alan Turing") == "A.T."


def test_contradictions_are_told_before_any_search() -> None:
    question = asked(("a", "x"), ("b", "y"), ("a", "z"))
    with pytest.raises(PhloemError, match="example 1 says 'x', example 3 says 'z' for 'a'"):
        synth(question)


def test_an_unsolved_question_has_the_best_partial_answer() -> None:
    pairs = [("Ada Lovelace", "A.L."), ("Grace Hopper", "G.H."), ("qwe", "8f3a"), ("rty", "00c2")]
    answer = synth(asked(*pairs), seconds=1.5)
    assert answer is None or answer.solved or (len(answer.wrong) < len(pairs) and answer.agreeing == 0)


def test_a_stop_gives_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = asked(*INITIALS).spec
    first = find(spec, languages(), seconds=10, most=1).candidates[0]
    calls: list[int] = []

    def stopped(*arguments: Any, most: int, **options: Any) -> Any:
        calls.append(most)
        if most > 1:
            raise KeyboardInterrupt
        yield first

    monkeypatch.setattr(committee, "solve", stopped)
    assert find(spec, languages(), seconds=10).candidates == [first]
    assert calls == [1, committee.MOST]

    def late(*arguments: Any, **options: Any) -> Any:
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        yield first

    monkeypatch.setattr(committee, "solve", late)
    assert find(spec, languages(), seconds=10).candidates == [first]

    def nothing(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(committee, "solve", nothing)
    with pytest.raises(KeyboardInterrupt):
        find(spec, languages(), seconds=10)


def test_characters_of_several_code_points_are_one() -> None:
    family = "👩‍👩‍👧"
    answer = synth(asked((f"{family} abc", family), ("e\u0301toile", "e\u0301"), waiting=("🇩🇪🇫🇷",)))
    assert answer is not None
    assert answer("🇩🇪🇫🇷") == "🇩🇪"
    assert answer.excel is None
    assert "code points" in answer.without["excel"]
    assert answer.python is not None
    assert run(answer.python, [Call("output", ("🇩🇪🇫🇷",))])[0].value == "🇩🇪"


def test_excel_is_not_offered_where_it_counts_otherwise() -> None:
    answer = synth(asked(("😀abc", "😀"), ("😎x", "😎")))
    assert answer is not None
    assert answer.excel is None
    assert answer.python is not None


def test_sql_is_not_offered_where_case_goes_wrong() -> None:
    answer = synth(asked(("zoë", "ZOË"), ("ada", "ADA")))
    assert answer is not None
    assert answer.sql is None
    assert "ASCII" in answer.without["sql"]
    assert answer.excel == "=UPPER(A1)"


SYGUS = """
(set-logic SLIA)
(synth-fun first ((name String) (n Int)) String
    ((Start String) (Number Int))
    ((Start String (name (str.++ Start Start) (str.substr Start Number Number)))
     (Number Int (0 1 n (str.len Start)))))
(constraint (= (first "Ada" 1) "A"))
(constraint (= (first "Grace" 3) "Gra"))
(check-synth)
"""


def test_a_sygus_problem_is_answered_with_a_function_of_its_parameters() -> None:
    problem = sygus.parse(SYGUS)
    answer = synth_problem(problem)
    assert answer is not None
    assert answer.solved
    assert answer.text == "(define-fun first ((name String) (n Int)) String (str.substr name 0 n))"
    assert answer.python is not None
    assert "def first(name, n):" in answer.python
    assert [
        each.value for each in run(answer.python, [Call("first", ("Turing", 2)), Call("first", ("Turing", -1))])
    ] == ["Tu", ""]


def test_the_python_interface(tmp_path: Path) -> None:
    answer = phloem.synth(INITIALS)
    assert answer("Alan Turing") == "A.T."
    assert (
        phloem.synth([(("Ada", "Lovelace"), "Lovelace, Ada"), (("Grace", "Hopper"), "Hopper, Grace")])("A", "B")
        == "B, A"
    )
    table = tmp_path / "names.csv"
    table.write_text("id,name,short\n1,Ada Lovelace,A.L.\n2,Grace Hopper,G.H.\n3,Alan Turing,\n")
    assert phloem.synth(table)("3", "Alan Turing") == "A.T."
    question, columns = question_of_table(read_table(table))
    assert question.names == ("id", "name")
    assert columns.output == 2
    problem = tmp_path / "x.sl"
    problem.write_text(SYGUS)
    assert phloem.synth(str(problem))("Turing", 2) == "Tu"
    for bad in ([], [("a", 1)], [((), "x")], tmp_path / "none.csv"):
        with pytest.raises(PhloemError):
            phloem.synth(bad)  # type: ignore[arg-type]


def test_candidates_that_agree_less_are_not_merged() -> None:
    program = spreadsheet.parse("LEFT(text, 1)", ("text",), (STRING,))
    other = spreadsheet.parse("LEFT(text, 2)", ("text",), (STRING,))
    first = Candidate(program, 3, 1, 0.0)
    assert committee._merged([first], [first, Candidate(other, 3, 2, 0.0, (1,))]) == [first]


def test_examples_that_a_search_could_not_bear_are_left_out_of_it_and_checked() -> None:
    long = "Edsger " + "Dijkstra" * 2_000
    answer = synth(asked(*INITIALS, (long, "E.D."), waiting=("Alan Turing", long + " again")))
    assert answer is not None
    assert answer.solved
    assert answer(long) == "E.D."
    odd = synth(asked(*INITIALS, (long, "something else")))
    assert odd is not None
    assert not odd.solved
    assert odd.wrong == (2,)
    with pytest.raises(PhloemError, match="too long to search"):
        synth(asked(("x" * 20_000, "x"), ("y" * 20_000, "y")))


def test_many_examples_are_all_agreed_with() -> None:
    pairs = [
        (f"{first}{i} {last}", f"{first[0]}.{last[0]}.") for i in range(700) for first, last in [("Ada", "Lovelace")]
    ]
    pairs[333] = ("Grace Brewster Hopper", "G.H.")
    answer = synth(asked(*pairs))
    assert answer is not None
    assert answer.solved
    assert answer.wrong == ()
    assert answer("Alan Mathison Turing") == "A.T."


def test_a_program_that_may_have_learned_by_heart_says_so() -> None:
    question = asked(*INITIALS)
    answer = synth(question)
    assert answer is not None
    assert not by_heart(answer, question)
    assert "by heart" not in as_text(answer, question, None, None)
    learned = spreadsheet.parse('IF(EXACT(text, "Ada Lovelace"), "A.L.", "G.H.")', ("text",), (STRING,))
    answer = replace(answer, program=learned)
    assert by_heart(answer, question)
    assert "by heart" in as_text(answer, question, None, None)
    assert not by_heart(answer, asked(*INITIALS, ("Alan Turing", "A.T."), ("Ken Ito", "K.I.")))
