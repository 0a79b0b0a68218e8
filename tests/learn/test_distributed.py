"""Two processes under torchrun give the model that one gives with the whole batch."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from phloem.learn import checkpoints
from phloem.learn.distributed import Shares, place
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train

from .conftest import Batch, Copier, Copies

SETTINGS = TrainingSettings(epochs=3, batch_size=8, average=0.9, device="cpu", threads=1)
EXAMPLES = 37  # the last batch of an epoch has 5 examples: 3 for one process, 2 for the other


def run(folder: Path) -> torch.nn.Module:
    torch.manual_seed(3)
    model, data = Copier(dropout=0.0).double(), Copies(EXAMPLES, noise=False)

    def evaluate(model):
        return {"f1": -float(SequenceCrossEntropy()(model, data.batch(np.arange(EXAMPLES), None)).value)}

    history = train(model, data, SequenceCrossEntropy(), SETTINGS, evaluate=evaluate, folder=folder)
    assert len(history.evaluations) == 3
    return model


def worker(folder: Path) -> None:
    """What each process of torchrun runs."""
    model = run(folder / "two")
    assert torch.distributed.get_world_size() == 2
    (folder / f"world-{torch.distributed.get_rank()}").write_text(str(torch.distributed.get_world_size()))
    checkpoints.write(folder / f"model-{torch.distributed.get_rank()}", model.state_dict(), {})
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed")
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no distributed package")
def test_two_processes_are_one_with_the_doubled_batch(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    script = tmp_path / "worker.py"
    script.write_text(
        code + f"from pathlib import Path\nfrom learn.test_distributed import worker\nworker(Path({str(tmp_path)!r}))\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}
    }
    done = subprocess.run(
        [*command, str(script)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**environment, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert {(tmp_path / f"world-{rank}").read_text() for rank in (0, 1)} == {"2"}
    one = run(tmp_path / "one").state_dict()
    for rank in (0, 1):
        two, _ = checkpoints.read(tmp_path / f"model-{rank}")
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=0)
    assert len((tmp_path / "two" / "log.jsonl").read_text().splitlines()) == 4  # only the first process writes


def test_shares_are_the_whole_batch_and_weigh_by_their_size():
    data = Copies(10, noise=False)
    index = np.array([4, 8, 1, 7, 3])
    shares = [Shares(data, rank, 2).batch(index, None) for rank in (0, 1)]
    rows = torch.cat([share.batch.source for share in shares]).tolist()
    assert sorted(rows) == sorted(data.batch(index, None).source.tolist())
    assert [share.weight for share in shares] == [6 / 5, 4 / 5]
    empty = [Shares(data, rank, 2).batch(index[:1], None) for rank in (0, 1)]
    assert [share.weight for share in empty] == [2.0, 0.0]
    assert len(empty[1].batch.source) == 1  # something to run, that counts for nothing


def test_a_batch_moves_with_all_its_tensors():
    class Outer(tuple):
        __slots__ = ()

    moved = place(Batch(torch.zeros(2), (torch.ones(1), 3)), torch.device("meta"))
    assert isinstance(moved, Batch)
    assert moved.source.device.type == "meta"
    assert moved.target[0].device.type == "meta"
    assert moved.target[1] == 3
    assert place(Outer((torch.zeros(1),)), torch.device("meta"))[0].device.type == "meta"
