"""Who may read whom where a graph stands behind a sequence: GraphCodeBERT's attention mask.

Guo et al., "GraphCodeBERT" (ICLR 2021, equation 6). Of the units (text, code and marks) each reads all; of the nodes

    node i reads node j    iff the graph has the edge <v_j, v_i>: the value of i comes from j
    node i reads unit c    iff i comes from c, and then c reads i
    a mark reads everything

and nothing else is read. The mask differs from row to row and from place to place, so it has three axes. A place that
could read nothing (padding; a node whose links are hidden) reads itself, so that its vector stays finite and tells
nothing of others.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from phloem.represent.data_flow_view import MARK, NODE, NOTHING, DataFlowBatch


def graph_guided_mask(
    batch: DataFlowBatch,
    links: Bool[Tensor, " links"] | None = None,
    edges: Bool[Tensor, " edges"] | None = None,
) -> Bool[Tensor, "batch time time"]:
    """Row q of a sequence's mask says whom place q reads; `links` and `edges` choose those that are not hidden."""
    real = ~batch.are(NOTHING)
    units = real & ~batch.are(NODE)
    mask = units[:, :, None] & units[:, None]
    mask |= batch.are(MARK)[:, :, None] & real[:, None]
    link = batch.links if links is None else batch.links[links]
    edge = batch.edges if edges is None else batch.edges[edges]
    for reader, read in (link.T, link.flip(1).T, edge.T):
        _allow(mask, reader, read)
    blind = ~mask.any(dim=2)
    return mask | torch.diag_embed(blind)


def _allow(mask: Bool[Tensor, "batch time time"], reader: Tensor, read: Tensor) -> None:
    """Set the cells of flat places of one row each."""
    time = mask.shape[1]
    mask[reader // time, reader % time, read % time] = True


def graph_guided_mask_reference(batch: DataFlowBatch) -> Bool[Tensor, "batch time time"]:
    """The equation, cell by cell."""
    rows, time = batch.tokens.shape
    links = {(node, unit) for node, unit in batch.links.tolist()}
    edges = {(node, source) for node, source in batch.edges.tolist()}
    mask = torch.zeros(rows, time, time, dtype=torch.bool)
    for row in range(rows):
        kinds = batch.kinds[row].tolist()
        for q in range(time):
            for k in range(time):
                one, other = row * time + q, row * time + k
                if NOTHING in (kinds[q], kinds[k]):
                    continue
                both_units = NODE not in (kinds[q], kinds[k])
                linked = (one, other) in links or (other, one) in links or (one, other) in edges
                mask[row, q, k] = both_units or kinds[q] == MARK or linked
            if not mask[row, q].any():
                mask[row, q, q] = True
    return mask
