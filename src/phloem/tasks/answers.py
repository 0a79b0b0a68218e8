"""What a model answers for every example of a dataset, beside what it should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from phloem.decode.base import Search
from phloem.learn.distributed import place
from phloem.measure import bootstrap
from phloem.represent.base import Dataset, View


class Referenced(Dataset, Protocol):
    """A dataset that knows the whole targets as text, words outside the vocabulary too."""

    def references(self, index: np.ndarray) -> list[list[str]]: ...


class Answers(NamedTuple):
    """Words, example by example in the dataset's order; `log_probability` is of the answer, end mark included."""

    references: list[list[str]]
    predictions: list[list[str]]
    log_probability: list[float]


def source_of(batch: Any, row: int) -> Any:
    """What copies in a row of a batch are resolved from; None where nothing is copied."""
    copies = getattr(batch, "copies", None)
    return None if copies is None else copies.beyond[row]


def answers(
    model: Any, view: View, dataset: Referenced, search: Search, *, length: int, batch_size: int = 256
) -> Answers:
    """Decode every example with its fixed evaluation sample and keep the best hypothesis, at most `length` words.

    The model decodes in evaluation mode and is left in the mode it was in.
    """
    training = model.training
    model.eval()
    device = next(model.parameters()).device if isinstance(model, nn.Module) else torch.device("cpu")
    found = Answers([], [], [])
    try:
        for start in range(0, len(dataset), batch_size):
            index = np.arange(start, min(start + batch_size, len(dataset)))
            batch = dataset.batch(index, None)
            for row, hypotheses in enumerate(search(model, place(batch, device), length=length)):
                words = view.decode(np.array(hypotheses[0].value, dtype=np.int64), source_of(batch, row))
                found.predictions.append(words)
                found.log_probability.append(hypotheses[0].score)
            found.references.extend(dataset.references(index))
    finally:
        model.train(training)
    return found


def report(addends: Mapping[str, tuple[np.ndarray, bootstrap.Figure]], *, resamples: int, seed: int) -> dict[str, Any]:
    """Each figure of its addends, as NAME and, where `resamples` are drawn, NAME_interval (95%); and `examples`."""
    measured: dict[str, Any] = {"examples": len(next(iter(addends.values()))[0])}
    for name, (rows, figure) in addends.items():
        if measured["examples"] == 0:
            measured[name] = 0.0
        elif resamples:
            value, low, high = bootstrap.interval(rows, figure, resamples=resamples, seed=seed)
            measured |= {name: value, f"{name}_interval": [low, high]}
        else:
            measured[name] = float(figure(rows.sum(axis=0).astype(np.float64)))
    return measured
