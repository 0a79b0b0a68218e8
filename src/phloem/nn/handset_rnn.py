"""Recurrent networks whose weights are written down: linear recurrences in the gates of known layers.

Petrov et al., "Universal In-Context Approximation By Prompting Fully Recurrent Models" (2024, section 3.2): a network
alternates recurrent layers s_t = A s_{t-1} + B x_t + b and position-wise layers, here relu(W x + b) or a product of
two linear maps. The recurrent layer is one of our mixers:

    linear   `LinearRNN` as it is
    lstm     gates saturated (i = o = 1, f = 0): h_t = tanh(tanh(A h_{t-1} + ε(B x_t + b))). For h = ε s with ε = 1e-12
             both tanh are the identity up to the last bit of float64, so that h_t = ε s_t
    gru      likewise with r = 1 and z = 0
    ssm      `DiagonalSSM`: A = V Λ V^-1, the state is kept as V^-1 s; its gate is 1, or one factor of a product

All layers have one width, that of the widest, and float64 weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.mixers.diagonal_ssm import DiagonalSSM
from phloem.nn.mixers.gru import GRU
from phloem.nn.mixers.linear_rnn import LinearRNN
from phloem.nn.mixers.lstm import LSTM, LSTMState

Cell = Literal["linear", "lstm", "gru", "ssm"]
CELLS: tuple[Cell, ...] = ("linear", "lstm", "gru", "ssm")
SMALL = 1e-12  # ε
SHUT, OPEN = -1000.0, 1000.0  # a gate's bias: the sigmoid is 0 or 1 to the last bit


class StateWeights(NamedTuple):
    """s_t = transition s_{t-1} + reading x_t + bias, s_0 = initial; smaller ones are filled up with zeros."""

    transition: Float[np.ndarray, "size size"]
    reading: Float[np.ndarray, "size inputs"]
    bias: Float[np.ndarray, " size"]
    initial: Float[np.ndarray, " size"]


def _square(matrix: np.ndarray, width: int) -> Tensor:
    out = torch.zeros(width, width, dtype=torch.float64)
    out[: matrix.shape[0], : matrix.shape[1]] = torch.as_tensor(np.array(matrix, dtype=float))
    return out


def _vector(values: np.ndarray, width: int) -> Tensor:
    out = torch.zeros(width, dtype=torch.float64)
    out[: len(values)] = torch.as_tensor(np.array(values, dtype=float))
    return out


class HandsetState(nn.Module):
    """One recurrent layer of the kind `cell`."""

    def __init__(self, weights: StateWeights, width: int, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        mixers = {"linear": LinearRNN, "lstm": LSTM, "gru": GRU, "ssm": DiagonalSSM}
        self.mixer = mixers[cell](width).double()
        transition, reading = _square(weights.transition, width), _square(weights.reading, width)
        bias, initial = _vector(weights.bias, width), _vector(weights.initial, width)
        with torch.no_grad():
            for parameter in self.mixer.parameters():
                parameter.zero_()
            if cell == "linear":
                self._set_linear(transition, reading, bias)
            elif cell == "ssm":
                initial = self._set_diagonal(transition, reading, bias, initial)
            else:
                self._set_gated(transition, reading, bias)
        self.initial: Tensor
        self.register_buffer("initial", initial)

    def _set_linear(self, transition: Tensor, reading: Tensor, bias: Tensor) -> None:
        mixer = cast(LinearRNN, self.mixer)
        mixer.transition.weight.copy_(transition)
        mixer.reading.weight.copy_(reading)
        mixer.reading.bias.copy_(bias)

    def _set_gated(self, transition: Tensor, reading: Tensor, bias: Tensor) -> None:
        """The candidate's rows are the recurrence. torch has the LSTM's rows as i, f, g, o and the GRU's as r, z, n."""
        gates = [OPEN, SHUT, None, OPEN] if self.cell == "lstm" else [OPEN, SHUT, None]
        recurrence: Any = self.mixer.recurrence  # nn.LSTM or nn.GRU
        width = len(bias)
        for number, gate in enumerate(gates):
            rows = slice(number * width, (number + 1) * width)
            if gate is None:
                recurrence.weight_ih_l0[rows] = SMALL * reading
                recurrence.weight_hh_l0[rows] = transition
                recurrence.bias_ih_l0[rows] = SMALL * bias
            else:
                recurrence.bias_ih_l0[rows] = gate

    def _set_diagonal(self, transition: Tensor, reading: Tensor, bias: Tensor, initial: Tensor) -> Tensor:
        """The recurrence in the basis of its eigenvectors; the initial state in it. Raises ValueError without one."""
        values, vectors = torch.linalg.eig(transition)
        if torch.linalg.cond(vectors) > 1e6 or values.abs().max() > 1 + 1e-9:
            raise ValueError("the transition has no well-conditioned basis of eigenvectors within the unit circle")
        inverse = torch.linalg.inv(vectors)
        read, own = inverse @ reading.to(values.dtype), inverse @ bias.to(values.dtype)
        mixer = cast(DiagonalSSM, self.mixer)
        for parameter, value in (
            (mixer.modulus, values.abs()),
            (mixer.angle, values.angle()),
            (mixer.read_real.weight, read.real),
            (mixer.read_imaginary.weight, read.imag),
            (mixer.read_real.bias, own.real),
            (mixer.read_imaginary.bias, own.imag),
            (mixer.show_real.weight, vectors.real),
            (mixer.show_imaginary.weight, vectors.imag),
            (mixer.gate.bias, torch.ones_like(bias)),
        ):
            parameter.copy_(value)
        return inverse @ initial.to(values.dtype)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        start = self.initial.expand(len(x), -1)
        if self.cell in ("linear", "ssm"):
            return self.mixer(x, start)[0]
        hidden = SMALL * start[None]
        state = LSTMState(hidden, hidden) if self.cell == "lstm" else hidden
        return self.mixer(x, state)[0] / SMALL


class HandsetUnits(nn.Module):
    """relu(W x + b) at each position."""

    def __init__(self, matrix: np.ndarray, bias: np.ndarray, width: int) -> None:
        super().__init__()
        self.linear = _linear(matrix, bias, width)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        return self.linear(x).relu()


class HandsetProduct(nn.Module):
    """(U x + u) * (V x + v) at each position: the gate of a `DiagonalSSM` that remembers nothing."""

    def __init__(self, arrays: Sequence[np.ndarray], width: int) -> None:
        super().__init__()
        left, left_bias, right, right_bias = arrays
        self.mixer = DiagonalSSM(width).double()
        with torch.no_grad():
            for parameter in self.mixer.parameters():
                parameter.zero_()
            self.mixer.read_real.weight.copy_(_square(left, width))
            self.mixer.read_real.bias.copy_(_vector(left_bias, width))
            self.mixer.show_real.weight.copy_(torch.eye(width))
            self.mixer.gate.weight.copy_(_square(right, width))
            self.mixer.gate.bias.copy_(_vector(right_bias, width))

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        return self.mixer(x)[0]


def _linear(matrix: np.ndarray, bias: np.ndarray, width: int) -> nn.Linear:
    linear = nn.Linear(width, width, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(_square(matrix, width))
        linear.bias.copy_(_vector(bias, width))
    return linear


class HandsetRNN(nn.Module):
    """Layers in a row and a linear readout; inputs are filled up with zeros to the common width."""

    def __init__(self, layers: Sequence[nn.Module], readout: tuple[np.ndarray, np.ndarray], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.width, self.outputs = width, len(readout[1])
        self.readout = _linear(*readout, width)

    def forward(self, x: Float[Tensor, "batch time inputs"]) -> Float[Tensor, "batch time outputs"]:
        x = nn.functional.pad(x.double(), (0, self.width - x.shape[-1]))
        for layer in self.layers:
            x = layer(x)
        return self.readout(x)[..., : self.outputs]
