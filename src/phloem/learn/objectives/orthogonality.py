"""A penalty that keeps the rows of a matrix orthonormal: ||B B^T - I||_F^2, so that B^T B is a projection."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def orthogonality(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, ""]:
    """0 for orthonormal rows."""
    unit = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return (matrix @ matrix.T - unit).square().sum()
