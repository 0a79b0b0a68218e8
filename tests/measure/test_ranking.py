"""Figures of ranked lists."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.measure import ranking


def test_ties_count_against_the_model() -> None:
    scores = np.array([[1.0, 1.0, 0.5], [0.1, 0.9, 0.9], [3.0, 2.0, 1.0], [np.nan, np.nan, np.nan]])
    assert ranking.ranks(scores, np.array([0, 2, 0, 1])).tolist() == [2, 2, 1, 3]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_recall_and_mrr_are_means_over_queries(rank: list[int]) -> None:
    found = ranking.mean_reciprocal_rank(np.array(rank), resamples=20)
    assert found.value == pytest.approx(sum(1 / each for each in rank) / len(rank))
    assert found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12
    recall = ranking.recall_at(np.array(rank), 5, resamples=1)
    assert recall.value == pytest.approx(sum(each <= 5 for each in rank) / len(rank))


def test_ndcg_by_hand() -> None:
    gains = np.array([0.0, 3.0, 2.0])
    ideal = 3 / math.log2(2) + 2 / math.log2(3)
    assert ranking.ndcg(gains) == pytest.approx((3 / math.log2(3) + 2 / math.log2(4)) / ideal)
    assert ranking.ndcg(gains, 1) == 0.0
    assert ranking.ndcg(np.zeros(3)) == 0.0
    assert ranking.ndcg(np.array([2.0, 1.0, 0.0])) == pytest.approx(1.0)


def test_average_precision_divides_by_the_relevant_ones_found() -> None:
    assert ranking.average_precision(np.array([False, True, True])) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert ranking.average_precision(np.zeros(3, bool)) == 0.0


@pytest.mark.row("S017", 5)
def test_an_item_is_not_found_by_itself() -> None:
    labels = np.array([0, 0, 1, 0])  # A, B like A, C other, D like A
    scores = np.zeros((4, 4))
    scores[0] = [0.9, 0.5, 0.7, 0.3]  # ranked A, C, B, D
    assert ranking.self_retrieval(scores, labels)[0] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_fusion_of_one_system_keeps_its_order_and_two_that_agree_win() -> None:
    one = np.array([[0.9, 0.5, 0.1]])
    other = np.array([[0.2, 0.9, 0.1]])
    assert ranking.reciprocal_rank_fusion([one]).argsort()[0].tolist() == one.argsort()[0].tolist()
    fused = ranking.reciprocal_rank_fusion([one, other])
    assert fused[0, 0] == pytest.approx(1 / 61 + 1 / 62)
    assert fused[0].argmin() == 2
    assert ranking.reciprocal_rank_fusion([one, other], [0.0, 1.0]).argmax() == 1
