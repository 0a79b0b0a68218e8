"""Clauses are decided by rule: intervals from resampled seeds and units, a verdict from interval and margin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.measure import bootstrap
from phloem.systems.claims import (
    ACCURACY,
    F1,
    FEWEST,
    PERPLEXITY,
    Clause,
    Outcome,
    decide,
    scale_of,
    verdict_of,
    worst,
)


def right(share: float, count: int = 400, seed: int = 0) -> Outcome:
    """Hits of a classifier that is right with probability `share`."""
    hit = np.random.default_rng(seed).random(count) < share
    return Outcome({"accuracy": bootstrap.with_count(hit.astype(float))})


def compared(candidate: float, baseline: float, margin: float, **more):
    clause = Clause("better", "accuracy", "a", "b", margin, **more)
    outcomes = {
        "a": [right(candidate, seed=seed) for seed in range(3)],
        "b": [right(baseline, seed=9 + seed) for seed in range(3)],
    }
    return decide(clause, ACCURACY, outcomes)


@given(low=st.floats(-1, 1), width=st.floats(0, 1), margin=st.floats(-1, 1))
def test_the_verdict_is_where_the_interval_lies(low, width, margin):
    interval = low, low + width
    expected = "confirmed" if low >= margin else "not confirmed" if low + width < margin else "inconclusive"
    assert verdict_of(interval, margin) == expected


def test_an_interval_that_touches_the_margin_is_above_it():
    assert verdict_of((0.5, 0.5), 0.5) == "confirmed"
    assert verdict_of((float("nan"), float("nan")), 0.5) == "inconclusive"


def test_a_claim_is_as_good_as_its_worst_clause():
    assert worst(["confirmed", "inconclusive", "confirmed"]) == "inconclusive"
    assert worst(["inconclusive", "not confirmed"]) == "not confirmed"
    assert worst(["confirmed"]) == "confirmed"


@pytest.mark.parametrize(
    ("candidate", "baseline", "margin", "verdict"),
    [(0.9, 0.6, 0.1, "confirmed"), (0.7, 0.65, 0.05, "inconclusive"), (0.6, 0.6, 0.2, "not confirmed")],
)
def test_differences_are_decided(candidate, baseline, margin, verdict):
    decision = compared(candidate, baseline, margin)
    assert decision.verdict == verdict
    assert decision.interval[0] < decision.value < decision.interval[1]
    assert decision.value == pytest.approx(np.mean(decision.values["a"]) - np.mean(decision.values["b"]))


def test_the_interval_of_one_seed_is_the_paired_bootstrap():
    one, other = right(0.8), right(0.7, seed=5)
    decision = decide(Clause("c", "accuracy", "a", "b", 0.0), ACCURACY, {"a": [one], "b": [other]})
    known = bootstrap.difference(one.units["accuracy"], other.units["accuracy"], bootstrap.mean, resamples=2000)
    assert decision.value == pytest.approx(known.value)
    assert decision.interval == pytest.approx((known.low, known.high), abs=0.01)


def test_equal_units_give_no_difference_however_they_are_drawn():
    same = [right(0.7)]
    assert decide(Clause("c", "accuracy", "a", "b", 0.0), ACCURACY, {"a": same, "b": same}).interval == (0.0, 0.0)


def test_seeds_that_differ_widen_the_interval():
    alike = {"a": [right(0.7)] * 3, "b": [right(0.5)] * 3}
    apart = {"a": [right(0.7, seed=0), right(0.9, seed=1), right(0.5, seed=2)], "b": [right(0.5)] * 3}
    clause = Clause("c", "accuracy", "a", "b", 0.0)
    widths = [np.diff(decide(clause, ACCURACY, outcomes).interval) for outcomes in (alike, apart)]
    assert widths[1] > 2 * widths[0]


def test_every_seed_takes_the_worst_pair():
    outcomes = {"a": [right(0.9), right(0.5)], "b": [right(0.6), right(0.6)]}
    each = decide(Clause("c", "accuracy", "a", "b", 0.0, across="every seed"), ACCURACY, outcomes)
    assert each.value == pytest.approx(min(np.subtract(each.values["a"], each.values["b"])))
    assert each.verdict == "not confirmed"


def test_lower_is_better_turns_the_difference_round():
    rng = np.random.default_rng(0)
    lower, higher = (
        Outcome({"perplexity": np.stack([mean + rng.random(50), np.ones(50)], axis=1)}) for mean in (1.0, 2.0)
    )
    decision = decide(Clause("c", "perplexity", "low", "high", 0.5), PERPLEXITY, {"low": [lower], "high": [higher]})
    assert decision.verdict == "confirmed"
    assert decision.value == pytest.approx(decision.values["high"][0] - decision.values["low"][0])


def test_ratios_of_figures_without_units_are_resampled_over_seeds():
    few = [Outcome({"steps": np.array([[steps]])}) for steps in (100.0, 120.0, 110.0)]
    many = [Outcome({"steps": np.array([[steps]])}) for steps in (400.0, 300.0, 500.0)]
    clause = Clause("c", "steps", "few", "many", 2.0, form="ratio")
    decision = decide(clause, FEWEST, {"few": few, "many": many})
    assert decision.value == pytest.approx(1200 / 330)
    assert 300 / 120 <= decision.interval[0] < decision.value < decision.interval[1] <= 500 / 100
    assert decision.verdict == "confirmed"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("candidate", "baseline", "verdict"),
    [((5, 10), (0, 10), "confirmed"), ((0, 10), (0, 10), "inconclusive"), ((0, 10), (5, 10), "not confirmed")],
)
def test_a_ratio_to_a_baseline_that_solves_nothing_is_infinite_and_nothing_to_nothing_decides_nothing(
    candidate, baseline, verdict
):
    def solved(hits: int, count: int) -> list[Outcome]:
        return [Outcome({"accuracy": bootstrap.with_count((np.arange(count) < hits).astype(float))})] * 3

    clause = Clause("c", "accuracy", "a", "b", 1.5, form="ratio")
    assert decide(clause, ACCURACY, {"a": solved(*candidate), "b": solved(*baseline)}).verdict == verdict


def test_a_floor_is_a_clause_without_baseline():
    decision = decide(Clause("learned", "accuracy", "a", None, 0.8), ACCURACY, {"a": [right(0.95)]})
    assert decision.verdict == "confirmed"
    assert list(decision.values) == ["a"]


def test_seeds_may_have_different_units():
    sizes = (40, 1, 900)
    outcomes = {"a": [right(0.8, count=n) for n in sizes], "b": [right(0.5, count=n) for n in sizes]}
    decision = decide(Clause("a is better", "accuracy", "a", "b", 0.1), ACCURACY, outcomes)
    assert decision.value == pytest.approx(
        np.mean([one.units["accuracy"].mean(0)[0] for one in outcomes["a"]])
        - np.mean([one.units["accuracy"].mean(0)[0] for one in outcomes["b"]])
    )
    assert decision.interval[0] < decision.value < decision.interval[1]


def test_arms_measured_on_different_units_are_refused():
    outcomes = {"a": [right(0.5, count=10)], "b": [right(0.5, count=11)]}
    with pytest.raises(PhloemError, match="different test units"):
        decide(Clause("c", "accuracy", "a", "b", 0.0), ACCURACY, outcomes)


def test_f1_is_that_of_summed_counts():
    assert F1.of(np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 1.0]])).tolist() == pytest.approx([0.8, 0.5])


def test_budgets_are_minutes_where_they_are_asked_for():
    sizes = {"smoke": 3, "laptop": 5.0, "paper": 60}
    assert scale_of("smoke").budget(**sizes) == {"epochs": 3}
    assert scale_of("laptop").budget(**sizes) == {"minutes": 5.0, "clock": "processor"}
    assert scale_of("laptop", minutes=0.5).budget(**sizes) == {"minutes": 0.5, "clock": "processor"}
    assert scale_of("paper").budget(**sizes) == {"epochs": 60}
    assert scale_of("paper", seeds=[7]).seeds == (7,)


def test_an_unknown_scale_or_no_time_is_refused():
    with pytest.raises(PhloemError, match="unknown scale 'big'"):
        scale_of("big")
    with pytest.raises(PhloemError, match="0 minutes"):
        scale_of("laptop", minutes=0)
