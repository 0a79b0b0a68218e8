"""The shortest formula of AND, OR, XOR and NOT that agrees with rows of a truth table.

All formulas by the number of their operators, each kept once for what it says of the rows (Michaud et al. 2024, section
2.4). Rows that never occur are not asked: formulas that differ there alone are one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

MOST_ROWS = 32


def boolean_formula(
    inputs: Int[np.ndarray, "rows variables"],
    target: Int[np.ndarray, " rows"],
    names: Sequence[str],
    *,
    operators: int = 8,
    formulas: int = 200_000,
) -> str | None:
    """A Python expression of 0 and 1; None if there is none of so many operators, or the values are no bits."""
    if not _bits(inputs) or not _bits(target) or len(target) > MOST_ROWS:
        return None
    full, wanted = (1 << len(target)) - 1, _packed(target)
    known: dict[int, str] = {}
    levels: list[list[int]] = [[]]

    def keep(value: int, text: str) -> None:
        if value not in known:
            known[value] = text
            levels[-1].append(value)

    for column, name in zip(inputs.T, names, strict=True):
        keep(_packed(column), name)
    for value, text in ((0, "0"), (full, "1")):
        keep(value, text)
    for size in range(1, operators + 1):
        if wanted in known or len(known) > formulas:
            break
        levels.append([])
        for value in levels[size - 1]:
            keep(full & ~value, f"(1 - {known[value]})")
        for left in range((size - 1) // 2 + 1):
            for one in levels[left]:
                for other in levels[size - 1 - left]:
                    keep(one & other, f"({known[one]} & {known[other]})")
                    keep(one | other, f"({known[one]} | {known[other]})")
                    keep(one ^ other, f"({known[one]} ^ {known[other]})")
            if wanted in known:
                break
    return known.get(wanted)


def _bits(values: np.ndarray) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _packed(column: np.ndarray) -> int:
    return sum(int(bit) << place for place, bit in enumerate(column))
