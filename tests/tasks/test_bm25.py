"""BM25 against the formula, word by word."""

from __future__ import annotations

import math

import numpy as np
import pytest

from phloem.tasks.bm25 import BM25

DOCUMENTS = [["a", "b", "a"], ["b"], ["c", "b", "d", "d", "d"], []]


def test_scores_are_the_formula() -> None:
    lengths = [len(document) for document in DOCUMENTS]
    mean = sum(lengths) / 4
    query = ["a", "d", "d", "nowhere"]
    expected = []
    for document, length in zip(DOCUMENTS, lengths, strict=True):
        total = 0.0
        for word in query:
            having = sum(word in other for other in DOCUMENTS)
            times = document.count(word)
            rarity = math.log(1 + (4 - having + 0.5) / (having + 0.5))
            total += rarity * times * 2.5 / (times + 1.5 * (0.25 + 0.75 * length / mean))
        expected.append(total)
    np.testing.assert_allclose(BM25(DOCUMENTS).scores(query), expected)


def test_rare_words_weigh_more_and_nothing_is_nothing() -> None:
    found = BM25(DOCUMENTS)
    assert found.scores(["a"])[0] > found.scores(["b"])[0]
    assert found.scores(["nowhere"]).tolist() == [0.0] * 4
    assert BM25([]).scores(["a"]).tolist() == []
    assert found.scores(["b", "b"]) == pytest.approx(2 * found.scores(["b"]))
