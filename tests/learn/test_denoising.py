"""The noise of denoising pretraining, and the sampling of languages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.learn.language_sampling import capped, smoothed
from phloem.learn.objectives.denoising import Noise, denoising_pair, span_lengths, untrimmed_lengths

MASK, FIRST = 4, 1000


def noise(**options: object) -> Noise:
    return Noise(MASK, 10, 900, **{"random": 0.0, **options})  # type: ignore[arg-type]


@pytest.mark.row("S009", 1)
@settings(max_examples=200, deadline=None)
@given(st.integers(2, 200), st.integers(0, 2**31))
def test_exactly_the_budget_goes_and_the_rest_stays_in_order(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.arange(FIRST, FIRST + count)
    damage = noise()(ids, rng)
    kept = damage.ids[damage.ids >= FIRST]
    assert np.array_equal(kept, ids[damage.kept])
    assert (np.diff(kept) > 0).all()
    assert len(kept) == count - math.ceil(0.3 * count)
    lengths = span_lengths(math.ceil(0.3 * count), np.random.default_rng(seed))
    assert damage.span_marks == (lengths > 0).sum()
    assert damage.empty_marks == (lengths == 0).sum()
    assert (damage.ids == MASK).sum() == damage.span_marks + damage.empty_marks
    assert len(damage.ids) == len(kept) + damage.span_marks + damage.empty_marks


@pytest.mark.row("S009", 1)
def test_lengths_of_zero_remove_nothing() -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(FIRST, FIRST + 40)
    seen = 0
    for _ in range(300):
        lengths = span_lengths(12, rng)
        assert lengths.sum() == 12
        seen += int((lengths == 0).sum())
    assert seen > 30
    damage = noise(mean=0.2)(ids, np.random.default_rng(1))
    assert damage.empty_marks > 10
    assert (damage.ids >= FIRST).sum() == 28


@pytest.mark.row("S009", 1)
def test_the_placement_of_the_released_code_overlaps() -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(FIRST, FIRST + 100)
    removed, masks, positive = [], [], []
    for _ in range(1000):
        damage = noise(placement="fairseq")(ids, rng)
        removed.append(100 - len(damage.kept))
        masks.append(damage.span_marks)
        assert (damage.ids >= FIRST).sum() == len(damage.kept)
        assert (damage.ids == MASK).sum() == damage.span_marks + damage.empty_marks
        positive.append((span_lengths(30, rng) > 0).sum())
    assert max(removed) <= 30
    assert 25.5 <= np.mean(removed) <= 28
    assert abs(np.mean(masks) - 7.3) < 0.4
    assert abs(np.mean(positive) - 8.8) < 0.4


@pytest.mark.row("S009", 1)
def test_lengths_are_poisson_before_the_last_one_is_shortened() -> None:
    rng = np.random.default_rng(0)
    # A list that stops when a sum is reached is biased towards long last lengths; a long list hardly is.
    drawn = np.concatenate([untrimmed_lengths(3500, rng)[:-1] for _ in range(12)])[:10_000]
    assert len(drawn) == 10_000
    cells = 10
    p = np.array([math.exp(-3.5) * 3.5**k / math.factorial(k) for k in range(cells)])
    p = np.append(p, 1 - p.sum())
    counts = np.bincount(np.minimum(drawn, cells), minlength=cells + 1)
    statistic = ((counts - 10_000 * p) ** 2 / (10_000 * p)).sum()
    assert statistic < 29.6, "chi-square with 10 degrees of freedom at 0.001"


@pytest.mark.row("S009", 1)
@pytest.mark.parametrize("placement", ["disjoint", "fairseq"])
def test_a_tenth_of_the_marks_are_random_units(placement: str) -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(FIRST, FIRST + 120)
    marks = random = 0
    for _ in range(300):
        damage = noise(random=0.1, placement=placement)(ids, rng)
        marks += damage.span_marks + damage.empty_marks
        random += damage.random
        strange = damage.ids[damage.ids < FIRST]
        assert len(strange) == damage.span_marks + damage.empty_marks
        assert ((strange == MASK) | ((strange >= 10) & (strange < 900))).all()
        assert (strange != MASK).sum() == damage.random
    assert abs(random / marks - 0.1) < 3 * math.sqrt(0.1 * 0.9 / marks)


def test_token_masking_and_deletion_are_off_unless_asked_for() -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(FIRST, FIRST + 1000)
    masked = Noise(MASK, 10, 900, share=0.0, masked=0.2)(ids, rng)
    assert abs((masked.ids == MASK).mean() - 0.2) < 0.05
    assert len(masked.ids) == 1000
    deleted = Noise(MASK, 10, 900, share=0.0, deleted=0.2)(ids, rng)
    assert abs(len(deleted.ids) / 1000 - 0.8) < 0.05
    assert (np.diff(deleted.ids) > 0).all()


def test_the_language_closes_the_source_and_is_never_touched() -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(FIRST, FIRST + 30)
    for _ in range(50):
        pair = denoising_pair(ids, 7, noise(), rng)
        assert pair.source[-1] == 7
        assert (pair.source == 7).sum() == 1
        assert np.array_equal(pair.target, ids)


@pytest.mark.row("S009", 2)
def test_small_sources_are_seen_more() -> None:
    counts = np.array([470, 210, 47])
    p = counts / counts.sum()
    q = smoothed(counts, 0.3)
    np.testing.assert_allclose(q, p**0.3 / (p**0.3).sum(), atol=1e-9, rtol=0)
    np.testing.assert_allclose(q, [0.43735, 0.34345, 0.21920], atol=5e-6, rtol=0)
    assert q[2] > p[2]
    assert q[0] < p[0]
    np.testing.assert_allclose(smoothed(counts, 1.0), p, atol=1e-12)
    np.testing.assert_allclose(smoothed(counts, 0.0), [1 / 3] * 3)
    with pytest.raises(ValueError, match="needs items"):
        smoothed([3, 0], 0.3)


def test_capped_counts() -> None:
    np.testing.assert_allclose(capped([100, 10, 1], 10), [10 / 21, 10 / 21, 1 / 21])
