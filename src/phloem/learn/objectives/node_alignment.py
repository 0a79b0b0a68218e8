"""Node alignment: for some nodes the links to the units that they come from are hidden, and predicted.

Guo et al., "GraphCodeBERT" (ICLR 2021, section 4.4, equation 9). A fifth of the nodes, V_s, is drawn and their links to
units are hidden, in both directions; the candidates are V_s × C, the units of the code, as many of them without a link
as there are hidden links. Probabilities and loss are those of edge prediction.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from phloem.learn.objectives.edge_prediction import Question, other_places, question
from phloem.represent.data_flow_view import CODE, DataFlowBatch


def alignment_question(batch: DataFlowBatch, chosen: Bool[Tensor, " places"]) -> Question:
    """The links of the `chosen` nodes (flat places), and as many pairs of one of them and a unit that are none."""
    hidden = chosen[batch.links[:, 0]]
    drawn = other_places(batch, torch.nonzero(chosen)[:, 0], batch.are(CODE).flatten(), int(hidden.sum()))
    return question(batch.links, hidden, drawn, batch.tokens.numel())
