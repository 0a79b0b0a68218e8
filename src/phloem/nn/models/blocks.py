"""The block that the published Transformers are made of, with the choices in which they differ as arguments.

A block reads its own sequence, maybe a memory, and passes each place through a feed-forward net. With the norm before
each of the three (Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020: T5, GPT-2) or behind
the sum (Vaswani et al. 2017: BERT, BART):

    before:  x <- x + f(norm x)        behind:  x <- norm(x + f(x))

Decoders keep the keys and values of the words written so far, and those of the memory, in a `BlockCache`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu, relu

from phloem.nn.mixers.multihead_attention import MultiHeadAttention


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh form of GELU (Hendrycks and Gimpel 2016), which GPT-2 and T5 v1.1 have."""
    return gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu, "gelu_tanh": gelu_tanh}


class FeedForward(nn.Module):
    """W_2 f(W_1 x), or with a gate W_2 (f(W_g x) * W_1 x) (Shazeer, "GLU Variants Improve Transformer", 2020)."""

    def __init__(
        self,
        width: int,
        inner: int,
        *,
        activation: str = "gelu",
        gated: bool = False,
        biases: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.up = nn.Linear(width, inner, bias=biases)
        self.gate = nn.Linear(width, inner, bias=biases) if gated else None
        self.down = nn.Linear(inner, width, bias=biases)
        self.activation, self.dropout = ACTIVATIONS[activation], nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "*places width"]) -> Float[Tensor, "*places width"]:
        up = self.up(x)
        up = self.activation(up) if self.gate is None else self.activation(self.gate(x)) * up
        return self.down(self.dropout(up))


class RMSNorm(nn.Module):
    """x / √(mean x² + ε) times a weight: no mean is taken off (Zhang and Sennrich 2019), in float32 as T5 has it."""

    def __init__(self, width: int, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x: Float[Tensor, "*places width"]) -> Float[Tensor, "*places width"]:
        wide = x if x.dtype == torch.float64 else x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(dim=-1, keepdim=True) + self.epsilon)
        return self.weight * normed.to(self.weight.dtype)


class BlockCache(NamedTuple):
    """Keys and values of a block, each rows × heads × time × size: of the words so far, and of the memory."""

    key: Tensor
    value: Tensor
    memory_key: Tensor | None = None
    memory_value: Tensor | None = None

    def rows(self, index: Int64[Tensor, " rows"]) -> BlockCache:
        own = self.key.index_select(0, index), self.value.index_select(0, index)
        if self.memory_key is None or self.memory_value is None:
            return BlockCache(*own)
        return BlockCache(*own, self.memory_key.index_select(0, index), self.memory_value.index_select(0, index))


class Block(nn.Module):
    """`norm` makes a norm of the model's width. With `memory_attention` the block reads a memory, too."""

    def __init__(
        self,
        attention: MultiHeadAttention,
        feed_forward: nn.Module,
        norm: Callable[[], nn.Module],
        *,
        memory_attention: MultiHeadAttention | None = None,
        norm_first: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention, self.attention_norm = attention, norm()
        self.memory_attention = memory_attention
        self.memory_norm = norm() if memory_attention is not None else None
        self.feed_forward, self.feed_forward_norm = feed_forward, norm()
        self.norm_first, self.dropout = norm_first, nn.Dropout(dropout)

    def empty(self, like: Float[Tensor, "rows time width"], *, memory: bool = False) -> BlockCache:
        """The cache before the first word; with `memory`, `like` is read as the memory."""
        none = like.new_zeros(len(like), self.attention.heads, 0, self.attention.size)
        if not memory:
            return BlockCache(none, none)
        assert self.memory_attention is not None
        return BlockCache(none, none, *self.memory_attention.read(like))

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        bias: Tensor | None = None,
        cache: BlockCache | None = None,
        memory_bias: Tensor | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], BlockCache | None]:
        """The vectors and the cache with these places in it; without a cache nothing is kept and no memory read."""
        kept = cache

        def attend(own: Tensor) -> Tensor:
            nonlocal kept
            key, value = self.attention.read(own)
            if cache is not None:
                key, value = torch.cat([cache.key, key], dim=2), torch.cat([cache.value, value], dim=2)
                kept = cache._replace(key=key, value=value)
            return self.attention(own, key, value, bias)

        x = self._around(x, self.attention_norm, attend)
        if self.memory_attention is not None and self.memory_norm is not None:
            if cache is None or cache.memory_key is None or cache.memory_value is None:
                raise ValueError("a block over a memory needs a cache with the memory's keys and values")
            memory_attention, key, value = self.memory_attention, cache.memory_key, cache.memory_value
            x = self._around(x, self.memory_norm, lambda own: memory_attention(own, key, value, memory_bias))
        return self._around(x, self.feed_forward_norm, self.feed_forward), kept

    def _around(self, x: Tensor, norm: nn.Module, f: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return x + self.dropout(f(norm(x)))
        return norm(x + self.dropout(f(x)))
