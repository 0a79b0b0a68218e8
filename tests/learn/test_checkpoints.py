"""A checkpoint is whole or it is the one before."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from phloem.errors import PhloemError
from phloem.learn import checkpoints

FULL = """
import resource, sys, torch
from pathlib import Path
from phloem.errors import PhloemError
from phloem.learn import checkpoints
path = Path(sys.argv[1])
checkpoints.write(path, {"a": torch.arange(10.0)}, {"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # the file system takes no more than this in a file
try:
    checkpoints.write(path, {"a": torch.zeros(100_000)}, {"step": 2})
except PhloemError as error:
    print(error)
"""


def test_what_is_written_is_read(tmp_path):
    tensors = {"model/a": torch.randn(3, 4), "best/a": torch.arange(5)}
    checkpoints.write(tmp_path / "new" / "c.safetensors", tensors, {"step": 3, "history": {"best": None}})
    found, facts = checkpoints.read(tmp_path / "new" / "c.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert facts == {"format": checkpoints.FORMAT, "step": 3, "history": {"best": None}}
    assert list(checkpoints.group(found, "model")) == ["a"]


def test_tensors_that_share_memory_are_written(tmp_path):
    one = torch.randn(4, 4)
    checkpoints.write(tmp_path / "c", {"a": one, "b": one, "c": one.T}, {})
    found, _ = checkpoints.read(tmp_path / "c")
    assert torch.equal(found["b"], one)
    assert torch.equal(found["c"], one.T)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    path = tmp_path / "c.safetensors"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cannot write the checkpoint" in done.stdout
    assert "previous one is intact" in done.stdout
    found, facts = checkpoints.read(path)
    assert facts["step"] == 1
    assert torch.equal(found["a"], torch.arange(10.0))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 100])
def test_foreign_files_are_refused(tmp_path, content):
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(PhloemError, match="not a readable checkpoint"):
        checkpoints.read(tmp_path / "c")


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    checkpoints.write(tmp_path / "c", {"a": torch.zeros(1)}, {})
    monkeypatch.undo()
    with pytest.raises(PhloemError, match=f"format {checkpoints.FORMAT + 1}, this phloem reads {checkpoints.FORMAT}"):
        checkpoints.read(tmp_path / "c")
