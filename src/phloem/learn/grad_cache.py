"""Large batches of contrast in small memory.

Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (RepL4NLP 2021): the loss of a
batch depends on the encoder through the vectors alone, so with v = f_θ(x)

    dL/dθ = Σ_chunks  dL/dv_chunk · dv_chunk/dθ

Chunks are encoded without a graph; the loss gives dL/dv for all of them; then each chunk is encoded once more with its
graph, which takes its share of dL/dv and is freed. Dropout must draw the same numbers both times, so each chunk's
random state is kept and replayed. The gradient is that of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Encode = Callable[[Any], Tensor]


def encoded(encode: Encode, chunks: Sequence[Any], *, replay: bool = True) -> Float[Tensor, "rows width"]:
    """The vectors of all chunks, one behind the other, as `encode` gives them a chunk; gradients flow into what
    `encode` reads when the result's are computed. Without `replay` the second pass draws dropout afresh, and its
    gradients are of another function: for the comparison."""
    asks = torch.zeros((), requires_grad=True)  # so that the result asks for a gradient
    return torch.cat([_Chunk.apply(asks, encode, chunk, replay) for chunk in chunks])


class _Chunk(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, asks: Tensor, encode: Encode, chunk: Any, replay: bool) -> Tensor:
        ctx.encode, ctx.chunk, ctx.replay = encode, chunk, replay
        ctx.state = torch.get_rng_state()
        with torch.no_grad():
            return encode(chunk).detach()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, None, None, None]:
        after = torch.get_rng_state()
        if ctx.replay:
            torch.set_rng_state(ctx.state)
        with torch.enable_grad():
            ctx.encode(ctx.chunk).backward(upstream[0])
        torch.set_rng_state(after)
        return None, None, None, None
