"""RobustFill's language: published examples, ExeDec's released programs, tokens, tasks; version spaces of tables."""

import os
import random

import pytest

from phloem.corpora import datasets
from phloem.errors import PhloemError
from phloem.synthesis.base import Budget, Spec
from phloem.synthesis.languages import robustfill, robustfill_plus, robustfill_sampler
from phloem.synthesis.languages.robustfill_tokens import END, SIZE, decode, encode
from phloem.synthesis.program import STRING, Program, Value, run
from phloem.synthesis.solve import solve

TEXT = "Dr. Ada May Lovelace, 1815 (math)"


def value(text: str, program: str, language: object = robustfill.language) -> Value | None:
    return run(language.parse(program, ["x"], [STRING]), (text,))


@pytest.mark.row("S002", 1)
@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("SubStr(x, 1, 3)", "Dr."),
        ("SubStr(x, -6, -1)", "(math)"),
        ("SubStr(x, 5, 2)", ""),
        ("GetSpan(x, Word, 2, Start, Word, 3, End)", "Ada May"),
        ("GetToken(x, PropCase, -1)", "Lovelace"),
        ("GetToken(x, Word, 9)", ""),
        ('GetUpto(x, ",")', "Dr. Ada May Lovelace,"),
        ("GetFrom(x, Word)", ". Ada May Lovelace, 1815 (math)"),
        ("GetFirst(x, Word, 2)", "DrAda"),
        ("GetAll(x, AllCaps)", "DAML"),
        ("ToCase(x, Proper)", "Dr. ada may lovelace, 1815 (math)"),
        ("Remove(x, PropCase, 1)", ". Ada May Lovelace, 1815 (math)"),
        ("RemoveAll(x, Lower)", "D. A M L, 1815 ()"),
        ('Concat(GetToken(x, PropCase, -1), ",", " ", GetFirst(GetToken(x, Word, 2), Char, 1))', "Lovelace, A"),
    ],
)
def test_golden_outputs(program: str, output: str) -> None:
    assert value(TEXT, program) == output


def test_dialects() -> None:
    assert value("a.b.c", 'GetFrom(x, ".")') == "b.c"
    assert value("a.b.c", 'GetFrom(x, ".")', robustfill.paper) == "c"
    assert value("abc", "SubStr(x, 3, 3)") == ""
    assert value("abc", "SubStr(x, 3, 3)", robustfill_plus) == "c"
    assert value("abc", "SubStr(x, -5, -1)") == "bc"
    assert value("José García", "GetToken(x, Word, -1)", robustfill_plus) == "García"
    assert value("e\u0301a", "GetToken(x, Char, 1)", robustfill_plus) == "e\u0301"
    with pytest.raises(PhloemError, match="character 13: expected a delimiter"):
        robustfill.parse('Replace(x, "-", " ")'.replace("x", "xx"), ["xx"], [STRING])


@pytest.mark.row("S002", 4)
def test_tokens_of_ten_thousand_programs() -> None:
    rng = random.Random(0)
    for _ in range(10_000):
        program = robustfill.sample(rng, ["text"], [STRING], STRING, 10)
        tokens = encode(program)
        assert all(END < token < SIZE for token in tokens)
        again = decode(tokens)
        assert encode(again) == tokens
        assert again == program
        assert run(again, (TEXT,)) == run(program, (TEXT,))
    assert SIZE == 316


@pytest.mark.parametrize("tokens", [[], [END], [3], [4], [3, 3], [4, 5], [400], [5, 215, 216, 3, 4], [-1]])
def test_tokens_that_are_no_program(tokens: list[int]) -> None:
    with pytest.raises(PhloemError):
        decode(tokens)


@pytest.mark.row("S002", 5)
@pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="no data sets here")
@pytest.mark.parametrize("split", ["none", "length_generalization", "compose_new_op", "add_op_functionality"])
def test_released_programs_give_the_stored_outputs(split: str) -> None:
    count = 0
    for row in datasets.load("exedec_tests", f"robustfill_{split}"):
        tokens = [int(token) for part in row["program"].split("|") for token in part.split()]
        program = decode(tokens)
        assert encode(program) == tokens
        assert [run(program, (text,)) for text in row["inputs"]] == row["outputs"]
        count += 1
    assert count == 700


def test_sampled_tasks_fit_their_inputs() -> None:
    rng = random.Random(5)
    for _ in range(60):
        task = robustfill_sampler.task(rng)
        assert len(task.inputs) == 4
        assert all(task.outputs)
        assert 1 <= len(robustfill.expressions(task.program)) <= robustfill.MOST
        for part in robustfill.expressions(task.program):
            assert all(run(part, (text,)) for text in task.inputs)
        assert decode(encode(task.program)) == task.program
    assert robustfill_sampler.task(random.Random(1)) == robustfill_sampler.task(random.Random(1))


TABLES = {
    "surname and initial": ["Ada Lovelace=Lovelace, A.", "Alan Turing=Turing, A.", "Grace B. Hopper=Hopper, G."],
    "initials": ["ada lovelace=A.L.", "alan turing=A.T.", "edsger dijkstra=E.D."],
    "date": ["12/31/2021=2021-12-31", "01/02/1999=1999-01-02", "07/08/2004=2004-07-08"],
    "host": ["https://www.python.org/downloads=www.python.org", "http://x.com/a/b=x.com", "https://a.b.uk/=a.b.uk"],
    "user": ["ada@lovelace.org=ada", "alan.turing@bletchley.uk=alan.turing", "g-hopper@navy.mil=g-hopper"],
    "file": ["/usr/lib/python3/os.py=os.py", "/home/x/notes.txt=notes.txt", "/a.b=a.b"],
    "phone": ["(425) 555-0123=425-555-0123", "(206) 555-9876=206-555-9876", "(800) 123-4567=800-123-4567"],
    "digits": ["(425) 555-0123=4255550123", "206.555.9876=2065559876", "800 123 4567=8001234567"],
    "capitals": ["ada lovelace=ADA LOVELACE", "x=X"],
    "title": ["ada lovelace=Ada Lovelace", "grace brewster hopper=Grace Brewster Hopper"],
    "snake": ["First Name=first_name", "Date=date", "Last Name=last_name"],
    "price": ["price: 12.50 USD=12.50", "cost 3.99=3.99", "total: 100 EUR=100"],
    "user name": ["Ada Lovelace=alovelace", "Alan Turing=aturing", "Grace Hopper=ghopper"],
    "mail": ["Ada Lovelace=ada.lovelace@x.com", "Alan Turing=alan.turing@x.com", "Grace Hopper=grace.hopper@x.com"],
    "city": ["Seattle, WA 98101=Seattle", "New York, NY 10001=New York", "San Jose, CA 95112=San Jose"],
    "letters of other alphabets": ["José García=García", "Zoë Müller=Müller", "Łukasz Żak=Żak"],
    "clock": ["2021-03-04T10:11:12=10:11", "1999-12-31T23:59:59=23:59", "2000-01-01T00:00:01=00:00"],
    "padded": ["  Ada =Ada", " Alan Turing  =Alan Turing", "x=x"],
}


def table(rows: list[str], count: int) -> Spec:
    pairs = [row.split("=") for row in rows][:count]
    return Spec(("x",), (STRING,), tuple((a,) for a, _ in pairs), tuple(b for _, b in pairs), STRING)


def learned(rows: list[str], count: int, **options: int) -> Program:
    return next(solve(table(rows, count), robustfill_plus, Budget(20), **options)).program


@pytest.mark.parametrize("name", TABLES)
def test_tables_from_at_most_three_examples(name: str) -> None:
    rows = TABLES[name]
    whole = table(rows, len(rows))
    for count in range(1, 4):
        program = learned(rows, count)
        if all(run(program, row) == output for row, output in zip(whole.inputs, whole.outputs, strict=True)):
            return
    raise AssertionError(robustfill_plus.print(program))


def test_two_columns_and_a_constant() -> None:
    spec = Spec(("first", "last"), (STRING, STRING), (("Ada", "Lovelace"),), ("LOVELACE, Ada",), STRING)
    program = next(solve(spec, robustfill_plus, Budget(20))).program
    assert run(program, ("Alan", "Turing")) == "TURING, Alan"


def test_a_wrong_example_is_found() -> None:
    rows = [*TABLES["user"], "grace@x.org=margot"]
    assert next(solve(table(rows, 4), robustfill_plus, Budget(20), noise=1)).wrong == (3,)
    strict = next(solve(table(rows, 4), robustfill_plus, Budget(20)), None)
    assert strict is None or strict.wrong


def test_several_programs_agree_and_differ() -> None:
    found = list(solve(table(TABLES["price"], 1), robustfill_plus, Budget(20), most=4))
    assert len({each.program for each in found}) == len(found) > 1
    assert all(each.solved for each in found)
    assert len({run(each.program, ("was 1, now 22,5 EUR",)) for each in found}) > 1
