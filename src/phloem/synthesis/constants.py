"""Constants that the examples suggest, as BUSTLE takes them (Odena et al. 2021, appendix and released code).

Of strings: the empty one; every one of 24 common separators that occurs in some input or output; and for every two
strings of one column (or two outputs) their longest common substrings of at least two characters. Of numbers: 0, 1,
2, 3 and 99.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, islice

from phloem.synthesis.base import Spec
from phloem.synthesis.program import STRING

COMMON = (*" ,.!?()[]<>{}-+_/$#:;@%", "0")
NUMBERS = (0, 1, 2, 3, 99)
COMPARED = 200  # characters of a string that are compared, and pairs of a column: the cost is their product
PAIRS = 300
MOST = 60  # common substrings that are kept, those of most pairs first


def longest_common(left: str, right: str) -> set[str]:
    """All longest common substrings of two strings; empty when they share none. Time |left| × |right|."""
    left, right = left[:COMPARED], right[:COMPARED]
    best, found = 0, set[str]()
    before = [0] * (len(right) + 1)
    for i, character in enumerate(left, 1):
        row = [0] * (len(right) + 1)
        for j, other in enumerate(right, 1):
            if character == other:
                length = row[j] = before[j - 1] + 1
                if length > best:
                    best, found = length, {left[i - length : i]}
                elif length == best:
                    found.add(left[i - length : i])
        before = row
    return found


def strings(spec: Spec) -> list[str]:
    """The string constants for a task, without repetition: "", separators in their order, common substrings sorted."""
    columns: list[Sequence[str]] = [
        [value for value in column if isinstance(value, str)]
        for column, type in zip(zip(*spec.inputs, strict=True), spec.types, strict=True)
        if type == STRING
    ]
    if spec.result == STRING:
        columns.append([value for value in spec.outputs if isinstance(value, str)])
    seen = set("".join("".join(column) for column in columns))
    shared: Counter[str] = Counter()
    for column in columns:
        shared.update(text for text, times in Counter(column).items() if times > 1 and 2 <= len(text) <= COMPARED)
        for left, right in islice(combinations(dict.fromkeys(column), 2), PAIRS):
            shared.update(part for part in longest_common(left, right) if len(part) >= 2)
    most = [text for text, _ in sorted(shared.items(), key=lambda each: (-each[1], each[0]))[:MOST]]
    return ["", *(each for each in COMMON if each in seen), *sorted(most)]
