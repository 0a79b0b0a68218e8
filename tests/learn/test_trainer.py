"""The training loop: it learns, resumes to the same bits, stops where it should, and loses nothing."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from functools import partial

import pytest
import torch

from phloem.errors import PhloemError
from phloem.learn import checkpoints
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import Progress, train

SETTINGS = TrainingSettings(
    seed=5, epochs=2, batch_size=8, bucket=2, evaluate_every=3, evaluate_unit="steps", log_every=1
)


def token_accuracy(dataset):
    """The share of words that a model copies right."""

    def evaluate(model):
        batch = dataset.batch(range(len(dataset)), None)
        right = (model(batch).argmax(-1) == batch.target)[batch.target > 0]
        return {"f1": float(right.double().mean()), "loss": float(SequenceCrossEntropy()(model, batch).value.detach())}

    return evaluate


class Kill(Exception):
    """Stands for a kill: no handler of ours runs."""


def killed_after(steps):
    def progress(at: Progress) -> None:
        if at.step == steps:
            raise Kill

    return progress


def test_it_learns(copier, copies, tmp_path):
    data, model = copies(200), copier()
    before = token_accuracy(data)(model.eval())["f1"]
    history = train(
        model,
        data,
        SequenceCrossEntropy(),
        TrainingSettings(epochs=15, batch_size=10, learning_rate=0.02),
        evaluate=token_accuracy(data),
        folder=tmp_path,
    )
    assert before < 0.4 < 0.95 < history.best
    assert token_accuracy(data)(model)["f1"] == history.best
    assert history.stopped == "epochs"
    assert history.step == 300


@pytest.mark.parametrize(
    ("changes", "kill"),
    [
        ({}, 2),
        ({}, 7),
        ({"optimizer": "nesterov", "decay": 0.5, "decay_every": 0.5}, 7),
        ({"optimizer": "sgd", "clip": None}, 7),
        ({"average": 0.9, "weight_decay": 0.01}, 10),
        ({"schedule": "cosine", "warmup_steps": 4}, 10),
    ],
)
def test_a_killed_run_ends_with_the_same_bits(copier, copies, tmp_path, changes, kill):
    """Killed inside an epoch (7) and after one (10); the last checkpoint is of the step before."""
    data, settings = copies(70), replace(SETTINGS, **changes)
    run = partial(train, dataset=data, objective=SequenceCrossEntropy(), evaluate=token_accuracy(data))
    straight, fresh = copier(), copier()
    one = run(straight, settings=settings, folder=tmp_path / "one")
    often = replace(settings, checkpoint_minutes=0)
    with pytest.raises(Kill):
        run(copier(), settings=often, folder=tmp_path / "two", progress=killed_after(kill))
    torch.rand(100)  # nobody's global random state matters
    two = run(fresh, settings=settings, folder=tmp_path / "two")
    left, _ = checkpoints.read(tmp_path / "one" / "checkpoint.safetensors")
    right, _ = checkpoints.read(tmp_path / "two" / "checkpoint.safetensors")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), fresh.parameters(), strict=True))
    drop = {"seconds"}
    assert [{k: v for k, v in e.items() if k not in drop} for e in one.evaluations] == [
        {k: v for k, v in e.items() if k not in drop} for e in two.evaluations
    ]
    steps = [json.loads(line)["step"] for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == list(range(1, 19))


def test_dropout_and_resampling_are_really_there(copier, copies, tmp_path):
    """Without this the test above could pass on a loop that draws nothing."""
    data = copies(40)
    weights = []
    for seed, dropout, noise in [(1, 0.2, True), (2, 0.2, True), (1, 0.0, True), (1, 0.2, False)]:
        data.noise, model = noise, copier(dropout)
        settings = TrainingSettings(
            seed=seed, epochs=1, batch_size=40
        )  # one batch: its order changes nothing but rounding
        train(model, data, SequenceCrossEntropy(), settings, folder=tmp_path / str(len(weights)))
        weights.append(model.out.weight.detach().clone())
    assert all(not torch.allclose(weights[0], other, atol=1e-5) for other in weights[1:])


def test_going_on_with_a_longer_budget_is_one_long_run(copier, copies, tmp_path):
    data, short, long = copies(40), copier(), copier()
    objective, settings = SequenceCrossEntropy(), TrainingSettings(epochs=2, batch_size=8)
    train(short, data, objective, settings, folder=tmp_path / "two")
    assert train(short, data, objective, settings, folder=tmp_path / "two").step == 10  # done, and stays done
    fresh = copier()
    train(fresh, data, objective, replace(settings, epochs=3), folder=tmp_path / "two")
    train(long, data, objective, replace(settings, epochs=3), folder=tmp_path / "three")
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), long.parameters(), strict=True))


def test_patience_ends_a_run_and_the_best_weights_stay(copier, copies, tmp_path):
    figures = iter([0.1, 0.5, 0.4, 0.3, 0.45, 0.9])
    kept = []

    def evaluate(model):
        kept.append(model.out.weight.detach().clone())
        return {"f1": next(figures)}

    model = copier()
    settings = TrainingSettings(epochs=9, batch_size=8, patience=3)
    history = train(model, copies(24), SequenceCrossEntropy(), settings, evaluate=evaluate, folder=tmp_path)
    assert (history.stopped, history.best, history.best_step, history.step) == ("patience", 0.5, 6, 15)
    assert torch.equal(model.out.weight, kept[1])
    assert not model.training


def test_a_metric_can_be_minimised(copier, copies, tmp_path):
    losses = iter([3.0, 1.0, 2.0])
    settings = TrainingSettings(epochs=3, batch_size=8, metric="-loss")
    history = train(
        copier(), copies(24), SequenceCrossEntropy(), settings,
        evaluate=lambda model: {"loss": next(losses)}, folder=tmp_path,
    )  # fmt: skip
    assert (history.best, history.best_step) == (1.0, 6)


def test_the_last_step_is_always_evaluated(copier, copies, tmp_path):
    settings = TrainingSettings(epochs=1, batch_size=8, evaluate_every=4, evaluate_unit="steps")
    data = copies(48)
    history = train(copier(), data, SequenceCrossEntropy(), settings, evaluate=token_accuracy(data), folder=tmp_path)
    assert [entry["step"] for entry in history.evaluations] == [4, 6]


def test_a_time_budget_ends_a_run_and_counts_over_its_parts(copier, copies, tmp_path, monkeypatch):
    """A clock that moves a second a look: two looks a step that is counted."""
    ticks = iter(range(10**6))
    monkeypatch.setattr("phloem.learn.trainer.time.monotonic", lambda: float(next(ticks)))
    data, settings = copies(40), TrainingSettings(minutes=0.5, batch_size=8, schedule="linear", checkpoint_minutes=0)
    seen: list[Progress] = []
    with pytest.raises(Kill):
        train(copier(), data, SequenceCrossEntropy(), settings, folder=tmp_path, progress=killed_after(11))
    history = train(copier(), data, SequenceCrossEntropy(), settings, folder=tmp_path, progress=seen.append)
    assert history.stopped == "minutes"
    assert 30 <= history.seconds <= 32
    assert history.step == history.seconds  # one second each, also those before the kill
    assert seen[0].step == 11
    assert seen[-1].fraction == 1.0


def test_a_run_that_blows_up_says_so(copier, copies, tmp_path):
    def objective(model, batch):
        loss = SequenceCrossEntropy()(model, batch)
        return Loss(loss.value * float("nan"), loss.logs)

    with pytest.raises(PhloemError, match=r"the loss is nan at step 0.*learning_rate"):
        train(copier(), copies(8), objective, TrainingSettings(epochs=1), folder=tmp_path)


def test_errors_of_use_are_named(copier, copies, tmp_path):
    objective, settings = SequenceCrossEntropy(), TrainingSettings(epochs=1, batch_size=8)
    with pytest.raises(PhloemError, match="no examples"):
        train(copier(), copies(0), objective, settings, folder=tmp_path)
    with pytest.raises(PhloemError, match="epochs or minutes"):
        TrainingSettings()
    with pytest.raises(PhloemError, match=r"optimizer 'adm'.*adam, nesterov, sgd"):
        TrainingSettings(epochs=1, optimizer="adm")
    with pytest.raises(PhloemError, match="batch_size is 0"):
        TrainingSettings(epochs=1, batch_size=0)
    with pytest.raises(PhloemError, match="no 'f1', it has: loss"):
        train(copier(), copies(8), objective, settings, evaluate=lambda model: {"loss": 1.0}, folder=tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PhloemError, match="cannot write"):
        train(copier(), copies(8), objective, settings, folder=blocked)


def test_a_checkpoint_that_does_not_fit_is_refused(copier, copies, tmp_path):
    objective, settings = SequenceCrossEntropy(), TrainingSettings(epochs=1, batch_size=8)
    train(copier(), copies(24), objective, settings, folder=tmp_path)
    again = partial(train, objective=objective, folder=tmp_path)
    with pytest.raises(PhloemError, match=r"other settings \(learning_rate\).*remove"):
        again(copier(), copies(24), settings=replace(settings, learning_rate=0.1))
    with pytest.raises(PhloemError, match="other training data"):
        again(copier(), copies(80), settings=settings)
    other = copier()
    other.out = torch.nn.Linear(16, 12)
    with pytest.raises(PhloemError, match="another model"):
        again(other, copies(24), settings=settings)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(PhloemError, match="not a readable checkpoint"):
        again(copier(), copies(24), settings=settings)
    assert again(copier(), copies(24), settings=settings, resume=False).step == 3


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_writes_a_checkpoint_and_ends_the_program(copier, copies, tmp_path, number, error):
    def progress(at: Progress) -> None:
        if at.step == 4:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    data, straight, resumed = copies(40), copier(), copier()
    run = partial(train, dataset=data, objective=SequenceCrossEntropy(), settings=SETTINGS)
    with pytest.raises(error):
        run(copier(), folder=tmp_path / "cut", progress=progress)
    assert signal.getsignal(number) is before
    _, facts = checkpoints.read(tmp_path / "cut" / "checkpoint.safetensors")
    assert 4 <= facts["history"]["step"] <= 5
    run(resumed, folder=tmp_path / "cut")
    run(straight, folder=tmp_path / "straight")
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_an_error_in_the_data_is_raised_where_it_is(copier, copies, tmp_path):
    class Broken(copies):
        def batch(self, index, rng):
            if 17 in index:
                raise OSError("the disk is gone")
            return super().batch(index, rng)

    with pytest.raises(OSError, match="the disk is gone"):
        train(copier(), Broken(40), SequenceCrossEntropy(), TrainingSettings(epochs=1, batch_size=8), folder=tmp_path)


def test_the_average_is_what_is_evaluated_and_kept(copier, copies, tmp_path):
    seen = {}

    def evaluate(model):
        seen["weights"] = model.out.weight.detach().clone()
        return {"f1": 1.0}

    model = copier()
    settings = TrainingSettings(epochs=1, batch_size=8, average=0.5)
    train(model, copies(40), SequenceCrossEntropy(), settings, evaluate=evaluate, folder=tmp_path)
    tensors, _ = checkpoints.read(tmp_path / "checkpoint.safetensors")
    assert torch.equal(model.out.weight, seen["weights"])
    assert torch.equal(tensors["average/out.weight"], seen["weights"])
    assert not torch.equal(tensors["model/out.weight"], seen["weights"])
