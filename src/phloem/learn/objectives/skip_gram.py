"""Word vectors from neighbours: skip-gram with negative sampling.

Mikolov, Sutskever, Chen, Corrado and Dean, "Distributed Representations of Words and Phrases and their
Compositionality" (2013, section 2.2). For a word c and a word o beside it, with n words drawn by chance

    loss = -log sigma(u_o · v_c) - sum_n log sigma(-u_n · v_c)

Words by chance are other places of the same batch, so that frequent ones come in proportion.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import logsigmoid

from phloem.learn.objectives.base import Loss
from phloem.nn.models.text_encoder import TextPairs


class SkipGram:
    """The objective of a model with the tables `table` (v) and `context` (u), on rows of units."""

    def __init__(self, window: int = 4, negatives: int = 5) -> None:
        self.window, self.negatives = window, negatives

    def __call__(self, model: Any, batch: TextPairs) -> Loss:
        tokens, real = batch.tokens, batch.real()
        pool = tokens[real]
        values = []
        for step in range(1, self.window + 1):
            both = real[:, step:] & real[:, :-step]
            centre, beside = tokens[:, :-step][both], tokens[:, step:][both]
            if not len(centre):
                continue
            vectors = model.table(centre)
            negative = pool[torch.randint(len(pool), (len(centre), self.negatives), device=pool.device)]
            near = logsigmoid((vectors * model.context(beside)).sum(dim=-1))
            far = logsigmoid(-(model.context(negative) @ vectors[:, :, None])[:, :, 0]).sum(dim=-1)
            values.append(-(near + far).mean())
        value = torch.stack(values).mean() if values else model.table.weight.sum() * 0.0
        return Loss(value, {"steps": float(len(values))})
