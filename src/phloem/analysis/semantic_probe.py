"""Probes of hidden states: how much of what a text means can be read from a model's vectors.

Jin and Rinard (ICML 2024, section 3). A probe is a linear map, or one with one or two hidden layers (256, then four
times as many; each is a linear map, relu, layer norm and dropout 0.4), with a softmax for each question. A sample may
lack labels; the loss leaves those out. Every question's answers are brought to like numbers before a probe is trained
or scored (`balanced`), so that always giving the commonest answer is worth little.

What a probe finds is to be held against the same probe on labels that were shuffled over samples, on the vectors of an
untrained model, and, better, on labels of another meaning of the same text (`semantic_intervention`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.errors import PhloemError

MISSING = -1
HIDDEN, WIDEN, DROPOUT = 256, 4, 0.4
RARE = 0.1


class Samples(NamedTuple):
    """A vector and its labels, MISSING where there is none; `unit` says to which text each belongs."""

    vectors: Float[np.ndarray, "samples width"]
    labels: Int[np.ndarray, "samples questions"]
    unit: Int[np.ndarray, " samples"]


class Probe(nn.Module):
    """`classes` answers for each question; `hidden` layers: 0 is the linear probe."""

    def __init__(self, width: int, classes: Sequence[int], hidden: int = 0) -> None:
        super().__init__()
        self.classes = tuple(classes)
        widths = [width, *(HIDDEN * WIDEN**i for i in range(hidden))]
        layers: list[nn.Module] = []
        for one, other in pairwise(widths):
            layers += [nn.Linear(one, other), nn.ReLU(), nn.LayerNorm(other), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(nn.LayerNorm(width, elementwise_affine=False), *layers)
        self.out = nn.Linear(widths[-1], sum(self.classes))

    def forward(self, vectors: Float[Tensor, "samples width"]) -> list[Float[Tensor, "samples classes"]]:
        """The logits of each question's answers."""
        return list(self.out(self.layers(vectors)).split(self.classes, dim=1))


def probe_loss(
    logits: Sequence[Float[Tensor, "samples classes"]], labels: Int64[Tensor, "samples questions"]
) -> Float[Tensor, ""]:
    """The mean over questions, of each the mean over samples that have a label."""
    losses = [
        cross_entropy(one, labels[:, i], ignore_index=MISSING)
        for i, one in enumerate(logits)
        if (labels[:, i] != MISSING).any()
    ]
    return torch.stack(losses).mean()


def train_probe(
    samples: Samples,
    classes: Sequence[int],
    *,
    hidden: int = 0,
    steps: int = 300,
    batch: int = 256,
    rate: float = 1e-2,
    seed: int = 0,
) -> Probe:
    """A probe after `steps` of Adam, the rate falling linearly to 0. Raises PhloemError without any label."""
    if not (samples.labels != MISSING).any():
        raise PhloemError("a probe needs samples with labels")
    torch.manual_seed(seed)
    probe = Probe(samples.vectors.shape[1], classes, hidden).train()
    vectors, labels = torch.from_numpy(samples.vectors).float(), torch.from_numpy(samples.labels).long()
    optimizer = torch.optim.Adam(probe.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(0, len(vectors), batch))
        if not (labels[chosen] != MISSING).any():
            continue
        optimizer.zero_grad()
        probe_loss(probe(vectors[chosen]), labels[chosen]).backward()
        optimizer.step()
        schedule.step()
    return probe.eval()


@torch.inference_mode()
def hits(probe: Probe, samples: Samples, units: int) -> Float[np.ndarray, "units 2"]:
    """For each of `units` texts: right answers, and labels asked for."""
    vectors = torch.from_numpy(samples.vectors).float()
    answers = np.stack([one.argmax(1).numpy() for one in probe(vectors)], axis=1)
    asked = samples.labels != MISSING
    found = np.zeros((units, 2))
    np.add.at(found[:, 0], samples.unit, ((answers == samples.labels) & asked).sum(1))
    np.add.at(found[:, 1], samples.unit, asked.sum(1))
    return found


def accuracy(probe: Probe, samples: Samples) -> float:
    """The share of right answers, over all questions."""
    right, asked = hits(probe, samples, int(samples.unit.max(initial=0)) + 1).sum(0)
    return float(right / asked) if asked else float("nan")


def balanced(samples: Samples, *, seed: int = 0) -> Samples:
    """Every answer to a question has as many labels as its rarest one: what is above is drawn to be MISSING.

    Answers with less than RARE of an equal share are left out, and so is a question with one answer, which tells
    nothing."""
    rng, labels = np.random.default_rng(seed), samples.labels.copy()
    for column in labels.T:
        answers, counts = np.unique(column[column != MISSING], return_counts=True)
        common = counts >= RARE * counts.sum() / max(len(counts), 1)
        share = int(counts[common].min()) if common.sum() > 1 else 0
        for answer, count, kept in zip(answers, counts, common, strict=True):
            places = np.flatnonzero(column == answer)
            column[rng.choice(places, count - share * kept, replace=False)] = MISSING
    return samples._replace(labels=labels)


def shuffled(samples: Samples, *, seed: int = 0) -> Samples:
    """Labels of other samples: each question's are permuted."""
    rng = np.random.default_rng(seed)
    columns = [rng.permutation(column) for column in samples.labels.T]
    return samples._replace(labels=np.stack(columns, axis=1))


def majority(train: Samples, test: Samples) -> float:
    """How often the answer that is commonest in `train` is right in `test`, over all questions."""
    right = asked = 0
    for one, other in zip(train.labels.T, test.labels.T, strict=True):
        answers, counts = np.unique(one[one != MISSING], return_counts=True)
        if len(answers):
            right += int((other == answers[counts.argmax()]).sum())
            asked += int((other != MISSING).sum())
    return right / asked if asked else float("nan")


def one_hot(samples: Samples, classes: Sequence[int]) -> Samples:
    """The true labels as vectors: what any probe must be able to read."""
    parts = [np.eye(count + 1)[column][:, :count] for count, column in zip(classes, samples.labels.T, strict=True)]
    return samples._replace(vectors=np.concatenate(parts, axis=1))
