"""A gated state-space layer with a complex diagonal transition, as a mixer.

    h_t = λ ∘ h_{t-1} + B x_t + b        y_t = Re(C h_t) ∘ (G x_t + g)

The recurrence of S4D and LRU (Gu et al. 2022; Orvieto et al. 2023) with the multiplicative gate that Mamba, Hawk and
Griffin have, here without an activation (Petrov et al. 2024, section 2, "gated linear RNN"). λ is kept as modulus and
angle, |λ| <= 1, so that long sequences neither explode nor need care.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from phloem.nn.mixers.base import Facts, Info


class DiagonalSSM(nn.Module):
    """Causal, linear in time; the state has `width` complex numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.modulus = nn.Parameter(torch.linspace(0.5, 0.999, width))
        self.angle = nn.Parameter(torch.linspace(0, math.pi / 4, width))
        self.read_real, self.read_imaginary = nn.Linear(width, width), nn.Linear(width, width)
        self.show_real, self.show_imaginary = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.gate = nn.Linear(width, width)
        self.facts = Facts(causal=True, cost="n", state_size=lambda tokens: 2 * width)

    def transition(self) -> Complex[Tensor, " width"]:
        """λ."""
        return torch.polar(self.modulus.clamp(0, 1), self.angle)

    def initial_state(self, batch: int) -> Complex[Tensor, "batch width"]:
        return torch.zeros(batch, self.width, dtype=self.transition().dtype, device=self.modulus.device)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        state: Complex[Tensor, "batch width"] | None = None,
        info: Info | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], Complex[Tensor, "batch width"]]:
        """All positions; outputs behind a row's length are 0, and the state is the one at its end."""
        state = self.initial_state(len(x)) if state is None else state
        info = info or Info()
        transition, read = self.transition(), torch.complex(self.read_real(x), self.read_imaginary(x))
        states = []
        for time in range(x.shape[1]):
            if info.resets is not None:
                state = state * ~info.resets[:, time, None]
            after = transition * state + read[:, time]
            state = after if info.lengths is None else torch.where((info.lengths > time)[:, None], after, state)
            states.append(state)
        if not states:
            return x, state
        shown = self._show(torch.stack(states, dim=1), x)
        if info.lengths is not None:
            shown = shown * (torch.arange(x.shape[1], device=x.device) < info.lengths[:, None])[:, :, None]
        return shown, state

    def step(
        self, x: Float[Tensor, "batch width"], state: Complex[Tensor, "batch width"]
    ) -> tuple[Float[Tensor, "batch width"], Complex[Tensor, "batch width"]]:
        after = self.transition() * state + torch.complex(self.read_real(x), self.read_imaginary(x))
        return self._show(after, x), after

    def _show(
        self, state: Complex[Tensor, "*places width"], x: Float[Tensor, "*places width"]
    ) -> Float[Tensor, "*places width"]:
        return (self.show_real(state.real) - self.show_imaginary(state.imag)) * self.gate(x)
