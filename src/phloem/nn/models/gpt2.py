"""The decoder of GPT-2's shape, and GPT-Neo's.

Radford et al., "Language Models are Unsupervised Multitask Learners" (2019, section 2.3): units and learned places,
blocks with the norm before each part and one at the end, each place reads what lies before it, and the table of unit
vectors is the output. GPT-Neo (Black et al. 2021), on which the first SGPT models stand, has no biases at queries, keys
and values, scores that are not scaled, and windows: in every other block a place reads the last 256 units alone.

While decoding, prompts of different lengths lie in one batch, padded on the right; what was padding stays in the cache
and is never read, and each row counts its own places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.multihead_attention import MultiHeadAttention, additive, both, earlier, real_keys
from phloem.nn.models.blocks import Block, BlockCache, FeedForward
from phloem.nn.positions.learned import LearnedPositions


@dataclass(frozen=True)
class Gpt2Config:
    """Sizes (GPT-2's unless given). `windows` has a number for each block, 0 where everything before is read;
    `biases` and `scaled` are of the attention; `begin` and `end` are the marks of a text."""

    vocabulary: int = 50257
    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    places: int = 1024
    activation: str = "gelu_tanh"
    biases: bool = True
    scaled: bool = True
    windows: tuple[int, ...] = ()
    epsilon: float = 1e-5
    dropout: float = 0.0
    begin: int = 50256
    end: int = 50256

    def __post_init__(self) -> None:
        if self.windows and len(self.windows) != self.layers:
            raise ValueError(f"{len(self.windows)} windows for {self.layers} blocks")


class PastState(NamedTuple):
    """What decoding keeps a row: keys and values, which of them are no padding, its next place, and a unit that was
    not read yet (the prompt's last)."""

    caches: tuple[BlockCache, ...]
    real: Bool[Tensor, "rows past"]
    place: Int64[Tensor, " rows"]
    waiting: Int64[Tensor, " rows"] | None


class Gpt2(nn.Module):
    """Units to vectors that know what lies before; a `Decodable` over sources with `tokens` and `lengths` (at least
    1), the prompts."""

    def __init__(self, config: Gpt2Config) -> None:
        super().__init__()
        self.config, self.width = config, config.width
        self.begin, self.end = config.begin, config.end
        self.table = nn.Embedding(config.vocabulary, config.width)
        self.positions = LearnedPositions(config.places, config.width)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        *,
        causal: bool = True,
        places: Int64[Tensor, "batch time"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """The vectors behind the last norm; those of padding mean nothing."""
        return self.states(tokens, mask, lengths, embeddings, causal=causal, places=places, bias=bias)[-1]

    def states(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        lengths: Int64[Tensor, " batch"] | None = None,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        *,
        causal: bool = True,
        places: Int64[Tensor, "batch time"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        """The vectors that go into the first block, then those after each block, the last ones normed.

        `causal=False` lets every place read all others (the same weights as an encoder); `mask` narrows what is read
        in any case."""
        if embeddings is None:
            if tokens is None:
                raise ValueError("give units or embeddings")
            embeddings = self.table(tokens)
        x = self.dropout(self.positions(embeddings, places))
        time = x.shape[1]
        allowed = both(mask, real_keys(lengths, time))
        if causal:
            allowed = both(allowed, earlier(time, 0, x.device))
        states = [x]
        for window, block in zip(self._windows(), self.blocks, strict=True):
            near = both(allowed, _near(time, 0, window, x.device)) if window and causal else allowed
            x, _ = block(x, additive(near, bias, x.dtype))
            states.append(x)
        return [*states[:-1], self.norm(x)]

    def logits(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places vocabulary"]:
        """Of the unit that follows each place."""
        return states @ self.table.weight.T

    def start(self, source: Any) -> PastState:
        """Read the prompts but for their last unit, which the first `next` reads."""
        tokens: Int64[Tensor, "rows time"] = source.tokens
        lengths: Int64[Tensor, " rows"] = source.lengths
        rows = len(tokens)
        last = tokens.gather(1, (lengths - 1)[:, None])[:, 0]
        none = self.table.weight.new_zeros(rows, 0, self.width)
        empty = tuple(block.empty(none) for block in self.blocks)  # type: ignore[operator]
        state = PastState(empty, torch.zeros(rows, 0, dtype=torch.bool, device=tokens.device), lengths * 0, None)
        if tokens.shape[1] > 1:
            real = torch.arange(tokens.shape[1] - 1, device=tokens.device) < (lengths - 1)[:, None]
            _, state = self.extend(tokens[:, :-1], state, real)
        return state._replace(waiting=last)

    def extend(
        self, tokens: Int64[Tensor, "rows steps"], state: PastState, real: Bool[Tensor, "rows steps"]
    ) -> tuple[Float[Tensor, "rows steps width"], PastState]:
        """Several units more, of which `real` are no padding: the normed vectors, and the state with them in it."""
        steps, past = tokens.shape[1], state.real.shape[1]
        places = (state.place[:, None] + real.cumsum(dim=1) - 1).clamp(min=0)
        x = self.positions(self.table(tokens), places)
        known = torch.cat([state.real, real], dim=1)
        counted = known.cumsum(dim=1)
        allowed = known[:, None] & earlier(steps, past, x.device)
        caches = []
        for window, block, cache in zip(self._windows(), self.blocks, state.caches, strict=True):
            near = allowed
            if window:  # counted in units that are no padding
                near = allowed & (counted[:, None] > counted[:, past:, None] - window)
            x, kept = block(x, additive(near, None, x.dtype), cache)
            caches.append(kept)
        return self.norm(x), PastState(tuple(caches), known, state.place + real.sum(dim=1), None)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: PastState
    ) -> tuple[Float[Tensor, "rows vocabulary"], PastState]:
        """Logits of the unit after `tokens`; the first time after the prompts, whatever `tokens` are."""
        tokens = tokens if state.waiting is None else state.waiting
        x, state = self.extend(tokens[:, None], state, torch.ones_like(tokens, dtype=torch.bool)[:, None])
        return self.logits(x[:, 0]), state

    def reorder(self, state: PastState, index: Int64[Tensor, " rows"]) -> PastState:
        waiting = None if state.waiting is None else state.waiting[index]
        caches = tuple(cache.rows(index) for cache in state.caches)
        return PastState(caches, state.real[index], state.place[index], waiting)

    def trace(self, state: PastState) -> None:
        """Attention is spread over heads and blocks, so no one row of it explains a step."""
        return None

    def _windows(self) -> tuple[int, ...]:
        return self.config.windows or (0,) * self.config.layers


def _near(time: int, past: int, window: int, device: torch.device) -> Bool[Tensor, "1 queries keys"]:
    """The last `window` places, the own one included."""
    keys = torch.arange(past + time, device=device)
    return (keys > past + torch.arange(time, device=device)[:, None] - window)[None]


def _block(config: Gpt2Config) -> Block:
    return Block(
        MultiHeadAttention(
            config.width,
            config.heads,
            biases=config.biases,
            out_bias=True,
            scaled=config.scaled,
            dropout=config.dropout,
        ),
        FeedForward(config.width, config.inner, activation=config.activation),
        lambda: nn.LayerNorm(config.width, eps=config.epsilon),
        norm_first=True,
        dropout=config.dropout,
    )
