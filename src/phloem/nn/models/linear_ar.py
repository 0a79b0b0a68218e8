"""Predictors of the next token from a window of one-hot tokens: a linear one and a multilayer perceptron.

Malach, "Auto-Regressive Next-Token Predictors are Universal Learners" (ICML 2024). A string has n input tokens, a chain
and an answer, together T outputs. The linear predictor of output t has weights of its own for each earlier place:

    logits_t = b_t + Σ_{s < n + t} W_{t,s} e(x_s)            e(v) the one-hot vector of token v

Each step is a linear classifier; that the steps are chained is what makes the whole universal. The perceptron reads
the same windows, padded with zeros behind the last known token, and is shared by all places; its first layer is a
running sum over places, so that all windows of a string cost as much as one.

For text, where windows are long, the linear predictor is factored into a table of vectors, a masked map that mixes
places, and a table of outputs, without any non-linearity:

    logits_t = W_out Σ_{s ≤ t} m_{t-s} ∘ e(x_s) + b        one weight for each distance below `window` and dimension
"""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import conv1d, one_hot, pad, relu


class NextToken(Protocol):
    """A predictor of strings of `inputs` given tokens and `outputs` predicted ones."""

    inputs: int
    outputs: int

    def __call__(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch outputs units"]: ...


class LinearAR(nn.Module):
    """One linear classifier an output. The model begins at 0: the loss is convex, so that the start is no matter."""

    seen: Tensor

    def __init__(self, units: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.units, self.inputs, self.outputs = units, inputs, outputs
        length = inputs + outputs - 1
        self.weight = nn.Parameter(torch.zeros(outputs, length, units, units))
        self.bias = nn.Parameter(torch.zeros(outputs, units))
        seen = torch.arange(length) < inputs + torch.arange(outputs)[:, None]
        self.register_buffer("seen", seen[:, :, None, None].float(), persistent=False)

    def of_windows(self, windows: Float[Tensor, "batch length units"]) -> Float[Tensor, "batch outputs units"]:
        """The logits of windows that may be mixtures of one-hot ones, of `inputs + outputs - 1` places."""
        flat = (self.weight * self.seen).permute(1, 2, 0, 3).reshape(windows[0].numel(), -1)
        logits = windows.flatten(1) @ flat
        return logits.unflatten(1, (self.outputs, self.units)) + self.bias

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch outputs units"]:
        """The logits of each output from the tokens before it; the last token of a whole string is not read."""
        places = self.inputs + self.outputs - 1
        return self.of_windows(one_hot(tokens[:, :places], self.units).to(self.weight.dtype))


class MLPAR(nn.Module):
    """`layers` counts the linear maps, with a ReLU between any two."""

    def __init__(self, units: int, inputs: int, outputs: int, *, width: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.table = nn.Parameter(torch.randn(inputs + outputs - 1, units, width) * inputs**-0.5)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(layers - 2))
        self.output = nn.Linear(width, units)

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch outputs units"]:
        places = torch.arange(self.inputs + self.outputs - 1, device=tokens.device)
        read = self.table[places, tokens[:, : len(places)]]
        x = relu(read.cumsum(dim=1)[:, self.inputs - 1 :])
        for layer in self.hidden:
            x = relu(layer(x))
        return self.output(x)


class LinearLM(nn.Module):
    """The factored linear predictor, which knows the last `window` units."""

    def __init__(self, units: int, *, width: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.table = nn.Embedding(units, width)
        self.mix = nn.Parameter(torch.randn(width, 1, window) * window**-0.5)  # the nearest unit's weight is the last
        self.output = nn.Linear(width, units)

    def of_vectors(self, vectors: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time units"]:
        padded = pad(vectors.transpose(1, 2), (self.window - 1, 0))
        return self.output(conv1d(padded, self.mix, groups=vectors.shape[2]).transpose(1, 2))

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time units"]:
        """The logits at t are of the unit at t + 1."""
        return self.of_vectors(self.table(tokens))


@torch.no_grad()
def generate(model: NextToken, given: Int64[Tensor, "batch inputs"]) -> Int64[Tensor, "batch outputs"]:
    """The most probable next token, again and again: each output is read by those that follow."""
    blank = given.new_zeros(len(given), model.outputs)
    tokens = torch.cat([given, blank], dim=1)
    for step in range(model.outputs):
        tokens[:, model.inputs + step] = model(tokens)[:, step].argmax(dim=-1)
    return tokens[:, model.inputs :]
