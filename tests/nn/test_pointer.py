"""Copying: one softmax over words and copies, the same in every form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.decode import beam_numpy
from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.decode.rescore import score, score_lists
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.nn.decoders.lstm import AttentionDecoder
from phloem.nn.decoders.pointer import Pointer
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.nn.models.code2seq_numpy import Code2SeqArrays
from phloem.represent.base import PAD, START, UNK
from phloem.represent.path_batch import PathBatch

from .path_batches import COPYING, arrays, random_batch

WORDS = 11


def model(seed: int = 0) -> Code2Seq:
    torch.manual_seed(seed)
    net = Code2Seq(
        PathEncoder(15, 7, width=6, nodes=5, path=4, out=8),
        AttentionDecoder(WORDS, width=8, embedding=6),
        Pointer(6, 8),
    )
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return net.eval()


def in_numpy(net: Code2Seq) -> Code2SeqArrays:
    weights = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    return Code2SeqArrays(weights, subtokens=15, labels=7, words=WORDS, copying=True)


def offered_by_hand(batch: PathBatch, row: int) -> dict[int, int]:
    """How many ends of contexts have each subtoken."""
    ends = [int(each[at]) for each in (batch.left, batch.right) for at in range(*batch.offsets[row : row + 2].tolist())]
    bounds = [*batch.bag_offsets.tolist(), len(batch.bag_ids)]
    found: dict[int, int] = {}
    for end in ends:
        for subtoken in batch.bag_ids[bounds[end] : bounds[end + 1]].tolist():
            found[subtoken] = found.get(subtoken, 0) + 1
    return {subtoken: count for subtoken, count in found.items() if subtoken > UNK}


@given(seed=st.integers(0, 99), counts=st.lists(st.integers(0, 9), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_source_offers_its_subtokens_with_their_words(seed: int, counts: list[int]) -> None:
    batch = random_batch(seed, counts, copying=True)
    copies = batch.copies
    assert copies is not None
    for row in range(len(counts)):
        wanted = offered_by_hand(batch, row)
        here = copies.subtokens[row] != PAD
        assert copies.subtokens[row][here].tolist() == sorted(wanted)
        counted = [np.log1p(wanted[each]) for each in sorted(wanted)]
        assert copies.occurrences[row][here].tolist() == pytest.approx(counted)
        for subtoken, word in zip(copies.subtokens[row][here].tolist(), copies.words[row][here].tolist(), strict=True):
            text = COPYING.values.words[subtoken]
            written = COPYING.words.words[word] if word < WORDS else COPYING.text(word, copies.beyond[row].numpy())
            assert written == text
        assert (copies.words[row][~here] == WORDS + copies.beyond.shape[1]).all()


def test_unknown_words_of_a_target_that_are_offered_get_their_copys_id() -> None:
    target = np.array([[3, UNK, UNK, PAD], [UNK, UNK, 4, PAD]])
    spelled = np.array([[2, 2, 9, PAD], [3, UNK, 4, PAD]])
    beyond = np.array([[9, 2], [5, 3]])
    found = COPYING.targets(target, spelled, beyond)
    assert found.tolist() == [[3, WORDS + 1, WORDS, PAD], [WORDS + 1, UNK, 4, PAD]]
    assert COPYING.targets(target, spelled, np.zeros((2, 0), int)).tolist() == target.tolist()


@pytest.mark.parametrize("counts", [[3, 9, 1], [4, 0, 30], [0, 0]])
def test_probabilities_are_one_softmax_over_words_and_copies(counts: list[int]) -> None:
    net, batch = model(), random_batch(5, counts, copying=True)
    assert batch.copies is not None
    assert net.pointer is not None
    with torch.no_grad():
        logits, after = net.next(torch.full((len(counts),), START), net.start(batch))
        words = net.decoder.output(after.decoder.fed)
    slope, offset = net.pointer.prior.tolist()
    for row in range(len(counts)):
        mass = {word: float(value.exp()) for word, value in enumerate(words[row])}
        for place, subtoken in enumerate(batch.copies.subtokens[row].tolist()):
            if subtoken != PAD:
                key = net.pointer.key(net.encoder.subtokens.weight[subtoken])
                score = key @ after.decoder.fed[row] + slope * batch.copies.occurrences[row, place] + offset
                word = int(batch.copies.words[row, place])
                mass[word] = mass.get(word, 0.0) + score.exp().item()
        total = sum(mass.values())
        found = logits[row].softmax(dim=0)
        assert float(found.sum()) == pytest.approx(1, abs=1e-5)
        for word, share in mass.items():
            assert float(found[word]) == pytest.approx(share / total, rel=1e-3, abs=1e-6)


def test_the_packed_pass_equals_the_steps_and_copies_get_gradients() -> None:
    net, batch = model(1).double(), random_batch(7, [6, 2, 0, 11], copying=True)
    assert (batch.target >= WORDS).any()
    whole, state = net(batch), net.start(batch)
    tokens = torch.full((4,), START)
    inside = torch.ones(4, dtype=torch.bool)
    for step in range(batch.target.shape[1]):
        logits, state = net.next(tokens, state)
        torch.testing.assert_close(whole[inside, step], logits[inside], rtol=0, atol=1e-8)
        tokens = batch.target[:, step]
        inside &= tokens != PAD
    loss = SequenceCrossEntropy()(net, batch)
    gradients = torch.autograd.grad(loss.value, [*net.pointer.parameters()] if net.pointer else [])
    assert all(bool(each.abs().sum() > 0) and bool(each.isfinite().all()) for each in gradients)


@pytest.mark.parametrize("counts", [[3, 9, 1], [4, 0, 30], [0]])
def test_numpy_writes_what_torch_writes(counts: list[int]) -> None:
    net, batch = model(2), random_batch(11, counts, copying=True)
    ours = in_numpy(net)
    with torch.inference_mode():
        state, theirs = ours.start(arrays(batch)), net.start(batch)
        tokens = np.full(len(counts), START)
        for step in range(3):
            logits, state = ours.next(tokens, state)
            wanted, theirs = net.next(torch.from_numpy(tokens), theirs)
            np.testing.assert_allclose(logits, wanted, atol=1e-4, rtol=1e-5)
            tokens = (tokens + 5 * step) % logits.shape[1]
    found = beam_numpy.beam(ours, ours.start(arrays(batch)), width=4, length=5, forbid=(UNK, START))
    wanted_hypotheses = Beam(4, forbid=(UNK, START))(net, batch, length=5)
    for row, other in zip(found, wanted_hypotheses, strict=True):
        assert [each.value for each in row] == [each.value for each in other]
        assert [each.score for each in row] == pytest.approx([each.score for each in other], abs=1e-4)
    scores = beam_numpy.scores(ours, ours.start(arrays(batch)), batch.target.numpy())
    assert scores.tolist() == pytest.approx(score(net, batch, batch.target).tolist(), abs=1e-4)


def test_a_hypothesis_has_the_score_of_its_sequence() -> None:
    net, batch = model(4), random_batch(13, [7, 12, 2], copying=True)
    beams = Beam(6)(net, batch, length=4)
    lists = [[hypothesis.value for hypothesis in found] for found in beams]
    for found, scores in zip(beams, score_lists(net, batch, lists), strict=True):
        assert [each.score for each in found] == pytest.approx(scores, abs=1e-4)
    assert all(len(found) == 1 for found in greedy(net, batch, length=4))


def test_a_model_that_copies_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="copying"):
        model()(random_batch(1, [3, 3]))
