"""Dot-product attention over another sequence (or bag): the memory.

Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine Translation", EMNLP 2015, section
3.1, the "general" score. For a query x_t and memory z_i

    α_t = softmax_i(x_t^T W z_i)        y_t = Σ_i α_ti z_i

The product with W is made on the queries, of which there are few, and not on the memory. A memory is padded to its
longest row and its padding masked; a row without positions reads 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.mixers.base import Facts, Info

MASKED = -1e30


class Memory(NamedTuple):
    """Vectors by row, zeros behind; `bias` is added to the scores: 0 where a position is read, else MASKED."""

    vectors: Float[Tensor, "batch positions width"]
    bias: Float[Tensor, "batch positions"]
    counts: Int64[Tensor, " batch"]

    def mean(self) -> Float[Tensor, "batch width"]:
        """Of each row's vectors; 0 where there are none."""
        return self.vectors.sum(dim=1) / self.counts.clamp(min=1)[:, None]

    def rows(self, index: Int64[Tensor, " rows"]) -> Memory:
        return Memory(*(part.index_select(0, index) for part in self))


def memory_of(
    vectors: Float[Tensor, "items width"],
    offsets: Int64[Tensor, batch + 1],
    *,
    rows: Int64[Tensor, " batch"] | None = None,
    unmasked: int = 0,
) -> Memory:
    """Ragged vectors, row b being `offsets[b]:offsets[b + 1]`, as a memory, in the order of `rows`.

    The first `unmasked` positions of every row are read even where they are padding (score 0, value 0).
    """
    starts, counts = offsets[:-1], offsets.diff()
    if rows is not None:
        starts, counts = starts[rows], counts[rows]
    longest = max(int(counts.max()), unmasked, 1)
    place = torch.arange(longest, device=offsets.device)
    valid: Bool[Tensor, "batch positions"] = place < counts[:, None]
    padded = _Pad.apply(vectors, (starts[:, None] + place)[valid], valid)
    reads = valid | (place < unmasked)
    bias = torch.full(valid.shape, MASKED, dtype=vectors.dtype, device=vectors.device).masked_fill_(reads, 0.0)
    return Memory(padded, bias, counts)


def attend(
    query: Float[Tensor, "rows width"], memory: Memory, source: Int64[Tensor, " rows"]
) -> tuple[Float[Tensor, "rows positions"], Float[Tensor, "rows width"]]:
    """Weights and weighted sums of queries that are multiplied by W already; query r reads row `source[r]`.

    Where each row's queries lie together, equally many a row (a beam), they read it at once.
    """
    batch = len(memory.vectors)
    each = len(source) // batch
    together = len(source) == each * batch and bool(
        (source.view(batch, each) == torch.arange(batch, device=source.device)[:, None]).all()
    )
    if not together:
        memory, each = memory.rows(source), 1
    scores = torch.bmm(query.view(-1, each, query.shape[1]), memory.vectors.transpose(1, 2)) + memory.bias[:, None]
    weights = scores.softmax(dim=2) * (memory.bias[:, None] > MASKED / 2)
    attended = torch.bmm(weights, memory.vectors)
    return weights.flatten(0, 1), attended.flatten(0, 1)


class CrossAttention(nn.Module):
    """As a mixer: every position reads `info.memory`; it keeps no state but the memory of the first call."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, width, bias=False)  # its weight is W^T
        self.facts = Facts(causal=True, cost="n", state_size=lambda tokens: 0)

    def initial_state(self, memory: Memory) -> Memory:
        return memory

    def forward(
        self, x: Float[Tensor, "batch time width"], state: Memory | None = None, info: Info | None = None
    ) -> tuple[Float[Tensor, "batch time width"], Memory]:
        memory = info.memory if info is not None and info.memory is not None else state
        if memory is None:
            raise ValueError("cross-attention needs a memory: give it as the state or in info")
        batch, time, width = x.shape
        source = torch.arange(batch, device=x.device).repeat_interleave(time)
        _, read = attend(self.score(x).reshape(-1, width), memory, source)
        return read.view(x.shape), memory

    def step(self, x: Float[Tensor, "batch width"], state: Memory) -> tuple[Float[Tensor, "batch width"], Memory]:
        y, memory = self.forward(x[:, None], state)
        return y[:, 0], memory


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        place = valid.view(-1).nonzero().squeeze(1)
        ctx.save_for_backward(index, place)
        ctx.rows = len(vectors)
        padded = vectors.new_zeros(valid.numel(), vectors.shape[1])
        return padded.index_copy_(0, place, vectors.index_select(0, index)).view(*valid.shape, -1)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        index, place = ctx.saved_tensors
        flat = upstream[0].reshape(-1, upstream[0].shape[2])
        gradient = flat.new_zeros(ctx.rows, flat.shape[1])
        return gradient.index_copy_(0, index, flat.index_select(0, place)), None, None
