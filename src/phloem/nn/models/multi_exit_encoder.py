"""An encoder with exits at several depths: a shallow part of it is an encoder by itself.

Gurioli et al., "One Model to Train them All: Hierarchical Self-Distillation for Enhanced Early Layer Embeddings"
(2025). Layers of a Transformer in both directions with rotary positions. At each exit the state, normed, goes with a
small learned vector of the exit beside it (concatenated, as released; of size 4) to heads that all exits share: the
unit that stood at a place, and whether all of a window is of one repository. For embeddings each exit has a projection
of its own over the mean of the real places. The released tokenizer pads on the left, so positions count real places.

Cut at an exit (`truncated`), nothing of the deeper layers remains, and its embeddings are those of the whole model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from phloem.nn.encoders.transformer_encoder import EncoderLayer
from phloem.nn.mixers.base import Info


@dataclass(frozen=True)
class MultiExitConfig:
    """Sizes. The released model: 49,156 units, 36 layers of width 1024 with exits after 4, 9, 18, 27 and 36."""

    vocabulary: int
    width: int = 128
    layers: int = 8
    heads: int = 4
    inner: int = 512
    exits: tuple[int, ...] = (2, 4, 6, 8)
    exit_width: int = 4
    dropout: float = 0.0


class MultiExitEncoder(nn.Module):
    """Exits are numbered 0, 1, … from the shallowest. Raises ValueError for exits that are no depths in order."""

    def __init__(self, config: MultiExitConfig) -> None:
        super().__init__()
        if (
            list(config.exits) != sorted(set(config.exits))
            or not 0 < config.exits[0] <= config.exits[-1] <= config.layers
        ):
            raise ValueError(f"exits after {config.exits} do not fit {config.layers} layers")
        width, beside = config.width, config.width + config.exit_width
        self.config, self.width = config, width
        self.table = nn.Embedding(config.vocabulary, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, config.heads, config.inner, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.exit_embedding = nn.Embedding(len(config.exits), config.exit_width)
        self.word_dense, self.word_norm = nn.Linear(beside, width), nn.LayerNorm(width)
        self.word_bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.repository_dense, self.repository_output = nn.Linear(beside, width), nn.Linear(width, 2)
        self.projections = nn.ModuleList(nn.Linear(width, width) for _ in config.exits)
        nn.init.normal_(self.table.weight, std=0.02)
        for projection in self.projections:
            nn.init.eye_(projection.weight)  # type: ignore[arg-type]  # a Linear's
            nn.init.zeros_(projection.bias)  # type: ignore[arg-type]

    def forward(
        self, tokens: Int64[Tensor, "batch time"], real: Bool[Tensor, "batch time"], deepest: int | None = None
    ) -> list[Float[Tensor, "batch time width"]]:
        """The normed states at each exit up to number `deepest`; no layer behind it is run.

        `real` marks the places that are no padding, on whichever side that lies.
        """
        exits = self.config.exits if deepest is None else self.config.exits[: deepest + 1]
        info = Info(positions=(real.long().cumsum(dim=1) - 1).clamp(min=0), mask=real[:, None, None])
        x = self.table(tokens)
        states = []
        for depth, layer in enumerate(self.layers[: exits[-1]], 1):
            x = layer(x, info)
            if depth in exits:
                states.append(self.norm(x))
        return states

    def _beside(self, states: Tensor, number: int) -> Tensor:
        own = self.exit_embedding.weight[number].expand(*states.shape[:-1], -1)
        return torch.cat([states, own], dim=-1)

    def words(self, states: Float[Tensor, "*places width"], number: int) -> Float[Tensor, "*places vocabulary"]:
        """Logits of the unit at each place, by the head that all exits share."""
        inner = self.word_norm(gelu(self.word_dense(self._beside(states, number))))
        return inner @ self.table.weight.T + self.word_bias

    def same_repository(
        self, states: Float[Tensor, "batch time width"], real: Bool[Tensor, "batch time"], number: int
    ) -> Float[Tensor, "batch 2"]:
        """Logits that a window's snippets are of several repositories, and of one."""
        pooled = mean_of_real(states, real)
        return self.repository_output(torch.tanh(self.repository_dense(self._beside(pooled, number))))

    def projected(
        self, states: Float[Tensor, "batch time width"], real: Bool[Tensor, "batch time"], number: int
    ) -> Float[Tensor, "batch width"]:
        """Unit vectors of an exit's states."""
        return normalize(self.projections[number](mean_of_real(states, real)), dim=1)

    def embed(
        self, tokens: Int64[Tensor, "batch time"], real: Bool[Tensor, "batch time"], number: int = -1
    ) -> Float[Tensor, "batch width"]:
        """Unit vectors at an exit, the deepest unless told, at the cost of its layers."""
        number = range(len(self.config.exits))[number]
        return self.projected(self(tokens, real, number)[-1], real, number)

    def truncated(self, number: int) -> MultiExitEncoder:
        """A model of its own that ends at the exit: no parameter of deeper layers or exits is in it."""
        exits = self.config.exits[: range(len(self.config.exits))[number] + 1]
        cut = MultiExitEncoder(replace(self.config, layers=exits[-1], exits=exits)).to(self.table.weight)
        weights = {name: self.state_dict()[name] for name in cut.state_dict()}
        weights["exit_embedding.weight"] = weights["exit_embedding.weight"][: len(exits)]
        cut.load_state_dict(weights)
        return cut.train(self.training)


def mean_of_real(
    states: Float[Tensor, "batch time width"], real: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch width"]:
    """The mean over the real places; 0 where there are none."""
    return (states * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True).clamp(min=1)
