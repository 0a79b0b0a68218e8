"""A language model of any mixer, with n-gram heads behind its first layer where they are asked for.

Akyürek et al. (ICML 2024): attention, a gated recurrent unit or linear attention, each behind a norm and followed by a
feed-forward net, as in `decoder_lm`; the heads stand in a row, each added to what it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.attention import SelfAttention
from phloem.nn.mixers.gru import GRU
from phloem.nn.mixers.linear_attention import LinearAttention
from phloem.nn.mixers.ngram_head import NgramHead
from phloem.nn.models.blocks import FeedForward

Kind = Literal["transformer", "gru", "linear attention"]


class _Layer(nn.Module):
    def __init__(self, kind: Kind, width: int, heads: int) -> None:
        super().__init__()
        mixers = {
            "transformer": lambda: SelfAttention(width, heads, causal=True),
            "gru": lambda: GRU(width),
            "linear attention": lambda: LinearAttention(width, heads),
        }
        self.mixer_norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixer, self.inner = mixers[kind](), FeedForward(width, 4 * width)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        x = x + self.mixer(self.mixer_norm(x))[0]
        return x + self.inner(self.inner_norm(x))


class InductionLM(nn.Module):
    """`grams` are the orders of the heads; the table of units is the output's too."""

    def __init__(
        self, units: int, kind: Kind, *, width: int, layers: int, heads: int = 2, grams: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(units, width)
        self.layers = nn.ModuleList(_Layer(kind, width, heads) for _ in range(layers))
        self.grams = nn.ModuleList(NgramHead(width, n) for n in grams)
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time units"]:
        """The logits at t are of the unit at t + 1."""
        x = self.table(tokens)
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number == 0:
                for head in self.grams:
                    x = x + head(x, tokens)
        return self.norm(x) @ self.table.weight.T
