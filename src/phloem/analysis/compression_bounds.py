"""What a short description of a classifier proves: of its risk, and of labels that are no noise.

Goldblum, Finzi, Rowan and Wilson, "The No Free Lunch Theorem, Kolmogorov Complexity, and the Role of Inductive Biases
in Machine Learning" (ICML 2024). For a prior 2^{-K(h)} over hypotheses with descriptions of K(h) bits, and n examples,
with probability 1 - δ for all h at once

    R(h) ≤ R_emp(h) + √[ (K ln 2 + 2 ln K + ln(1/δ)) / (2n) ]

and if the labels are uniform over C classes, with probability 1 - δ no classifier has a mean cross-entropy on the
sample below

    ln C - [ ln 2 (K + 2 log2 K + c) + ln(1/δ) ] / n                                   (no free lunch)

Read backwards: labels that a model and its weights together code in far less than n log2 C bits were not drawn so.
`c`, the length of the program that runs the model, is for the caller to count into K.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from phloem.measure.description_length import Quantised, decode, encode


def occam_term(bits: float, n: int, delta: float = 0.05) -> float:
    """What is added to the empirical risk. Raises ValueError for less than one bit, no examples or no probability."""
    if bits < 1 or n < 1 or not 0 < delta < 1:
        raise ValueError(f"{bits} bits, {n} examples and δ = {delta} make no bound")
    return math.sqrt((bits * math.log(2) + 2 * math.log(bits) + math.log(1 / delta)) / (2 * n))


def risk_bound(empirical: float, bits: float, n: int, delta: float = 0.05) -> float:
    """Of the risk; vacuous from 1 on."""
    return empirical + occam_term(bits, n, delta)


def no_free_lunch_bound(classes: int, bits: float, n: int, delta: float = 0.05) -> float:
    """The least cross-entropy, in nats, on n uniform labels."""
    return math.log(classes) - (math.log(2) * (bits + 2 * math.log2(bits)) + math.log(1 / delta)) / n


class Coded(NamedTuple):
    """Labels sent as a network and, under it, their own code. All in bits."""

    weights: int
    labels: float
    uniform: float  # n log2 C
    message: str

    @property
    def share(self) -> float:
        """Below 1 the labels are compressed."""
        return (self.weights + self.labels) / self.uniform


class SmallNetwork(nn.Module):
    """One hidden layer of ReLUs, trained on weights rounded to `bits` bits.

    The gradient passes the rounding as if it were not there (Bengio et al. 2013). Each tensor's scale is its largest
    weight over the last level.
    """

    def __init__(self, sizes: Sequence[int], bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.tensors = nn.ParameterList()
        for before, after in pairwise(sizes):
            self.tensors.append(torch.randn(after, before) * (2 / before) ** 0.5)
            self.tensors.append(torch.zeros(after))

    def quantised(self) -> list[Quantised]:
        top = (1 << (self.bits - 1)) - 1
        made = []
        for tensor in self.tensors:
            scale = _scale(tensor, top)
            levels = (tensor / scale).round().clamp(-top, top)
            made.append(Quantised(levels.detach().numpy().astype(np.int64), np.float32(scale.item())))
        return made

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        top = (1 << (self.bits - 1)) - 1
        rounded = []
        for tensor in self.tensors:
            scale = _scale(tensor, top)
            near = (tensor / scale).round().clamp(-top, top) * scale
            rounded.append(tensor + (near - tensor).detach())
        return predict(rounded, x)


def _scale(tensor: Tensor, top: int) -> Tensor:
    largest = tensor.detach().abs().max()
    return torch.where(largest > 0, largest / top, torch.ones_like(largest))


def predict(tensors: Sequence[Tensor], x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
    """Logits from weights and biases in turn."""
    for place in range(0, len(tensors), 2):
        x = linear(x if place == 0 else x.relu(), tensors[place], tensors[place + 1])
    return x


def coded(model: SmallNetwork, x: Float[Tensor, "batch inputs"], y: Int64[Tensor, " batch"], classes: int) -> Coded:
    """The length of the labels given the inputs: of the weights' message and under the network that it decodes to."""
    message = encode(model.quantised(), model.bits)
    tensors = [torch.from_numpy(one.values) for one in decode(message)]
    with torch.no_grad():
        nats = float(cross_entropy(predict(tensors, x).double(), y, reduction="sum"))
    return Coded(len(message), nats / math.log(2), len(y) * math.log2(classes), message)


def trained_network(
    x: Float[Tensor, "batch inputs"],
    y: Int64[Tensor, " batch"],
    sizes: Sequence[int],
    *,
    bits: int = 4,
    steps: int = 400,
    rate: float = 0.02,
    seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
) -> SmallNetwork:
    """Adam on all labels at once: it is these that are to be coded."""
    torch.manual_seed(seed)
    model = SmallNetwork(sizes, bits)
    adam = torch.optim.Adam(model.parameters(), lr=rate)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.05, steps)
    for step in range(steps):
        adam.zero_grad()
        cross_entropy(model(x), y).backward()
        adam.step()
        falling.step()
        progress(step / steps)
    return model


# The bias of random language models


def binary_strings(n: int) -> list[str]:
    return [f"{number:0{n}b}" for number in range(1 << n)]


@torch.no_grad()
def string_log_probabilities(
    logits: Callable[[Int64[Tensor, "batch time"]], Float[Tensor, "batch time units"]], strings: Sequence[str]
) -> Float[np.ndarray, " strings"]:
    """Nats of each string under a model of three units, 0, 1 and the start (2), renormalised over 0 and 1."""
    bits = torch.tensor([[int(bit) for bit in string] for string in strings])
    tokens = torch.cat([torch.full((len(bits), 1), 2), bits[:, :-1]], dim=1)
    log = logits(tokens)[:, :, :2].double().log_softmax(dim=-1)
    return log.gather(2, bits[:, :, None]).sum(dim=(1, 2)).numpy()


def spearman(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """The correlation of ranks, equal values at their mean rank."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
