"""Parities and products with the steps that lead to them, as strings for next-token predictors.

After Malach (ICML 2024). Each string has inputs, a chain and an answer:

    parity        x_1 … x_n, then for each bit the AND of it and the parity so far, and the new parity; without the
                  chain the parity alone
    product       a_1 a_0 b_1 b_0, then the four products of digits, the columns added two digits at a time with their
                  carries, and the four digits of the product; without the chain these four alone

Every token of the chains is a function of at most two earlier ones or of an earlier bit and pair.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.nn.models.linear_ar import NextToken, generate

DIGITS = 4  # of an answer that is a product


class Chains(NamedTuple):
    """Whole strings, and how many of their tokens are given."""

    tokens: Int64[Tensor, "batch length"]
    inputs: int


def parity_strings(bits: Int[np.ndarray, "strings n"], *, chain: bool) -> Int64[np.ndarray, "strings length"]:
    """With the chain n + 2n tokens: x, then AND and parity for each bit."""
    bits = bits.astype(np.int64)
    parity = bits.cumsum(axis=1) % 2
    if not chain:
        return np.concatenate([bits, parity[:, -1:]], axis=1)
    before = np.concatenate([np.zeros_like(parity[:, :1]), parity[:, :-1]], axis=1)
    steps = np.stack([before & bits, parity], axis=2).reshape(len(bits), -1)
    return np.concatenate([bits, steps], axis=1)


def _two(number: Int64[np.ndarray, " strings"]) -> list[Int64[np.ndarray, " strings"]]:
    return [number // 10, number % 10]


def product_strings(
    left: Int[np.ndarray, " strings"], right: Int[np.ndarray, " strings"], *, chain: bool
) -> Int64[np.ndarray, "strings length"]:
    """Factors below 100; with the chain 4 + 24 tokens."""
    (a1, a0), (b1, b0) = _two(left.astype(np.int64)), _two(right.astype(np.int64))
    product = left.astype(np.int64) * right
    answer = [product // 10**place % 10 for place in reversed(range(DIGITS))]
    if not chain:
        return np.stack([a1, a0, b1, b0, *answer], axis=1)
    low, cross, other, high = (_two(one) for one in (a0 * b0, a1 * b0, a0 * b1, a1 * b1))
    tens = _two(low[0] + cross[1])
    tens_sum = _two(tens[1] + other[1])
    carry = tens[0] + tens_sum[0]
    hundreds = _two(cross[0] + other[0])
    more = _two(hundreds[1] + high[1])
    hundreds_sum = _two(more[1] + carry)
    carried = hundreds[0] + more[0] + hundreds_sum[0]
    columns = [*tens, *tens_sum, carry, *hundreds, *more, *hundreds_sum, carried]
    return np.stack([a1, a0, b1, b0, *low, *cross, *other, *high, *columns, *answer], axis=1)


class ChainStrings:
    """Strings as a `Dataset`."""

    def __init__(self, strings: Int64[np.ndarray, "strings length"], inputs: int) -> None:
        self.tokens, self.inputs = torch.from_numpy(strings), inputs

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def sizes(self) -> Int64[np.ndarray, " strings"]:
        return np.full(len(self), self.tokens.shape[1])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> Chains:
        return Chains(self.tokens[torch.from_numpy(np.asarray(index))], self.inputs)


class EachStep:
    """Mean cross-entropy of every output from the true tokens before it: steps are learned apart from each other."""

    def __call__(self, model: Any, batch: Chains) -> Loss:
        target = batch.tokens[:, batch.inputs :]
        return Loss(cross_entropy(model(batch.tokens).flatten(0, 1), target.flatten()), {})


def exact(model: NextToken, strings: Int64[np.ndarray, "strings length"], answer: int) -> Float[np.ndarray, " strings"]:
    """Whether the last `answer` tokens are right when the model reads its own chain."""
    tokens = torch.from_numpy(strings)
    made = generate(model, tokens[:, : model.inputs])
    return (made[:, -answer:] == tokens[:, -answer:]).all(dim=1).double().numpy()
