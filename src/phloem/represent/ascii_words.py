"""The words of many ASCII texts at once, on arrays of their bytes: where each begins and ends, and a key of each.

A regular expression makes a string of every occurrence of a word. Here an occurrence is two offsets and a number, and
only distinct words become strings. The key is a polynomial hash modulo 2^64 over the lower-cased bytes, of prefixes so
that all words are hashed by three passes over the text (Karp and Rabin, "Efficient Randomized Pattern-Matching
Algorithms", 1987). Its known collisions need strings of a thousand bytes (Thue and Morse's); words are cut at 32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

_OTHER, _LOWER, _UPPER, _DIGIT, _OPERATOR = range(5)
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_MIXED = np.random.default_rng(0).integers(1, 1 << 63, 256, dtype=np.uint64)  # a number for each byte


def _kinds() -> UInt8[np.ndarray, " 256"]:
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[ord("a") : ord("z") + 1] = _LOWER
    kinds[ord("A") : ord("Z") + 1] = _UPPER
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    kinds[list(b"+-*/%<>=!&|^~")] = _OPERATOR
    return kinds


_KINDS = _kinds()


class Spans(NamedTuple):
    """Occurrence i of a word is `text[starts[i]:ends[i]]`; equal words, case aside, have equal keys."""

    starts: Int64[np.ndarray, " words"]
    ends: Int64[np.ndarray, " words"]
    keys: UInt64[np.ndarray, " words"]


def spans(text: bytes, longest: int) -> Spans:
    """The words of an ASCII text in order, of each the first `longest` bytes.

    A word is a run of letters, cut where a lower-case letter is followed by a capital and before the last capital of a
    run that a lower-case letter follows; a run of digits; or a run of operators.
    """
    kind = np.zeros(len(text) + 2, np.uint8)
    kind[1:-1] = _KINDS[np.frombuffer(text, np.uint8)]
    before, here, after = kind[:-2], kind[1:-1], kind[2:]
    begins = (here != before) & (here != _OTHER) & ~((here == _LOWER) & (before == _UPPER))
    begins |= (here == _UPPER) & (before == _UPPER) & (after == _LOWER)
    ends = (here != _OTHER) & (after == _OTHER)
    ends[:-1] |= begins[1:] & (here[:-1] != _OTHER)
    start, end = np.flatnonzero(begins), np.flatnonzero(ends) + 1
    end = np.minimum(end, start + longest)
    powers, inverses = _powers(1 << max(18, len(text).bit_length()))
    sums = np.zeros(len(text) + 1, np.uint64)
    np.cumsum(_MIXED[np.frombuffer(text.lower(), np.uint8)] * powers[: len(text)], out=sums[1:])
    return Spans(start, end, (sums[end] - sums[start]) * inverses[start])


@lru_cache(maxsize=2)
def _powers(count: int) -> tuple[UInt64[np.ndarray, " count"], UInt64[np.ndarray, " count"]]:
    """The first powers of the base and of its inverse modulo 2^64."""
    found = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        powers = np.full(count, base, np.uint64)
        powers[0] = 1
        found.append(np.cumprod(powers))
    return found[0], found[1]
