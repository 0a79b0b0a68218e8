"""Low-rank adaptation: a trained matrix of small rank beside each frozen one.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022, section 4.1). For a linear map W of a
pretrained model

    y = W x + b + (α / r) B A x        A: r × in, drawn;  B: out × r, 0 at the start

A and B alone are trained, so the start is the pretrained model; afterwards W + (α / r) B A takes W's place, and nothing
is slower than before.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LowRank(nn.Module):
    """A linear map with its low-rank change."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        if not 0 < rank <= min(linear.weight.shape):
            raise ValueError(f"rank {rank} does not fit a map of {tuple(linear.weight.shape)}")
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Float[Tensor, "*places inputs"]) -> Float[Tensor, "*places outputs"]:
        return self.linear(x) + self.scale * (x @ self.down.T) @ self.up.T

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear map that does the same."""
        self.linear.weight += self.scale * self.up @ self.down
        return self.linear.requires_grad_(True)


def adapt(
    model: nn.Module, *, rank: int = 16, alpha: float = 32.0, chosen: Callable[[str], bool] = lambda name: True
) -> list[str]:
    """Freeze a model and give the linear maps whose names are `chosen` their low-rank changes; returns the names."""
    model.requires_grad_(False)
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and chosen(name)]
    for name in names:
        _put(model, name, LowRank(model.get_submodule(name), rank, alpha))  # type: ignore[arg-type]
    return names


def merge(model: nn.Module) -> None:
    """Put the changes into the maps, which are plain ones again."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LowRank):
            _put(model, name, module.merged())


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, module)
