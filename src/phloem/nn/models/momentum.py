"""A model's slow copy, and the queue of what it said: many negatives for little memory.

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning" (MoCo, CVPR 2020, section 3.2). After
each step the copy's weights θ' follow those of the model, θ' <- m θ' + (1 - m) θ, so that the vectors in the queue,
which the copy made in the last steps, are consistent with each other. Nothing flows back into either.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

DECAY = 0.995


class Momentum(nn.Module):
    """The slow copy of a module; it begins as an exact one, and asks for no gradient."""

    def __init__(self, model: nn.Module, decay: float = DECAY) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, model: nn.Module) -> None:
        """One step towards the model's weights; what is no number with a fraction is copied."""
        for own, other in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if own.is_floating_point():
                own.lerp_(other, 1 - self.decay)
            else:
                own.copy_(other)


class Queue(nn.Module):
    """The last `size` vectors, the oldest leaving first; empty at the beginning."""

    vectors: Tensor
    count: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("vectors", torch.zeros(size, width))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))  # pushed so far

    def push(self, rows: Float[Tensor, "rows width"]) -> None:
        """Add rows, the first one as the oldest of them."""
        with torch.no_grad():
            rows = rows.detach()[-self.size :]
            places = (int(self.count) + torch.arange(len(rows), device=rows.device)) % self.size
            self.vectors[places] = rows.to(self.vectors.dtype)
            self.count += len(rows)

    def rows(self) -> Float[Tensor, "held width"]:
        """What it holds, the oldest first, without gradient."""
        count = int(self.count)
        if count <= self.size:
            return self.vectors[:count].clone()
        return self.vectors.roll(-(count % self.size), dims=0)
