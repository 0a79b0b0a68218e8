"""Exact match of sets of spans (CodeQueries, Sahu et al. 2024).

What is predicted is right if the set of its spans, positions and kind, is the gold set: for answers, for supporting
facts, or for both. The gold set is that of the whole file, so what a model could not read counts as missed. Where
nothing is to be found, a prediction is right if it has no span of the asked kind. Positions may be anything that can be
compared, such as (block, place in the block).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

Kind = Literal["answer", "fact", "both"]
SpanLike = tuple[Any, Any, bool]  # where it begins, where it ends, whether it is a fact


def exact_match(predicted: Iterable[SpanLike], gold: Iterable[SpanLike], kind: Kind = "answer") -> bool:
    """Whether the spans of the kind are the same."""
    one, other = (
        {tuple(span) for span in spans if kind == "both" or span[2] == (kind == "fact")} for spans in (predicted, gold)
    )
    return one == other
