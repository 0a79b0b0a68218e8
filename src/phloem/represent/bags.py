"""Texts as bags: which units a text has, how often, and where each one is first.

A unit's count is damped to log2(1 + count): a word that is there four times says more than one that is there once, but
not four times as much (Salton and Buckley, "Term-Weighting Approaches in Automatic Text Retrieval", 1988).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from phloem.represent.subwords import Ragged

BUCKETS = 8  # of first places: 0–3, 4–7, 8–15, 16–31, … , 256 and behind
_WIDEST = 1 << 20  # above every unit's id


class Bags(NamedTuple):
    """Row r has the distinct units `offsets[r]:offsets[r + 1]`, in the order of their ids."""

    ids: Int32[np.ndarray, " units"]
    damped: Float32[np.ndarray, " units"]  # log2(1 + count)
    place: Int32[np.ndarray, " units"]  # bucket of the first place
    offsets: Int64[np.ndarray, rows + 1]


def bags(rows: Ragged) -> Bags:
    """The bags of units in rows of a Ragged."""
    lengths = rows.lengths()
    row = np.repeat(np.arange(len(lengths)), lengths)
    key, first, count = np.unique(row * _WIDEST + rows.ids, return_index=True, return_counts=True)
    owner = key // _WIDEST
    place = first - rows.offsets[owner]
    return Bags(
        (key % _WIDEST).astype(np.int32),
        np.log2(1.0 + count).astype(np.float32),
        buckets(place),
        np.searchsorted(owner, np.arange(len(lengths) + 1)),
    )


def buckets(place: Int64[np.ndarray, " units"]) -> Int32[np.ndarray, " units"]:
    """The bucket of each place, 0 to BUCKETS - 1; each is twice as wide as the one before.

    >>> buckets(np.array([0, 3, 4, 8, 100, 5000])).tolist()
    [0, 0, 1, 2, 5, 7]
    """
    return np.minimum(np.log2(np.maximum(place, 2) / 2.0), BUCKETS - 1).astype(np.int32)
