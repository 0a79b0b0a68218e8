"""The LSTM as a mixer.

Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997; with the forget gate of Gers,
Schmidhuber and Cummins 2000, as `torch.nn.LSTM` has it:

    i, f, o = σ(W_x x_t + W_h h_{t-1} + b)      g = tanh(W_x x_t + W_h h_{t-1} + b)
    c_t = f ∘ c_{t-1} + i ∘ g                    y_t = h_t = o ∘ tanh(c_t)

The state has a fixed size: layers × width numbers for h and as many for c.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.mixers.base import Facts, Info


class LSTMState(NamedTuple):
    hidden: Float[Tensor, "layers batch width"]
    cell: Float[Tensor, "layers batch width"]


class LSTM(nn.Module):
    """Causal, linear in time. `width` is that of inputs and outputs."""

    def __init__(self, width: int, *, layers: int = 1) -> None:
        super().__init__()
        self.recurrence = nn.LSTM(width, width, layers, batch_first=True)
        self.facts = Facts(causal=True, cost="n", state_size=lambda tokens: 2 * layers * width)

    def initial_state(self, batch: int) -> LSTMState:
        weight = next(self.recurrence.parameters())
        zeros = weight.new_zeros(self.recurrence.num_layers, batch, self.recurrence.hidden_size)
        return LSTMState(zeros, zeros)

    def forward(
        self, x: Float[Tensor, "batch time width"], state: LSTMState | None = None, info: Info | None = None
    ) -> tuple[Float[Tensor, "batch time width"], LSTMState]:
        """All positions. Where rows end or documents begin, the run over time is cut and states are kept or cleared."""
        state = self.initial_state(len(x)) if state is None else state
        lengths = None if info is None else info.lengths
        resets = None if info is None else info.resets
        cuts = {0, x.shape[1]}
        if lengths is not None:
            cuts |= {length for length in lengths.tolist() if length < x.shape[1]}
        if resets is not None:
            cuts |= set(resets.any(dim=0).nonzero().flatten().tolist())
        bounds = sorted(cuts)
        pieces = []
        for start, stop in pairwise(bounds):
            if resets is not None:
                kept = ~resets[:, start, None]
                state = LSTMState(*(part * kept for part in state))
            piece, after = self.recurrence(x[:, start:stop], tuple(state))
            if lengths is None:
                state = LSTMState(*after)
            else:
                runs = (lengths > start)[:, None]
                state = LSTMState(*(torch.where(runs, new, old) for new, old in zip(after, state, strict=True)))
                piece = piece * runs[:, None]
            pieces.append(piece)
        return torch.cat(pieces, dim=1) if pieces else x, state

    def step(self, x: Float[Tensor, "batch width"], state: LSTMState) -> tuple[Float[Tensor, "batch width"], LSTMState]:
        y, after = self.recurrence(x[:, None], tuple(state))
        return y[:, 0], LSTMState(*after)
