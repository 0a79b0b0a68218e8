"""`phloem dataflow`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phloem.cli.app import app

CODE = """def total(orders, rate=0.2):
    result, tax = 0, None
    for order in orders:
        result += order.price
        if order.taxed:
            tax = rate
    return result, tax


class A:
    def run(self):
        return self


class B:
    def run(self, x):
        y = x
        return y
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lib.py"
    path.write_text("# ünïcode\n" + CODE)
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, ["dataflow", *map(str, arguments)])


def lines_of(result) -> dict[str, str]:
    """Place -> the rest of the line."""
    assert result.exit_code == 0, result.output
    return {line.split()[0]: " ".join(line.split()[1:]) for line in result.output.splitlines()}


def test_a_function_as_text(file):
    found = lines_of(run(f"{file}:total"))
    assert found["5:9"] == "result = result (line 3), result (line 5), order"
    assert found["7:13"] == "tax = rate"
    assert found["8:12"] == "result <- result (line 3), result (line 5)"
    assert found["8:20"] == "tax <- tax (line 3), tax (line 7)"
    assert found["2:19"] == "rate = 0.2"


def test_a_whole_file_and_a_line(file):
    assert "18:9" not in lines_of(run(f"{file}:total"))
    assert lines_of(run(file))["18:9"] == "y = x"
    assert lines_of(run(f"{file}:run:18"))["19:16"] == "y <- y (line 18)"
    assert set(lines_of(run(f"{file}:run:12"))) == {"13:16"}


def test_json_and_dot(file):
    found = json.loads(run(f"{file}:total", "--json").output)
    assert (found["function"], found["line"]) == ("total", 2)
    texts = [node["text"] for node in found["nodes"]]
    made = {(texts[edge["from"]], texts[edge["to"]]) for edge in found["edges"] if edge["computed"]}
    assert {("orders", "order"), ("order", "result"), ("None", "tax"), ("0", "result")} <= made
    assert [node["id"] for node in found["nodes"]] == list(range(len(texts)))
    dot = run(f"{file}:total", "--dot").output
    assert dot.startswith("digraph")
    assert dot.count("->") == len(found["edges"])


def test_the_released_edges_differ(file):
    assert "price" in run(f"{file}:total", "--released").output
    assert "price" not in run(f"{file}:total").output


def test_what_cannot_be_done_is_said(file, tmp_path):
    other = tmp_path / "a.go"
    other.write_text("package a\n")
    for arguments, said in (
        ([f"{file}:nothing"], "has no function nothing; it has total, run"),
        ([f"{file}:run"], "say which as"),
        ([f"{file}:run:3"], "it has it on 12, 17"),
        ([tmp_path / "none.py"], "no such file"),
        ([tmp_path], "a folder"),
        ([other], "data flow is read in python, java, c"),
        ([file, "--json", "--dot"], "take one"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in " ".join(result.output.split())


def test_nothing_to_say(tmp_path):
    path = tmp_path / "a.c"
    path.write_text("int f(void) { return 1; }\n")
    assert run(path).output == "no value comes from another\n"
