"""Exact and near-duplicate functions, found while they stream by.

Copies that lie in the training and the test split make a model look better than it is (Allamanis 2019, "The Adverse
Effects of Code Duplication in Machine Learning Models of Code"). What is compared is the sequence of a function's
tokens: the texts of its syntax tree's leaves without comments, docstring and layout. Its name is a token like any
other.

- Exact: the same sequence of tokens in the same language. All but the first are dropped, within and across projects,
  however short the function is.
- Near: Jaccard similarity of the sets of 5 consecutive tokens of at least 0.85, estimated by MinHash (Broder 1997,
  "On the resemblance and containment of documents") with 64 hash functions. Candidates share one of 8 bands of 8
  minima (locality-sensitive hashing; Indyk & Motwani 1998); the minima are kept as 8 bits each (b-bit minwise hashing;
  Li & König 2010). A pair at 0.85 becomes a candidate with probability 0.92, at 0.95 with 0.9998, at 0.5 with 0.03; the
  estimate's standard error is 0.045 there. A function under five tokens is one shingle, so that near means exact.

The hashing is NumPy's over all functions of a batch at once, straight from the tree arrays. The well-kept libraries
(datasketch, rensa) want a list of strings for each function, and making it takes most of the time: on 1,898 methods of
java.base 35 µs a method here, exact hashes included, and 76 µs with rensa, 66 of them for the lists.
An index of a million functions holds about 150 MB (64 bytes of minima and 8 × 8 bytes of bands each), 236 MB at most
while it grows; a million functions took 10 s to compare.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt32, UInt64

from phloem.languages import by_name
from phloem.languages.example import Example

HASHES, BANDS, SHINGLE = 64, 8, 5
SIMILARITY = 0.85
CANDIDATES_A_BAND = 4  # earlier functions looked at in a band's bucket

_random = np.random.default_rng(20191023)
_BYTE = _random.integers(1, 2**64, 256, np.uint64)
_MULTIPLIER, _ADDEND = (_random.integers(0, 2**64, HASHES, np.uint64) | np.uint64(1) for _ in range(2))
_BAND = _random.integers(0, 2**64, HASHES // BANDS, np.uint64) | np.uint64(1)
_POSITION = _random.integers(0, 2**64, SHINGLE, np.uint64) | np.uint64(1)
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, therefore invertible modulo 2**64
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))


class Fingerprints(NamedTuple):
    """What duplicates are found by; rows are functions."""

    exact: UInt64[np.ndarray, "functions"]
    minima: UInt8[np.ndarray, "functions hashes"]
    bands: UInt32[np.ndarray, "functions bands"]


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al. 2014): every bit of the result depends on every bit of x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _powers(base: np.uint64, count: int) -> UInt64[np.ndarray, "count"]:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


@lru_cache
def _comment_kinds(language: str) -> Bool[np.ndarray, "kinds"]:
    known = by_name(language)
    table = np.zeros(65536, np.bool_)
    table[[i for i, kind in enumerate(known.kinds) if kind in known.comment_kinds]] = True
    return table


class _Tokens(NamedTuple):
    hashes: UInt64[np.ndarray, "tokens"]
    offsets: Int64[np.ndarray, "functions+1"]  # tokens of function i are offsets[i]:offsets[i + 1]


def _tokens(examples: list[Example]) -> _Tokens:
    """Hashes of all leaves' texts at once: a polynomial rolling hash, of which a leaf is a difference of prefixes."""
    sizes = np.array([len(e.tree.kind) for e in examples])
    first = np.cumsum([0, *sizes])
    bytes_before = np.cumsum([0, *(len(e.tree.source) for e in examples)])
    parent, start, end = (np.concatenate([getattr(e.tree, c) for e in examples]) for c in ("parent", "start", "end"))
    above = np.where(parent >= 0, parent + np.repeat(first[:-1], sizes), np.arange(len(parent)))
    leaf = np.ones(len(parent), np.bool_)
    leaf[above[parent >= 0]] = False
    comment = np.concatenate([_comment_kinds(e.language)[e.tree.kind] for e in examples])
    spans = np.array([e.doc_span or (0, 0) for e in examples])
    documentation = (start >= np.repeat(spans[:, 0], sizes)) & (end <= np.repeat(spans[:, 1], sizes))
    leaf &= ~(comment | comment[above] | documentation) & (end > start)

    source = np.frombuffer(b"".join(e.tree.source for e in examples), np.uint8)
    prefix = np.zeros(len(source) + 1, np.uint64)
    np.cumsum(_BYTE[source] * _powers(_BASE, len(source)), out=prefix[1:])
    shift = np.repeat(bytes_before[:-1], sizes)[leaf]
    begin, stop = start[leaf] + shift, end[leaf] + shift
    value = (prefix[stop] - prefix[begin]) * _powers(_INVERSE, len(source) + 1)[begin]
    counts = np.add.reduceat(leaf.astype(np.int64), first[:-1])
    return _Tokens(_mix(value + (stop - begin).astype(np.uint64)), np.concatenate([[0], np.cumsum(counts)]))


def fingerprint(examples: list[Example]) -> Fingerprints:
    """Fingerprints of functions; they depend on each function alone, not on its neighbours in the list."""
    if not examples:
        return Fingerprints(np.zeros(0, np.uint64), np.zeros((0, HASHES), np.uint8), np.zeros((0, BANDS), np.uint32))
    hashes, offsets = _tokens(examples)
    counts = np.diff(offsets)
    place = np.arange(len(hashes)) - np.repeat(offsets[:-1], counts)
    language = np.array([hash_text(e.language) for e in examples], np.uint64)
    weighted = hashes * _powers(_BASE, int(counts.max(initial=0)) + 1)[place]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted, dtype=np.uint64)])
    exact = _mix(sums[offsets[1:]] - sums[offsets[:-1]] + language + counts.astype(np.uint64))

    padded = np.concatenate([hashes, np.zeros(SHINGLE - 1, np.uint64)])
    rolled = sum(padded[i : len(hashes) + i] * _POSITION[i] for i in range(SHINGLE))
    whole = place + SHINGLE <= np.repeat(counts, counts)
    # functions under five tokens have one shingle: their exact hash
    shingle_counts = np.maximum(counts - SHINGLE + 1, 1)
    starts = np.concatenate([[0], np.cumsum(shingle_counts)])
    shingles = np.empty(starts[-1], np.uint64)
    short = counts < SHINGLE
    is_short = np.repeat(short, shingle_counts)
    shingles[~is_short] = _mix(rolled[whole] + np.repeat(language, counts)[whole]) if len(hashes) else 0
    shingles[is_short] = exact[short]
    least = np.empty((HASHES, len(examples)), np.uint64)
    for i in range(HASHES):
        np.minimum.reduceat(shingles * _MULTIPLIER[i] + _ADDEND[i], starts[:-1], out=least[i])
    bands = (_mix((least.reshape(BANDS, -1, len(examples)) * _BAND[:, None]).sum(1)) >> np.uint64(32)).astype(np.uint32)
    minima = (_mix(least) >> np.uint64(56)).astype(np.uint8)
    return Fingerprints(exact, np.ascontiguousarray(minima.T), np.ascontiguousarray(bands.T))


def hash_text(text: str) -> int:
    """A 63-bit hash of a text that is the same in every process."""
    value = 1469598103934665603
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**63
    return value


def similarity(a: UInt8[np.ndarray, "... hashes"], b: UInt8[np.ndarray, "... hashes"]) -> np.ndarray:
    """Estimated Jaccard similarity: the share of equal minima, corrected for equal 8-bit values by chance."""
    chance = 1 / 256
    return ((a == b).mean(-1) - chance) / (1 - chance)


class Index:
    """The kept functions so far. `add` says which functions of the next batch are to be kept."""

    def __init__(self) -> None:
        self._count = 0
        self._exact = np.zeros(0, np.uint64)
        self._minima = np.zeros((0, HASHES), np.uint8)
        self._keys = [np.zeros(0, np.uint32) for _ in range(BANDS)]  # sorted, and the functions they belong to
        self._owners = [np.zeros(0, np.int32) for _ in range(BANDS)]

    def __len__(self) -> int:
        return self._count

    def add(self, new: Fingerprints) -> tuple[Bool[np.ndarray, "functions"], Bool[np.ndarray, "functions"]]:
        """(exact duplicates, near-duplicates) among `new`; the others join the index."""
        exact = np.ones(len(new.exact), np.bool_)
        exact[np.unique(new.exact, return_index=True)[1]] = False
        exact |= self._known(new.exact)
        left = np.flatnonzero(~exact)
        near = np.zeros(len(new.exact), np.bool_)
        near[left] = self._near(new.minima[left], new.bands[left])
        keep = ~(exact | near)
        self.restore(Fingerprints(*(column[keep] for column in new)))
        return exact, near

    def restore(self, kept: Fingerprints) -> None:
        """Put functions into the index that are known to be kept."""
        self._exact = np.sort(np.concatenate([self._exact, kept.exact]))
        if self._count + len(kept.exact) > len(self._minima):
            room = np.zeros(((self._count + len(kept.exact)) * 5 // 4, HASHES), np.uint8)
            room[: self._count] = self._minima[: self._count]
            self._minima = room
        self._minima[self._count : self._count + len(kept.exact)] = kept.minima
        owners = np.arange(self._count, self._count + len(kept.exact), dtype=np.int32)
        for band in range(BANDS):
            order = np.argsort(kept.bands[:, band], kind="stable")
            keys = kept.bands[order, band]
            place = np.searchsorted(self._keys[band], keys, side="right")
            self._keys[band] = np.insert(self._keys[band], place, keys)
            self._owners[band] = np.insert(self._owners[band], place, owners[order])
        self._count += len(kept.exact)

    def _known(self, exact: UInt64[np.ndarray, "functions"]) -> Bool[np.ndarray, "functions"]:
        if not len(self._exact):
            return np.zeros(len(exact), np.bool_)
        place = np.minimum(np.searchsorted(self._exact, exact), len(self._exact) - 1)
        return self._exact[place] == exact

    def _near(self, minima: np.ndarray, bands: np.ndarray) -> Bool[np.ndarray, "functions"]:
        """Functions like an earlier one: of the index, or of the same batch (then the first of the likes stays)."""
        near = np.zeros(len(minima), np.bool_)
        for band in range(BANDS):
            keys, owners = self._keys[band], self._owners[band]
            begin, stop = (np.searchsorted(keys, bands[:, band], side=side) for side in ("left", "right"))
            for step in range(CANDIDATES_A_BAND):
                rows = np.flatnonzero((begin + step < stop) & ~near)
                near[rows] = similarity(self._minima[owners[begin[rows] + step]], minima[rows]) >= SIMILARITY
        for band in range(BANDS):
            order = np.argsort(bands[:, band], kind="stable")
            keys = bands[order, band]
            head = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, int)
            leader = np.repeat(order[head], np.diff(np.append(head, len(keys))))
            for earlier, later in ((leader, order), (order[:-1], order[1:])):
                pair = (earlier < later) & ~near[later]
                if earlier is not leader:
                    pair &= keys[1:] == keys[:-1]
                alike = similarity(minima[earlier[pair]], minima[later[pair]]) >= SIMILARITY
                near[later[pair][alike]] = True
        return near


def save(file: Path, kept: Fingerprints) -> None:
    """Write fingerprints so that a later run can restore the index; the file appears when it is whole."""
    fresh = file.with_suffix(".fresh")
    with fresh.open("wb") as out:
        np.savez(out, exact=kept.exact, minima=kept.minima, bands=kept.bands)
    os.replace(fresh, file)


def load(file: Path) -> Fingerprints:
    with np.load(file, allow_pickle=False) as arrays:
        return Fingerprints(arrays["exact"], arrays["minima"], arrays["bands"])
