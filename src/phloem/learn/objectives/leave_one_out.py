"""Leave one out: a pair is explained by the latent program of the other pairs of its task.

Macfarlane, Bonnet: Searching Latent Program Spaces (2024), section 4.2. With z_j ~ q(z | x_j, y_j), drawn by
z_j = mu_j + exp(log sigma²_j / 2) e_j,

    z'_i = 1/(n-1) Σ_{j≠i} z_j,  then `steps` steps of gradient ascent on Σ_{j≠i} log p(y_j | x_j, z)
    loss = mean_i -log p(y_i | x_i, z'_i) + beta mean_i KL(q(z | x_i, y_i) || N(0, I))
    KL   = 1/2 Σ_d (mu² + sigma² - 1 - log sigma²)

A step is z + rate g / sqrt(mean_d g² + 1e-8): normalised as Adam's first one, but by one scale for the whole vector, as
element by element only the signs of g would be left, through which no gradient flows. By default it is a constant for
the gradient of the loss (`through=False`): only where the ascent began is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from phloem.learn.objectives.base import Loss


def divergence(
    mean: Float[Tensor, "tasks pairs latent"], log_variance: Float[Tensor, "tasks pairs latent"]
) -> Float[Tensor, ""]:
    """The mean over pairs of KL(q || N(0, I))."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()


def mean_of_others(z: Float[Tensor, "tasks pairs latent"]) -> Float[Tensor, "tasks pairs latent"]:
    """Of each pair the mean of the others' latents; a latent has no part in its own."""
    pairs = z.shape[1]
    others = ~torch.eye(pairs, dtype=torch.bool, device=z.device)
    weights = others.to(z.dtype) / (pairs - 1)
    return torch.einsum("ij,tjd->tid", weights, z)


@dataclass(frozen=True)
class LeaveOneOut:
    """`batch` is a GridBatch, the model a LatentProgram."""

    beta: float = 1e-4
    steps: int = 0
    rate: float = 0.1
    through: bool = False

    def __call__(self, model: Any, batch: Any) -> Loss:
        mean, log_variance = model.encode(batch)
        noise = torch.randn_like(mean) if model.training else torch.zeros_like(mean)
        z = mean_of_others(mean + (0.5 * log_variance).exp() * noise)
        for _ in range(self.steps):
            z = z + self.step(model, batch, z)
        fit = -model.log_likelihood(batch, z).mean()
        apart = divergence(mean, log_variance)
        return Loss(fit + self.beta * apart, {"fit": float(fit.detach()), "divergence": float(apart.detach())})

    def step(
        self, model: Any, batch: Any, z: Float[Tensor, "tasks pairs latent"]
    ) -> Float[Tensor, "tasks pairs latent"]:
        """One step of ascent for each pair's latent, on the other pairs of its task."""
        pairs = z.shape[1]
        index = [[j for j in range(pairs) if j != i] for i in range(pairs)]
        others = type(batch)(*(part[:, index].flatten(0, 1) for part in batch))
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            start = z if self.through else z.detach().requires_grad_()
            each = start.flatten(0, 1)[:, None].expand(-1, pairs - 1, -1)
            total = model.log_likelihood(others, each).sum()
            (gradient,) = torch.autograd.grad(total, start, create_graph=self.through)
        moved = self.rate * gradient / (gradient.square().mean(-1, keepdim=True) + 1e-8).sqrt()
        return moved if self.through else moved.detach()
