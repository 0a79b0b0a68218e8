"""CodeT5+: the slow copy and its queues, matching, the two forms of causal modelling, the bridge, the second look."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from phloem.learn.objectives.matching import Matching, drawn
from phloem.learn.objectives.prefix_lm import causal_pair, continuation, from_nothing
from phloem.learn.objectives.queue_contrastive import QueueContrast
from phloem.measure.pass_at_k import pass_at_k, passed
from phloem.measure.ranking import ranks
from phloem.nn.models.codet5p import CodeT5Plus, PairBatch, matched
from phloem.nn.models.frozen_bridge import FrozenBridge
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.nn.models.momentum import Momentum, Queue
from phloem.nn.models.t5 import T5, T5Config
from phloem.represent.base import PAD, START
from phloem.represent.byte_pairs import END
from phloem.represent.token_view import TokenBatch
from phloem.tasks.reranking import reranked

UNITS, ENC = 40, 9


def model(queue: int = 0) -> CodeT5Plus:
    torch.manual_seed(0)
    body = T5(T5Config(UNITS, 32, 1, 1, 4, 8, 64, pad=PAD, begin=START, end=PAD))
    return CodeT5Plus(body, ENC, queue=queue, vector=16)


def pairs(rows: int = 6) -> PairBatch:
    rng = torch.Generator().manual_seed(1)

    def side(time: int) -> tuple[Tensor, Tensor]:
        tokens = torch.randint(10, UNITS, (rows, time), generator=rng)
        lengths = torch.randint(4, time + 1, (rows,), generator=rng)
        tokens[:, 0] = START
        place = torch.arange(time)
        tokens = torch.where(place == (lengths - 1)[:, None], END, tokens)
        return torch.where(place < lengths[:, None], tokens, PAD), lengths

    (text, text_lengths), (code, code_lengths) = side(7), side(11)
    none = TokenBatch(text, text_lengths, torch.zeros(rows, 1, dtype=torch.long))
    return PairBatch(text, text_lengths, code, code_lengths, torch.arange(rows), torch.arange(rows), none, none)


@pytest.mark.row("S174", 1)
def test_the_slow_copy_follows() -> None:
    torch.manual_seed(0)
    fast = torch.nn.Linear(4, 3)
    slow = Momentum(fast, 0.995)
    for own, other in zip(slow.model.parameters(), fast.parameters(), strict=True):
        assert torch.equal(own, other)
        assert own is not other
        assert not own.requires_grad
    before = {name: tensor.clone() for name, tensor in slow.model.state_dict().items()}
    with torch.no_grad():
        for parameter in fast.parameters():
            parameter.add_(torch.randn_like(parameter))
    slow.follow(fast)
    for name, tensor in slow.model.state_dict().items():
        wanted = 0.995 * before[name] + 0.005 * fast.state_dict()[name]
        torch.testing.assert_close(tensor, wanted, atol=1e-6, rtol=0)


@pytest.mark.row("S174", 1)
def test_the_queue_is_first_in_first_out() -> None:
    queue = Queue(8, 2)
    rows = torch.arange(24.0).view(12, 2)
    assert len(queue.rows()) == 0
    for start in range(0, 12, 3):
        queue.push(rows[start : start + 3].requires_grad_())
    assert torch.equal(queue.rows(), rows[4:]), "after one and a half fills the oldest half is gone"
    assert not queue.rows().requires_grad
    queue.push(torch.zeros(20, 2))
    assert torch.equal(queue.rows(), torch.zeros(8, 2))


@pytest.mark.row("S174", 1)
def test_contrast_teaches_the_fast_model_alone() -> None:
    net, batch = model(queue=8), pairs()
    objective = QueueContrast()
    net.train()
    objective(net, batch)  # fills the queues
    held = net.texts.rows().clone()  # type: ignore[union-attr]
    loss = objective(net, batch)
    loss.value.backward()
    assert net.embed.project.weight.grad is not None
    assert net.temperature.grad is not None
    assert net.slow is not None
    assert all(parameter.grad is None for parameter in net.slow.parameters())
    assert len(net.texts.rows()) == 8  # type: ignore[union-attr]
    assert torch.equal(net.texts.rows()[:2], held[4:6])  # type: ignore[union-attr]
    net.eval()
    objective(net, batch)
    assert int(net.codes.count) == 12  # type: ignore[union-attr]


@pytest.mark.row("S174", 2)
def test_hard_negatives_follow_the_similarity_and_are_never_right() -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, 6) / 0.7
    same = torch.eye(6, dtype=torch.bool)
    same[0, 3] = same[3, 0] = True  # their texts or codes are equal
    for direction in (scores, scores.T):
        found = torch.stack([drawn(direction, same) for _ in range(6000)])
        for row in range(6):
            counts = torch.bincount(found[:, row], minlength=6).double()
            p = direction[row].masked_fill(same[row], -torch.inf).softmax(dim=0).double()
            assert counts[same[row]].sum() == 0
            open_ = ~same[row]
            statistic = ((counts - 6000 * p) ** 2 / (6000 * p))[open_].sum()
            assert float(statistic) < 20.5, "chi-square with 4 degrees of freedom at 0.0004"


@pytest.mark.row("S174", 2)
def test_each_pair_yields_one_positive_and_two_negatives() -> None:
    batch = pairs()
    seen: list[tuple[list[int], list[int]]] = []
    texts, codes = model().vectors(batch)

    def match(_: PairBatch, left: Tensor, right: Tensor) -> Tensor:
        seen.append((left.tolist(), right.tolist()))
        return torch.zeros(len(left), requires_grad=True)

    Matching(hard=True)(SimpleNamespace(match=match, vectors=lambda _: (texts, codes)), batch)
    ((left, right),) = seen
    own = list(range(6))
    assert (left[:6], right[:6]) == (own, own)
    assert left[6:12] == own
    assert right[12:] == own
    assert all(one != other for one, other in zip(left[6:], right[6:], strict=True))
    doubled = batch._replace(code_key=torch.tensor([0, 0, 2, 3, 4, 5]))
    for _ in range(50):
        Matching(hard=True)(SimpleNamespace(match=match, vectors=lambda _: (texts, codes)), doubled)
        wrong = set(list(zip(*seen[-1], strict=True))[6:])
        assert not wrong & {(0, 1), (1, 0)}, "the same code under another number is right, too"


@pytest.mark.row("S174", 3)
def test_causal_modelling_in_two_forms() -> None:
    rng = np.random.default_rng(0)
    forms = 0
    for _ in range(400):
        ids = np.arange(100, 100 + int(rng.integers(1, 80)))
        pair = continuation(ids, 7, rng)
        assert pair.source[0] == 7
        assert np.array_equal(np.concatenate([pair.source[1:], pair.target]), ids)
        assert 0.05 <= (len(pair.source) - 1) / len(ids) <= 1
        alone = from_nothing(ids, 7)
        assert alone.source.tolist() == [7]
        assert np.array_equal(alone.target, ids)
        forms += len(causal_pair(np.arange(90), 7, rng).source) == 1
    assert abs(forms / 400 - 0.5) < 0.1


@pytest.mark.row("S174", 4)
def test_a_closed_bridge_is_the_decoder_and_training_leaves_it_alone() -> None:
    torch.manual_seed(0)
    decoder = Gpt2(Gpt2Config(UNITS, 32, 3, 4, 64, 32)).eval()
    bridge = FrozenBridge(decoder, 24, layers=2)
    tokens, memory = torch.randint(0, UNITS, (4, 9)), torch.randn(4, 5, 24)
    plain = decoder.logits(decoder(tokens)).detach()
    torch.testing.assert_close(bridge(tokens, memory).detach(), plain, atol=1e-6, rtol=0)
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    optimizer = torch.optim.AdamW([each for each in bridge.parameters() if each.requires_grad], 1e-2)
    bridge.train()
    losses = []
    for _ in range(12):
        logits = bridge(tokens, memory, memory_lengths=torch.tensor([5, 3, 5, 1]))
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05
    assert all(torch.equal(tensor, before[name]) for name, tensor in decoder.state_dict().items())
    assert (bridge(tokens, memory).detach() - plain).abs().max() > 1e-3


@pytest.mark.row("S174", 4)
def test_pass_at_k_is_the_share_of_draws_with_a_right_one() -> None:
    assert pass_at_k(5, 2, 2) == pytest.approx(0.7)
    for samples in range(1, 7):
        for right in range(samples + 1):
            for k in range(1, samples + 1):
                draws = list(combinations(range(samples), k))
                share = sum(any(each < right for each in draw) for draw in draws) / len(draws)
                assert pass_at_k(samples, right, k) == pytest.approx(share)
    assert passed([(5, 2), (4, 0)], 2).tolist() == pytest.approx([0.7, 0.0])
    with pytest.raises(ValueError, match="cannot be drawn"):
        pass_at_k(3, 1, 4)


@pytest.mark.row("S174", 5)
def test_a_second_look_that_sees_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    cosine = rng.uniform(-1, 1, (20, 50))
    gold = rng.integers(0, 50, 20)
    constant = reranked(cosine, 8, lambda first: np.full(first.shape, 3.7))
    assert np.array_equal(np.argsort(-constant, axis=1), np.argsort(-cosine, axis=1))
    looked = reranked(cosine, 8, lambda first: rng.normal(size=first.shape))
    before, after = ranks(cosine, gold), ranks(looked, gold)
    assert np.array_equal(before[before > 8], after[before > 8])
    assert (after[before <= 8] <= 8).all()


@pytest.mark.row("S174", 5)
def test_codes_are_prepared_in_place() -> None:
    batch = pairs()
    read = matched(batch.code, ENC)
    assert read.shape == batch.code.shape
    assert (read[:, 0] == ENC).all()
    assert torch.equal(read[:, 1:], batch.code[:, 1:])
    assert ((read == END).sum(dim=1) == 1).all()
    assert (batch.code[:, 0] == START).all(), "the batch itself is left alone"


def test_matching_reads_both_sides_and_no_padding() -> None:
    net, batch = model().eval(), pairs()
    own = torch.arange(6)
    logits = net.match(batch, own, own)
    assert (logits - net.match(batch, own, own.roll(1))).abs().max() > 1e-4
    assert (logits - net.match(batch, own.roll(1), own)).abs().max() > 1e-4
    wider = batch._replace(
        code=torch.nn.functional.pad(batch.code, (0, 4)), text=torch.nn.functional.pad(batch.text, (0, 2))
    )
    torch.testing.assert_close(net.match(wider, own, own), logits, atol=1e-5, rtol=0)
