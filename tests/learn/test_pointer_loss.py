"""Pointing at bugs and repairs."""

import math

import pytest
import torch

from phloem.learn.objectives.pointer_loss import (
    Pointed,
    PointerLoss,
    localisation_loss,
    pointer_log_probabilities,
    repair_loss,
)
from phloem.nn.models.bug_detector import PointerHeads

INF = math.inf


@pytest.mark.row("S093", 3)
def test_all_mass_on_two_right_occurrences() -> None:
    logits = torch.tensor([[0.0, 50.0, -50.0, 50.0, -50.0]], dtype=torch.float64)
    mask = torch.tensor([[False, True, True, True, True]])
    target = torch.tensor([[False, True, False, True, False]])
    log_p = pointer_log_probabilities(logits, mask)
    assert repair_loss(log_p, target, "sum").item() == pytest.approx(0.0, abs=1e-9)
    assert repair_loss(log_p, target, "released").item() == pytest.approx(1.38629, abs=1e-5)


@pytest.mark.row("S093", 3)
@pytest.mark.parametrize("masking", ["infinite", "multiplied"])
@pytest.mark.parametrize("reading", ["sum", "released"])
def test_an_example_without_a_bug_has_no_repair_gradient(reading: str, masking: str) -> None:
    logits = torch.randn(2, 6, requires_grad=True)
    mask = torch.tensor([[False, True, True, False, True, False], [False] * 6])
    target = torch.zeros(2, 6, dtype=torch.bool)
    loss = repair_loss(pointer_log_probabilities(logits, mask, masking), target, reading)  # type: ignore[arg-type]
    assert loss.tolist() == [0.0, 0.0]
    loss.sum().backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.row("S093", 3)
def test_masks() -> None:
    logits = torch.randn(3, 7)
    mask = torch.rand(3, 7) < 0.5
    mask[:, 2] = True
    p = pointer_log_probabilities(logits, mask, "infinite").exp()
    assert (p[~mask] == 0).all()
    assert torch.allclose(p.sum(dim=1), torch.ones(3))
    p = pointer_log_probabilities(torch.zeros(3, 7), mask, "multiplied").exp()
    assert torch.allclose(p, torch.full((3, 7), 1 / 7))
    assert torch.allclose(
        pointer_log_probabilities(logits, torch.zeros(3, 7) > 0, "multiplied").exp(), torch.full((3, 7), 1 / 7)
    )


def test_the_sum_and_the_released_reading_agree_on_one_target() -> None:
    log_p = pointer_log_probabilities(torch.randn(4, 5), torch.ones(4, 5) > 0)
    target = torch.eye(5)[:4] > 0
    assert torch.allclose(repair_loss(log_p, target, "sum"), repair_loss(log_p, target, "released"))


def test_probabilities_are_clipped_in_the_released_reading() -> None:
    log_p = torch.tensor([[-INF, 0.0]])
    assert repair_loss(log_p, torch.tensor([[True, False]]), "released").item() == pytest.approx(
        10 * math.log(10), rel=1e-6
    )


def test_the_objective_is_learned_by_the_heads() -> None:
    torch.manual_seed(0)
    states = torch.randn(8, 6, 16)
    heads = PointerHeads(16)

    class Batch:
        error = torch.tensor([0, 1, 2, 3, 4, 5, 0, 2])
        target = torch.zeros(8, 6, dtype=torch.bool)

    Batch.target[torch.arange(1, 6), torch.tensor([2, 3, 4, 5, 1])] = True
    candidates = torch.ones(8, 6, dtype=torch.bool)
    candidates[:, 0] = False
    optimizer = torch.optim.Adam(heads.parameters(), 0.02)
    losses = []
    for _ in range(80):
        loss = PointerLoss()(lambda batch: Pointed(*heads(states), candidates), Batch).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 < 1.5 < losses[0]


def test_a_location_outside_the_candidates_is_impossible() -> None:
    log_p = pointer_log_probabilities(torch.randn(1, 3), torch.tensor([[True, True, False]]))
    assert localisation_loss(log_p, torch.tensor([2])).item() == INF
