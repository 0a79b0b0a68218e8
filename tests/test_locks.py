"""Locks are seen by other processes, and go with the process that holds them."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from phloem.errors import PhloemError
from phloem.locks import locked

HOLD = """
import sys
from pathlib import Path
from phloem.locks import locked
with locked(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(file: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_held_lock_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "work" / "lock"
    other = holder(file)
    with pytest.raises(PhloemError, match="it is busy"), locked(file, "it is busy"):
        pass
    other.communicate("go\n")
    assert not file.parent.exists()
    with locked(file, "it is busy"), pytest.raises(PhloemError, match="it is busy"), locked(file, "it is busy"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    other = holder(file)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert file.exists()
    with locked(file, "it is busy"):
        pass


def test_one_waits_for_a_lock_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    other = holder(file)
    told: list[str] = []

    def wait(said: str) -> None:
        told.append(said)
        other.communicate("go\n")

    with locked(file, "waiting", wait):
        assert told == ["waiting"]


def test_where_nothing_can_be_written_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhloemError, match="cannot write into"), locked(tmp_path / "file" / "lock", "busy"):
        pass
