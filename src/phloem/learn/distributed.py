"""One process or many: what the training loop needs to know about the others.

Started by `torchrun --nproc_per_node N`, every process holds the model and takes its share of each batch; gradients are
averaged (distributed data parallel, through accelerate). The batch size of the settings is that of ALL processes
together, so that a run gives the same model on one process or many, up to rounding and dropout.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from phloem.errors import MissingExtra
from phloem.represent.base import Dataset


class Share(NamedTuple):
    """A process's part of a batch. `weight` makes the mean over processes the mean over the whole batch's examples."""

    batch: Any
    weight: float


class Shares:
    """A dataset whose batches are one process's share of the whole."""

    def __init__(self, dataset: Dataset, rank: int, world: int) -> None:
        self.dataset, self.rank, self.world = dataset, rank, world

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def sizes(self) -> np.ndarray:
        return self.dataset.sizes

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Share:
        if self.world == 1:
            return Share(self.dataset.batch(index, rng), 1.0)
        mine = index[self.rank :: self.world]
        weight = len(mine) * self.world / len(index)
        own = rng.spawn(self.world)[self.rank] if rng is not None else None
        return Share(self.dataset.batch(mine if len(mine) else index[:1], own), weight)


def first_process() -> bool:
    """Whether this process writes and reports: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


class Processes:
    """This process among those of the run."""

    def __init__(self, device: str) -> None:
        self.rank, self.world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.device = torch.device(device)
        self.accelerator: Any = None
        if self.world > 1:
            try:
                from accelerate import Accelerator
            except ImportError as error:
                raise MissingExtra("cluster", "accelerate") from error
            self.accelerator = Accelerator(cpu=self.device.type == "cpu")
            if self.accelerator.num_processes != self.world:
                raise RuntimeError(f"{self.accelerator.num_processes} processes joined, {self.world} were started")
            self.device = self.accelerator.device

    @property
    def first(self) -> bool:
        """Whether this process evaluates, writes and reports."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose backward pass averages gradients over all processes; the model itself where there is one."""
        return model if self.accelerator is None else self.accelerator.prepare_model(model)

    def seed(self, key: tuple[int, ...]) -> None:
        """Start torch's random numbers on this device anew, as a function of the key."""
        number = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
        # torch.manual_seed formats a stack trace for every kind of device that is not in use: a millisecond a step.
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(number)

    def agree(self, value: Any) -> Any:
        """What the first process says."""
        if self.accelerator is None:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]


def place(batch: Any, device: torch.device) -> Any:
    """The same batch (a tensor, or tuples of them) on another device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple):
        moved = [place(part, device) for part in batch]
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    return batch
