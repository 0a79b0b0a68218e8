"""The smallest recurrent network: two perceptrons, one from state and input to state, one from state to output.

Michaud et al., "Opening the AI black box: program synthesis via mechanistic interpretability" (2024, section 2):

    h_t = f(h_{t-1}, x_t)        y_t = g(h_t)        h_0 = 0

f and g have one to three linear maps with ReLUs between them; with one, f is linear.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Architecture(NamedTuple):
    """In the order in which smaller is better, the first the most."""

    output_depth: int
    hidden_depth: int
    hidden: int
    output_width: int = 1  # of hidden layers of g; no matter where its depth is 1
    hidden_width: int = 1  # of f


class MinimalRNN(nn.Module):
    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        one = architecture
        self.hidden = one.hidden
        self.f = _maps([one.hidden + inputs, *[one.hidden_width] * (one.hidden_depth - 1), one.hidden])
        self.g = _maps([one.hidden, *[one.output_width] * (one.output_depth - 1), outputs])

    def forward(self, x: Float[Tensor, "batch time inputs"]) -> Float[Tensor, "batch time outputs"]:
        state, states = x.new_zeros(len(x), self.hidden), []
        for time in range(x.shape[1]):
            state = _through(self.f, torch.cat([state, x[:, time]], dim=1))
            states.append(state)
        return _through(self.g, torch.stack(states, dim=1))


def _maps(sizes: list[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))


def _through(maps: nn.ModuleList, x: Tensor) -> Tensor:
    for number, linear in enumerate(maps):
        x = linear(x if number == 0 else x.relu())
    return x
