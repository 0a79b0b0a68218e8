"""An in-context learner whose learned model is a vector: from examples a bottleneck z, from x and z a predicted y.

Elmoznino et al., "In-context learning and Occam's razor" (ICML 2025), the explicit form. Each pair (x, y) is one token;
a Transformer reads a learned start token and the pairs, without positions and with the causal mask, so that one pass
gives z after every number of pairs, at the newest one; a multilayer perceptron reads [x; z]. Under the mask z is no
function of the set of pairs, even without positions: it knows which pair is the newest, and deeper layers see states of
earlier pairs that depend on what came before those. The form without a mask encodes every prefix apart and reads the
start token, and is such a function.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

from phloem.nn.mixers.multihead_attention import MultiHeadAttention
from phloem.nn.models.blocks import FeedForward


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.inner = FeedForward(width, 4 * width)

    def forward(
        self, x: Float[Tensor, "batch time width"], bias: Float[Tensor, "#batch 1 #time time"]
    ) -> Float[Tensor, "batch time width"]:
        normed = self.attention_norm(x)
        x = x + self.attention(normed, *self.attention.read(normed), bias)
        return x + self.inner(self.inner_norm(x))


class ContextAggregator(nn.Module):
    """z of every prefix. `width` of the layers, `bottleneck` of z."""

    def __init__(
        self, inputs: int, outputs: int, *, width: int, layers: int, heads: int, bottleneck: int, causal: bool = True
    ) -> None:
        super().__init__()
        self.causal = causal
        self.read = nn.Linear(inputs + outputs, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, bottleneck)

    def forward(
        self, x: Float[Tensor, "batch points inputs"], y: Float[Tensor, "batch points outputs"]
    ) -> Float[Tensor, "batch points+1 bottleneck"]:
        """z[:, m] is of the first m points."""
        tokens = self.read(torch.cat([x, y], dim=-1))
        tokens = torch.cat([self.start.expand(len(x), 1, -1), tokens], dim=1)
        if self.causal:
            return self.output(self.norm(self._layers(tokens, _hidden(torch.ones(tokens.shape[1], tokens.shape[1])))))
        prefixes = [self._layers(tokens[:, : m + 1], torch.zeros(1, 1, 1, m + 1))[:, 0] for m in range(tokens.shape[1])]
        return self.output(self.norm(torch.stack(prefixes, dim=1)))

    def _layers(self, tokens: Tensor, bias: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, bias)
        return tokens


def _hidden(square: Float[Tensor, "time time"]) -> Float[Tensor, "1 1 time time"]:
    """-∞ where a key stands behind the query."""
    return torch.full_like(square, -torch.inf).triu(1)[None, None]


class ContextLearner(nn.Module):
    """Aggregator and predictor. `depth` counts the linear maps of the predictor."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        bottleneck: int = 128,
        depth: int = 5,
        hidden: int = 256,
        causal: bool = True,
    ) -> None:
        super().__init__()
        self.contexts = ContextAggregator(
            inputs, outputs, width=width, layers=layers, heads=heads, bottleneck=bottleneck, causal=causal
        )
        sizes = [inputs + bottleneck, *[hidden] * (depth - 1), outputs]
        self.maps = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))

    def predict(
        self, z: Float[Tensor, "*points bottleneck"], x: Float[Tensor, "*points inputs"]
    ) -> Float[Tensor, "*points outputs"]:
        h = torch.cat([x, z], dim=-1)
        for linear in self.maps[:-1]:
            h = relu(linear(h))
        return self.maps[-1](h)
