"""What arms share: data compiled once, a learning rate chosen on validation data, a budget of processor time."""

from pathlib import Path

import pytest
import torch

from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.node_types import NodeTypeView
from phloem.represent.token_view import TokenView
from phloem.systems.claims import Job
from phloem.systems.training import compiled, trained
from phloem.tasks.accessors import accessors
from phloem.tasks.classification import shaped_programs
from phloem.tasks.copying import Copying, hits


def job(folder: Path) -> Job:
    return Job(0, folder / "run", folder / "data", lambda fraction: None)


def make() -> Seq2Seq:
    return Seq2Seq(7, 7, embedding=8, width=16, dropout=0.0)


def accuracy(model) -> dict[str, float]:
    found, trials = hits(model, Copying(length=3, symbols=4, examples=64)).sum(axis=0)
    return {"accuracy": found / trials}


@pytest.mark.parametrize(
    ("view", "read"), [(NodeTypeView, lambda: shaped_programs(8, seed=0)), (TokenView, lambda: accessors("test"))]
)
def test_data_are_compiled_once(view, read, tmp_path):
    calls = []

    def examples():
        calls.append(1)
        return read()

    splits = {"train": examples, "test": read}
    fitted, data = compiled(view(), splits, tmp_path, "key")
    once = len(calls)
    again, same = compiled(view(), splits, tmp_path, "key")
    assert len(calls) == once
    assert again.state() == fitted.state()
    assert len(same["test"]) == len(data["test"])
    compiled(view(), splits, tmp_path, "another key")
    assert len(calls) > once


def test_the_rate_that_validates_best_is_taken(tmp_path):
    settings = TrainingSettings(epochs=10, batch_size=16, metric="accuracy")
    strings = Copying(length=3, symbols=4, examples=128)
    rates = (1e-6, 2e-2)
    model, facts = trained(
        make, strings, SequenceCrossEntropy(), settings, job(tmp_path), evaluate=accuracy, rates=rates
    )
    assert facts["learning_rate"] == 2e-2
    assert set(facts["tried_rates"]) == {"1e-06", "0.02"}
    assert facts["steps"] == 80
    assert facts["validation"] == pytest.approx(accuracy(model)["accuracy"], abs=1e-5)
    assert not model.training


def test_the_processors_time_ends_a_run(tmp_path, monkeypatch):
    ticks = iter(range(0, 10_000, 3))  # each look at the clock is 3 seconds after the last
    monkeypatch.setattr("phloem.learn.trainer.time.process_time", lambda: float(next(ticks)))
    settings = TrainingSettings(minutes=0.5, clock="processor", batch_size=16, metric="accuracy")
    strings = Copying(length=3, symbols=4, examples=64)
    _, facts = trained(make, strings, SequenceCrossEntropy(), settings, job(tmp_path), evaluate=accuracy)
    assert facts["steps"] == 10
    assert facts["training_seconds"] == 30.0


def test_equal_seeds_begin_alike(tmp_path):
    settings = TrainingSettings(epochs=1, batch_size=16, metric="accuracy", seed=3)
    strings = Copying(length=3, symbols=4, examples=64)
    first, second = (
        trained(make, strings, SequenceCrossEntropy(), settings, job(tmp_path / name), evaluate=accuracy)[0]
        for name in "ab"
    )
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
