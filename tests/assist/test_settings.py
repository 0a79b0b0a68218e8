from pathlib import Path

import pytest

from phloem.assist.settings import Settings, read_settings
from phloem.errors import PhloemError


def test_the_nearest_file_holds_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.phloem]\nthreshold = 0.25\nexclude = ["a"]\nfail-on = "flagged"\nbaseline = "b.json"\n'
    )
    below = tmp_path / "x" / "y"
    below.mkdir(parents=True)
    settings = read_settings(below)
    assert (settings.threshold, settings.fail_on, settings.baseline) == (0.25, "flagged", str(tmp_path / "b.json"))
    given = settings.given(threshold=0.5, exclude=("b",), beam=None)
    assert (given.threshold, given.exclude, given.beam) == (0.5, ("a", "b"), 5)
    (below / "phloem.toml").write_text("beam = 3\n")
    assert read_settings(below) == Settings(beam=3)


def test_a_pyproject_without_our_table_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "phloem.toml").write_text("beam = 2\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert read_settings(tmp_path / "sub").beam == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("beem = 3", "unknown setting 'beem'; known are model, beam"),
        ('beam = "3"', "beam should be int"),
        ("beam = true", "beam should be int"),
        ("beam = 0", "beam: 0 is not between 1 and 100"),
        ('format = "xml"', "'xml' is not one of text, json"),
        ("exclude = [1]", "list of patterns"),
        ("beam = ", "phloem.toml"),
        ("threshold = 1.5", "not between 0 and 1"),
        ('max-file-size = "2 miles"', "max-file-size: '2 miles' is not a size"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "phloem.toml").write_text(content)
    with pytest.raises(PhloemError, match=message) as caught:
        read_settings(tmp_path)
    assert "phloem.toml" in str(caught.value)


def test_sizes_are_written_as_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "phloem.toml").write_text('max-file-size = "500k"\n')
    assert read_settings(tmp_path).max_file_size == 500_000


def test_our_name_in_pyproject_must_be_a_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\nphloem = 3\n")
    with pytest.raises(PhloemError, match="phloem should be a table"):
        read_settings(tmp_path)
