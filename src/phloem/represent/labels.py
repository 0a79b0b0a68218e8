"""Interning of node labels: `identifier0`, `binary_operator:+`, `Nm1` … become small integers.

A label is met millions of times and made of a few parts (kind, operator, child index). The parts are packed into one
integer code, and a table per code space turns arrays of codes into arrays of label ids with one gather; a name is
only written out when its code is met for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Int32, Int64


class Labels:
    """A growing table str <-> id. Ids count from 0 in the order in which names are first met."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = []
        self._id: dict[str, int] = {}
        self._tables: dict[object, Int32[np.ndarray, "codes"]] = {}
        for name in names:
            self.id(name)

    def __len__(self) -> int:
        return len(self.names)

    def id(self, name: str) -> int:
        """The id of `name`, a new one if it was never met."""
        known = self._id.setdefault(name, len(self.names))
        if known == len(self.names):
            self.names.append(name)
        return known

    def ids(
        self, space: object, size: int, codes: Int64[np.ndarray, "nodes"], name: Callable[[int], str]
    ) -> Int32[np.ndarray, "nodes"]:
        """Label ids of codes in 0..size-1 of a code `space` (any hashable); `name(code)` writes a label out."""
        table = self._tables.get(space)
        if table is None:
            table = self._tables[space] = np.full(size, -1, np.int32)
        found = table[codes]
        if len(found) and found.min() < 0:
            for code in sorted(set(codes[found < 0].tolist())):
                table[code] = self.id(name(code))
            found = table[codes]
        return found
