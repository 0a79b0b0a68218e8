"""A model with new units behind its old ones.

The vector of a new unit begins as the mean of the vectors of the units that spell it (Hewitt, "Initializing New Word
Embeddings for Pretrained Language Models", 2021; Agarwal et al. 2024, section 3.1). Old units keep their ids, vectors
and logits; but where the table is the output, too, new units take a share of every softmax, so that the loss on plain
text rises a little before any training, and only the loss among the old units is what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from phloem.nn.models.t5 import T5


@torch.no_grad()
def grown(model: T5, pieces: Sequence[Sequence[int]]) -> T5:
    """A copy of the model with a unit more for each entry of `pieces`. Raises ValueError for an entry without units."""
    if not all(pieces):
        raise ValueError("a new unit needs old ones to begin as")
    old = model.config.vocabulary
    larger = T5(replace(model.config, vocabulary=old + len(pieces))).to(model.table.weight)
    state = model.state_dict()
    for name in [name for name in ("table.weight", "output.weight") if name in state]:
        rows = state[name]
        new = [rows[torch.tensor(list(piece))].mean(dim=0) for piece in pieces]
        state[name] = torch.cat([rows, torch.stack(new)]) if new else rows
    larger.load_state_dict(state)
    return larger.train(model.training)
