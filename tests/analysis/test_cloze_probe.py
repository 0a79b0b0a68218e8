"""The cloze probe asks evenly, and answers by the frozen head."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from phloem.analysis.cloze_probe import answers, chance, questions
from phloem.nn.models.text_encoder import TextEncoder, TextPairs, text_pairs
from phloem.represent.subwords import MASK

BATCH = text_pairs([[5, 9], [6, 9], [5, 5], [5]], [[7, 8, 7], [6, 8], [8], [7]])


def test_candidates_are_asked_equally_often() -> None:
    asked = questions(BATCH, [(5, 6)], "text")
    assert sorted(one.answer for one in asked) == [5, 6]  # 6 stands in one text only
    for one in questions(BATCH, [(7, 8)], "code") + asked:
        assert int(BATCH.tokens[one.row, one.place]) == one.answer
        assert one.answer in one.candidates
    assert [one.answer for one in questions(BATCH, [(7, 8)], "code", most=1)] == [7, 8]
    assert questions(BATCH, [(5, 11)], "text") == []
    assert questions(BATCH, [(7, 8)], "text") == []
    assert chance(asked) == 0.5
    assert chance([]) == 0.0


class Peeking(nn.Module):
    """Its word head prefers unit 8 where unit 6 stands in the row, else 7; it must not see the answer."""

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        assert ((tokens == MASK).sum(dim=1) == 1).all()
        return (tokens == 6).any(dim=1).float()[:, None, None].expand(*tokens.shape, 1)

    def words(self, states: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(states), 20)
        logits[:, 8], logits[:, 7], logits[:, 15] = states[:, 0], 1 - states[:, 0], 9.0  # 15 is no candidate
        return logits


def test_the_best_candidate_is_the_answer() -> None:
    asked = questions(BATCH, [(7, 8)], "code")
    right = answers(Peeking(), BATCH, asked, at_once=2)
    expected = [(one.answer == 8) == bool((BATCH.tokens[one.row] == 6).any()) for one in asked]
    assert right.tolist() == expected


def test_a_model_that_learned_nothing_guesses() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    rows = [rng.integers(5, 9, 12).tolist() for _ in range(300)]
    batch: TextPairs = text_pairs([[4]] * 300, rows)
    model = TextEncoder(12, width=16, layers=1, heads=2, inner=16, most=32).eval()
    asked = questions(batch, [(5, 6, 7, 8)], "code", most=200)
    assert len(asked) == 800
    assert abs(float(answers(model, batch, asked).mean()) - 0.25) < 0.06
