"""A transformer for weights that are written down instead of learned: no normalisation, positions only in the input.

    A = X + Attention(X)        Y = A + W_2 relu(W_1 A + b_1) + b_2

Attention and the feed-forward net are those of all our transformers (`SelfAttention` with every position 0, so that
its rotations are the identity, and `FeedForward`). Constructions need sharp attention: scores are multiplied by what
their author says (λ) beside the 1/sqrt(size) of the module, and weights are float64.

Weiss, Goldberg and Yahav, "Thinking Like Transformers" (2021) for RASP; Giannou et al., "Looped Transformers as
Programmable Computers" (2023, section 2), who apply such a net to its own output again and again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from phloem.nn.mixers.attention import SelfAttention
from phloem.nn.models.transformer import FeedForward


class Head(NamedTuple):
    """Matrices of one head: scores are `sharpness` * (key X)·(query X), and `out value X` is what is read."""

    key: Float[Tensor, "size width"]
    query: Float[Tensor, "size width"]
    value: Float[Tensor, "inner width"]
    out: Float[Tensor, "width inner"]
    sharpness: float


class Units:
    """Hidden units of a feed-forward net as they are thought of: relu(inputs · x + bias), added to `outputs`."""

    def __init__(self) -> None:
        self.inputs: list[Mapping[int, float]] = []
        self.bias: list[float] = []
        self.outputs: list[Mapping[int, float]] = []
        self.shift: dict[int, float] = {}  # b_2

    def add(self, inputs: Mapping[int, float], bias: float, outputs: Mapping[int, float]) -> None:
        self.inputs.append(inputs)
        self.bias.append(bias)
        self.outputs.append(outputs)

    def __len__(self) -> int:
        return len(self.bias)

    def matrices(self, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W_1, b_1, W_2 and b_2; a single idle unit where there is nothing to do."""
        count = max(1, len(self))
        first = torch.zeros(count, width, dtype=torch.float64)
        second = torch.zeros(width, count, dtype=torch.float64)
        for unit, (inputs, outputs) in enumerate(zip(self.inputs, self.outputs, strict=True)):
            for channel, weight in inputs.items():
                first[unit, channel] = weight
            for channel, weight in outputs.items():
                second[channel, unit] = weight
        shift = torch.zeros(width, dtype=torch.float64)
        for channel, value in self.shift.items():
            shift[channel] = value
        return first, torch.tensor(self.bias or [0.0], dtype=torch.float64), second, shift


class HandsetLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.feed_forward = FeedForward(width, inner)

    @torch.no_grad()
    def set_heads(self, heads: Sequence[Head]) -> None:
        """Write the heads down; those left over are zero. Raises ValueError where one is too large."""
        size = self.attention.size
        self.attention.inputs.weight.zero_()
        self.attention.out.weight.zero_()
        query, key, value = self.attention.inputs.weight.chunk(3)
        for number, head in enumerate(heads):
            if max(len(head.key), len(head.value)) > size:
                raise ValueError(f"a head of {max(len(head.key), len(head.value))} rows, there are {size}")
            start = number * size
            query[start : start + len(head.query)] = head.query * (head.sharpness * math.sqrt(size))
            key[start : start + len(head.key)] = head.key
            value[start : start + len(head.value)] = head.value
            self.attention.out.weight[:, start : start + head.out.shape[1]] = head.out

    @torch.no_grad()
    def set_units(
        self,
        inputs: Float[Tensor, "units width"],
        bias: Float[Tensor, " units"],
        outputs: Float[Tensor, "width units"],
        shift: Float[Tensor, " width"] | None = None,
    ) -> None:
        """Write the feed-forward net down: W_1, b_1, W_2 and b_2 (0 by default)."""
        net = self.feed_forward
        net.up.weight.copy_(inputs)
        net.up.bias.copy_(bias)
        net.down.weight.copy_(outputs)
        net.down.bias.zero_() if shift is None else net.down.bias.copy_(shift)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """What `SelfAttention` gives where all positions are 0, without the work for them."""
        heads = self.attention.heads
        query, key, value = rearrange(self.attention.inputs(x), "b t (three h d) -> three b h t d", three=3, h=heads)
        mixed = scaled_dot_product_attention(query, key, value)
        x = x + self.attention.out(rearrange(mixed, "b h t d -> b t (h d)"))
        return x + self.feed_forward(x)

    def used_heads(self) -> int:
        """The heads that write anything."""
        written = self.attention.out.weight.unflatten(1, (self.attention.heads, self.attention.size))
        return int((written != 0).any(dim=2).any(dim=0).sum())

    def weights(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch heads time time"]:
        """The attention of whole sequences: row i says how much of each position i reads."""
        split = rearrange(self.attention.inputs(x), "b t (three h d) -> three b h t d", three=3, h=self.attention.heads)
        query, key, _ = split
        return (query @ key.transpose(-1, -2) / math.sqrt(self.attention.size)).softmax(dim=-1)


class HandsetTransformer(nn.Module):
    """Layers of their own numbers of heads and hidden units; all weights are zero, in float64, until they are set."""

    def __init__(self, width: int, heads: Sequence[int], inner: Sequence[int]) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(
            HandsetLayer(width, many, units) for many, units in zip(heads, inner, strict=True)
        ).double()
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    @staticmethod
    def fitting(width: int, size: int, heads: Sequence[int]) -> int:
        """The least width of at least `width` in which every layer's heads have at least `size` rows."""
        step = 2 * math.lcm(*heads) if heads else 2
        return -(-max(width, size * max(heads, default=1)) // step) * step

    def stack(self) -> list[HandsetLayer]:
        return cast(list[HandsetLayer], list(self.layers))

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        for layer in self.stack():
            x = layer(x)
        return x

    def states(self, x: Float[Tensor, "batch time width"]) -> list[Float[Tensor, "batch time width"]]:
        """The residual stream before the first layer and after each."""
        states = [x]
        for layer in self.stack():
            states.append(layer(states[-1]))
        return states
