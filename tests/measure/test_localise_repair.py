"""Figures of finding and repairing bugs, by hand."""

import numpy as np
import pytest

from phloem.measure.localise_repair import LocaliseRepair, localise_repair, platt, precision_at_rate


@pytest.mark.row("S093", 5)
def test_metrics_by_hand() -> None:
    error = np.array([0, 0, 4, 7])
    location = np.array([0, 3, 4, 7])
    repaired = np.array([False, False, True, False])
    assert localise_repair(error, location, repaired) == LocaliseRepair(
        classification=3 / 4, true_positive=1 / 2, localisation=1.0, repair=1 / 2, joint=1 / 2
    )


def test_repair_counts_wherever_it_is_pointed() -> None:
    found = localise_repair(np.array([2, 3]), np.array([0, 1]), np.array([True, True]))
    assert found == LocaliseRepair(0.5, 0.0, 0.0, 1.0, 0.0)


def test_precision_at_another_rate() -> None:
    # 1,000 functions, half with a bug: 60 right and 40 wrong findings, all wrong ones in functions without
    assert precision_at_rate(0.6, 0.5, 0.5) == pytest.approx(0.6)
    right, wrong = 60 * 50 / 500, 40 * 950 / 500
    assert precision_at_rate(0.6, 0.5, 0.05) == pytest.approx(right / (right + wrong))
    assert precision_at_rate(0.0, 0.5, 0.05) == 0.0


def test_a_logistic_curve_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * logits - 1.2)))
    slope, offset = platt(logits, right)
    assert slope == pytest.approx(0.7, abs=0.05)
    assert offset == pytest.approx(-1.2, abs=0.08)
    assert platt(logits[:3], np.array([True, True, True])) == (1.0, 0.0)
