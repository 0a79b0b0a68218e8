"""Tokens of a program and units of a model: which unit is of which token.

Shen et al., "Benchmarking Language Models for Code Syntax Understanding" (2022), after Clark et al., "What Does BERT
Look At?" (2019, section 4.1): attention TO a token that is several units is the sum over them, attention FROM it the
mean. Two tokens within one unit both have its weight; a token without a unit has a row and a column of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Spans = Sequence[tuple[int, int]]


def overlap(tokens: Spans, units: Spans) -> Float[np.ndarray, "tokens units"]:
    """1 where a token and a unit share a character; spans are [first, last)."""
    starts, ends = (np.array([span[side] for span in tokens], int) for side in (0, 1))
    firsts, lasts = (np.array([span[side] for span in units], int) for side in (0, 1))
    shared = np.minimum(ends[:, None], lasts[None]) - np.maximum(starts[:, None], firsts[None])
    return (shared > 0).astype(float)


def pieces(counts: Sequence[int], before: int = 0, units: int | None = None) -> Float[np.ndarray, "tokens units"]:
    """The same where token t is `counts[t]` units of its own, in order, behind `before` others that are of none."""
    ends = before + np.cumsum(counts, dtype=int)
    places = np.arange(int(ends[-1]) if units is None and len(ends) else units or 0)
    starts = ends - np.asarray(counts, int)
    return ((places >= starts[:, None]) & (places < ends[:, None])).astype(float)


def merged(
    weights: Float[np.ndarray, "*heads units units"], alignment: Float[np.ndarray, "tokens units"]
) -> Float[np.ndarray, "*heads tokens tokens"]:
    """Attention between tokens from attention between units."""
    return averaging(alignment) @ weights @ alignment.T


def averaging(alignment: Float[np.ndarray, "tokens units"]) -> Float[np.ndarray, "tokens units"]:
    """Takes the mean of a token's units; rows of tokens without units are 0."""
    return alignment / np.maximum(alignment.sum(axis=1, keepdims=True), 1)
