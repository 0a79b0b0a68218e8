"""Thresholds against a search over all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.measure.calibration import calibration_error, precision_recall, threshold

labelled = st.lists(st.tuples(st.integers(0, 10).map(lambda n: n / 10), st.booleans()), min_size=1, max_size=40)


def figures(pairs, value):
    flagged = [wrong for probability, wrong in pairs if probability < value]
    total = sum(wrong for _, wrong in pairs)
    return len(flagged), sum(flagged) / len(flagged) if flagged else 1.0, sum(flagged) / total if total else 0.0


@settings(deadline=None)
@given(labelled, st.sampled_from([0.5, 0.8, 1.0]))
def test_the_largest_threshold_with_the_precision(pairs, precision):
    found = threshold(*map(np.array, zip(*pairs, strict=True)), precision)
    flagged, share, recall = figures(pairs, found.value)
    assert (found.precision, found.recall) == pytest.approx((share, recall))
    assert found.precision >= precision
    assert found.flagged == pytest.approx(flagged / len(pairs))
    for other in np.arange(0.05, 1.2, 0.1):  # between all probabilities that occur
        more, share, _ = figures(pairs, other)
        assert more <= flagged or share < precision


@settings(deadline=None)
@given(labelled)
def test_the_table_has_every_set_that_a_threshold_can_flag(pairs):
    table = precision_recall(*map(np.array, zip(*pairs, strict=True)))
    assert len(table.threshold) == len({probability for probability, _ in pairs})
    for value, precision, recall, flagged in zip(*table, strict=True):
        assert (flagged, precision, recall) == pytest.approx(figures(pairs, value))
    assert table.flagged[-1] == len(pairs)


def test_no_threshold_is_good_enough():
    found = threshold(np.array([0.1, 0.9]), np.array([False, False]))
    assert found.value == -np.inf
    assert found.flagged == 0.0


def test_probabilities_that_mean_what_they_say_have_no_error():
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    right = rng.random(200_000) < probability
    assert calibration_error(probability, right) < 0.01
    assert calibration_error(probability**2, right) > 0.1


@settings(deadline=None)
@given(labelled)
def test_calibration_error_against_plain_loops(pairs):
    total, bins = 0.0, 5
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        held = [p for p in pairs if low < p[0] <= high or (place == 0 and p[0] == 0)]
        if held:
            gap = np.mean([p for p, _ in held]) - np.mean([right for _, right in held])
            total += len(held) / len(pairs) * abs(gap)
    assert calibration_error(*map(np.array, zip(*pairs, strict=True)), bins=bins) == pytest.approx(total, abs=1e-12)
