"""Masked language modelling, replaced token detection, and the n-gram generators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phloem.learn.objectives.masked_lm import MaskedLM, choose, hidden
from phloem.learn.objectives.replaced_token_detection import ReplacedTokenDetection
from phloem.nn.models.ngram_generator import BidirectionalNgram
from phloem.nn.models.text_encoder import TextEncoder, TextPairs, text_pairs
from phloem.represent.subwords import CLS, MASK, PAD, SEP

UNITS = 60


class Always:
    """A generator that draws one unit only."""

    def __init__(self, unit: int) -> None:
        self.unit = unit

    def sample(self, tokens: np.ndarray, chosen: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.full(int(chosen.sum()), self.unit)


class Identity:
    """A generator that draws what was there."""

    def sample(self, tokens: np.ndarray, chosen: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn: np.ndarray = tokens[chosen]
        return drawn


def pairs(rows: int = 40, *, text: bool = True) -> TextPairs:
    rng = np.random.default_rng(0)
    texts = [rng.integers(4, 30, 8).tolist() if text else [] for _ in range(rows)]
    return text_pairs(texts, [rng.integers(30, 58, int(rng.integers(10, 25))).tolist() for _ in range(rows)])


def model() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(UNITS, width=16, layers=2, heads=2, inner=32, most=64)


def test_a_pair_is_one_sequence_and_padding_is_marked_as_nothing() -> None:
    batch = text_pairs([[5, 6], []], [[7, 8, 9], [7]])
    assert batch.tokens.tolist() == [[CLS, 5, 6, SEP, 7, 8, 9, SEP], [CLS, 7, SEP, PAD, PAD, PAD, PAD, PAD]]
    assert batch.text.sum(dim=1).tolist() == [2, 0]
    assert batch.tokens[batch.code].tolist() == [7, 8, 9, 7]
    assert batch.real().sum(dim=1).tolist() == batch.lengths.tolist() == [8, 3]
    cut = text_pairs([[5] * 90], [[7] * 300], most=100, most_text=20)
    assert int(cut.lengths[0]) == 100
    assert int(cut.text.sum()) == 20


@pytest.mark.row("S086", 1)
def test_targets_are_one_outside_the_masks_and_where_the_sample_is_right() -> None:
    batch = pairs()
    always_wrong = ReplacedTokenDetection(Always(58), Always(59), share=0.15)
    corrupted = always_wrong.corrupt(batch)
    changed = corrupted.tokens != batch.tokens
    assert torch.equal(~corrupted.original, changed)
    assert not changed[~(batch.text | batch.code)].any()
    assert 0.1 < float(changed.sum()) / float((batch.text | batch.code).sum()) < 0.2
    sometimes_right = ReplacedTokenDetection(Always(10), Always(40), share=1.0).corrupt(batch)
    ten = batch.text & (batch.tokens == 10)
    assert ten.any()
    assert sometimes_right.original[ten].all()
    assert not sometimes_right.original[batch.text & ~ten].any()
    everything = ReplacedTokenDetection(Always(58), Always(59), share=1.0).corrupt(batch)
    assert int((~everything.original).sum()) == int(batch.text.sum() + batch.code.sum())  # |m_w| + |m_c| zeros


@pytest.mark.row("S086", 1)
def test_the_loss_covers_every_real_position_and_no_padding() -> None:
    batch, net = pairs(), model()
    objective = ReplacedTokenDetection(Identity(), Identity())
    loss = objective(net, batch)
    logits = net.original(net(batch.tokens, batch.lengths))
    by_row = [torch.nn.functional.softplus(-logits[row, : int(length)]) for row, length in enumerate(batch.lengths)]
    torch.testing.assert_close(loss.value, torch.cat(by_row).mean())
    longer = TextPairs(*(torch.nn.functional.pad(part, (0, 3)) if part.dim() == 2 else part for part in batch))
    torch.testing.assert_close(objective(net, longer).value, loss.value)


@pytest.mark.row("S086", 2)
def test_each_generator_writes_at_its_own_positions() -> None:
    batch = pairs()
    corrupted = ReplacedTokenDetection(Always(58), Always(59), share=0.5).corrupt(batch)
    assert (corrupted.tokens[batch.text] != 59).all()
    assert (corrupted.tokens[batch.code] != 58).all()
    assert (corrupted.tokens == 58).any()
    assert (corrupted.tokens == 59).any()


@pytest.mark.row("S086", 2)
def test_the_identity_changes_nothing() -> None:
    batch = pairs()
    corrupted = ReplacedTokenDetection(Identity(), Identity(), share=1.0).corrupt(batch)
    assert corrupted.original.all()
    assert torch.equal(corrupted.tokens, batch.tokens)


@pytest.mark.row("S086", 3)
def test_code_alone_has_no_masked_loss_and_a_loss_of_replacement() -> None:
    batch, net = pairs(text=False), model()
    masked = MaskedLM(UNITS, bimodal_only=True)(net, batch)
    assert float(masked.value.detach()) == 0.0
    masked.value.backward()
    assert float(MaskedLM(UNITS, bimodal_only=True)(net, pairs()).value.detach()) > 0
    generator = BidirectionalNgram(UNITS).fit(batch.tokens[batch.code].view(1, -1).tolist())
    assert float(ReplacedTokenDetection(generator, generator)(net, batch).value.detach()) > 0


@pytest.mark.row("S086", 4)
def test_query_and_code_swapped_are_another_sequence() -> None:
    net = model().eval()
    one, other = text_pairs([[5, 6]], [[7, 8]]), text_pairs([[7, 8]], [[5, 6]])
    states = [net(batch.tokens, batch.lengths)[0, 0] for batch in (one, other)]
    assert (states[0] - states[1]).abs().max() > 1e-4


def test_both_objectives_can_be_learned() -> None:
    torch.manual_seed(0)
    net, batch = model(), pairs(8)
    objectives = [
        MaskedLM(UNITS, full=True),
        ReplacedTokenDetection(Always(58), Always(59)),
    ]
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    first, last = [], []
    for step in range(40):
        losses = [objective(net, batch).value for objective in objectives]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        values = [float(loss.detach()) for loss in losses]
        if step < 5:
            first.append(values)
        elif step >= 35:
            last.append(values)
    assert (np.mean(last, axis=0) < 0.9 * np.mean(first, axis=0)).all()


@pytest.mark.row("S017", 2)
def test_full_masks_hide_every_chosen_unit_and_no_other() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(4, UNITS, (100, 100))
    chosen = choose(torch.ones_like(tokens, dtype=torch.bool))
    found = hidden(tokens, chosen, UNITS, full=True)
    assert (found[chosen] == MASK).all()
    assert torch.equal(found[~chosen], tokens[~chosen])
    assert abs(float(chosen.float().mean()) - 0.15) < 3 * (0.15 * 0.85 / 10_000) ** 0.5
    partly = hidden(tokens, chosen, UNITS)
    assert not (partly[chosen] == MASK).all()
    assert torch.equal(partly[~chosen], tokens[~chosen])
    share = (partly[chosen] == MASK).float().mean()
    assert abs(float(share) - 0.8) < 0.05
    kept = (partly[chosen] == tokens[chosen]).float().mean()
    assert abs(float(kept) - 0.1 - 0.1 / (UNITS - 4)) < 0.04


def test_the_ngram_model_is_the_equation_and_samples_follow_it() -> None:
    generator = BidirectionalNgram(12, n=3).fit([[5, 6, 7], [5, 6, 8], [5, 6, 7], [9, 6, 10]])
    p = generator.distribution([5, 6], [])
    unigram = np.bincount([5, 6, 7, 5, 6, 8, 5, 6, 7, 9, 6, 10], minlength=12) / 12
    after_6 = (np.bincount([7, 8, 7, 10], minlength=12) + unigram) / 5
    after_5_6 = (np.bincount([7, 8, 7], minlength=12) + after_6) / 4
    np.testing.assert_allclose(p, (after_5_6 + unigram) / 2)
    assert p.sum() == pytest.approx(1)
    rng = np.random.default_rng(0)
    tokens = np.tile([5, 6, 11, 3], (6000, 1))
    chosen = np.zeros_like(tokens, bool)
    chosen[:, 2] = True
    own = np.ones_like(tokens, bool)
    own[:, 3] = False  # no neighbour on the right
    drawn = np.bincount(generator.sample(tokens, chosen, own, rng), minlength=12) / 6000
    np.testing.assert_allclose(drawn, p, atol=0.03)


def test_an_unfitted_generator_draws_anything() -> None:
    drawn = BidirectionalNgram(8).sample(
        np.zeros((1, 200), np.int64), np.ones((1, 200), bool), np.ones((1, 200), bool), np.random.default_rng(0)
    )
    assert set(drawn.tolist()) == set(range(8))
    with pytest.raises(ValueError, match="at least one"):
        BidirectionalNgram(8, 0)
