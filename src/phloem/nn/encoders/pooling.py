"""One vector of a sequence's vectors.

The position-weighted mean of Muennighoff, "SGPT: GPT Sentence Embeddings for Semantic Search" (2022, section 3.1): a
causal model's later states have read more, so they weigh more,

    v = Σ_i w_i m_i h_i / Σ_i w_i m_i        w_i = i, counted from the first real token, m the mask of real ones
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def weighted_mean(
    states: Float[Tensor, "batch time width"], real: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch width"]:
    """The position-weighted mean of the real states, wherever the padding stands; 0 for a row without any."""
    weight = (real.cumsum(dim=1) * real).to(states.dtype)
    total = weight.sum(dim=1, keepdim=True).clamp(min=1)
    return (weight[:, :, None] * states).sum(dim=1) / total
