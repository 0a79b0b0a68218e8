"""Tree-based convolution: a window is a node with its direct children, however many they are.

Mou, Li, Zhang, Wang and Jin, "Convolutional Neural Networks over Tree Structures for Programming Language Processing"
(2016, sections 3.2 to 3.4). The weight of a node in a window lies between three matrices by where the node stands:

        y = tanh(sum over the window of W_i x_i + b)         W_i = e_t W_t + e_l W_l + e_r W_r
        e_t = (d_i - 1) / (d - 1)      e_r = (1 - e_t) (p_i - 1) / (n - 1)      e_l = (1 - e_t) (1 - e_r)

d is the window's depth (2 here), d_i a node's level in it counted from the bottom, p_i = 1..n its position among its
siblings; an only child has e_r = 1/2. Every node tops one window, leaves too. Since the weights are linear in
the coefficients, the children of all windows are summed first, once weighted by e_l and once by e_r (a gather and
a segment sum over the narrow inputs), and three matrix products over all nodes follow.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.represent.node_types import TreeBatch


class Coefficients(NamedTuple):
    """How much of W_t, W_l and W_r each node takes."""

    top: Float[Tensor, " nodes"]
    left: Float[Tensor, " nodes"]
    right: Float[Tensor, " nodes"]


def coefficients(
    level: Int64[Tensor, " nodes"], position: Int64[Tensor, " nodes"], siblings: Int64[Tensor, " nodes"], depth: int = 2
) -> Coefficients:
    """The window's coefficients; `level` is 1 at the bottom of the window and `depth` at its top."""
    dtype = torch.get_default_dtype()
    top = (level - 1).to(dtype) / (depth - 1)
    share = torch.where(siblings > 1, (position - 1).to(dtype) / (siblings - 1).clamp(min=1).to(dtype), 0.5)
    right = (1 - top) * share
    return Coefficients(top, (1 - top) * (1 - right), right)


def child_sums(
    x: Float[Tensor, "nodes width"],
    parent: Int64[Tensor, " nodes"],
    left: Float[Tensor, " nodes"],
    right: Float[Tensor, " nodes"],
) -> tuple[Float[Tensor, "nodes width"], Float[Tensor, "nodes width"]]:
    """For every node the sums of its children, weighted by `left` and by `right`."""
    child = (parent >= 0).nonzero()[:, 0]
    children, above = x[child], parent[child]
    none = torch.zeros_like(x)
    return (
        none.index_add(0, above, children * left[child, None].to(x.dtype)),
        none.index_add(0, above, children * right[child, None].to(x.dtype)),
    )


class TreeConvolution(nn.Module):
    """`inputs` features a node to `outputs` features a node, by windows of depth 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.top = nn.Linear(inputs, outputs)  # its bias is the window's b
        self.left = nn.Linear(inputs, outputs, bias=False)
        self.right = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Float[Tensor, "nodes inputs"], trees: TreeBatch) -> Float[Tensor, "nodes outputs"]:
        weights = coefficients(torch.ones_like(trees.position), trees.position, trees.siblings)
        left, right = child_sums(x, trees.parent, weights.left, weights.right)
        return torch.tanh(self.top(x) + self.left(left) + self.right(right))


class Coding(nn.Module):
    """What the children of a node say of it: tanh(sum_i l_i W_i vec(c_i) + b).

    l_i is the child's share of the node's leaves; W_i = (n - i) / (n - 1) W_l + (i - 1) / (n - 1) W_r, the mean
    of both for an only child.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.left = nn.Linear(features, features)  # its bias is b
        self.right = nn.Linear(features, features, bias=False)

    def weights(self, trees: TreeBatch) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
        """For every node but the roots l_i times the coefficients of W_l and of W_r; roots get zeros."""
        dtype = self.left.weight.dtype
        under = trees.leaves.to(dtype)
        share = torch.where(trees.parent >= 0, under / under[trees.parent.clamp(min=0)], 0.0)
        _, left, right = coefficients(torch.ones_like(trees.position), trees.position, trees.siblings)
        return share * left.to(dtype), share * right.to(dtype)

    def sums(self, x: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, "nodes features"]:
        """What stands inside the tanh; b alone where a node has no children."""
        left, right = child_sums(x, trees.parent, *self.weights(trees))
        return self.left(left) + self.right(right)

    def forward(self, x: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, "nodes features"]:
        return torch.tanh(self.sums(x, trees))


class CodingLayer(nn.Module):
    """p <- W_1 vec(p) + W_2 coding(p) at inner nodes, W_1 = W_2 = I / 2 at the start; leaves stay as they are."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.coding = Coding(features)
        self.own = nn.Linear(features, features, bias=False)
        self.coded = nn.Linear(features, features, bias=False)
        for part in (self.own, self.coded):
            nn.init.eye_(part.weight).data.mul_(0.5)

    def forward(self, x: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, "nodes features"]:
        inner = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        inner[trees.parent[trees.parent >= 0]] = True
        return torch.where(inner[:, None], self.own(x) + self.coded(self.coding(x, trees)), x)


def segment_max(
    y: Float[Tensor, "nodes features"], segment: Int64[Tensor, " nodes"], segments: int
) -> Float[Tensor, "segments features"]:
    """The maximum of every feature over each segment; zeros for a segment that has no node.

    Features of -inf never win, so that padding nodes are harmless. Equal nodes are common (leaves of one kind below
    parents of one kind), and the gradient goes to one of them: `torch.segment_reduce` gives each a whole negative one.
    """
    if bool((segment.diff() < 0).any()):
        order = segment.argsort(stable=True)
        segment, y = segment[order], y[order]
    lengths = torch.bincount(segment, minlength=segments).tolist()
    nothing = y.new_zeros(y.shape[1])
    return torch.stack([part.max(dim=0).values if len(part) else nothing for part in y.split(lengths)])


def one_way(y: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, "trees features"]:
    """Global max pooling over the nodes of each tree."""
    return segment_max(y, trees.tree, len(trees.target))


def parts(trees: TreeBatch, threshold: float = 0.6) -> Int64[Tensor, " nodes"]:
    """Three-way pooling's part of each node: 0 high in the tree, else 1 in its left half or 2 in its right half.

    High is a depth below `threshold` times the mean depth of the tree's leaves; the halves are of the tree's leaves.
    """
    inner = torch.zeros(len(trees.kind), dtype=torch.bool, device=trees.kind.device)
    inner[trees.parent[trees.parent >= 0]] = True
    leaf = (~inner).to(torch.get_default_dtype())
    zeros = leaf.new_zeros(len(trees.target))
    count = zeros.index_add(0, trees.tree, leaf)
    mean_depth = zeros.index_add(0, trees.tree, leaf * trees.depth) / count
    high = trees.depth < threshold * mean_depth[trees.tree]
    right = trees.first_leaf + trees.leaves / 2 > count[trees.tree] / 2
    return torch.where(high, 0, 1 + right.long())


def three_way(y: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, "trees three_features"]:
    """Max pooling over the top, the left and the right of each tree, side by side."""
    count = len(trees.target)
    return segment_max(y, trees.tree * 3 + parts(trees), 3 * count).reshape(count, -1)


class TreeConvolutionEncoder(nn.Module):
    """Node types to one vector a tree: embedding, coding layer, convolution, pooling."""

    def __init__(self, kinds: int, *, features: int = 30, convolved: int = 600, three_ways: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(kinds, features)
        self.coding_layer = CodingLayer(features)
        self.convolution = TreeConvolution(features, convolved)
        self.three_ways = three_ways
        self.width = 3 * convolved if three_ways else convolved

    def forward(self, trees: TreeBatch) -> Float[Tensor, "trees width"]:
        x = self.coding_layer(self.embedding(trees.kind), trees)
        pool = three_way if self.three_ways else one_way
        return pool(self.convolution(x, trees), trees)
