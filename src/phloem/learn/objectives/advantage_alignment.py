"""Advantage-induced policy alignment: the policy is drawn to the one that the advantages ask for.

Zhu et al., "Fine-Tuning Language Models with Advantage-Induced Policy Alignment" (2023, section 3.2). The policy that
maximises reward under a penalty on leaving the initial one is pi*(a | s) ~ pi_0(a | s) exp(A(s, a) / w); its squared
distance in log probabilities, the normaliser taken as 1, is the loss

    L(theta) = mean over units a of samples of pi_0 of ( log pi_theta(a | s) - A(s, a) / w - log pi_0(a | s) )^2

Advantages (Schulman et al. 2016): with d_t = r_t + gamma V_t+1 - V_t,   A_t = sum_k (gamma lambda)^k d_t+k.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.learn.objectives.base import Loss


class Rated(NamedTuple):
    """Samples as completions, each with the advantage of all its units."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    learned: Bool[Tensor, "batch time"]
    advantage: Float[Tensor, " batch"]

    def to(self, device: torch.device | str) -> Rated:
        """The batch on another device."""
        return Rated(*(part.to(device) for part in self))


def generalised_advantages(
    rewards: Float[Tensor, " time"], values: Float[Tensor, " time"], gamma: float, decay: float
) -> Float[Tensor, " time"]:
    """The advantage of each step; after the last one nothing is worth anything."""
    following = torch.cat([values[1:], values.new_zeros(1)])
    gained = rewards + gamma * following - values
    found, later = torch.empty_like(gained), gained.new_zeros(())
    for step in range(len(gained) - 1, -1, -1):
        later = gained[step] + gamma * decay * later
        found[step] = later
    return found


class AdvantageAlignment:
    """The loss against the policy as it is now, which is kept; the larger `weight` (w), the nearer the policy stays."""

    def __init__(self, initial: nn.Module, weight: float) -> None:
        self.initial = copy.deepcopy(initial).eval().requires_grad_(False)
        self.weight = weight

    def __call__(self, model: Callable[[Any], Tensor], batch: Any) -> Loss:
        """`batch` is Rated; `model(tokens)` gives at each place the logits of the next unit."""
        wanted = batch.learned[:, 1:]
        advantage = batch.advantage[:, None].expand_as(wanted)[wanted]
        with torch.no_grad():
            before = _log_probabilities(self.initial, batch.tokens)[wanted]
        now = _log_probabilities(model, batch.tokens)[wanted]
        moved = now - before
        value = (moved - advantage / self.weight).square().mean()
        return Loss(value, {"moved": float(moved.detach().mean())})


def _log_probabilities(
    model: Callable[[Any], Tensor], tokens: Int64[Tensor, "batch time"]
) -> Float[Tensor, "batch time-1"]:
    """Of each unit from the second on, given those before it."""
    logits = model(tokens)[:, :-1]
    return logits.log_softmax(-1).gather(2, tokens[:, 1:, None])[:, :, 0]
