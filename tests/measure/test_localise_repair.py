"""Figures of finding and repairing bugs, by hand."""

import numpy as np
import pytest

from phloem.measure.localise_repair import LocaliseRepair, localise_repair, precision_at_rate


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
