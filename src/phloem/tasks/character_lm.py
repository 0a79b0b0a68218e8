"""Modelling source code character by character: the standard library of the Python that runs.

Files go to training, validation or test by the hash of their path, so that no file is in two; every byte beyond ASCII
is the same unit. Windows of a fixed length are drawn anywhere in training and lie side by side in evaluation.
"""

from __future__ import annotations

import hashlib
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.errors import PhloemError
from phloem.learn.objectives.base import Loss
from phloem.represent.base import fixed_batches

UNITS = 129  # ASCII, and one for every other byte
SHARES = {"train": 0.8, "validation": 0.9, "test": 1.0}  # upper bounds of the hash
AT_ONCE = 32


class Windows(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    target: Int64[Tensor, "batch time"]  # the next unit


@lru_cache(maxsize=3)
def library_text(split: str) -> Int64[np.ndarray, " units"]:
    """The units of a split's files, in the order of their paths."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    parts = []
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder)
        if relative.parts[0] in ("site-packages", "test") or split != _split(str(relative)):
            continue
        text = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        parts.append(np.minimum(text, UNITS - 1).astype(np.int64))
    if not parts:
        raise PhloemError(f"{folder} has no Python source to read")
    return np.concatenate(parts)


def _split(path: str) -> str:
    place = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) / 16**8
    return next(name for name, bound in SHARES.items() if place < bound)


class CharacterWindows:
    """Windows of a split as a `Dataset`: drawn afresh in training, `examples` fixed ones in evaluation."""

    def __init__(self, split: str, *, length: int, examples: int) -> None:
        self.text, self.length = library_text(split), length
        spread = (len(self.text) - length - 1) // max(1, examples)
        self.starts = np.arange(examples) * spread

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def sizes(self) -> Int64[np.ndarray, examples]:
        return np.full(len(self), self.length)

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> Windows:
        starts = self.starts[index] if rng is None else rng.integers(len(self.text) - self.length - 1, size=len(index))
        units = torch.from_numpy(self.text[starts[:, None] + np.arange(self.length + 1)])
        return Windows(units[:, :-1], units[:, 1:])


class NextUnit:
    """Mean cross-entropy, in nats a unit."""

    def __call__(self, model: Any, batch: Windows) -> Loss:
        value = cross_entropy(model(batch.tokens).flatten(0, 1), batch.target.flatten())
        return Loss(value, {})


@torch.no_grad()
def losses(model: nn.Module, dataset: CharacterWindows) -> Float[np.ndarray, "windows 3"]:
    """For each window (nats, units that were the most probable, units)."""
    rows = []
    for batch in fixed_batches(dataset, AT_ONCE):
        logits = model(batch.tokens)
        nats = cross_entropy(logits.transpose(1, 2), batch.target, reduction="none").sum(dim=1)
        right = (logits.argmax(dim=-1) == batch.target).sum(dim=1)
        rows.append(torch.stack([nats, right, torch.full_like(nats, batch.target.shape[1])], dim=1))
    return torch.cat(rows).double().numpy()


def evaluate(model: nn.Module, dataset: CharacterWindows) -> dict[str, float]:
    """Nats a unit, and the share of right ones."""
    nats, right, count = losses(model, dataset).sum(axis=0)
    return {"loss": float(nats / count), "accuracy": float(right / count)}
