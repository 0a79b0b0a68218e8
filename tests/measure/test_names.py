"""Subtoken F1, exact match and accuracy against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.measure import subtoken_f1
from phloem.measure.accuracy import accuracy
from phloem.measure.exact_match import exact_match

names = st.lists(st.sampled_from(["get", "set", "file", "name", "getfile", "a", "<UNK>"]), max_size=5)
references = st.lists(st.sampled_from(["get", "set", "file", "name", "a"]), min_size=1, max_size=5)


@pytest.mark.row("S001", 3)
@pytest.mark.parametrize(("reference", "prediction", "expected"), [
    ("get|file|name", "get|name", (2, 0, 1)),
    ("get|file|name", "name|get|get", (3, 0, 1)),
    ("get|file|name", "getfile|name", (3, 0, 0)),
    ("get|file|name", "get|<UNK>|name", (2, 0, 1)),
    ("get|file|name", "<UNK>", (0, 0, 3)),
    ("get|file|name", "", (0, 0, 3)),
    ("get|file|name", "set|file", (1, 1, 2)),
])  # fmt: skip
def test_counts_of_the_definition(reference, prediction, expected):
    assert subtoken_f1.counts(reference.split("|"), prediction.split("|")) == expected


def plain(pairs):
    """The release's counting, as its text describes it."""
    true = false = missed = 0
    for reference, prediction in pairs:
        prediction = [word for word in prediction if word != "<UNK>"]
        if "".join(reference) == "".join(prediction):
            true += len(reference)
            continue
        for word in prediction:
            if word in reference:
                true += 1
            else:
                false += 1
        for word in reference:
            if word not in prediction:
                missed += 1
    precision = true / (true + false) if true + false else 0.0
    recall = true / (true + missed) if true + missed else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(deadline=None)
@given(st.lists(st.tuples(references, names), min_size=1, max_size=20))
def test_micro_averages_against_plain_loops(pairs):
    sums = subtoken_f1.count_all(*zip(*pairs, strict=True)).sum(axis=0)
    found = [figure(sums) for figure in (subtoken_f1.precision, subtoken_f1.recall, subtoken_f1.f1)]
    assert found == pytest.approx(plain(pairs), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(references, names), min_size=1, max_size=5))
def test_order_of_a_prediction_does_not_matter_unless_it_joins_to_the_reference(pairs):
    for reference, prediction in pairs:
        words = [word for word in prediction if word != "<UNK>"]
        if "".join(words) != "".join(reference) != "".join(words[::-1]):
            assert subtoken_f1.counts(reference, words) == subtoken_f1.counts(reference, words[::-1])


def test_exact_match_counts_whole_names():
    assert exact_match([["get", "name"], ["a"], ["b"]], [["get", "name"], ["a", "b"], ["b"]]) == pytest.approx(2 / 3)
    assert exact_match([], []) == 0.0
    with pytest.raises(ValueError, match="shorter"):
        exact_match([["a"]], [])


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_accuracy_among_the_first_k(seed, k):
    rng = np.random.default_rng(seed)
    scores, classes = rng.normal(size=(20, 4)), rng.integers(0, 4, 20)
    plain_hits = sum(int(true) in np.argsort(-row)[:k] for row, true in zip(scores, classes, strict=True))
    assert accuracy(scores, classes, k) == pytest.approx(plain_hits / 20)


def test_a_classifier_that_answers_the_same_for_all_classes_is_never_right():
    assert accuracy(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1])) == 0.0
