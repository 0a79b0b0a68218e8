"""Masked identifier prediction: every occurrence of a name becomes one sentinel, and the names are the target.

Wang et al., "CodeT5" (EMNLP 2021, section 3.2), after the deobfuscation of Roziere et al., "DOBF" (2021). Different
names get different sentinels, in the order of first appearance:

    def scale(x, k): return x * k     →     def <0>(<1>, <2>): return <1> * <2>       and       <0> scale <1> x <2> k

Scopes are not looked at: shadowed names share a sentinel since their text is equal. The blank before an occurrence
stays in the source, so that putting the names back gives the source exactly.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from phloem.learn.objectives.span_corruption import Pair, restore
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.identifier_occurrences import MarkedTokens


def choose_names(
    code: MarkedTokens, rng: np.random.Generator, *, share: float = 1.0, most: int = 100
) -> Int[np.ndarray, " chosen"]:
    """Numbers of the names to hide, in order: each with the probability `share`, at least one, at most `most`."""
    count = len(code.names)
    chosen = np.flatnonzero(rng.random(count) < share)
    if not len(chosen) and count:
        chosen = rng.integers(0, count, 1)
    if len(chosen) > most:
        chosen = np.sort(rng.choice(chosen, most, replace=False))
    return chosen


def hide_names(code: MarkedTokens, chosen: Int[np.ndarray, " chosen"], units: BytePairs) -> Pair:
    """The pair of a code and the names that are hidden; those behind the sentinels' number stay."""
    chosen = chosen[: units.sentinels]
    order = np.full(len(code.names) + 1, -1)  # the last place serves the name -1
    order[chosen] = np.arange(len(chosen))
    hidden = order[code.name]
    source: list[int] = []
    previous = -1
    for unit, word, number in zip(code.ids.tolist(), code.word.tolist(), hidden.tolist(), strict=True):
        if number < 0:
            source.append(unit)
        elif word != previous:  # the first unit of the occurrence
            if units.begins_with_blank[unit]:
                source.append(units.blank)
            source.append(units.sentinel(number))
        previous = word
    target: list[int] = []
    for number, name in enumerate(chosen.tolist()):
        target += [units.sentinel(number), *units.encode(code.names[name])]
    return Pair(np.array(source, code.ids.dtype), np.array(target, code.ids.dtype))


def names_of(target: Int[np.ndarray, " units"], units: BytePairs) -> dict[int, str]:
    """The names that a target, or a model's output, gives to the sentinels; a sentinel's first answer counts."""
    found: dict[int, list[int]] = {}
    current: list[int] = []
    for unit in target.tolist():
        if units.is_sentinel(unit):
            current = []
            found.setdefault(unit - units.sentinel(0), current)
        else:
            current.append(unit)
    return {number: units.decode(name).strip() for number, name in found.items()}


def fill_names(pair: Pair, units: BytePairs) -> str:
    """The code with the names of the target put back."""
    return units.decode(restore(pair.source, pair.target, units.is_sentinel).tolist())
