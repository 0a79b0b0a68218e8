"""Search for a latent vector that explains examples: by gradient ascent, or by random samples.

Macfarlane, Bonnet: Searching Latent Program Spaces (2024), section 4.1. F(z) is the log likelihood of the given pairs.
From z_0, the mean of what the encoder makes of them,

    ascent   Adam on F, the gradient clipped to norm 1; all iterates are kept, z_0 among them, and the best by F wins
    random   z_0 + scale e, e ~ N(0, I); the best by F of these and z_0 wins

so neither ever returns anything worse than z_0 by F. Tasks of a batch are searched side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Score = Callable[[Float[Tensor, "tasks latent"]], Float[Tensor, "tasks"]]


class Searched(NamedTuple):
    """The best latent of each task and the second best, their scores, and the best score after each step."""

    best: Float[Tensor, "tasks latent"]
    second: Float[Tensor, "tasks latent"]
    score: Float[Tensor, "tasks"]
    curve: Float[Tensor, "steps tasks"]


def _chosen(latents: list[Tensor], scores: list[Tensor]) -> Searched:
    stacked, values = torch.stack(latents), torch.stack(scores)
    order = values.argsort(dim=0, descending=True, stable=True)
    tasks = torch.arange(values.shape[1], device=values.device)
    second = order[min(1, len(order) - 1)]
    return Searched(stacked[order[0], tasks], stacked[second, tasks], values[order[0], tasks], values.cummax(0).values)


def gradient_search(
    score: Score,
    start: Float[Tensor, "tasks latent"],
    steps: int,
    *,
    rate: float = 0.1,
    clip: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.9),
) -> Searched:
    """`steps` steps of ascent; with 0 the start itself."""
    z, first, second = start.detach().clone(), torch.zeros_like(start), torch.zeros_like(start)
    latents, scores = [], []
    for number in range(steps + 1):
        with torch.enable_grad():
            free = z.detach().requires_grad_()
            value = score(free)
            (gradient,) = torch.autograd.grad(value.sum(), free)
        latents.append(z)
        scores.append(value.detach())
        norm = gradient.norm(dim=1, keepdim=True)
        gradient = gradient * (clip / norm.clamp(min=clip))
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient.square()
        mean = first / (1 - betas[0] ** (number + 1))
        spread = second / (1 - betas[1] ** (number + 1))
        z = z + rate * mean / (spread + 1e-8).sqrt()
    return _chosen(latents, scores)


@torch.no_grad()
def random_search(
    score: Score, start: Float[Tensor, "tasks latent"], samples: int, *, scale: float = 0.5, seed: int = 0
) -> Searched:
    """The start and `samples` random latents around it."""
    generator = torch.Generator(start.device).manual_seed(seed)
    latents = [start]
    for _ in range(samples):
        noise = torch.randn(start.shape, generator=generator, dtype=start.dtype, device=start.device)
        latents.append(start + scale * noise)
    return _chosen(latents, [score(z) for z in latents])
