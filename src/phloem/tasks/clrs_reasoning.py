"""Executing algorithms on inputs larger than those of training (CLRS-30).

Training samples are drawn once, so many of each size; a batch has one size, and its nodes get fresh increasing random
numbers as positions, so that no network can rely on 1/n (Mahdavi et al. 2023; the benchmark's own option). Measured are
outputs alone: the share of right pointers, or of right choices of one node, a sample each; over samples of one size
that is the benchmark's micro-F1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from phloem.corpora import clrs
from phloem.corpora.clrs import Probe, Samples
from phloem.nn.models.clrs_network import ClrsBatch, ClrsNetwork

CONSTANT = {"minimum": ("pred_h",)}  # hints that never change: the array is not moved


def readable(name: str, samples: Samples) -> tuple[dict[str, Probe], Samples]:
    """The algorithm's probes and samples, with a hint that never changes as the input that it is."""
    probes, inputs, hints = dict(clrs.SPECS[name]), dict(samples.inputs), dict(samples.hints)
    for hint in CONSTANT.get(name, ()):
        inputs[hint] = hints.pop(hint)[0]
        probes[hint] = probes[hint]._replace(stage="input")
    return probes, samples._replace(inputs=inputs, hints=hints)


def tensors(probes: dict[str, Probe], samples: Samples, index: Sequence[int] | None = None, pad: int = 0) -> ClrsBatch:
    """Samples as a batch, the arrays in the order of the probes; `pad` nodes of zeros beside the real ones."""
    chosen = np.arange(len(samples.lengths)) if index is None else np.asarray(index)
    nodes = samples.inputs["pos"].shape[1]
    steps = int(samples.lengths[chosen].max())

    def stage(name: str, arrays: dict[str, np.ndarray], axis: int) -> tuple[Tensor, ...]:
        found = []
        for each in (each for each, probe in probes.items() if probe.stage == name):
            data = arrays[each].take(chosen, axis)
            data = data[:steps] if axis else data
            widths = [(0, pad if at > axis else 0) for at in range(data.ndim)]
            found.append(torch.from_numpy(np.pad(data, widths)).float())
        return tuple(found)

    mask = torch.zeros(len(chosen), nodes + pad, dtype=torch.bool)
    mask[:, :nodes] = True
    return ClrsBatch(
        stage("input", samples.inputs, 0),
        stage("hint", samples.hints, 1),
        stage("output", samples.outputs, 0),
        torch.from_numpy(samples.lengths[chosen]).long(),
        mask,
    )


class Executions:
    """Runs of one algorithm as a `Dataset`: an epoch is `epoch` samples, whichever they are."""

    def __init__(self, name: str, sizes: Sequence[int], *, each: int, epoch: int, seed: int) -> None:
        drawn = [readable(name, clrs.draw(name, each, size, seed * 1000 + size)) for size in sizes]
        self.probes, self.pools, self.epoch = drawn[0][0], [samples for _, samples in drawn], epoch

    def __len__(self) -> int:
        return self.epoch

    @property
    def sizes(self) -> Int[np.ndarray, " samples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> ClrsBatch:
        """As many samples as `index` has, of one size drawn by `rng`, with random positions; or always the same."""
        rng = np.random.default_rng(0) if rng is None else rng
        pool = self.pools[int(rng.integers(len(self.pools)))]
        return tensors(self.probes, scattered(pool, rng), rng.integers(len(pool.lengths), size=len(index)).tolist())


def scattered(samples: Samples, rng: np.random.Generator) -> Samples:
    """Nodes at random positions in the same order."""
    places = np.sort(rng.random(samples.inputs["pos"].shape), axis=1)
    return samples._replace(inputs={**samples.inputs, "pos": places})


@torch.no_grad()
def scores(
    model: ClrsNetwork, probes: dict[str, Probe], samples: Samples, chunk: int = 32
) -> Float[np.ndarray, "samples 2"]:
    """(the share of its output that is right, 1) of each sample; positions are random, always the same."""
    samples, found = scattered(samples, np.random.default_rng(0)), []
    for start in range(0, len(samples.lengths), chunk):
        batch = tensors(probes, samples, range(start, min(start + chunk, len(samples.lengths))))
        told = model(batch).outputs
        for name, truth in zip(model.names["output"], batch.outputs, strict=True):
            best = told[name].argmax(-1)
            right = (best == truth.argmax(-1))[:, None] if probes[name].kind == "mask one" else best == truth
            found.append(right.double().mean(1).numpy())
    each = np.concatenate(found)
    return np.stack([each, np.ones_like(each)], 1)


def evaluate(model: ClrsNetwork, probes: dict[str, Probe], samples: Samples) -> dict[str, Any]:
    """For the trainer."""
    return {"f1": float(scores(model, probes, samples)[:, 0].mean())}
