"""A decoder that reads x_1, y_1, x_2, y_2, … and predicts y_i at the place of x_i.

Garg et al., "What Can Transformers Learn In-Context?" (2022); Akyürek et al. (ICLR 2023). The prediction at x_i knows
the examples before it and x_i alone, so that one pass predicts after each number of examples.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.models.decoder_lm import DecoderLayer


class PrequentialRegressor(nn.Module):
    """`inputs` is the width of the tokens, d + 1."""

    def __init__(self, inputs: int, *, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.read = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, 4 * width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, 1)

    def forward(self, tokens: Float[Tensor, "batch places inputs"]) -> Float[Tensor, "batch examples"]:
        """A prediction at every x, which stand at the even places."""
        x = self.read(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x[:, 0::2]))[:, :, 0]
