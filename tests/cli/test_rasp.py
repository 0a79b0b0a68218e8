"""`phloem rasp`: expressions, files, tables of selectors, analysis, weights, and one line for what is wrong."""

import json

import pytest
from typer.testing import CliRunner

from phloem.cli import app


def rasp(*arguments, stdin=None):
    return CliRunner().invoke(app, ["rasp", *arguments], input=stdin)


def test_expressions_are_computed():
    result = rasp("-e", 'hist("hello")', "-e", 'reverse("abc")')
    assert (result.exit_code, result.stdout.splitlines()) == (0, ["[1, 1, 2, 2, 1]", "[c, b, a]"])


def test_selectors_are_tables():
    lines = rasp("-e", 'select(indices, indices, <)("abc")').stdout.splitlines()
    assert lines[-3:] == ["a | . . .", "b | 1 . .", "c | 1 1 ."]


def test_files_are_run_on_inputs(tmp_path):
    file = tmp_path / "program.rasp"
    file.write_text('mark = tokens == "l";  # where\nboth = select(mark, mark, ==);\n')
    result = rasp(str(file), "--input", "al", "--input", "l")
    assert "on 'al': [F, T]" in result.stdout
    assert "on 'l': [T]" in result.stdout
    found = json.loads(rasp(str(file), "--input", "al", "--json").stdout)
    assert [one["kind"] for one in found] == ["s-op", "selector"]
    assert found[1]["values"]["al"] == [[True, False], [False, True]]


def test_layers_and_heads_are_listed():
    text = rasp("-e", "dyck2", "--analyse").stdout
    assert text.startswith("dyck2: 4 layers, at most 2 heads in one")
    assert json.loads(rasp("-e", "reverse", "--analyse", "--json").stdout)["layers"] == 2


def test_weights_are_saved(tmp_path):
    from phloem.analysis.rasp_compile import load

    folder = tmp_path / "reversed"
    result = rasp("-e", "reverse", "--compile", str(folder), "--alphabet", "ab", "--longest", "3")
    assert result.exit_code == 0
    assert "2 layers" in result.stdout
    assert load(folder).run(["abb"]) == [list("bba")]
    assert rasp("-e", "reverse", "--compile", str(folder)).exit_code == 2


def test_statements_are_read_from_stdin():
    result = rasp(stdin="x = 2 * indices;\nnonsense;\ndef f(a) {\n return a + 1;\n}\nf(1);\n")
    assert result.exit_code == 0
    assert "[0, 2, 4, 6, 8]" in result.stdout
    assert result.stdout.splitlines()[-1] == "2"
    assert "nonsense is not defined" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-e", "1 / 0"], "line 1: division by zero"),
        (["nowhere.rasp"], "nowhere.rasp: No such file"),
        (["-e", "1", "--analyse"], "no s-op to analyse"),
        (["-e", "reverse", "--compile", "x", "--longest", "3", "--alphabet", ""], "an alphabet"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message):
    result = rasp(*arguments)
    assert result.exit_code == 2
    assert message in result.output
