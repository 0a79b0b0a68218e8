"""Lion: steps by the sign of an interpolation between gradient and momentum.

Chen et al., "Symbolic Discovery of Optimization Algorithms" (NeurIPS 2023, program 1):

    c = β1 m + (1 - β1) g
    θ <- θ - lr (sign(c) + wd θ)
    m <- β2 m + (1 - β2) g

The momentum is updated after the step and with another β than the step's: with one β, or with both exchanged, it is
another optimiser. sign(0) = 0. There is no bias correction and no ε, and one buffer a parameter. All coordinates move
alike, so that rates are 3 to 10 times lower than AdamW's, and decays as many times higher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Lion(torch.optim.Optimizer):
    """`betas` are β1 and β2; for language models the paper takes (0.95, 0.98)."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"lr {lr}, betas {betas}, weight_decay {weight_decay}: a rate, two in [0, 1), a decay")
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step over all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            held = [parameter for parameter in group["params"] if parameter.grad is not None]
            if held:
                self._move(held, [self._momentum(one) for one in held], group)
        return loss

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]

    def _move(self, parameters: list[Tensor], momenta: list[Tensor], group: dict[str, Any]) -> None:
        """The three lines, over lists of tensors at once."""
        gradients: list[Tensor] = [one.grad for one in parameters if one.grad is not None]
        (first, second), rate = group["betas"], group["lr"]
        update = torch._foreach_mul(momenta, first)
        torch._foreach_add_(update, gradients, alpha=1 - first)
        torch._foreach_sign_(update)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
        torch._foreach_add_(parameters, update, alpha=-rate)
        torch._foreach_mul_(momenta, second)
        torch._foreach_add_(momenta, gradients, alpha=1 - second)
