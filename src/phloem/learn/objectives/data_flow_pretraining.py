"""GraphCodeBERT's pretraining: masked units, hidden edges and hidden links, predicted at once.

Guo et al. (ICLR 2021, section 4): the sum of the three losses. One pass serves all: units are masked, and the mask of
attention lacks the edges and links that are asked for. The mean that makes a node's first vector is of masked units.
"""

from __future__ import annotations

from typing import Any

import torch

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.edge_prediction import drawn_nodes, edge_question, pair_loss
from phloem.learn.objectives.masked_units import SHARE, hidden_units, unit_loss
from phloem.learn.objectives.node_alignment import alignment_question
from phloem.represent.data_flow_view import CODE, TEXT, DataFlowBatch


class DataFlowPretraining:
    """The objective of a `DataFlowEncoder`; without `structure` masked units alone, on the same batches."""

    def __init__(self, size: int, *, structure: bool = True) -> None:
        self.size, self.structure = size, structure

    def __call__(self, model: Any, batch: DataFlowBatch) -> Loss:
        units = batch.are(TEXT) | batch.are(CODE)
        chosen = units & (torch.rand(units.shape, device=units.device) < SHARE)
        tokens = hidden_units(batch.tokens, chosen, self.size)
        if not self.structure:
            states = model(batch, tokens)
            return Loss(unit_loss(model, states, batch.tokens, chosen), {})
        edges, links = edge_question(batch, drawn_nodes(batch)), alignment_question(batch, drawn_nodes(batch))
        states = model(batch, tokens, links.shown, edges.shown)
        parts = {
            "masked": unit_loss(model, states, batch.tokens, chosen),
            "edges": pair_loss(states, edges),
            "links": pair_loss(states, links),
        }
        return Loss(
            sum(parts.values(), states.new_zeros(())), {name: float(part.detach()) for name, part in parts.items()}
        )
