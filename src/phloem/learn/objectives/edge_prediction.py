"""Edge prediction: some edges of the data flow graph are hidden from the mask, and predicted from the nodes' vectors.

Guo et al., "GraphCodeBERT" (ICLR 2021, section 4.3, equation 8). A fifth of the nodes, V_s, is drawn; all edges that
touch them are hidden. With the candidates V_s × V ∪ V × V_s, of which as many without an edge are drawn as there are
hidden edges, the probability of an edge is p = sigmoid(h_i · h_j), and the loss is its binary cross-entropy.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.represent.data_flow_view import NODE, DataFlowBatch

SHARE = 0.2
DRAWN_TOO_MANY = 4  # candidates for each negative: some are edges, or of a row without two nodes


class Question(NamedTuple):
    """Pairs of flat places that may belong together, and whether they do; `shown` are the others."""

    shown: Bool[Tensor, " edges"]
    pairs: Int64[Tensor, "pairs 2"]
    target: Bool[Tensor, " pairs"]


def drawn_nodes(batch: DataFlowBatch, share: float = SHARE) -> Bool[Tensor, " places"]:
    """V_s as flat places: each node with the probability `share`, by torch's generator."""
    nodes = batch.are(NODE).flatten()
    return nodes & (torch.rand(nodes.shape, device=nodes.device) < share)


def edge_question(batch: DataFlowBatch, chosen: Bool[Tensor, " places"]) -> Question:
    """The edges that touch the `chosen` nodes, and as many pairs with a chosen node that are none."""
    touched = chosen[batch.edges].any(dim=1)
    nodes = batch.are(NODE).flatten()
    one = torch.nonzero(chosen)[:, 0]
    partners = other_places(batch, one, nodes, int(touched.sum()))
    turned = torch.rand(len(partners), device=partners.device) < 0.5
    partners = torch.where(turned[:, None], partners.flip(1), partners)
    return question(batch.edges, touched, partners, batch.tokens.numel())


def other_places(
    batch: DataFlowBatch, places: Int64[Tensor, " chosen"], among: Bool[Tensor, " places"], wanted: int
) -> Int64[Tensor, "pairs 2"]:
    """Random pairs of one of the `places` and a place of `among` in the same row, too many of them."""
    time = batch.tokens.shape[1]
    count = wanted * DRAWN_TOO_MANY
    if not len(places) or not count:
        return places.new_zeros(0, 2)
    one = places[torch.randint(len(places), (count,), device=places.device)]
    weights = among.view(-1, time).double()[one // time]
    filled = weights.sum(dim=1) > 0
    other = torch.multinomial(weights[filled], 1)[:, 0] + one[filled] // time * time
    return torch.stack([one[filled], other], dim=1)


def question(
    known: Int64[Tensor, "edges 2"], hidden: Bool[Tensor, " edges"], drawn: Int64[Tensor, "drawn 2"], places: int
) -> Question:
    """The hidden pairs as positives, and as many of the `drawn` ones that are not known."""
    keys = drawn[:, 0] * places + drawn[:, 1]
    negative = drawn[~torch.isin(keys, known[:, 0] * places + known[:, 1])][: int(hidden.sum())]
    pairs = torch.cat([known[hidden], negative])
    return Question(~hidden, pairs, torch.arange(len(pairs), device=pairs.device) < int(hidden.sum()))


def pair_logits(states: Float[Tensor, "batch time width"], asked: Question) -> Float[Tensor, " pairs"]:
    """h_i · h_j of each pair."""
    flat = states.flatten(0, 1)
    return (flat[asked.pairs[:, 0]] * flat[asked.pairs[:, 1]]).sum(dim=1)


def pair_loss(states: Float[Tensor, "batch time width"], asked: Question) -> Float[Tensor, ""]:
    """The binary cross-entropy over the pairs; 0 without any."""
    if not len(asked.pairs):
        return states.sum() * 0.0
    return binary_cross_entropy_with_logits(pair_logits(states, asked), asked.target.to(states.dtype))
