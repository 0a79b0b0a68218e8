"""`phloem compress`: output, JSON, and what is refused."""

import json

import pytest
from typer.testing import CliRunner

from phloem.cli.app import app

SQUARES = """; squares
(lam (* (+ $0 1) (+ $0 1)))
(lambda (* (+ 7 $0) (+ 7 $0)))

(lam (map (lam (* (- $0 2) (- $0 2))) $0))
"""


def run(*arguments: str, input: str | None = None):
    return CliRunner().invoke(app, ["compress", *arguments], input=input)


def test_functions_and_programs_are_printed(tmp_path) -> None:
    file = tmp_path / "programs.txt"
    file.write_text(SQUARES)
    result = run(str(file), "--engine", "phloem")
    assert result.exit_code == 0
    assert "fn_0 = (* #0 #0)    ; 3 uses in 3 programs" in result.stdout
    assert "(lam (fn_0 (+ 7 $0)))" in result.stdout
    assert "cost 2324 -> 1415" in result.stderr


@pytest.mark.parametrize("engine", ["phloem", "stitch"])
def test_json_of_both_engines_agrees(engine: str) -> None:
    if engine == "stitch":
        pytest.importorskip("stitch_core")
    result = run("-", "--json", "--engine", engine, "-n", "1", input=SQUARES)
    found = json.loads(result.stdout)
    assert found["cost"] == [2324, 1415]
    assert found["engine"] == engine
    assert [one["body"] for one in found["functions"]] == ["(* #0 #0)"]


def test_names_in_use_are_not_taken() -> None:
    result = run("-", "--json", input=SQUARES.replace("map", "fn_0"))
    assert [one["name"] for one in json.loads(result.stdout)["functions"]] == ["fn_1"]


def test_nothing_shared_is_said() -> None:
    result = run("-", input="(f a)\n(g b)\n")
    assert result.exit_code == 0
    assert "nothing that two programs share" in result.stderr
    assert result.stdout == "(f a)\n(g b)\n"


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (["-"], "(f a)\n(g", "-:2: "),
        (["-"], "; only a comment\n", "no program"),
        (["no-such-file"], None, "cannot read no-such-file"),
        (["-", "--engine", "magic"], "(f a)", "none of auto, phloem, stitch"),
    ],
)
def test_bad_input_is_named(arguments: list[str], given: str | None, message: str) -> None:
    result = run(*arguments, input=given)
    assert result.exit_code == 2
    assert message in result.stderr
