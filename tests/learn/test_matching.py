"""Matching, hard negatives and tagging."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from phloem.learn.objectives.contrastive import info_nce
from phloem.learn.objectives.hard_negatives import HardNegatives, hard_negative_loss, supervised_contrast
from phloem.learn.objectives.matching import Matching, drawn
from phloem.learn.objectives.tagging import Tagging
from phloem.nn.models.cross_encoder import CrossEncoder, UnitPairs
from phloem.nn.models.text_encoder import TextEncoder


class Recorder(nn.Module):
    """Remembers which pairs it was asked about, and knows the right ones."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.given, self.asked = vectors, []

    def vectors(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return self.given, self.given

    def match(self, batch: Any, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        self.asked += list(zip(left.tolist(), right.tolist(), strict=True))
        return torch.where(left == right, 20.0, -20.0)


def keyed(query: list[int], code: list[int] | None = None) -> Any:
    return SimpleNamespace(query_key=np.array(query), code_key=np.array(query if code is None else code))


def test_wrong_pairs_are_balanced_and_say_something_else() -> None:
    torch.manual_seed(0)
    model = Recorder(torch.eye(6))
    loss = Matching()(model, keyed([1, 1, 2, 3, 4, 5]))
    right, wrong = model.asked[:6], model.asked[6:]
    assert right == [(place, place) for place in range(6)]
    assert len(wrong) == 6
    assert all(a != b and {a, b} != {0, 1} for a, b in wrong)
    assert float(loss.value) < 1e-6
    assert loss.logs["accuracy"] == 1.0


def test_both_sides_are_replaced() -> None:
    torch.manual_seed(0)
    model = Recorder(torch.eye(8))
    for _ in range(40):
        Matching()(model, keyed(list(range(8))))
    wrong = [(a, b) for a, b in model.asked if a != b]
    own_text = sum(model.asked[16 * step + 8 + row][0] == row for step in range(40) for row in range(8))
    assert len(wrong) == 320
    assert 0.4 < own_text / 320 < 0.6


def test_hard_pairs_are_drawn_by_similarity() -> None:
    torch.manual_seed(0)
    scores = torch.tensor([[9.0, 2.0, 1.0, 0.0]]).expand(4000, 4)
    same = torch.zeros(4000, 4, dtype=torch.bool)
    same[:, 0] = True
    share = torch.bincount(drawn(scores, same), minlength=4) / 4000
    torch.testing.assert_close(share, torch.tensor([-math.inf, 2.0, 1.0, 0.0]).softmax(0), atol=0.03, rtol=0)
    angles = torch.tensor([0.0, 0.1, 1.5, 1.6])
    model = Recorder(torch.stack([angles.cos(), angles.sin()], dim=1))
    Matching(hard=True, temperature=0.02)(model, keyed([0, 1, 2, 3]))
    wrong = model.asked[4:]
    assert len(wrong) == 8
    assert all({a, b} in ({0, 1}, {2, 3}) for a, b in wrong)


def test_a_batch_that_says_one_thing_has_no_wrong_pairs() -> None:
    model = Recorder(torch.eye(3))
    assert torch.isfinite(Matching()(model, keyed([7, 7, 7])).value)
    assert model.asked == [(0, 0), (1, 1), (2, 2)]


def test_a_cross_encoder_learns_to_match() -> None:
    torch.manual_seed(0)
    rows = [[unit] for unit in range(4, 8)]
    keys = np.arange(4)
    batch = UnitPairs(rows * 2, [[row[0] + 4] for row in rows] * 2, np.tile(keys, 2), np.tile(keys, 2))
    encoder = TextEncoder(20, width=16, layers=1, heads=2, inner=32, most=16)
    model, objective = CrossEncoder(encoder, most=16, most_text=4), Matching()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = objective(model, batch)
        loss.value.backward()
        optimizer.step()
    assert loss.logs["accuracy"] >= 0.9
    found = torch.stack([model.eval().scores(text, batch.codes[:4]) for text in rows])
    assert torch.equal(found.argmax(dim=1), torch.arange(4))
    lengthy = [[12] * 3, [13], [14] * 9]
    apart = torch.cat([model.scores([4], [one]) for one in lengthy])
    torch.testing.assert_close(model.scores([4], lengthy), apart)


@pytest.mark.row("S203", 3)
def test_hard_negatives_are_cross_entropy_over_both() -> None:
    torch.manual_seed(0)
    q, c, h = torch.randn(3, 4), torch.randn(3, 4), torch.randn(5, 4)
    cosine = torch.tensor(
        [[float(a @ b / (a.norm() * b.norm())) for b in [*c, *h]] for a in q]
    )  # query by positives, then negatives
    by_hand = -np.mean(
        [
            math.log(math.exp(50 * row[i]) / sum(math.exp(50 * s) for s in row))
            for i, row in enumerate(cosine.double().tolist())
        ]
    )
    assert float(hard_negative_loss(q, c, h)) == pytest.approx(by_hand, rel=1e-4)
    objective = HardNegatives()
    torch.testing.assert_close(objective(lambda batch: (q, c, h), None).value, hard_negative_loss(q, c, h))
    torch.testing.assert_close(hard_negative_loss(q, c), info_nce(50 * normalize(q, dim=1) @ normalize(c, dim=1).T))


@pytest.mark.row("S203", 3)
def test_one_positive_is_info_nce_over_all_other_rows() -> None:
    torch.manual_seed(0)
    q, c = (normalize(torch.randn(4, 6, dtype=torch.float64), dim=1) for _ in range(2))
    rows, groups = torch.cat([q, c]), torch.arange(4).repeat(2)
    scores = (rows @ rows.T / 0.05).fill_diagonal_(-math.inf)
    partner = torch.arange(8).roll(4)
    torch.testing.assert_close(supervised_contrast(rows, groups), cross_entropy(scores, partner), rtol=0, atol=1e-6)
    one_direction = hard_negative_loss(q, c, scale=20.0)
    assert abs(float(supervised_contrast(rows, groups)) - float(one_direction)) > 1e-3


def test_several_positives_are_averaged() -> None:
    torch.manual_seed(0)
    rows, groups = normalize(torch.randn(5, 3), dim=1), torch.tensor([0, 0, 0, 1, 2])
    losses = []
    for i in range(3):
        others = [a for a in range(5) if a != i]
        whole = sum(math.exp(float(rows[i] @ rows[a]) / 0.05) for a in others)
        own = [p for p in range(3) if p != i]
        losses.append(-sum(math.log(math.exp(float(rows[i] @ rows[p]) / 0.05) / whole) for p in own) / 2)
    assert float(supervised_contrast(rows, groups)) == pytest.approx(np.mean(losses), rel=1e-4)
    with pytest.raises(ValueError, match="belong together"):
        supervised_contrast(rows, torch.arange(5))


def test_tags_count_where_they_are_given() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 3)
    target = torch.tensor([[0, 2, -1, 1], [1, -1, -1, -1]])
    loss = Tagging()(lambda batch: logits, SimpleNamespace(target=target))
    p = logits.softmax(-1)
    expected = -torch.stack([p[0, 0, 0], p[0, 1, 2], p[0, 3, 1], p[1, 0, 1]]).log().mean()
    torch.testing.assert_close(loss.value, expected)
    heavy = Tagging(torch.tensor([0.0, 1.0, 0.0]))(lambda batch: logits, SimpleNamespace(target=target))
    torch.testing.assert_close(heavy.value, -torch.stack([p[0, 3, 1], p[1, 0, 1]]).log().mean())
    nothing = Tagging()(lambda batch: logits, SimpleNamespace(target=torch.full((2, 4), -1)))
    assert float(nothing.value) == 0.0
