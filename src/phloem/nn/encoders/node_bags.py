"""Trees without their shape: the baselines that say what the shape is worth.

Mou et al. (2016, section 4.1) compare tree convolution with classifiers over the bag of a program's symbols and
over the mean of their vectors.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.represent.node_types import TreeBatch


class BagOfNodes(nn.Module):
    """log(1 + how often each node type occurs); nothing is learned here."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.width = kinds

    def forward(self, trees: TreeBatch) -> Float[Tensor, "trees kinds"]:
        cell = trees.tree * self.width + trees.kind
        counts = torch.bincount(cell, minlength=len(trees.target) * self.width)
        return torch.log1p(counts.to(torch.get_default_dtype())).reshape(-1, self.width)


class MeanOfNodes(nn.Module):
    """The mean of the learned vectors of a tree's nodes."""

    def __init__(self, kinds: int, features: int = 30) -> None:
        super().__init__()
        self.embedding = nn.Embedding(kinds, features)
        self.width = features

    def forward(self, trees: TreeBatch) -> Float[Tensor, "trees features"]:
        vectors = self.embedding(trees.kind)
        sums = vectors.new_zeros(len(trees.target), self.width).index_add(0, trees.tree, vectors)
        return sums / torch.bincount(trees.tree, minlength=len(trees.target))[:, None]
