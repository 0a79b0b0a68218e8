"""A small encoder joined to a large decoder that stays as it is.

Wang et al., "CodeT5+" (EMNLP 2023, section 3.3), after Alayrac et al., "Flamingo" (2022): the decoder is frozen;
attention over the encoder's memory is inserted behind the blocks of its top layers, times a gate that begins at 0, so
that training starts from the decoder itself:

    x <- block(x)        x <- x + tanh(g) Attention(norm x, memory)
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.multihead_attention import MultiHeadAttention, additive, both, earlier, real_keys
from phloem.nn.models.gpt2 import Gpt2


class GatedAttention(nn.Module):
    """Attention over a memory of another width, with a gate that begins closed."""

    def __init__(self, width: int, memory: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.adapt = nn.Linear(memory, width, bias=False)
        self.attention = MultiHeadAttention(width, heads)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(
        self, x: Float[Tensor, "batch time width"], memory: Float[Tensor, "batch keys memory"], bias: Tensor | None
    ) -> Float[Tensor, "batch time width"]:
        key, value = self.attention.read(self.adapt(memory))
        return torch.tanh(self.gate) * self.attention(self.norm(x), key, value, bias)


class FrozenBridge(nn.Module):
    """`layers` of the decoder's top blocks get attention over a memory of the width `memory`; these are the only
    weights that learn (beside the encoder's, which is the caller's)."""

    def __init__(self, decoder: Gpt2, memory: int, *, layers: int, heads: int = 4) -> None:
        super().__init__()
        self.decoder = decoder.requires_grad_(False)
        self.first = len(decoder.blocks) - layers
        self.bridges = nn.ModuleList(GatedAttention(decoder.width, memory, heads) for _ in range(layers))

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        memory: Float[Tensor, "batch keys memory"],
        lengths: Int64[Tensor, " batch"] | None = None,
        memory_lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch time vocabulary"]:
        """Logits of the unit that follows each place; a prompt may begin the tokens, too."""
        x = self.decoder.dropout(self.decoder.positions(self.decoder.table(tokens)))
        time = x.shape[1]
        own = additive(both(real_keys(lengths, time), earlier(time, 0, x.device)), None, x.dtype)
        across = additive(real_keys(memory_lengths, memory.shape[1]), None, x.dtype)
        for number, block in enumerate(self.decoder.blocks):
            x, _ = block(x, own)
            if number >= self.first:
                x = x + self.bridges[number - self.first](x, memory, across)
        return self.decoder.logits(self.decoder.norm(x))

    def train(self, mode: bool = True) -> FrozenBridge:
        """What is frozen stays in evaluation mode."""
        super().train(mode)
        self.decoder.eval()
        return self
