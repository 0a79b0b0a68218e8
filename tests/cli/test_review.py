"""`phloem review` by its command line."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phloem.cli import app

WRONG = '''def load_row_7(row, page):
    """Load the row of a page."""
    row_size = len(row)
    if row_size <= 12:
        page_last = page[row_size - 30]
        return load_page(page_last)
    try:
        return find_row(row, row_size)
    except ValueError:
        return page
'''
RIGHT = WRONG.replace("<=", ">")
OPERATORS = ("--checks", "wrong-operator")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, review_model: Path) -> Path:
    """A current folder with settings that name the detector."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    (folder / "phloem.toml").write_text(f'review-model = "{review_model}"\n')
    (folder / "a.py").write_text(WRONG)
    (folder / "b.py").write_text(RIGHT)
    return folder


def phloem(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def rows(*arguments: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(phloem("review", *arguments, "--format", "json").stdout)
    return found


def test_text_has_a_line_a_finding() -> None:
    result = phloem("review", ".", *OPERATORS)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith("a.py:4:17  ")
    assert "'<=' stands where '>' seems meant" in line
    assert "1 finding in 2 functions" in result.stderr


def test_json_is_what_is_documented() -> None:
    (row,) = rows(".", *OPERATORS)
    assert list(row) == ["path", "line", "column", "check", "probability", "reason", "fix", "function"]
    assert row["fix"] == {"start": WRONG.index("<="), "end": WRONG.index("<=") + 2, "replacement": ">"}
    assert rows("b.py", *OPERATORS) == []


def test_findings_are_ranked() -> None:
    found = [row["probability"] for row in rows(".", "--threshold", 0.0)]
    assert len(found) > 5
    assert found == sorted(found, key=float, reverse=True)  # type: ignore[arg-type]


def test_sarif_and_github() -> None:
    log = json.loads(phloem("review", "a.py", *OPERATORS, "--format", "sarif").stdout)
    (run,) = log["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "wrong-operator"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": ">"}
    region = {"startLine": 4, "startColumn": 17, "endLine": 4, "endColumn": 19}
    assert change["replacements"][0]["deletedRegion"] == region
    assert result["locations"][0]["physicalLocation"]["region"] == region
    shown = phloem("review", "a.py", *OPERATORS, "--format", "github").stdout
    assert shown.startswith("::warning file=a.py,line=4,col=17,title=wrong-operator::'<=' stands")


def test_fail_on_findings() -> None:
    assert phloem("review", ".", *OPERATORS, "--fail-on", "flagged").exit_code == 1
    assert phloem("review", "b.py", *OPERATORS, "--fail-on", "flagged").exit_code == 0


def test_a_baseline_is_written_and_heeded(project: Path) -> None:
    result = phloem("review", ".", *OPERATORS, "--write-baseline")
    assert "1 findings written to phloem-review-baseline.json" in result.stderr
    assert rows(".", *OPERATORS, "--baseline", "phloem-review-baseline.json") == []
    (project / "c.py").write_text(WRONG)
    assert [row["path"] for row in rows(".", *OPERATORS, "--baseline", "phloem-review-baseline.json")] == ["c.py"]
    assert phloem("review", ".", "--baseline", "none.json").exit_code == 2


def test_only_what_changed(project: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, capture_output=True
        )

    git("init", "-q")
    (project / "a.py").write_text(WRONG + "\n\n" + RIGHT.replace("load_row_7", "load_row_8"))
    git("add", ".")
    git("commit", "-qm", "one")
    assert rows(".", *OPERATORS, "--diff", "HEAD") == []
    changed = RIGHT.replace("load_row_7", "load_row_8").replace("> 12", "< 12")
    (project / "a.py").write_text(WRONG + "\n\n" + changed)
    assert [row["line"] for row in rows(".", *OPERATORS, "--diff", "HEAD")] == [16]
    assert phloem("review", ".", "--diff", "no-such-revision").exit_code == 2


def test_stdin_and_settings(project: Path) -> None:
    shown = phloem("review", "-", "--language", "python", "--format", "json", *OPERATORS, stdin=WRONG).stdout
    assert json.loads(shown)[0]["path"] == "<stdin>"
    with (project / "phloem.toml").open("a") as settings:
        settings.write('checks = ["swapped-operands"]\n')
    assert rows("a.py") == []
    assert [row["check"] for row in rows("a.py", *OPERATORS)] == ["wrong-operator"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("none.py",),
        ("a.py", "--checks", "typo"),
        ("a.py", "--checks", ","),
        ("a.py", "--threshold", "2"),
        ("a.py", "--format", "xml"),
        ("a.py", "--model", "none"),
        ("a.py", "--model", "python-names"),
        ("-",),
    ],
    ids=str,
)
def test_wrong_use_is_one_line_and_2(arguments: tuple[str, ...]) -> None:
    result = phloem("review", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if line.startswith("phloem:")]) == 1


def test_bad_files_are_skipped_and_named(project: Path) -> None:
    (project / "binary.py").write_bytes(b"\0\1\2")
    (project / "latin.py").write_bytes(b"# \xe9\n")
    (project / "broken.py").write_text("def f(a, b:\n    return a <")
    result = phloem("review", ".", *OPERATORS)
    assert result.exit_code == 0
    assert "binary.py: binary" in result.stderr
    assert "latin.py: not UTF-8" in result.stderr


def test_other_languages_have_names_alone(project: Path) -> None:
    (project / "A.java").write_text("class A { boolean isEmpty() { return this.items.size() == 0; } }")
    result = phloem("review", "A.java")
    assert result.exit_code == 0
    assert "there is no detector for java" in result.stderr
