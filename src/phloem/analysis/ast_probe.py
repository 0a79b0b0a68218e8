"""AST-Probe: is the syntax tree in a small subspace of a layer's vectors?

Hernández López et al. (ASE 2022). With h_i the vector of token i at one layer of a frozen model (the mean of its
units'), B a matrix to m₂ dimensions, and a vector for each label,

    d^_i = ||B (h_{i+1} - h_i)||²
    label of gap i: <B (h_{i+1} - h_i), v>, v in C
    unary label of token i: <B h_i, v>, v in U

The loss is that of the order of the distances, plus the cross-entropies of both labels, plus λ ||B B^T - I||²; what is
chosen by validation is the loss without the last part. From the predictions a tree is rebuilt and compared.

Label sets come from the training trees; a label that they lack has an id of its own that is never predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.orthogonality import orthogonality
from phloem.learn.objectives.rank_loss import rank_loss
from phloem.measure.constituent_f1 import constituent_f1
from phloem.nn.models.roberta import Roberta
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.syntactic_distance import Distances, constituents, to_tree
from phloem.represent.token_alignment import averaging, pieces

WEIGHT = 5.0  # λ
UNKNOWN = -100  # a label that training trees lack: no part of the loss, always wrong


class Probed(NamedTuple):
    """A program with the vectors of its tokens and its tree."""

    vectors: Float[np.ndarray, "tokens width"]
    distances: Distances


class ProbeBatch(NamedTuple):
    vectors: Float[Tensor, "batch tokens width"]
    lengths: Int64[Tensor, " batch"]
    heights: Float[Tensor, "batch gaps"]
    labels: Int64[Tensor, "batch gaps"]
    unary: Int64[Tensor, "batch tokens"]

    def gaps(self) -> Bool[Tensor, "batch gaps"]:
        return torch.arange(self.heights.shape[1]) < self.lengths[:, None] - 1

    def tokens(self) -> Bool[Tensor, "batch tokens"]:
        return torch.arange(self.unary.shape[1]) < self.lengths[:, None]


class Labels(NamedTuple):
    """The labels of gaps and of tokens, by id."""

    gaps: tuple[str, ...]
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, trees: Sequence[Distances]) -> Labels:
        """All of the trees, in alphabetical order."""
        gaps = sorted({label for tree in trees for label in tree.labels})
        return cls(tuple(gaps), tuple(sorted({label for tree in trees for label in tree.unary})))


class ProbedPrograms:
    """Programs in memory (a `Dataset`)."""

    def __init__(self, programs: Sequence[Probed], labels: Labels) -> None:
        self.programs, self.labels = programs, labels
        self._gaps = {label: number for number, label in enumerate(labels.gaps)}
        self._tokens = {label: number for number, label in enumerate(labels.tokens)}

    def __len__(self) -> int:
        return len(self.programs)

    @property
    def sizes(self) -> Int[np.ndarray, " programs"]:
        return np.array([len(program.vectors) for program in self.programs])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> ProbeBatch:
        chosen = [self.programs[int(number)] for number in index]
        longest = max(len(program.vectors) for program in chosen)

        def rows(values: list[list[Any]], size: int, kind: torch.dtype) -> Tensor:
            return torch.stack([pad(torch.tensor(row, dtype=kind), (0, size - len(row))) for row in values])

        gap_ids = [[self._gaps.get(label, UNKNOWN) for label in one.distances.labels] for one in chosen]
        token_ids = [[self._tokens.get(label, UNKNOWN) for label in one.distances.unary] for one in chosen]
        return ProbeBatch(
            torch.stack([pad(torch.from_numpy(one.vectors), (0, 0, 0, longest - len(one.vectors))) for one in chosen]),
            torch.tensor([len(one.vectors) for one in chosen]),
            rows([list(one.distances.heights) for one in chosen], longest - 1, torch.float32),
            rows(gap_ids, longest - 1, torch.long),
            rows(token_ids, longest, torch.long),
        )


class Predicted(NamedTuple):
    heights: Float[Tensor, "batch gaps"]
    labels: Float[Tensor, "batch gaps names"]
    unary: Float[Tensor, "batch tokens names"]


class AstProbe(nn.Module):
    """m₁ m₂ + m₂ (|C| + |U|) parameters, which begin uniform in [-0.05, 0.05]."""

    def __init__(self, width: int, dimensions: int, labels: Labels) -> None:
        super().__init__()
        if dimensions > width:
            raise ValueError(f"a subspace of {dimensions} dimensions does not fit into {width}")
        self.projection = nn.Parameter(torch.empty(dimensions, width))
        self.gap_vectors = nn.Parameter(torch.empty(len(labels.gaps), dimensions))
        self.token_vectors = nn.Parameter(torch.empty(len(labels.tokens), dimensions))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)

    def forward(self, vectors: Float[Tensor, "batch tokens width"]) -> Predicted:
        inside = vectors @ self.projection.T
        steps = inside[:, 1:] - inside[:, :-1]
        return Predicted(steps.square().sum(dim=2), steps @ self.gap_vectors.T, inside @ self.token_vectors.T)

    def skew(self) -> float:
        """||B B^T - I||_F / √m₂: how far B is from a projection."""
        return float((orthogonality(self.projection.detach()) / len(self.projection)).sqrt())


def task_loss(probe: AstProbe, batch: ProbeBatch) -> Float[Tensor, ""]:
    """Without the penalty."""
    found = probe(batch.vectors)
    parts = [rank_loss(found.heights, batch.heights, batch.gaps())]
    for logits, target, real in (
        (found.labels, batch.labels, batch.gaps()),
        (found.unary, batch.unary, batch.tokens()),
    ):
        known = real & (target != UNKNOWN)
        if known.any():
            parts.append(cross_entropy(logits[known], target[known]))
    return torch.stack(parts).sum()


class ProbeObjective:
    """The loss of a probe with its penalty."""

    def __init__(self, weight: float = WEIGHT) -> None:
        self.weight = weight

    def __call__(self, model: Any, batch: ProbeBatch) -> Loss:
        return Loss(task_loss(model, batch) + self.weight * orthogonality(model.projection), {})


@torch.no_grad()
def token_vectors(model: Roberta, units: BytePairs, tokens: Sequence[str]) -> Float[np.ndarray, "layers tokens width"]:
    """The mean vectors of tokens' units at every layer; 0 is what goes into the first one."""
    own = [units.encode(" " + token) for token in tokens]
    ids = [START, *(unit for token in own for unit in token), END]
    means = averaging(pieces([len(token) for token in own], before=1, units=len(ids)))
    return np.stack([np.asarray(means @ states[0].numpy(), np.float32) for states in model.states(torch.tensor([ids]))])


@torch.no_grad()
def tree_scores(probe: AstProbe, data: ProbedPrograms, *, clipped: bool = True) -> Float[np.ndarray, " programs"]:
    """F1 of the tree rebuilt for each program."""
    found = []
    for number, program in enumerate(data.programs):
        batch = data.batch(np.array([number]), None)
        said = probe(batch.vectors)
        heights = tuple(said.heights[0].tolist())
        labels = tuple(data.labels.gaps[place] for place in said.labels[0].argmax(dim=1).tolist()) if heights else ()
        unary = tuple(data.labels.tokens[place] for place in said.unary[0].argmax(dim=1).tolist())
        one, other = (constituents(to_tree(tree)) for tree in (Distances(heights, labels, unary), program.distances))
        found.append(constituent_f1(one, other, clipped=clipped).f1)
    return np.array(found)
