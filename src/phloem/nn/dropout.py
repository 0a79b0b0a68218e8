"""Dropout (Srivastava et al. 2014) from random bytes.

`torch.nn.functional.dropout` draws a float an element, which on a CPU costs more than a matrix product over them.
Here an element takes one random byte and is dropped if that is below 256 p: exact for p = 0.25 and 0.5, else p is
rounded to 1/256 (and the scale with it). Draws come from torch's default generator of the CPU, so that seeds and
checkpoints hold.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def dropout_mask(shape: tuple[int, ...] | torch.Size, p: float, like: Tensor) -> Float[Tensor, ...]:
    """Independent elements: 0 with probability p (rounded to 1/256), else 1 / (1 - p)."""
    threshold = round(256 * p)
    size = torch.Size(shape).numel()
    words = torch.empty(-(-size // 8), dtype=torch.int64).random_(-(2**63), None)
    keep = words.view(torch.uint8)[:size].ge(threshold).view(shape)
    return keep.view(torch.uint8).to(like.device, like.dtype).mul_(256 / (256 - threshold))


def dropout(x: Float[Tensor, ...], p: float, training: bool = True) -> Float[Tensor, ...]:
    """`x` with elements dropped and the rest scaled, in training; `x` itself otherwise."""
    if not training or round(256 * p) == 0:
        return x
    return x * dropout_mask(x.shape, p, x)
