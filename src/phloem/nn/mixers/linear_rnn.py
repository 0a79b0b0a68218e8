"""The linear recurrence with a dense transition, as a mixer.

    s_t = A s_{t-1} + B x_t + b        y_t = s_t

The plainest of the recurrent layers (Petrov et al., "Universal In-Context Approximation By Prompting Fully Recurrent
Models", 2024, section 2): between them stand position-wise nets, which alone are not linear. A dense A has no cheap
associative scan, so that time is walked through step by step.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.mixers.base import Facts, Info


class LinearRNN(nn.Module):
    """Causal, linear in time; the state is the last output."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transition = nn.Linear(width, width, bias=False)
        self.reading = nn.Linear(width, width)
        nn.init.orthogonal_(self.transition.weight, gain=0.9)
        self.width = width
        self.facts = Facts(causal=True, cost="n", state_size=lambda tokens: width)

    def initial_state(self, batch: int) -> Float[Tensor, "batch width"]:
        return self.transition.weight.new_zeros(batch, self.width)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        state: Float[Tensor, "batch width"] | None = None,
        info: Info | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch width"]]:
        """All positions; outputs behind a row's length are 0, and the state is the one at its end."""
        state = self.initial_state(len(x)) if state is None else state
        info = info or Info()
        read, outputs = self.reading(x), []
        for time in range(x.shape[1]):
            if info.resets is not None:
                state = state * ~info.resets[:, time, None]
            after = self.transition(state) + read[:, time]
            if info.lengths is None:
                state, shown = after, after
            else:
                real = (info.lengths > time)[:, None]
                state, shown = torch.where(real, after, state), after * real
            outputs.append(shown)
        return (torch.stack(outputs, dim=1) if outputs else x), state

    def step(
        self, x: Float[Tensor, "batch width"], state: Float[Tensor, "batch width"]
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch width"]]:
        after = self.transition(state) + self.reading(x)
        return after, after
