"""Patterns from examples: random tasks of the pattern task, and answers to a new input (Macfarlane, Bonnet 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phloem.corpora import pattern_task
from phloem.decode import latent_search
from phloem.decode.latent_search import Searched
from phloem.nn.models.latent_program import GridBatch, LatentProgram, full

Method = Literal["gradient", "random"]


@dataclass(frozen=True)
class Patterns:
    """Random tasks as a `Dataset`: `epoch` of them an epoch, of `pairs` pairs; always fresh in training.

    `held`: so many patterns, drawn from `seed`, are never drawn in training."""

    epoch: int
    pairs: int = 4
    canvas: int = 4
    size: int = 2
    colours: int = 3
    density: float = 1.0
    seed: int = 0
    held: int = 0

    def __len__(self) -> int:
        return self.epoch

    @property
    def sizes(self) -> Int[np.ndarray, "examples"]:
        return np.ones(len(self), np.int64)

    def unseen(self) -> set[bytes]:
        """The patterns that training never has."""
        rng, found = np.random.default_rng((self.seed, 1)), set[bytes]()
        while len(found) < self.held:
            found.add(self._patterns(rng, 1)[0].tobytes())
        return found

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> GridBatch:
        """As many tasks as `index` has: new ones from `rng`, or always the same."""
        drawn = np.random.default_rng((self.seed, 2)) if rng is None else rng
        return self.drawn(drawn, len(index))

    def drawn(self, rng: np.random.Generator, count: int, *, only_unseen: bool = False) -> GridBatch:
        """Random tasks of the patterns of training, or of the others."""
        unseen = self.unseen()
        kept: list[np.ndarray] = []
        while len(kept) < count:
            some = self._patterns(rng, count)
            kept += [each for each in some if (each.tobytes() in unseen) == only_unseen or not unseen]
        hidden = np.stack(kept[:count])
        made = pattern_task.grids(rng, hidden, self.pairs, canvas=self.canvas)
        return full(torch.from_numpy(made.inputs), torch.from_numpy(made.outputs))

    def _patterns(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return pattern_task.patterns(rng, count, size=self.size, colours=self.colours, density=self.density)


def split(batch: GridBatch) -> tuple[GridBatch, GridBatch]:
    """The pairs that are given, and the last one, which is asked for."""
    return GridBatch(*(part[:, :-1] for part in batch)), GridBatch(*(part[:, -1:] for part in batch))


def fitted(
    model: LatentProgram, given: GridBatch, *, steps: int = 0, method: Method = "gradient", seed: int = 0
) -> Searched:
    """The latent that explains the given pairs best: from the mean of the encoder's means, after a search."""
    pairs = given.inputs.shape[1]

    def score(z: Float[Tensor, "tasks latent"]) -> Float[Tensor, "tasks"]:
        return model.log_likelihood(given, z[:, None].expand(-1, pairs, -1)).sum(1)

    with torch.no_grad():
        start = model.encode(given)[0].mean(1)
    if method == "random":
        return latent_search.random_search(score, start, steps, seed=seed)
    return latent_search.gradient_search(score, start, steps)


def hits(model: LatentProgram, batch: GridBatch, **search: Any) -> Float[np.ndarray, "tasks 2"]:
    """For each task (1 if every cell of the last pair's output is right, 1)."""
    given, asked = split(batch)
    latent = fitted(model, given, **search).best
    outputs, shapes = model.generate(asked.inputs[:, 0], asked.input_shapes[:, 0], latent)
    right = (outputs == asked.outputs[:, 0]).all(-1).all(-1) & (shapes == asked.output_shapes[:, 0]).all(-1)
    found = right.double().numpy()
    return np.stack([found, np.ones_like(found)], 1)


def evaluate(model: LatentProgram, batch: GridBatch) -> dict[str, float]:
    """The share of tasks that the encoder alone solves, and how likely the asked outputs are."""
    given, asked = split(batch)
    latent = fitted(model, given).best
    likely = float(model.log_likelihood(asked, latent[:, None]).mean())
    return {"accuracy": float(hits(model, batch)[:, 0].mean()), "likelihood": likely}
