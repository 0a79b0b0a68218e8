"""Rotary positions: queries and keys are turned by their place, so that scores depend on distances only.

Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021, equation 34). Of a head of size d, the
numbers 2i and 2i + 1 of a vector at place p are turned as a point of the plane by the angle p θ_i, θ_i = base^(-2i/d):

    (x_2i, x_2i+1) -> (x_2i cos pθ_i - x_2i+1 sin pθ_i,  x_2i sin pθ_i + x_2i+1 cos pθ_i)

A turn keeps lengths, and the product of a query turned by p and a key turned by r depends on p - r alone.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

BASE = 10_000.0


def angles(
    positions: Int64[Tensor, "*batch time"], size: int, base: float = BASE, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*batch time half"]:
    """p θ_i of each position, for heads of an even size."""
    if size % 2:
        raise ValueError(f"rotary positions turn pairs of numbers; a head of size {size} has an odd one")
    rate = base ** -(torch.arange(0, size, 2, device=positions.device, dtype=torch.float64) / size)
    return (positions[..., None].double() * rate).to(dtype)


def rotate(
    x: Float[Tensor, "batch heads time size"], angle: Float[Tensor, "*batch time half"]
) -> Float[Tensor, "batch heads time size"]:
    """Vectors turned by their angles, which are of all rows alike, or with a row each."""
    if angle.dim() == 3:
        angle = angle[:, None]
    cos, sin = angle.cos(), angle.sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
