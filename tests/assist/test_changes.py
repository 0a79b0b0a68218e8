import subprocess
from pathlib import Path

import pytest

from phloem.assist.changes import changed_lines, touches
from phloem.errors import PhloemError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.email", "a@example.org")
    git(tmp_path, "config", "user.name", "a")
    (tmp_path / "a.py").write_text("".join(f"line{i}\n" for i in range(1, 11)))
    (tmp_path / "odd näme\t.py").write_text("one\ntwo\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_hunks_give_changed_inserted_and_deleted_places(repository: Path) -> None:
    lines = [f"line{i}\n" for i in range(1, 11)]
    lines[1] = "changed\n"
    del lines[5]
    lines.append("+++ b/other.py\n")
    (repository / "a.py").write_text("".join(lines))
    (repository / "odd näme\t.py").write_text("one\nTWO\n")
    (repository / "new.py").write_text("x\n")
    found = changed_lines("HEAD", repository)
    assert found[str(repository / "a.py")] == [(2, 2), (5, 6), (10, 10)]
    assert found[str(repository / "odd näme\t.py")] == [(2, 2)]
    assert touches(found[str(repository / "new.py")], 7, 9)
    assert set(found) == {str(repository / name) for name in ("a.py", "odd näme\t.py", "new.py")}


def test_touching_is_inclusive_on_both_sides() -> None:
    assert touches([(5, 6)], 1, 5)
    assert touches([(5, 6)], 6, 9)
    assert not touches([(5, 6)], 7, 9)
    assert not touches([(5, 6)], 1, 4)
    assert not touches([], 1, 99)


def test_wrong_revisions_and_places_are_one_line(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(PhloemError, match="nowhere"):
        changed_lines("nowhere", repository)
    with pytest.raises(PhloemError, match="not a revision"):
        changed_lines("--output=/tmp/evil", repository)
    with pytest.raises(PhloemError, match="not a git repository"):
        changed_lines("HEAD", tmp_path_factory.mktemp("plain"))
