"""The one training loop.

A run is a function of its settings and data: batches depend on (seed, epoch, batch number), dropout on (seed, step,
process), so that the number of steps done says where a run is. A checkpoint holds that number, the tensors (weights,
moments, average, best weights) and the evaluations; a run that was killed goes on from it and, on one thread, ends with
the same bits as one that was not. A log of one JSON object a line stands in FOLDER/log.jsonl.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from phloem.errors import PhloemError
from phloem.learn import checkpoints, optim
from phloem.learn.distributed import Processes, Share, Shares, place
from phloem.learn.interruption import Interruption
from phloem.learn.objectives.base import Loss, Objective
from phloem.learn.prefetch import prefetch
from phloem.learn.schedules import Place
from phloem.learn.settings import TrainingSettings
from phloem.represent.base import Dataset, epoch_batches

Evaluate = Callable[[nn.Module], Mapping[str, Any]]  # figures; JSON can hold them


@dataclass
class History:
    """Where a run is, and what it has measured. `best` is the deciding figure, at `best_step`."""

    step: int = 0
    seconds: float = 0.0  # of training steps
    evaluations: list[dict[str, Any]] = field(default_factory=list)  # with "step", "epoch" and "seconds"
    best: float | None = None
    best_step: int = 0
    stale: int = 0  # evaluations since the best
    stopped: str = ""  # "epochs", "minutes" or "patience"


class Progress(NamedTuple):
    """What a progress bar needs, after every step."""

    step: int
    epoch: float
    fraction: float  # of the budget
    seconds: float
    loss: float
    best: float | None


def train(
    model: nn.Module,
    dataset: Dataset,
    objective: Objective,
    settings: TrainingSettings,
    *,
    evaluate: Evaluate | None = None,
    folder: str | Path,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
) -> History:
    """Train `model` in place; it ends with the weights of its best evaluation, or the last ones where there is none.

    `evaluate(model)` gives figures, of which `settings.metric` decides; it runs in evaluation mode, on the averaged
    weights where there are any. `folder` takes checkpoint.safetensors and log.jsonl. With `resume`, a run that has a
    checkpoint there goes on from it. A first SIGTERM or Ctrl-C writes a checkpoint and then ends the program.

    Raises:
        PhloemError: no examples, a loss that is not finite, a checkpoint that does not fit or can't be written.
    """
    if len(dataset) == 0:
        raise PhloemError("there are no examples to train on")
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    run = Run(model, settings, Path(folder), Processes(settings.device), math.ceil(len(dataset) / settings.batch_size))
    if resume:
        run.restore()
    run.log.start(run.history.step)
    parallel = run.processes.wrap(model)
    shares = Shares(dataset, run.processes.rank, run.processes.world)
    batches = prefetch(batches_from(shares, settings, run.history.step))
    clock = time.process_time if settings.clock == "processor" else time.monotonic
    with Interruption() as interruption, closing(batches):
        written = time.monotonic()
        while not run.finished():
            started = clock()
            batch, weight = next(batches)
            loss = run.train_step(parallel, objective, place(batch, run.processes.device), weight)
            run.history.step += 1
            run.history.seconds += clock() - started
            run.history.seconds, signalled = run.processes.agree((run.history.seconds, interruption.signal))
            run.report(loss, progress)
            if evaluate is not None and (run.evaluation_due() or run.finished()):
                run.evaluate(evaluate)
            if run.finished() or signalled or time.monotonic() - written > settings.checkpoint_minutes * 60:
                run.save()
                written = time.monotonic()
            if signalled:
                interruption.stop(signalled)
    run.history.stopped = run.finished()
    model.load_state_dict(run.best or run.average or run.weights())
    model.eval()
    return run.history


def batches_from(shares: Shares, settings: TrainingSettings, step: int) -> Iterator[Share]:
    """Batches for ever, from the one that follows `step` steps."""
    epoch, skip = divmod(step, math.ceil(len(shares) / settings.batch_size))
    while True:
        yield from epoch_batches(
            shares, settings.batch_size, seed=settings.seed, epoch=epoch, skip=skip, bucket=settings.bucket
        )
        epoch, skip = epoch + 1, 0


class Run:
    """A model with its optimiser, where it is, and what it remembers."""

    def __init__(
        self, model: nn.Module, settings: TrainingSettings, folder: Path, processes: Processes, epoch_steps: int
    ) -> None:
        self.model = model.to(processes.device).train()
        self.settings, self.processes, self.epoch_steps = settings, processes, epoch_steps
        self.optimizer = optim.optimizer(
            settings.optimizer, model.parameters(), settings.learning_rate, settings.weight_decay
        )
        self.factor = settings.factor()
        self.history = History()
        self.average = self.weights() if settings.average is not None else {}
        self.best: dict[str, Tensor] = {}
        self.checkpoint = folder / "checkpoint.safetensors"
        self.log = Log(folder / "log.jsonl") if processes.first else SilentLog()

    def weights(self) -> dict[str, Tensor]:
        """A copy of the model's tensors."""
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def fraction(self) -> float:
        """How much of the budget is used, 0 to 1."""
        by_time = self.history.seconds / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        by_epochs = self.history.step / (self.settings.epochs * self.epoch_steps) if self.settings.epochs else 0.0
        return min(1.0, max(by_time, by_epochs))

    def finished(self) -> str:
        """Why the run is over, "" while it is not."""
        settings, history = self.settings, self.history
        if settings.epochs is not None and history.step >= settings.epochs * self.epoch_steps:
            return "epochs"
        if settings.minutes is not None and history.seconds >= 60 * settings.minutes:
            return "minutes"
        if settings.patience is not None and history.stale >= settings.patience:
            return "patience"
        return ""

    def train_step(self, parallel: nn.Module, objective: Objective, batch: Any, weight: float) -> Loss:
        """One gradient step on one batch."""
        step, settings = self.history.step, self.settings
        self.processes.seed((settings.seed, step, self.processes.rank))
        loss = objective(parallel, batch)
        value = float(loss.value.detach())
        if not math.isfinite(value):
            raise PhloemError(f"the loss is {value} at step {step}: lower learning_rate, or clip, or check the data")
        self.optimizer.zero_grad(set_to_none=True)
        (loss.value if weight == 1.0 else loss.value * weight).backward()
        limit = math.inf if settings.clip is None else settings.clip
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        rate = settings.learning_rate * self.factor(Place(step, step / self.epoch_steps, self.fraction()))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if settings.average is not None:
            self.move_average(min(settings.average, (1 + step) / (10 + step)))
        return Loss(loss.value.detach(), {**loss.logs, "gradient_norm": norm, "rate": rate})

    @torch.no_grad()
    def move_average(self, decay: float) -> None:
        """Towards the weights; the decay is smaller in the first steps, so that the start is soon forgotten."""
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor, 1 - decay)
            else:
                self.average[name].copy_(tensor)

    def evaluation_due(self) -> bool:
        unit = self.epoch_steps if self.settings.evaluate_unit == "epochs" else 1
        return self.history.step % (self.settings.evaluate_every * unit) == 0

    def evaluate(self, evaluate: Evaluate) -> None:
        """Measure, and remember the weights if they are the best so far."""
        kept = self.weights() if self.average else {}
        if self.average:
            self.model.load_state_dict(self.average)
        self.model.eval()
        with torch.no_grad():
            figures = self.processes.agree(evaluate(self.model) if self.processes.first else None)
        self.model.train()
        history, metric = self.history, self.settings.metric.removeprefix("-")
        if metric not in figures:
            raise PhloemError(f"the evaluation has no {metric!r}, it has: {', '.join(figures)}")
        sign = -1 if self.settings.metric.startswith("-") else 1
        if history.best is None or sign * figures[metric] > sign * history.best:
            history.best, history.best_step, history.stale = figures[metric], history.step, 0
            self.best = self.weights()
        else:
            history.stale += 1
        if kept:
            self.model.load_state_dict(kept)
        where = {"step": history.step, "epoch": history.step / self.epoch_steps, "seconds": round(history.seconds, 3)}
        history.evaluations.append({**where, **figures})
        self.log.write({**where, "evaluation": figures})

    def report(self, loss: Loss, progress: Callable[[Progress], None] | None) -> None:
        """A log line now and then, and the progress bar."""
        history, epoch, value = self.history, self.history.step / self.epoch_steps, float(loss.value)
        if history.step % self.settings.log_every == 0 or history.step == 1:
            seconds = round(history.seconds, 3)
            self.log.write({"step": history.step, "epoch": epoch, "seconds": seconds, "loss": value, **loss.logs})
        if progress is not None and self.processes.first:
            progress(Progress(history.step, epoch, self.fraction(), history.seconds, value, history.best))

    def save(self) -> None:
        """Write a checkpoint."""
        if self.processes.first:
            tensors = {
                "model": self.weights(),
                "optimizer": optim.state_tensors(self.optimizer),
                "average": self.average,
                "best": self.best,
            }
            facts = {
                "settings": self.settings.fixed(),
                "epoch_steps": self.epoch_steps,
                "history": asdict(self.history),
            }
            checkpoints.write(self.checkpoint, checkpoints.ungroup(tensors), facts)

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        tensors, facts = checkpoints.read(self.checkpoint)
        again = f"remove {self.checkpoint} to start from the beginning, or train into another folder"
        before, now = facts["settings"], self.settings.fixed()
        if changed := sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name)):
            raise PhloemError(f"the run in {self.checkpoint.parent} had other settings ({', '.join(changed)}): {again}")
        if facts["epoch_steps"] != self.epoch_steps:
            raise PhloemError(f"the run in {self.checkpoint.parent} had other training data: {again}")
        try:
            self.model.load_state_dict(checkpoints.group(tensors, "model"))
            optim.load_state_tensors(self.optimizer, checkpoints.group(tensors, "optimizer"))
        except (RuntimeError, ValueError, KeyError) as error:
            raise PhloemError(f"the run in {self.checkpoint.parent} had another model: {again}") from error
        self.average = checkpoints.group(tensors, "average")
        self.best = checkpoints.group(tensors, "best")
        self.history = History(**facts["history"])


class SilentLog:
    """The log of every process but the first."""

    def start(self, step: int) -> None:
        pass

    def write(self, line: dict[str, Any]) -> None:
        pass


class Log(SilentLog):
    """One JSON object a line, appended as things happen."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, step: int) -> None:
        """Drop the lines of steps that a killed run did after its last checkpoint: they are done again."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = self.path.read_text().splitlines() if step and self.path.exists() else []
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
            beside = self.path.with_suffix(".part")
            beside.write_text("".join(line + "\n" for line in kept))
            os.replace(beside, self.path)
        except OSError as error:
            raise PhloemError(f"cannot write {self.path}: {error.strerror}") from error

    def write(self, line: dict[str, Any]) -> None:
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise PhloemError(f"cannot write {self.path}: {error.strerror}; the last checkpoint is intact") from error
