"""`phloem synth` as a person and a script use it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phloem.cli import app
from phloem.execute.sandbox import Call, run

NAMES = "name,initials\nAda Lovelace,A.L.\nGrace Hopper,G.H.\nAlan Turing,\nEdsger Dijkstra,\n"
SYGUS = """(set-logic SLIA)
(synth-fun f ((name String)) String
    ((Start String (ntString))
     (ntString String (name " " (str.++ ntString ntString) (str.substr ntString ntInt ntInt)))
     (ntInt Int (0 1 2 (str.len ntString) (str.indexof ntString ntString ntInt)))))
(constraint (= (f "Ada Lovelace") "Ada"))
(constraint (= (f "Grace Hopper") "Grace"))
(check-synth)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("names.csv").write_text(NAMES)
    return tmp_path


def phloem(*arguments: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["synth", *arguments], input=given)
    assert result.exit_code == code, result.output
    return result


def test_a_table_gives_the_program_and_the_rest_of_the_column() -> None:
    shown = phloem("names.csv").stdout
    assert shown.startswith("initials from name: agrees with all 2 examples, found in ")
    for part in (
        "Python\n",
        "def initials(name):",
        "Alan Turing",
        "→  A.T.",
        "→  E.D.",
        "programs agree with the examples",
    ):
        assert part in shown
    assert Path("names.csv").read_text() == NAMES


def test_json_has_what_a_script_needs() -> None:
    told = json.loads(phloem("names.csv", "--json").stdout)
    assert told["solved"] is True
    assert told["size"] > 1
    assert told["seconds"] < 10
    assert told["filled"] == [None, None, "A.T.", "E.D."]
    assert {"program", "python", "excel", "sql", "ambiguous_on", "agreeing", "alternatives", "wrong"} <= set(told)
    outcomes = run(told["python"], [Call("initials", ("Alan Turing",)), Call("initials", ("Ada Lovelace",))])
    assert [each.value for each in outcomes] == ["A.T.", "A.L."]


def test_pairs_on_the_command_line() -> None:
    told = json.loads(
        phloem("--example", "Ada Lovelace", "Lovelace", "--example", "Grace Hopper", "Hopper", "--json").stdout
    )
    assert run(told["python"], [Call("output", ("Alan Turing",))])[0].value == "Turing"
    several = phloem(
        "--example=Ada\tLovelace", "Lovelace, Ada", "--example", "Grace\tHopper", "Hopper, Grace", "--json"
    )
    python = json.loads(several.stdout)["python"]
    assert run(python, [Call("output", ("Alan", "Turing"))])[0].value == "Turing, Alan"


def test_filling_writes_where_it_is_told_alone() -> None:
    filled = NAMES.replace("Turing,", "Turing,A.T.").replace("Dijkstra,", "Dijkstra,E.D.")
    assert phloem("names.csv", "--apply", "names.csv").stdout == filled
    assert Path("names.csv").read_text() == NAMES
    phloem("names.csv", "--out", "filled.csv")
    assert Path("filled.csv").read_text() == filled
    assert Path("names.csv").read_text() == NAMES
    assert "--write writes over it" in phloem("names.csv", "--out", "names.csv", code=2).output
    phloem("names.csv", "--write")
    assert Path("names.csv").read_text() == filled
    shown = phloem("names.csv")
    assert "nothing to fill" in shown.output
    assert "def initials(name):" in shown.stdout


def test_another_table_is_filled_in_its_own_format() -> None:
    Path("all.jsonl").write_text(
        '{"id": 1, "name": "Barbara Liskov"}\n{"id": 2, "name": "Zoë Ünal", "initials": "kept"}\n'
    )
    shown = phloem("names.csv", "--apply", "all.jsonl", "--out", "out.jsonl")
    assert "1 cell filled in out.jsonl" in shown.output
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert lines == [
        {"id": 1, "name": "Barbara Liskov", "initials": "B.L."},
        {"id": 2, "name": "Zoë Ünal", "initials": "kept"},
    ]
    Path("other.csv").write_text("id;person\n1;Barbara Liskov\n")
    assert "say which with --input" in phloem("names.csv", "--apply", "other.csv", code=2).output
    assert (
        phloem(
            "--example",
            "Ada Lovelace",
            "Ada",
            "--example",
            "Grace Hopper",
            "Grace",
            "--apply",
            "other.csv",
            "--input",
            "person",
            "--output",
            "first",
        ).stdout
        == "id;person;first\n1;Barbara Liskov;Barbara\n"
    )


def test_workbooks_are_read_and_written() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [
        ("first", "last", "mail"),
        ("Ada", "Lovelace", "ada.lovelace@x.org"),
        ("Grace", "Hopper", "grace.hopper@x.org"),
        ("Alan", "Turing", None),
    ]:
        book.active.append(row)
    book.save("people.xlsx")
    told = json.loads(phloem("people.xlsx", "--json", "--out", "filled.xlsx").stdout)
    assert told["excel"] == '=LOWER(A2)&"."&LOWER(B2)&"@x.org"'
    assert openpyxl.load_workbook("filled.xlsx").active["C4"].value == "alan.turing@x.org"


def test_questions_on_a_pipe() -> None:
    Path("one.csv").write_text("name,short\nAda Lovelace,A.\nAlan Turing,\nGrace Hopper,\n")
    answered = phloem("one.csv", "--ask", "--json", given="99\n\n")
    assert answered.stderr.startswith("What should 'Grace Hopper' give?\n  1  'G.'\n  2  'A.'\n")
    assert "there is no output 99" in answered.stderr
    assert json.loads(answered.stdout)["filled"] == [None, "A.", "G."]
    answered = phloem("one.csv", "--ask", "--json", given="2\n\n")
    assert json.loads(answered.stdout)["filled"][2] == "A."


def test_answers_are_examples() -> None:
    Path("one.csv").write_text("name,short\nAda Lovelace,A\nMy Friend,\nalan turing,\nGrace,\n")
    first = json.loads(phloem("one.csv", "--json").stdout)
    doubt = first["ambiguous_on"]
    assert doubt["made_up"] is False
    other = next(each["output"] for each in doubt["outputs"][1:] if each["output"])
    second = json.loads(phloem("one.csv", "--ask", "--json", given=f"={other}\n\n").stdout)
    assert second["solved"]
    name = second["python"].rpartition("\ndef ")[2].removeprefix("def ").split("(")[0]
    assert run(second["python"], [Call(name, tuple(doubt["inputs"]))])[0].value == other


def test_a_sygus_file_is_answered_in_its_language() -> None:
    Path("first.sl").write_text(SYGUS)
    told = json.loads(phloem("first.sl", "--json").stdout)
    assert told["solved"]
    assert told["program"].startswith("(define-fun f ((name String)) String (str.substr name 0 (str.indexof name ")
    assert run(told["python"], [Call("f", ("Alan Turing",))])[0].value == "Alan"
    assert phloem("first.sl").stdout.startswith("f from name: agrees with all 2 examples")
    assert "are for tables" in phloem("first.sl", "--out", "x", code=2).output
    Path("bad.sl").write_text(SYGUS.replace("str.len ntString", "str.frob ntString"))
    assert "bad.sl:5: 'str.frob' is not an operator" in phloem("bad.sl", code=2).output


def test_memory_bounds_a_search() -> None:
    Path("task.sl").write_text(SYGUS)
    assert json.loads(phloem("task.sl", "--json").stdout)["solved"]
    assert not json.loads(phloem("task.sl", "--memory", "1", "--json", code=3).stdout)["solved"]


def test_contradictions_are_named_with_their_lines() -> None:
    Path("names.csv").write_text(NAMES + "Ada Lovelace,X\n")
    message = phloem("names.csv", code=2).output
    assert "line 2 says 'A.L.', line 6 says 'X'" in message
    assert "--noise 1" in message


def test_noise_names_the_wrong_examples() -> None:
    Path("names.csv").write_text(
        NAMES.replace("Alan Turing,", "Alan Turing,A.Q.").replace("Dijkstra,", "Dijkstra,E.D.")
    )
    told = json.loads(phloem("names.csv", "--noise", "1", "--json").stdout)
    assert told["solved"]
    assert [(each["place"], each["output"], each["program_gives"]) for each in told["wrong"]] == [
        ("line 4", "A.Q.", "A.T.")
    ]
    assert "line 4: 'Alan Turing' is 'A.Q.', the program gives 'A.T.'" in phloem("names.csv", "--noise", "1").stdout


def test_time_runs_out_with_the_best_so_far() -> None:
    rows = [("Ada Lovelace", "A.L."), ("Alan Turing", "A.T."), ("qwe", "8f3a"), ("rty", "00c2"), ("uio", "zz9")]
    pairs = [text for given, output in rows for text in ("--example", given, output)]
    start = time.monotonic()
    told = json.loads(phloem(*pairs, "--timeout", "2", "--json", code=3).stdout)
    assert time.monotonic() - start < 30
    assert told["solved"] is False
    assert "ambiguous_on" in told
    assert "so far" in phloem(*pairs, "--timeout", "2", code=3).output


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (b"", (), "empty"),
        (b"name,out\n", ("--header",), "no rows below the header"),
        (b"name\nAda\nAlan\n", (), "no output column"),
        (b"name,out\nAda,\nAlan,\n", ("--output", "out"), "no examples"),
        (b"\x00\x01\x02\x03" * 200, (), "binary"),
        (b"name,out\nAda,A\n", ("--output", "size"), "no column 'size'"),
    ],
)
def test_bad_tables_are_told_in_a_line(data: bytes, arguments: tuple[str, ...], message: str) -> None:
    Path("bad.csv").write_bytes(data)
    output = phloem("bad.csv", *arguments, code=2).output
    assert re.search(message, output)
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("names.csv", "--example", "a", "b"),
        ("--example", "a"),
        ("none.csv",),
        (".",),
        ("names.csv", "--out", "x", "--write"),
        ("-", "--write"),
        ("names.csv", "--timeout", "0"),
        ("names.csv", "--memory", "much"),
        ("names.csv", "--noise", "-1"),
        ("-", "--apply", "-"),
        ("--example", "a", "b", "--write"),
    ],
)
def test_wrong_use_is_told(arguments: tuple[str, ...]) -> None:
    told = phloem(*arguments, code=2).stderr
    assert told.strip()
    assert "internal error" not in told
    assert "Traceback" not in told


def test_stdin_is_a_table_too() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "phloem", "synth", "-", "--json"], input=NAMES.encode(), capture_output=True, check=True
    )
    assert json.loads(process.stdout)["filled"][2:] == ["A.T.", "E.D."]


def test_ragged_rows_are_told_and_left() -> None:
    Path("names.csv").write_text(NAMES + "Barbara Liskov,,more,cells\n")
    shown = phloem("names.csv", "--apply", "names.csv")
    assert "line 6" in shown.stderr
    assert shown.stdout.endswith("Barbara Liskov,B.L.,more,cells\n")


def test_graphemes_stay_whole() -> None:
    Path("x.csv").write_text("text,first\n👩‍👩‍👧 abc,👩‍👩‍👧\ne\u0301toile,e\u0301\n🇩🇪🇫🇷,\nplain,\n")
    told = json.loads(phloem("x.csv", "--json").stdout)
    assert told["filled"][2:] == ["🇩🇪", "p"]
    assert told["excel"] is None
    assert run(told["python"], [Call("first", ("🇩🇪🇫🇷",))])[0].value == "🇩🇪"


def test_a_huge_cell_and_many_rows() -> None:
    huge = "x" * 300_000
    rows = "".join(f"Name{i} Family{i},\n" for i in range(2_000))
    Path("big.csv").write_text(NAMES + f"Ada {huge},\n" + rows)
    told = json.loads(phloem("big.csv", "--json").stdout)
    assert told["solved"]
    assert len(told["filled"]) == 2_005
    assert told["filled"][-1] == "N.F."


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_with_the_best_so_far() -> None:
    pairs = [each for i in range(6) for each in ("--example", f"abc{i}x{i * 7919 % 101}", f"{i * i * 31 % 97}q{i}")]
    command = [sys.executable, "-m", "phloem", "synth", "--timeout", "120", *pairs]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(8)
    for _ in range(20):  # a busy machine may not have come to the search yet
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=5)
            break
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode in (3, 130)
    assert "Traceback" not in errors
    assert "so far" in output or process.returncode == 130
