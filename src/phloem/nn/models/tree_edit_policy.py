"""The policy of tree diffusion: which part of a program to replace, and by what, from pictures (Kapur et al. 2024).

A small convolutional network reads the wanted picture, the picture of the current program and their difference, as
channels in [-1, 1]; its vector is added to the embedding of every token. A causal transformer with learned positions
reads

    tokens of the current program, <SOS>, <POS i>, tokens of the replacement, <EOS>

and predicts what follows <SOS>. A second head guesses from the pictures alone how many edits are left.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

PAD, SOS, EOS = 0, 1, 2
SPECIAL = 3


class EditBatch(NamedTuple):
    pictures: Float[Tensor, "batch channels height width"]
    tokens: Int64[Tensor, "batch time"]
    predicted: Bool[Tensor, "batch time"]  # tokens that the model has to predict
    left: Float[Tensor, batch]  # edits until the target


class EditPolicy(nn.Module):
    def __init__(
        self,
        vocabulary: int,
        longest: int,
        *,
        channels: int = 3,
        width: int = 128,
        layers: int = 3,
        heads: int = 8,
    ) -> None:
        """`vocabulary` counts the grammar's tokens; `longest` is the length of sequences and the number of places."""
        super().__init__()
        self.grammar_tokens, self.longest = vocabulary, longest
        size = SPECIAL + vocabulary + longest
        convolutions: list[nn.Module] = []
        for before, after in zip((channels, 16, 32, 64), (16, 32, 64, 64), strict=True):
            convolutions += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(4, after), nn.ReLU()]
        self.pictures = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, width))
        self.embedding = nn.Embedding(size, width, padding_idx=PAD)
        self.positions = nn.Embedding(longest, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.out = nn.Linear(width, size)
        self.value = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def place(self, position: int) -> int:
        """The token <POS position>."""
        return SPECIAL + self.grammar_tokens + position

    def forward(self, batch: EditBatch) -> tuple[Float[Tensor, "batch time vocabulary"], Float[Tensor, batch]]:
        """Logits of the token after each one, and the guessed number of edits that are left."""
        seen = self.pictures(batch.pictures)
        return self.out(self.read(batch.tokens, seen)), self.value(seen).squeeze(1)

    def read(
        self, tokens: Int64[Tensor, "batch time"], seen: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch time width"]:
        """The state after each token; `seen` are the vectors of the pictures."""
        time = tokens.shape[1]
        x = self.embedding(tokens) + self.positions.weight[:time] + seen[:, None]
        mask = torch.ones(time, time, dtype=torch.bool, device=x.device).triu(1)
        states: Float[Tensor, "batch time width"] = self.layers(x, mask=mask)
        return states

    def after(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, batch], seen: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits of what follows the last token of each sequence."""
        states = self.read(tokens, seen)[torch.arange(len(tokens)), lengths - 1]
        logits: Float[Tensor, "batch vocabulary"] = self.out(states)
        return logits
