"""An encoder of code with its data flow: RoBERTa's, with the graph in its input and in its mask.

Guo et al., "GraphCodeBERT" (ICLR 2021, section 4.1). The vector of a node, before its position is added, is the mean of
the vectors of the units that it comes from; the mask is `graph_guided_mask`. Texts alone are read as they are.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.graph_guided_mask import graph_guided_mask
from phloem.nn.models.roberta import Roberta
from phloem.represent.data_flow_view import NODE, DataFlowBatch


class DataFlowEncoder(nn.Module):
    """`roberta` may be a pretrained one, whose table of positions has two rows before the units'."""

    def __init__(self, roberta: Roberta) -> None:
        super().__init__()
        if roberta.config.first_place < 2:
            raise ValueError("nodes have row 0 and padding row 1 of the table of positions: first_place must be 2")
        self.roberta, self.width = roberta, roberta.width

    def forward(
        self,
        batch: DataFlowBatch,
        tokens: Int64[Tensor, "batch time"] | None = None,
        links: Bool[Tensor, " links"] | None = None,
        edges: Bool[Tensor, " edges"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The last layer's vectors; `tokens` stand for the batch's, `links` and `edges` are those not hidden."""
        return self.states(batch, tokens, links, edges)[-1]

    def states(
        self,
        batch: DataFlowBatch,
        tokens: Int64[Tensor, "batch time"] | None = None,
        links: Bool[Tensor, " links"] | None = None,
        edges: Bool[Tensor, " edges"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors that go into the first layer, then those after each."""
        embeddings = self.embed(batch, tokens)
        mask = graph_guided_mask(batch, links, edges)
        return self.roberta.states(None, mask, None, embeddings, places=batch.places)

    def embed(
        self, batch: DataFlowBatch, tokens: Int64[Tensor, "batch time"] | None = None
    ) -> Float[Tensor, "batch time width"]:
        """Vectors of units; of nodes the means of theirs, whichever links the mask hides."""
        units = self.roberta.embed(batch.tokens if tokens is None else tokens)
        flat = units.flatten(0, 1)
        node, unit = batch.links.T
        total = torch.zeros_like(flat).index_add(0, node, flat[unit])
        count = torch.zeros(len(flat), dtype=flat.dtype, device=flat.device).index_add(
            0, node, torch.ones(len(node), dtype=flat.dtype, device=flat.device)
        )
        means = (total / count.clamp(min=1)[:, None]).view_as(units)
        return torch.where(batch.are(NODE)[:, :, None], means, units)

    def vectors(self, batch: DataFlowBatch) -> Float[Tensor, "batch width"]:
        """One vector a row: the first mark's, through the tanh layer where there is one."""
        return self.roberta.pooled(self(batch))

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the unit at each place."""
        return self.roberta.logits(states)
