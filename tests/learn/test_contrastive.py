"""InfoNCE, its masks and its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from phloem.learn.objectives.contrastive import Contrastive, hard_negative_weights, info_nce, same_rows


def vectors(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, 5, generator=generator, dtype=torch.float64), dim=1)


def by_hand(scores: torch.Tensor, left_out: set[tuple[int, int]] = frozenset()) -> float:  # type: ignore[assignment]
    terms = []
    for row in range(len(scores)):
        total = sum(scores[row, other].exp() for other in range(len(scores)) if (row, other) not in left_out)
        terms.append(-(scores[row, row] - torch.log(torch.as_tensor(total))))
    return float(torch.stack(terms).mean())


@pytest.mark.row("S017", 1)
def test_it_is_the_equation_in_both_directions() -> None:
    queries, codes = vectors(4, 0), vectors(4, 1)
    loss = Contrastive(0.1).of(queries, codes)
    scores = queries @ codes.T / 0.1
    assert float(loss.value) == pytest.approx((by_hand(scores) + by_hand(scores.T)) / 2, abs=1e-9)


def test_right_pairs_have_a_loss_near_nothing_and_the_gradient_pulls_them_together() -> None:
    codes = vectors(4, 1)
    assert float(Contrastive(0.01).of(codes, codes).value) < 1e-3
    queries = vectors(4, 0).requires_grad_()
    before = Contrastive().of(queries, codes).value
    before.backward()
    assert queries.grad is not None
    moved = normalize(queries.detach() - 0.05 * queries.grad, dim=1)
    assert Contrastive().of(moved, codes).value < before


def test_equal_texts_are_no_negatives_of_each_other() -> None:
    queries, codes = vectors(4, 0), vectors(4, 1)
    same = same_rows(np.array([7, 1, 7, 2]), np.array([1, 2, 3, 4]))
    scores = queries @ codes.T / 0.1
    expected = (by_hand(scores, {(0, 2), (2, 0)}) + by_hand(scores.T, {(0, 2), (2, 0)})) / 2
    assert float(Contrastive(0.1).of(queries, codes, same).value) == pytest.approx(expected, abs=1e-9)


@pytest.mark.row("S017", 1)
def test_hard_negative_weights_have_mean_one_and_the_closest_has_the_largest() -> None:
    scores = (vectors(5, 0) @ vectors(5, 1).T) / 0.05
    negative = ~torch.eye(5, dtype=torch.bool)
    negative[0, 3] = False  # a duplicate counts neither in the sum nor in K
    weights = hard_negative_weights(scores, negative)
    counts = negative.sum(dim=1)
    torch.testing.assert_close(weights.sum(dim=1) / counts, torch.ones(5, dtype=torch.float64), atol=1e-6, rtol=0)
    assert weights[0, 3] == 0
    closest = scores.masked_fill(~negative, -np.inf).argmax(dim=1)
    assert torch.equal(weights.argmax(dim=1), closest)
    equal = hard_negative_weights(torch.ones(5, 5), negative)
    torch.testing.assert_close(equal[negative], torch.ones(int(negative.sum())))
    warm = hard_negative_weights(scores * 1e-6, negative)
    torch.testing.assert_close(warm[negative], torch.ones_like(warm[negative]), atol=1e-4, rtol=0)


@pytest.mark.row("S017", 1)
def test_weights_of_one_leave_the_loss_as_it_is() -> None:
    even = torch.full((4, 4), 0.3, dtype=torch.float64)
    torch.testing.assert_close(info_nce(even, weighting=True), info_nce(even), atol=1e-9, rtol=0)
    scores = vectors(4, 0) @ vectors(4, 1).T / 0.05
    assert info_nce(scores, weighting=True) > info_nce(scores)
