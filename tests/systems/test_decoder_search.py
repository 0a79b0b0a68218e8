"""Decoders in code search: both directions, masked next-token prediction, low-rank changes, and how is measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phloem.learn.lora import LowRank, adapt, merge
from phloem.learn.objectives.causal_lm import Sequences, next_unit_loss
from phloem.learn.objectives.hard_negatives import hard_negative_loss
from phloem.learn.objectives.masked_next_token import MaskedNextToken, masked_next_token_loss
from phloem.learn.objectives.simcse import SimCSE
from phloem.measure.ranking import average_precision
from phloem.nn.models.decoder_bi_encoder import DecoderBiEncoder
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.tasks.retrieval import block_ranks, blocks


def decoder(dropout: float = 0.0) -> Gpt2:
    torch.manual_seed(0)
    return Gpt2(Gpt2Config(40, 16, 2, 2, 24, 32, dropout=dropout, begin=2, end=3))


TOKENS = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]])


@pytest.mark.row("S203", 1)
def test_the_switch_changes_the_mask_alone() -> None:
    model = decoder()
    lengths = torch.tensor([5, 5])
    before = next_unit_loss(model.logits(model(TOKENS)), TOKENS, lengths)
    changed = TOKENS.clone()
    changed[:, -1] = 20
    assert torch.equal(model(TOKENS)[:, 0], model(changed)[:, 0])
    both = model(TOKENS, causal=False), model(changed, causal=False)
    assert (both[0][:, 0] - both[1][:, 0]).abs().min(dim=1).values.max() > 0
    assert (both[0][:, 0] - both[1][:, 0]).abs().max() > 1e-4
    after = next_unit_loss(model.logits(model(TOKENS)), TOKENS, lengths)
    assert torch.equal(before, after)
    vectors = [DecoderBiEncoder(model, pooling="last", causal=flag).vectors([[5, 6, 7]], "query") for flag in (1, 0)]
    assert (vectors[0] - vectors[1]).abs().max() > 1e-4


@pytest.mark.row("S203", 2)
def test_targets_are_predicted_one_place_before() -> None:
    chosen = torch.tensor([[True, False, True, False, True], [False, True, False, False, False]])
    right = torch.full((2, 5, 40), -50.0)
    wrong = torch.full((2, 5, 40), -50.0)
    for row, place in chosen.nonzero().tolist():
        wrong[row, place, TOKENS[row, place]] = 50.0  # as a masked language model would
        if place:
            right[row, place - 1, TOKENS[row, place]] = 50.0
    assert float(masked_next_token_loss(right, TOKENS, chosen)) == pytest.approx(0, abs=1e-6)
    assert float(masked_next_token_loss(wrong, TOKENS, chosen)) > 1
    noise = right.clone()
    noise[0, 0] = noise[0, 2] = noise[1, 1:] = torch.randn(40)  # rows whose next place was not chosen
    assert float(masked_next_token_loss(noise, TOKENS, chosen)) == pytest.approx(0, abs=1e-6)
    first = torch.zeros(2, 5, dtype=torch.bool)
    first[:, 0] = True
    assert float(masked_next_token_loss(wrong, TOKENS, first)) == 0.0


@pytest.mark.row("S203", 2)
def test_what_is_hidden_and_how() -> None:
    class Seen:
        def __call__(self, tokens: torch.Tensor, lengths: torch.Tensor, causal: bool) -> torch.Tensor:
            assert not causal
            self.tokens = tokens
            return torch.zeros(*tokens.shape, 40)

        def logits(self, states: torch.Tensor) -> torch.Tensor:
            return states

    torch.manual_seed(0)
    tokens = torch.full((200, 100), 7)
    lengths = torch.full((200,), 90)
    model = Seen()
    MaskedNextToken(4, 40, first=10)(model, Sequences(tokens, lengths))
    assert (model.tokens[:, 90:] == 7).all()
    real = model.tokens[:, :90]
    assert abs(float((real == 4).float().mean()) - 0.16) < 0.01
    others = real[(real != 4) & (real != 7)]
    assert abs(len(others) / real.numel() - 0.02) < 0.005
    assert int(others.min()) >= 10


@pytest.mark.row("S203", 3)
def test_average_precision_over_all_right_answers() -> None:
    relevant = np.array([True, False, True, False, False, True])
    assert average_precision(relevant, 3) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert average_precision(relevant) == pytest.approx(0.7222, abs=1e-4)
    assert average_precision(np.array([False, True, False]), 3) == pytest.approx(0.1667, abs=1e-4)
    assert average_precision(np.array([False, False]), 3) == 0.0


@pytest.mark.row("S203", 4)
def test_low_rank_changes_begin_at_nothing_and_merge() -> None:
    model = decoder().double()
    before = model(TOKENS).detach()
    names = adapt(model, rank=3, alpha=6, chosen=lambda name: name.endswith(("query", "value")))
    assert names == [f"blocks.{block}.attention.{part}" for block in (0, 1) for part in ("query", "value")]
    assert torch.equal(model(TOKENS), before)
    trained = [name for name, one in model.named_parameters() if one.requires_grad]
    assert len(trained) == 8
    assert all(name.endswith((".up", ".down")) for name in trained)
    model(TOKENS).pow(2).sum().backward()
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one += 0.1 * torch.randn_like(one)
    apart = model(TOKENS).detach()
    assert (apart - before).abs().max() > 1e-3
    merge(model)
    assert not any(isinstance(module, LowRank) for module in model.modules())
    torch.testing.assert_close(model(TOKENS), apart, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="rank 17"):
        adapt(decoder(), rank=17)


@pytest.mark.row("S203", 5)
def test_blocks_are_whole_and_equal_scores_are_last() -> None:
    assert blocks(2500).shape == (2, 1000)
    alike = np.ones((2500, 3), np.float32)
    rank = block_ranks(alike, alike)
    assert len(rank) == 2000
    assert (1.0 / rank == 1 / 1000).all()


def test_the_same_text_twice() -> None:
    model = DecoderBiEncoder(decoder(dropout=0.3))
    rows = [[5, 6], [7, 8, 9], [10]]
    objective = SimCSE(lambda net, batch: net.vectors(batch, "document"))
    torch.manual_seed(3)
    found = objective(model.train(), rows).value
    torch.manual_seed(3)
    one, other = model.vectors(rows, "document"), model.vectors(rows, "document")
    torch.testing.assert_close(found, hard_negative_loss(one, other, scale=20.0))
    with pytest.raises(ValueError, match="no dropout"):
        objective(model.eval(), rows)


def test_an_instruction_is_read_and_not_pooled() -> None:
    model = decoder().eval()
    told = DecoderBiEncoder(model, pooling="mean", instruction=(11, 12))
    states = model(torch.tensor([[11, 12, 5, 6, 7]]))[0, 2:].mean(dim=0)
    torch.testing.assert_close(told.vectors([[5, 6, 7], [5]], "query")[0], states / states.norm())
    plain = DecoderBiEncoder(model, pooling="mean")
    torch.testing.assert_close(told.vectors([[5, 6]], "document"), plain.vectors([[5, 6]], "document"))
