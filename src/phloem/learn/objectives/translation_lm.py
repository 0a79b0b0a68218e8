"""Pivot-based translation modelling: pairs of texts, or of a text and a code, as a task of generation.

Chai et al., "ERNIE-Code" (Findings of ACL 2023, section 3.3). No pairs of Japanese and Python exist, but pairs of
Japanese and English and of English and Python do; English is the pivot. Two forms:

- translation: the source is the task's prefix and x, the target is y; both directions are drawn alike. The prefix is
  "translate Japanese to Python: " and a line's end;
- spans (Conneau and Lample 2019, translation language modelling, with T5's sentinels): x and y stand in one sequence,
  spans of both are hidden, and what one side lost the other may tell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phloem.learn.objectives.span_corruption import Ids, Pair, corrupt, segmented_spans


def prefix(source: str, target: str) -> str:
    """What the source begins with, by the names of the languages.

    >>> prefix("Japanese", "Python")
    'translate Japanese to Python: \\n'
    """
    return f"translate {source} to {target}: \n"


def translation(prefix_ids: Ids, x: Ids, y: Ids) -> Pair:
    """x behind the prefix, and y."""
    return Pair(np.concatenate([prefix_ids, x]).astype(x.dtype), y)


def damaged_both(x: Ids, y: Ids, separator: int, rng: np.random.Generator, sentinel: Callable[[int], int]) -> Pair:
    """x, separator and y with spans of both sides hidden; a side of one unit loses none."""
    first = segmented_spans(len(x), rng)
    second = [(start + len(x) + 1, end + len(x) + 1) for start, end in segmented_spans(len(y), rng)]
    whole = np.concatenate([x, [separator], y]).astype(x.dtype)
    return corrupt(whole, [*first, *second], sentinel)
