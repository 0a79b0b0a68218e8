"""The gated recurrent unit as a mixer.

Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014), in the form of `torch.nn.GRU`:

    r, z = σ(W_x x_t + W_h h_{t-1} + b)      n = tanh(W_x x_t + b + r ∘ (W_h h_{t-1} + b))
    y_t = h_t = (1 - z) ∘ n + z ∘ h_{t-1}
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.mixers.base import Facts, Info


class GRU(nn.Module):
    """Causal, linear in time. `width` is that of inputs and outputs."""

    def __init__(self, width: int, *, layers: int = 1) -> None:
        super().__init__()
        self.recurrence = nn.GRU(width, width, layers, batch_first=True)
        self.facts = Facts(causal=True, cost="n", state_size=lambda tokens: layers * width)

    def initial_state(self, batch: int) -> Float[Tensor, "layers batch width"]:
        weight = next(self.recurrence.parameters())
        return weight.new_zeros(self.recurrence.num_layers, batch, self.recurrence.hidden_size)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        state: Float[Tensor, "layers batch width"] | None = None,
        info: Info | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "layers batch width"]]:
        """All positions. Where rows end or documents begin, the run over time is cut and states are kept or cleared."""
        state = self.initial_state(len(x)) if state is None else state
        info = info or Info()
        cuts = {0, x.shape[1]}
        if info.lengths is not None:
            cuts |= {length for length in info.lengths.tolist() if length < x.shape[1]}
        if info.resets is not None:
            cuts |= set(info.resets.any(dim=0).nonzero().flatten().tolist())
        pieces = []
        for start, stop in pairwise(sorted(cuts)):
            if info.resets is not None:
                state = state * ~info.resets[:, start, None]
            piece, after = self.recurrence(x[:, start:stop], state)
            if info.lengths is None:
                state = after
            else:
                runs = (info.lengths > start)[:, None]
                state, piece = torch.where(runs, after, state), piece * runs[:, None]
            pieces.append(piece)
        return (torch.cat(pieces, dim=1) if pieces else x), state

    def step(
        self, x: Float[Tensor, "batch width"], state: Float[Tensor, "layers batch width"]
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "layers batch width"]]:
        y, after = self.recurrence(x[:, None], state)
        return y[:, 0], after
