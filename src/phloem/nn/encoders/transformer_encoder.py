"""The Transformer encoder: layers of self-attention in both directions and of a feed-forward net at each position.

Vaswani et al., "Attention Is All You Need" (2017, section 3), with the normalisation before each sublayer (Xiong et
al., "On Layer Normalization in the Transformer Architecture", 2020):

    x <- x + Attention(LN x)        x <- x + W_2 gelu(W_1 LN x)        y = LN x after the last layer
"""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.mixers.attention import SelfAttention
from phloem.nn.mixers.base import Info


class EncoderLayer(nn.Module):
    """One layer; `inner` is the width within the feed-forward net."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.inner_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "batch time width"], info: Info) -> Float[Tensor, "batch time width"]:
        mixed, _ = self.attention(self.attention_norm(x), None, info)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.down(gelu(self.up(self.inner_norm(x)), approximate="tanh")))


class TransformerEncoder(nn.Module):
    """Vectors in, vectors out; what lies behind a row's length is not read."""

    def __init__(self, width: int = 256, *, layers: int = 2, heads: int = 4, inner: int = 512, dropout: float = 0.0):
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch time width"], lengths: Int64[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch time width"]:
        return self.states(x, lengths)[-1]

    def states(
        self, x: Float[Tensor, "batch time width"], lengths: Int64[Tensor, " batch"] | None = None
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors after each layer, the last ones normalised."""
        info = Info(lengths=lengths)
        states = []
        for layer in self.layers:
            x = layer(x, info)
            states.append(x)
        return [*states[:-1], self.norm(x)]
