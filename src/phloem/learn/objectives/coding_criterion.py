"""The coding criterion: vectors of node types that can be told from those of their children.

Mou, Li, Zhang, Wang and Jin, "Convolutional Neural Networks over Tree Structures for Programming Language Processing"
(2016, section 3.1; Peng et al., "Building Program Vector Representations for Deep Learning", 2015). For every inner
node p with children c_1 .. c_n

        d = || vec(p) - tanh(sum_i l_i W_i vec(c_i) + b) ||^2

should be small, and larger by a margin of 1 once one of the n + 1 symbols is replaced by another at random:

        J = max(0, 1 + d - d_c)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.learn.objectives.base import Loss
from phloem.nn.encoders.tree_convolution import Coding
from phloem.represent.base import UNK
from phloem.represent.node_types import TreeBatch

MARGIN = 1.0


def margin_loss(true: Float[Tensor, "*nodes"], corrupted: Float[Tensor, "*nodes"]) -> Float[Tensor, "*nodes"]:
    """max(0, 1 + d - d_c)."""
    return (MARGIN + true - corrupted).clamp(min=0)


def distances(coding: Coding, vectors: Float[Tensor, "nodes features"], trees: TreeBatch) -> Float[Tensor, inner]:
    """d of every inner node, in the order of the nodes."""
    inner = inner_nodes(trees)
    return (vectors[inner] - coding(vectors, trees)[inner]).square().sum(dim=1)


def corrupted_distances(
    coding: Coding,
    vectors: Float[Tensor, "nodes features"],
    trees: TreeBatch,
    replaced: Int64[Tensor, inner],
    substitute: Float[Tensor, "inner features"],
) -> Float[Tensor, inner]:
    """d_c of every inner node: the vector of `replaced`, the node itself or one of its children, is the substitute.

    The sum inside the tanh is linear in the children, so only the difference is added to it.
    """
    inner = inner_nodes(trees)
    left, right = (weight[replaced, None] for weight in coding.weights(trees))
    difference = substitute - vectors[replaced]
    own = replaced == inner
    child = nn.functional.linear(difference * left, coding.left.weight) + coding.right(difference * right)
    sums = coding.sums(vectors, trees)[inner] + torch.where(own[:, None], 0.0, child)
    parents = torch.where(own[:, None], substitute, vectors[inner])
    return (parents - torch.tanh(sums)).square().sum(dim=1)


def inner_nodes(trees: TreeBatch) -> Int64[Tensor, inner]:
    """The nodes that have children, ascending."""
    return trees.parent[trees.parent >= 0].unique()


def choose_symbols(trees: TreeBatch) -> Int64[Tensor, inner]:
    """For every inner node, itself or one of its children, each with the same chance."""
    priority = torch.rand(2 * len(trees.kind), device=trees.kind.device)
    nodes = torch.arange(len(trees.kind), device=trees.kind.device)
    has_parent = trees.parent >= 0
    inner = inner_nodes(trees)
    family = torch.cat([inner, trees.parent[has_parent]])
    member = torch.cat([inner, nodes[has_parent]])
    order = priority[: len(member)].argsort()
    order = order[family[order].argsort(stable=True)]  # by family, in random order within
    sizes = torch.bincount(family, minlength=len(nodes))[inner]
    return member[order[sizes.cumsum(0) - sizes]]


@dataclass(frozen=True)
class CodingCriterion:
    """`model.encoder` has the `embedding` of node types and the `coding_layer` whose coding is learned with it."""

    def __call__(self, model: Any, batch: TreeBatch) -> Loss:
        encoder = getattr(model, "module", model).encoder
        embedding, coding = encoder.embedding, encoder.coding_layer.coding
        vectors = embedding(batch.kind)
        replaced = choose_symbols(batch)
        symbols = torch.randint(UNK, embedding.num_embeddings, replaced.shape, device=replaced.device)
        true = distances(coding, vectors, batch)
        corrupted = corrupted_distances(coding, vectors, batch, replaced, embedding(symbols))
        value = margin_loss(true, corrupted).mean()
        with torch.no_grad():
            told = float((corrupted > true).double().mean())
        return Loss(value, {"told_apart": told})
