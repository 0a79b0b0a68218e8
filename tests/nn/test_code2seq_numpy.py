"""Code2seq and its search in NumPy are the torch ones, up to float32's rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.decode import beam_numpy
from phloem.decode.beam import Beam
from phloem.decode.rescore import score_lists
from phloem.nn.decoders.lstm import AttentionDecoder
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.nn.models.code2seq_numpy import Code2SeqArrays
from phloem.represent.base import PAD, START, UNK

from .path_batches import arrays, random_batch

SIZES = {"subtokens": 15, "labels": 7, "words": 11}


def both(seed: int, **settings: Any) -> tuple[Code2Seq, Code2SeqArrays]:
    """One model twice."""
    torch.manual_seed(seed)
    net = Code2Seq(
        PathEncoder(15, 7, width=6, nodes=5, path=4, out=8), AttentionDecoder(11, width=8, embedding=6, **settings)
    )
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    weights = {name: tensor.numpy().copy() for name, tensor in net.eval().state_dict().items()}
    return net, Code2SeqArrays(weights, **SIZES, **settings)


@pytest.mark.parametrize("settings", [{}, {"squash": True}, {"official_padding": 20}])
@pytest.mark.parametrize("counts", [[3, 9, 1], [4, 0, 30], [0], [0, 0]])
def test_every_step_is_that_of_the_torch_model(settings: dict[str, Any], counts: list[int]) -> None:
    net, model = both(1, **settings)
    batch = random_batch(2, counts)
    with torch.inference_mode():
        np.testing.assert_allclose(model.encode(arrays(batch)), net.encoder(batch), atol=1e-5)
        state, ours = net.start(batch), model.start(arrays(batch))
        tokens = np.full(len(counts), START)
        for step in range(4):
            logits, state = net.next(torch.from_numpy(tokens), state)
            own, ours = model.next(tokens, ours)
            np.testing.assert_allclose(own, logits, atol=1e-4)
            np.testing.assert_allclose(ours.attention, net.trace(state), atol=1e-5)
            if step == 1:  # some of the sources, with two rows each
                kept = np.arange(0, len(counts), 2)
                rows = np.repeat(kept, 2)
                state, ours = net.reorder(state, torch.from_numpy(rows)), ours.only(kept, rows)
            tokens = np.arange(len(ours.hidden)) % 8 + 3


@given(
    st.integers(0, 50),
    st.lists(st.integers(0, 8), min_size=1, max_size=5),
    st.integers(1, 12),
    st.integers(0, 5),
    st.sampled_from([(), (UNK, START)]),
)
@settings(max_examples=60, deadline=None)
def test_beam_search_is_that_over_torch(
    seed: int, counts: list[int], width: int, length: int, forbid: tuple[int, ...]
) -> None:
    net, model = both(seed)
    batch = random_batch(seed, counts)
    expected = Beam(width, forbid=forbid)(net, batch, length=length)
    found = beam_numpy.beam(model, model.start(arrays(batch)), width=width, length=length, forbid=forbid)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        by_value = {hypothesis.value: hypothesis for hypothesis in theirs}
        worst = min((hypothesis.score for hypothesis in theirs), default=0.0)
        assert len(ours) == len(theirs)
        np.testing.assert_allclose([one.score for one in ours], [one.score for one in theirs], atol=1e-4)
        for one in ours:
            if one.value in by_value:
                np.testing.assert_allclose(one.trace, by_value[one.value].trace, atol=1e-4)
            else:  # as probable as the last one up to rounding
                assert one.score == pytest.approx(worst, abs=1e-4)


@given(st.integers(0, 50), st.lists(st.integers(0, 8), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_scores_of_targets_are_those_over_torch(seed: int, counts: list[int]) -> None:
    net, model = both(seed)
    batch = random_batch(seed, counts)
    targets = [tuple(row[row != PAD].tolist()) for row in batch.target]
    expected = [score for [score] in score_lists(net, batch, [[target] for target in targets])]
    found = beam_numpy.scores(model, model.start(arrays(batch)), batch.target.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-4)


@given(st.integers(0, 50), st.integers(1, 70), st.integers(1, 11))
@settings(max_examples=40, deadline=None)
def test_best_words_are_the_first_of_all_sorted(seed: int, rows: int, count: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(rows, 12)).astype(np.float32)
    log_probabilities = torch.from_numpy(logits.copy()).log_softmax(dim=1)
    log_probabilities[:, 1] = -torch.inf
    values, words = beam_numpy.best_words(logits, count, forbid=(1,))
    expected = log_probabilities.sort(dim=1, descending=True)
    np.testing.assert_allclose(values, expected.values[:, :count], atol=1e-5)
    np.testing.assert_array_equal(words[:, : min(count, 11)], expected.indices[:, : min(count, 11)])


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = both(0)[1].weights
    for wrong in (
        {name: weights[name] for name in list(weights)[1:]},
        weights | {"other": np.zeros(1)},
        weights | {"decoder.cell.bias_hh": np.zeros(5)},
        {},
    ):
        with pytest.raises(ValueError, match="do not fit"):
            Code2SeqArrays(wrong, **SIZES)
    with pytest.raises(ValueError, match=r"encoder\.subtokens\.weight do not fit"):
        Code2SeqArrays(weights, **SIZES | {"subtokens": 16})
