"""BLEU and chrF against sacrebleu's corpus scores, CodeNN's BLEU against a plain transcription of its definition."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from phloem.measure import text

words = st.sampled_from(["the", "file", "name", "of", "a", "user", "returns", "x", "is", "(s)", "été"])
sentences = st.lists(words, max_size=9).map(" ".join)
corpora = st.lists(st.tuples(sentences.filter(bool), sentences), min_size=1, max_size=6)


@given(corpora)
@settings(max_examples=60, deadline=None)
def test_bleu_is_sacrebleu_s(pairs):
    wanted, given_ = map(list, zip(*pairs, strict=True))
    expected = BLEU().corpus_score(given_, [wanted]).score
    assert float(text.bleu(text.bleu_addends(wanted, given_).sum(axis=0))) == pytest.approx(expected, abs=1e-9)


@given(corpora)
@settings(max_examples=60, deadline=None)
def test_chrf_is_sacrebleu_s(pairs):
    wanted, given_ = map(list, zip(*pairs, strict=True))
    expected = CHRF().corpus_score(given_, [wanted]).score
    assert float(text.chrf(text.chrf_addends(wanted, given_).sum(axis=0))) == pytest.approx(expected, abs=1e-9)


def test_figures_take_stacks_of_sums():
    rng = np.random.default_rng(0)
    pairs = [
        ("get the name of a file", "returns the name of a file"),
        ("set it", "sets it now"),
        ("x y z w", "x y z w"),
    ]
    wanted, given_ = map(list, zip(*pairs, strict=True))
    for addends, figure in [(text.bleu_addends, text.bleu), (text.chrf_addends, text.chrf)]:
        rows = addends(wanted, given_)
        picks = rng.integers(0, 3, (7, 5))
        stacked = figure(rows[picks].sum(axis=1))
        assert stacked.tolist() == pytest.approx([float(figure(rows[pick].sum(axis=0))) for pick in picks])


def codenn(reference: list[str], prediction: list[str]) -> float:
    """exp(mean of log((matches + s) / (total + s)) + min(0, 1 - (r + 1) / (c + 1))), s = 1 from the second order on."""
    total = 0.0
    for order in range(1, 5):
        given_ = [tuple(prediction[i : i + order]) for i in range(len(prediction) - order + 1)]
        left = [tuple(reference[i : i + order]) for i in range(len(reference) - order + 1)]
        matched = 0
        for gram in given_:
            if gram in left:
                left.remove(gram)
                matched += 1
        smooth = 1 if order > 1 else 0
        tiny = 2.2250738585072014e-308
        total += math.log(matched + smooth + tiny) - math.log(len(given_) + smooth + tiny)
    return 100 * math.exp(total / 4 + min(0.0, 1 - (len(reference) + 1) / (len(prediction) + 1)))


plain_sentences = st.lists(words.filter(str.isalpha), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(plain_sentences, plain_sentences), min_size=1, max_size=5))
def test_codenn_bleu_against_plain_loops(pairs):
    found = text.codenn_bleu(*([" ".join(side) for side in sides] for sides in zip(*pairs, strict=True)))
    assert found.tolist() == pytest.approx([codenn(*pair) for pair in pairs], abs=1e-9)


def test_codenn_bleu_lowers_case_and_splits_punctuation():
    assert text.codenn_bleu(["Returns the name."], ["returns the name ."]).tolist() == pytest.approx([100.0])
    assert text.codenn_bleu(
        ["a b"],
        [
            "",
        ],
    ).tolist() == [0.0]


def longest_common(left: list[str], right: list[str]) -> int:
    if not left or not right:
        return 0
    if left[-1] == right[-1]:
        return 1 + longest_common(left[:-1], right[:-1])
    return max(longest_common(left[:-1], right), longest_common(left, right[:-1]))


@given(st.lists(st.sampled_from(["get", "a", "name", "of"]), min_size=1, max_size=6),
       st.lists(st.sampled_from(["get", "a", "name", "of"]), max_size=6))  # fmt: skip
@settings(deadline=None)
def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence(reference, prediction):
    common = longest_common(reference, prediction)
    expected = 100 * 2 * common / (len(reference) + len(prediction)) if prediction else 0.0
    assert text.rouge_l([" ".join(reference)], [" ".join(prediction)]).tolist() == pytest.approx([expected])


def test_single_sentences_do_not_warn(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text.bleu_addends(["one"], ["two"])
    assert not caplog.records
