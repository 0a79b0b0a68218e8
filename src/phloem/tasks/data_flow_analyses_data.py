"""Questions about data flow as a data set: batches of graphs, a marked vertex each, and the count of right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import nn

from phloem.measure.subtoken_f1 import f1
from phloem.represent.program_graph_view import GraphArrays, GraphBatch, collate_graphs
from phloem.tasks.data_flow_analyses import Question

AT_ONCE = 32  # graphs that are evaluated together


class LabelledGraphs:
    """Questions in memory (a `Dataset`)."""

    def __init__(self, graphs: Sequence[GraphArrays], asked: Sequence[Question]) -> None:
        self.graphs, self.asked = graphs, asked

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def sizes(self) -> Int[np.ndarray, " questions"]:
        return np.array([len(self.graphs[question.graph].keys) for question in self.asked])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> GraphBatch:
        chosen = [self.asked[int(number)] for number in index]
        return collate_graphs(
            [self.graphs[question.graph] for question in chosen],
            [question.root for question in chosen],
            [question.answer.positive for question in chosen],
        )


@torch.no_grad()
def counts(
    model: nn.Module | Callable[..., Any], data: LabelledGraphs, steps: int | None = None
) -> Int64[np.ndarray, "questions 3"]:
    """True positives, false positives and false negatives of each question."""
    rows = []
    for start in range(0, len(data), AT_ONCE):
        batch = data.batch(np.arange(start, min(start + AT_ONCE, len(data))), None)
        said = model(batch, steps).argmax(dim=1).bool().numpy()
        rows.append(_counted(said, batch.target.bool().numpy(), batch.graph.numpy()))
    return np.concatenate(rows) if rows else np.zeros((0, 3), np.int64)


def _counted(
    said: Bool[np.ndarray, " vertices"], true: Bool[np.ndarray, " vertices"], graph: Int64[np.ndarray, " vertices"]
) -> Int64[np.ndarray, "graphs 3"]:
    """The three counts of each graph."""
    kinds = np.stack([said & true, said & ~true, ~said & true], axis=1).astype(np.int64)
    sums = np.zeros((graph.max() + 1, 3), np.int64)
    np.add.at(sums, graph, kinds)
    return sums


def evaluate(model: nn.Module, data: LabelledGraphs) -> dict[str, float]:
    """F1 over all vertices of all questions together."""
    return {"f1": float(f1(counts(model, data).sum(axis=0).astype(float)))}


def always_true(data: LabelledGraphs) -> float:
    """F1 of calling every vertex positive."""
    positive = sum(int(question.answer.positive.sum()) for question in data.asked)
    return float(f1(np.array([positive, int(data.sizes.sum()) - positive, 0], float)))
