"""A prefix that learns from task after task, each time beside a fresh copy of the same model.

Sun et al., "TransCoder" (LREC-COLING 2024), source task training. For each of E rounds, for each source task in a fixed
order: a model with the pretrained weights θ and the prefix φ learn the task together; φ is kept, the model is dropped.
What remains is the universal prefix φ*. It is written as safetensors and holds the prefix's parameters only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from phloem.errors import PhloemError

Weights = dict[str, Tensor]
T = TypeVar("T")


def source_training(
    prefix: Mapping[str, Tensor],
    begin: Callable[[], nn.Module],
    tasks: Sequence[T],
    learn: Callable[[nn.Module, T, int], None],
    *,
    rounds: int,
    shuffle: np.random.Generator | None = None,
) -> Weights:
    """The prefix after all rounds.

    `begin()` makes a model with the pretrained weights, the same every time, whose part `prefix` takes φ; `learn(model,
    task, round)` trains both. With `shuffle` each round has an order of its own.
    """
    carried = copied(prefix)
    for number in range(rounds):
        order = range(len(tasks)) if shuffle is None else shuffle.permutation(len(tasks)).tolist()
        for task in order:
            model = begin()
            part = prefix_of(model)
            part.load_state_dict(carried)
            learn(model, tasks[task], number)
            carried = copied(part.state_dict())
    return carried


def prefix_of(model: nn.Module) -> nn.Module:
    """The part of a model that is carried on. Raises PhloemError where there is none."""
    found = [part for name, part in model.named_modules() if name.split(".")[-1] == "prefix"]
    if len(found) != 1:
        raise PhloemError(f"the model has {len(found)} prefixes, it must have one")
    return found[0]


def copied(weights: Mapping[str, Tensor]) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def save(weights: Mapping[str, Tensor], file: str | Path) -> None:
    """Write a prefix, beside and renamed."""
    file = Path(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".part")
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, beside)
        os.replace(beside, file)
    except OSError as error:
        raise PhloemError(f"cannot write {file}: {error.strerror}") from error


def load(prefix: nn.Module, file: str | Path) -> None:
    """Read a prefix into a part of the same shape. Raises PhloemError for another shape or no such file."""
    try:
        prefix.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise PhloemError(f"{file} holds no prefix of this model's shape: {error}") from None
