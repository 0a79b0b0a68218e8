"""A language model that only decodes: units in, logits of each next unit out.

Layers of causal self-attention with rotary places and of a feed-forward net, each with a norm before it (Xiong et al.,
"On Layer Normalization in the Transformer Architecture", 2020), and one norm at the end. The table of unit vectors is
the output's too (Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017).
"""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.mixers.attention import SelfAttention


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention_norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal=True)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        x = x + self.attention(self.attention_norm(x))[0]
        return x + self.down(gelu(self.up(self.inner_norm(x)), approximate="tanh"))


class DecoderLM(nn.Module):
    """Each place knows those before it; there is no longest sequence."""

    def __init__(self, units: int, *, width: int, layers: int, heads: int, inner: int = 0) -> None:
        super().__init__()
        self.table = nn.Embedding(units, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, inner or 4 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch time units"]:
        """The logits at t are of the unit at t + 1."""
        x = self.table(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.table.weight.T
