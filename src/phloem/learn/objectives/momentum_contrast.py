"""Contrast against a queue that a slow copy of the encoder fills.

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning" (CVPR 2020, section 3.2); for two sides
Li et al., "Align before Fuse" (2021, section 3.2), for text and code Wang et al., "CodeT5+" (2023, section 3.1). A
copy of the encoder follows it,

    θ' <- m θ' + (1 - m) θ,

and gives the keys q', c' of a batch, which then join a queue of the last K on each side, the oldest leaving. With the
unit vectors q and c of the encoder itself the loss is

    L = -½ mean_i [ log softmax over c' and its queue of (q_i · c' / τ) at c'_i  +  the same of c_i over q' ]

so there are many negatives however small a batch is, and those in the queue are from nearly the same encoder. Pairs
that say the same (equal keys, in the queue, too) are no negatives.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss


class Queue:
    """The last `most` vectors with their keys, as a ring."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.vectors: Tensor | None = None
        self.keys = torch.zeros(0, dtype=torch.long)

    def add(self, vectors: Float[Tensor, "new width"], keys: Tensor) -> None:
        """The newest come last; what is beyond `most` leaves from the front."""
        before = vectors[:0] if self.vectors is None else self.vectors
        self.vectors = torch.cat([before, vectors.detach()])[-self.most :]
        self.keys = torch.cat([self.keys, keys.cpu()])[-self.most :]


class MomentumContrast:
    """The objective of a model that maps a batch to unit vectors of queries and codes; batches have `query_key` and
    `code_key`. It owns the slow copy and the queues, which begin anew when a run is gone on with."""

    def __init__(self, *, queue: int = 4096, momentum: float = 0.995, temperature: float = 0.07) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"a momentum lies between 0 and 1, not at {momentum}")
        self.momentum, self.temperature = momentum, temperature
        self.queries, self.codes = Queue(queue), Queue(queue)
        self.slow: nn.Module | None = None

    def __call__(self, model: Any, batch: Any) -> Loss:
        queries, codes = model(batch)
        slow = self.follow(model)
        with torch.no_grad():
            slow_queries, slow_codes = slow(batch)
        keys = torch.as_tensor(batch.query_key), torch.as_tensor(batch.code_key)
        same = self._same(keys)
        value = (
            self._side(queries, slow_codes, self.codes, same) + self._side(codes, slow_queries, self.queries, same)
        ) / 2
        self.queries.add(slow_queries, keys[0])
        self.codes.add(slow_codes, keys[1])
        return Loss(value, {"queued": float(len(self.codes.keys))})

    @torch.no_grad()
    def follow(self, model: nn.Module) -> nn.Module:
        """Move the slow copy towards the model; the first time it is the model."""
        if self.slow is None:
            self.slow = copy.deepcopy(model).eval().requires_grad_(False)
            return self.slow
        for slow, fast in zip(self.slow.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.momentum)
        for kept, new in zip(self.slow.buffers(), model.buffers(), strict=True):
            kept.copy_(new)
        return self.slow

    def _same(self, keys: tuple[Tensor, Tensor]) -> Bool[Tensor, "pairs candidates"]:
        """Which of the batch's pairs and of the queue say the same as a pair, in text or in code."""
        query, code = (
            torch.cat([own, queue.keys]) for own, queue in zip(keys, (self.queries, self.codes), strict=True)
        )
        return (keys[0][:, None] == query) | (keys[1][:, None] == code)

    def _side(
        self,
        anchors: Float[Tensor, "pairs width"],
        others: Float[Tensor, "pairs width"],
        queue: Queue,
        same: Bool[Tensor, "pairs candidates"],
    ) -> Float[Tensor, ""]:
        candidates = others if queue.vectors is None else torch.cat([others, queue.vectors])
        scores = anchors @ candidates.T / self.temperature
        own = torch.arange(len(anchors), device=scores.device)
        left_out = same.to(scores.device).clone()
        left_out[own, own] = False
        return cross_entropy(scores.masked_fill(left_out, -math.inf), own)
