"""Bootstrap intervals against theory and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from phloem.measure import bootstrap, subtoken_f1


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    values = np.random.default_rng(1).normal(3.0, 2.0, 2000)
    found = bootstrap.interval(bootstrap.with_count(values), bootstrap.mean, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        values = rng.random(300) < 0.4
        found = bootstrap.interval(bootstrap.with_count(values), bootstrap.mean, resamples=300, level=0.9, seed=trial)
        covered += found.low <= 0.4 <= found.high
    assert 0.83 <= covered / 200 <= 0.96


def test_f1_of_resamples_against_a_plain_loop():
    addends = np.random.default_rng(3).integers(0, 4, (50, 3))
    found = bootstrap.interval(addends, subtoken_f1.f1, resamples=200, seed=9)
    rng, draws = np.random.default_rng(9), []
    for _ in range(200):
        true, false, missed = np.sum([addends[i] for i in rng.integers(0, 50, 50)], axis=0)
        draws.append(2 * true / (2 * true + false + missed))
    assert (found.low, found.high) == pytest.approx((np.quantile(draws, 0.025), np.quantile(draws, 0.975)))


def test_a_seed_decides_everything():
    addends = np.random.default_rng(3).integers(0, 4, (50, 3))
    assert bootstrap.interval(addends, subtoken_f1.f1) == bootstrap.interval(addends, subtoken_f1.f1)
    assert bootstrap.interval(addends, subtoken_f1.f1) != bootstrap.interval(addends, subtoken_f1.f1, seed=1)


def test_pairing_sees_a_difference_that_separate_intervals_hide():
    rng = np.random.default_rng(4)
    hard = rng.normal(0, 5, 400)
    left = bootstrap.with_count(hard + 0.2 + rng.normal(0, 0.3, 400))
    right = bootstrap.with_count(hard)
    one, other = (bootstrap.interval(side, bootstrap.mean) for side in (left, right))
    paired = bootstrap.difference(left, right, bootstrap.mean)
    assert one.low < other.high
    assert paired.low > 0.1
    assert paired.value == pytest.approx(one.value - other.value)
    assert bootstrap.difference(left, left, bootstrap.mean) == (0.0, 0.0, 0.0)


def test_seeds_are_averaged_over_the_same_resamples():
    addends = np.random.default_rng(5).integers(0, 4, (3, 60, 3))
    found = bootstrap.interval(addends, subtoken_f1.f1)
    assert found.value == pytest.approx(np.mean([subtoken_f1.f1(run.sum(axis=0)) for run in addends]))
    same = bootstrap.interval(np.stack([addends[0]] * 3), subtoken_f1.f1)
    assert same == pytest.approx(bootstrap.interval(addends[0], subtoken_f1.f1))


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="at least one example"):
        bootstrap.interval(np.zeros((0, 3)), subtoken_f1.f1)
    with pytest.raises(ValueError, match="4 and 5"):
        bootstrap.difference(np.ones((4, 2)), np.ones((5, 2)), bootstrap.mean)
