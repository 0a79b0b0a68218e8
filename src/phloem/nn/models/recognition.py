"""The recognition model of DreamCoder: from a task's examples to the weights of a contextual grammar.

Q(ρ|x) (Ellis et al. 2020, appendix): each example, its inputs and output joined by separators, is read by a
bidirectional GRU; the states at both ends, averaged over the examples, go through a hidden layer (tanh) to a weight for
each child in each row of a bigram grammar (synthesis/weighted_grammar.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn


class TaskBatch(NamedTuple):
    """Examples of several tasks, and the decisions of one program each.

    Every decision is a place in the grammar (`row`), the child that was taken, and those that might have been."""

    tokens: Int64[Tensor, "examples time"]  # padded with 0
    lengths: Int64[Tensor, examples]
    task: Int64[Tensor, examples]  # whose example it is
    decided: Int64[Tensor, decisions]  # whose program's decision it is
    row: Int64[Tensor, decisions]
    child: Int64[Tensor, decisions]
    possible: Bool[Tensor, "decisions children"]
    tasks: int  # how many


class Recognition(nn.Module):
    def __init__(self, vocabulary: int, rows: int, children: int, *, width: int = 64) -> None:
        super().__init__()
        self.places = rows, children
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.reader = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.hidden = nn.Linear(2 * width, width)
        self.weights = nn.Linear(width, rows * children)

    def forward(self, batch: TaskBatch) -> Float[Tensor, "tasks rows children"]:
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(batch.tokens), batch.lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.reader(packed)  # directions examples width
        read = last.transpose(0, 1).flatten(1)
        total = read.new_zeros(batch.tasks, read.shape[1]).index_add(0, batch.task, read)
        number = torch.bincount(batch.task, minlength=batch.tasks).clamp(min=1)
        weights: Float[Tensor, "tasks flat"] = self.weights(torch.tanh(self.hidden(total / number[:, None])))
        return weights.view(-1, *self.places)
