"""A set of 64-bit hashes for vectorised membership: sorted runs that are merged as they grow.

A table of recently seen hashes answers most questions by one look; what it does not know is looked up in the runs,
whose number is logarithmic in the size of the set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64, UInt64

Hashes = UInt64[np.ndarray, "hashes"]
_SLOTS = 1 << 18


class Seen:
    """Hashes that were met."""

    def __init__(self) -> None:
        self.runs: list[Hashes] = []
        self.recent: Hashes | None = None

    @property
    def bytes(self) -> int:
        return sum(run.nbytes for run in self.runs) + (self.recent.nbytes if self.recent is not None else 0)

    def new(self, hashes: Hashes) -> Bool[np.ndarray, "hashes"]:
        """Which of the hashes are not in the set."""
        unknown = np.ones(len(hashes), bool)
        for run in self.runs:
            places = np.searchsorted(run, hashes)
            places[places == len(run)] = 0
            unknown &= run[places] != hashes
        return unknown

    def add(self, hashes: Hashes) -> None:
        """Put hashes in that are new and distinct."""
        self.runs.append(np.sort(hashes))
        while len(self.runs) > 1 and len(self.runs[-2]) < 2 * len(self.runs[-1]):
            last = self.runs.pop()
            merged = np.concatenate([self.runs[-1], last])
            merged.sort(kind="stable")
            self.runs[-1] = merged

    def first(self, hashes: Hashes, places: Int64[np.ndarray, "places"]) -> Int64[np.ndarray, "chosen"]:
        """Of the hashes at `places` those that are new, each at its first place, in order; they are put in."""
        chosen = hashes[places]
        if len(chosen) > 1024:
            if self.recent is None:
                self.recent = np.zeros(_SLOTS, np.uint64)
            slots = (chosen >> np.uint64(40)).astype(np.int64) & (_SLOTS - 1)
            unknown = self.recent[slots] != chosen
            chosen, places = chosen[unknown], places[unknown]
            self.recent[slots[unknown]] = chosen
        distinct, first = np.unique(chosen, return_index=True)
        new = self.new(distinct)
        if not new.any():
            return np.empty(0, np.int64)
        self.add(distinct[new])
        return np.sort(places[first[new]])
