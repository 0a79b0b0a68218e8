import ast
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phloem import __version__
from phloem.cli import app
from phloem.cli.app import Commands

CODE = """class A:
    def get_color(self):
        x0 = 1
        return self.color

    def set_it(self, v0): self.size = v0
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    (folder / "a.py").write_text(CODE)
    return folder


def phloem(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def test_summaries_are_printed_and_written_once(summaries_model: Path, project: Path) -> None:
    printed = phloem("summarize", "a.py", "--model", summaries_model)
    assert "get_color: Return the color." in printed.stdout
    rows = json.loads(phloem("summarize", "a.py", "--model", summaries_model, "--format", "json").stdout)
    assert (rows[0]["name"], rows[0]["summary"]) == ("get_color", "Return the color.")
    written = phloem("summarize", "a.py", "--model", summaries_model, "--write")
    assert "a.py: 2 written" in written.stdout
    tree = ast.parse((project / "a.py").read_text())
    docs = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert docs == ["Return the color.", "Set the size."]
    after = (project / "a.py").read_bytes()
    assert phloem("summarize", "a.py", "--model", summaries_model, "--write").stdout == ""
    assert (project / "a.py").read_bytes() == after


def test_improbable_summaries_are_left_out(summaries_model: Path, project: Path) -> None:
    assert phloem("summarize", "a.py", "--model", summaries_model, "--min-probability", 1.1).stdout.strip() == ""
    assert phloem("summarize", "-", "--model", summaries_model, "--write").exit_code == 2
    names = phloem("summarize", "a.py", "--model", "none")
    assert (names.exit_code, "neither a model" in names.stderr) == (2, True)


def test_explain_shows_paths_for_each_word(names_model: Path, project: Path) -> None:
    result = phloem("explain", "a.py:get_color", "--model", names_model, "--html", "why.html")
    assert result.exit_code == 0
    assert "get  because of" in result.stdout
    assert "color  because of" in result.stdout
    assert "return_statement" in result.stdout
    page = (project / "why.html").read_text()
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "{{" not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])  # type: ignore[index]
    assert data[0]["text"] == "get_color"
    ends = {end for word in data[0]["words"] for context in word["contexts"] for end in context["ends"]}
    assert all(f'id="{end}"' in page for end in ends)


def test_hostile_code_cannot_leave_the_page(names_model: Path, project: Path) -> None:
    text = "def get_color(self):\n    x0 = '</script><script>alert(1)</script>'\n    return self.color\n"
    (project / "evil.py").write_text(text)
    assert phloem("explain", "evil.py:get_color", "--model", names_model, "--html", "why.html").exit_code == 0
    assert "<script>alert" not in (project / "why.html").read_text()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("a.py", "say which function as FILE:NAME"),
        ("b.py:f", "b.py: no such file"),
        ("a.py:nothing", "has no function nothing; it has get_color, set_it"),
        ("twice.py:f", "on line 1, 3: say which as twice.py:f:LINE"),
    ],
)
def test_explain_says_what_it_cannot_find(names_model: Path, project: Path, place: str, message: str) -> None:
    (project / "twice.py").write_text("def f(v0): return v0\n\ndef f(v0): return v0 + 1\n")
    result = phloem("explain", place, "--model", names_model)
    assert (result.exit_code, message in result.stderr) == (2, True)
    assert phloem("explain", "twice.py:f:3", "--model", names_model).exit_code == 0


def test_info_and_doctor(names_model: Path, tmp_path: Path) -> None:
    facts = json.loads(phloem("info", names_model, "--json").stdout)
    assert facts["task"] == "names"
    assert "licences" in phloem("info", names_model).stdout
    assert phloem("info", "none").exit_code == 2
    assert "grammar python" in phloem("doctor").stdout
    kept = tmp_path / "cache" / "mined" / "x"
    kept.mkdir(parents=True)
    (tmp_path / "cache" / "mine.txt").write_text("not phloem's")
    assert phloem("doctor", "--clean").exit_code == 0
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mine.txt"]


def test_mine_evaluate_and_paths(names_model: Path, small_shards: Path, project: Path) -> None:
    mined = phloem("mine", "a.py", "--out", "shards")
    assert mined.exit_code == 0
    assert "python 2" in mined.stdout
    assert phloem("mine", "none", "--out", "x").exit_code == 2
    assert phloem("mine", "recipe:none", "--out", "x").exit_code == 2
    figures = json.loads(phloem("evaluate", names_model, "--data", small_shards, "--json").stdout)
    assert figures["f1"] > 0.9
    assert figures["flags"]["recall"] > 0.5
    assert "flags recall_interval" in phloem("evaluate", names_model, "--data", small_shards, "--limit", 9).stdout
    assert phloem("evaluate", names_model, "--data", "none").exit_code == 2
    part = phloem("evaluate", names_model, "--data", small_shards, "--limit", 9, "--update")
    assert (part.exit_code, "takes the whole test split" in part.stderr) == (2, True)
    assert phloem("paths", "a.py", "--out", "a.c2s").exit_code == 0
    assert [line.split()[0] for line in (project / "a.c2s").read_text().splitlines()] == ["get|color", "set|it"]
    assert phloem("paths", "a.py", "--out", "a.c2s", "--preset", "none").exit_code == 2
    assert phloem("paths", "a.py", "--out", "a.c2s", "--preset", "official-java").exit_code == 2


def test_train_writes_a_model_that_names(small_shards: Path, names_model: Path, project: Path) -> None:
    config = {"width": 4, "nodes": 4, "path": 4, "decoder": 8, "training": {"batch_size": 64, "threads": 1}}
    arguments = ["--data", small_shards, "--out", "mine", "--epochs", 1]
    result = phloem("train", "names", *arguments, "--config", json.dumps(config))
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^f1 +\d\.\d{4}$", result.stdout, re.MULTILINE)
    assert phloem("name", "a.py", "--model", "mine").exit_code == 0
    for wrong in ("{", "[1]", "none.json"):
        assert phloem("train", "names", *arguments, "--config", wrong).exit_code == 2


def test_data_sets_are_listed_and_missing_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    rows = json.loads(phloem("data", "list", "--json").stdout)
    assert rows
    assert not any(row["here"] for row in rows)
    missing = phloem("data", "where", rows[0]["name"])
    assert (missing.exit_code, "it comes from" in missing.stderr) == (2, True)
    assert phloem("data", "check").exit_code == 2


def test_systems_are_listed() -> None:
    names = [row["name"] for row in json.loads(phloem("systems", "--json").stdout)]
    assert "code2seq" in names
    assert "code2seq" in phloem("systems", "code2seq").stdout
    assert phloem("systems", "none").exit_code == 2
    searching = phloem("systems", "--task", "code search", "--names").stdout.split()
    assert {"sgpt", "gnn-coder"} <= set(searching) < set(names)
    unknown = phloem("systems", "--task", "cooking")
    assert unknown.exit_code == 2
    assert "code search" in unknown.stderr
    assert phloem("reproduce", "none").exit_code == 2
    assert phloem("reproduce", "code2seq", "--scale", "huge").exit_code == 2


def test_serve_refuses_what_it_cannot_have() -> None:
    assert phloem("serve", "--port", 70000).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt("a checkpoint is in x"), 130, "phloem: stopped; a checkpoint is in x"),
        (KeyboardInterrupt(), 130, "phloem: stopped"),
        (ZeroDivisionError("why\nnot"), 2, "internal error: ZeroDivisionError: why not"),
    ],
)
def test_how_commands_end(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("phloem.assist.doctor.examine", fail)
    result = phloem("doctor")
    assert (result.exit_code, said in result.stderr) == (code, True)
    assert "Traceback" not in result.stderr


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("phloem.assist.doctor.examine", fail)
    assert isinstance(phloem("--debug", "doctor").exception, ZeroDivisionError)


def test_every_command_has_examples_and_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    from typer.main import get_command

    assert version("phloem") == __version__

    def commands(command, path):  # type: ignore[no-untyped-def]
        for name, below in command.commands.items():
            if getattr(below, "commands", None):
                yield from commands(below, [*path, name])
            else:
                yield [*path, name], below

    root = get_command(app)
    assert isinstance(root, Commands)
    for path, command in commands(root, []):
        assert f"phloem {' '.join(path)}" in command.help, path
