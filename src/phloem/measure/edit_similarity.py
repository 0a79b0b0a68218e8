"""Edit similarity of two texts: what share of them need not be changed (Levenshtein 1966).

    1 - edits(a, b) / max(|a|, |b|)        edits: insertions, deletions and replacements of characters

1 for equal texts (two empty ones are equal), 0 for texts that have nothing in common.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def edit_distance(one: str, other: str) -> int:
    """Fewest insertions, deletions and replacements; a row of the table at a time, insertions by running minima."""
    if len(one) < len(other):
        one, other = other, one
    if not other:
        return len(one)
    codes = np.frombuffer(other.encode("utf-32-le"), np.uint32)
    place = np.arange(len(other) + 1)
    row = place.copy()
    for number, character in enumerate(one, 1):
        replaced = row[:-1] + (codes != ord(character))
        row = np.concatenate([[number], np.minimum(replaced, row[1:] + 1)])
        row = np.minimum.accumulate(row - place) + place
    return int(row[-1])


def edit_similarity(references: Sequence[str], predictions: Sequence[str]) -> Float[np.ndarray, " examples"]:
    """The similarity of each pair, 0 to 1."""
    pairs = zip(references, predictions, strict=True)
    return np.array([1 - edit_distance(one, two) / max(len(one), len(two), 1) for one, two in pairs])
