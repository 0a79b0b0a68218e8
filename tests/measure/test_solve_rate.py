"""Solve-rate curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.measure import solve_rate

counts = st.lists(st.one_of(st.none(), st.integers(1, 10**6)), max_size=30)


@given(counts, st.integers(2, 10**5))
def test_a_curve_counts_what_was_solved(found: list[int | None], budget: int) -> None:
    took = solve_rate.spent(found, budget)
    budgets = [1, 10, 100, budget]
    assert solve_rate.curve(took, budgets) == [
        sum(each is not None and each <= min(limit, budget) for each in found) for limit in budgets
    ]
    hits = solve_rate.hits(took)
    assert hits[:, 0].sum() == solve_rate.solved(took, budget)
    assert hits[:, 1].sum() == len(found)


def test_the_area_is_that_under_the_curve() -> None:
    assert solve_rate.area(np.array([1.0, np.inf]), 1000) == 0.5
    assert solve_rate.area(np.array([10.0]), 1000) == pytest.approx(2 / 3)
    took = np.array([3.0, 50.0, np.inf, 700.0])
    grid = np.exp(np.linspace(0, np.log(1000), 20_001))
    assert solve_rate.area(took, 1000) == pytest.approx(np.mean([(took <= each).mean() for each in grid]), abs=1e-3)
    assert solve_rate.area(np.array([]), 1000) == 0.0
