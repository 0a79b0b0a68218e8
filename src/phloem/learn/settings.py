"""The settings of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from phloem.errors import PhloemError
from phloem.learn.optim import OPTIMIZERS
from phloem.learn.schedules import Schedule, cosine, linear, staircase, warmed

SCHEDULES = ("staircase", "cosine", "linear")
# What may differ between the run that wrote a checkpoint and the one that goes on from it: how long and how closely
# watched, never what a step does.
FREE = frozenset(
    {
        "epochs",
        "minutes",
        "clock",
        "patience",
        "evaluate_every",
        "evaluate_unit",
        "checkpoint_minutes",
        "threads",
        "log_every",
        "device",
    }
)


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained. A run ends with the first of `epochs`, `minutes` and `patience`; one of the first two
    must be given.

    `minutes` counts the time of training steps, over all resumed parts of a run; evaluation and writing are not
    counted, so that contenders with slow decoders get the same training. A time budget, and `cosine` or `linear` over
    one, make the number of steps and the rates depend on the machine; everything else is a function of the seed. On
    a machine that others use too, the processor's `clock` keeps contenders equal: it stands still while others run.
    """

    seed: int = 0
    epochs: int | None = None
    minutes: float | None = None
    clock: Literal["wall", "processor"] = "wall"  # the processor's counts the time of all threads of this process
    batch_size: int = 64  # of all processes together
    bucket: int = 1  # runs of this many batches are sorted by size
    optimizer: str = "adam"  # one of OPTIMIZERS
    learning_rate: float = 1e-3
    schedule: Literal["staircase", "cosine", "linear"] = "staircase"
    decay: float = 1.0  # staircase: the factor of one stair
    decay_every: float = 1.0  # staircase: epochs a stair
    decay_after: float = 0.0  # staircase: epochs before the first stair begins
    warmup_steps: int = 0
    clip: float | None = 5.0  # global norm of the gradient
    weight_decay: float = 0.0
    average: float | None = None  # decay of an exponential moving average of the weights, evaluated in their place
    metric: str = "f1"  # which figure of an evaluation decides; "-loss": the lower the better
    patience: int | None = None  # evaluations in a row without improvement
    evaluate_every: int = 1
    evaluate_unit: Literal["epochs", "steps"] = "epochs"
    checkpoint_minutes: float = 10.0
    log_every: int = 50  # steps
    threads: int | None = None  # None leaves torch as it is
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.epochs is None and self.minutes is None:
            raise PhloemError("training needs an end: give epochs or minutes")
        for name, low in {
            "batch_size": 1,
            "bucket": 1,
            "evaluate_every": 1,
            "log_every": 1,
            "learning_rate": 0.0,
        }.items():
            if getattr(self, name) < low:
                raise PhloemError(f"{name} is {getattr(self, name)}, it must be at least {low}")
        for name, value, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("evaluate_unit", self.evaluate_unit, ("epochs", "steps")),
            ("clock", self.clock, ("wall", "processor")),
        ):
            if value not in known:
                raise PhloemError(f"unknown {name} {value!r}: take one of {', '.join(known)}")

    def factor(self) -> Schedule:
        """The learning rate's schedule."""
        stairs = staircase(self.decay, self.decay_every, self.decay_after)
        return warmed({"staircase": stairs, "cosine": cosine, "linear": linear}[self.schedule], self.warmup_steps)

    def fixed(self) -> dict[str, Any]:
        """The settings that must agree for a run to go on from a checkpoint."""
        return {name: value for name, value in asdict(self).items() if name not in FREE}
