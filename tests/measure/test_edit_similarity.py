from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.measure.edit_similarity import edit_distance, edit_similarity


def by_recursion(one: str, other: str) -> int:
    @cache
    def edits(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(edits(i - 1, j) + 1, edits(i, j - 1) + 1, edits(i - 1, j - 1) + (one[i - 1] != other[j - 1]))

    return edits(len(one), len(other))


@given(st.text("abc😀", max_size=12), st.text("abc😀", max_size=12))
def test_the_distance_is_the_recursion(one: str, other: str) -> None:
    assert edit_distance(one, other) == by_recursion(one, other)


def test_similarities() -> None:
    assert edit_similarity(["", "ab", "abcd"], ["", "cd", "abce"]).tolist() == pytest.approx([1, 0, 0.75])
