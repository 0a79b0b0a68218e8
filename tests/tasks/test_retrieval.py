"""The protocols of code search."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from phloem.errors import PhloemError
from phloem.measure.ranking import reciprocal
from phloem.tasks import retrieval

HARMONIC = {100: sum(1 / r for r in range(1, 101)) / 100, 1000: sum(1 / r for r in range(1, 1001)) / 1000}
needs_data = pytest.mark.skipif(not os.environ.get("PHLOEM_DATA"), reason="PHLOEM_DATA names no folder of data sets")


def random_vectors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)


@pytest.mark.row("S086", 4)
def test_blocks_of_a_thousand_give_random_and_constant_scores_their_mrr() -> None:
    queries, codes = random_vectors(4000, 0), random_vectors(4000, 1)
    rank = retrieval.block_ranks(queries, codes)
    assert len(rank) == 4000
    assert abs(reciprocal(rank).mean() - HARMONIC[1000]) < 3 * 0.0399 / np.sqrt(len(rank))
    constant = retrieval.block_ranks(np.ones((1000, 2)), np.ones((1000, 2)))
    assert reciprocal(constant).mean() == pytest.approx(0.001)


@pytest.mark.row("S086", 4)
def test_an_incomplete_block_is_dropped() -> None:
    assert len(retrieval.block_ranks(random_vectors(2500, 0), random_vectors(2500, 1))) == 2000
    blocks = retrieval.blocks(2500)
    assert blocks.shape == (2, 1000)
    assert len(np.unique(blocks)) == 2000
    assert (retrieval.blocks(2500) == blocks).all()
    assert (retrieval.blocks(2500, seed=1) != blocks).any()


@pytest.mark.row("S066", 2)
def test_distractors_are_other_places_and_depend_on_the_set_alone() -> None:
    drawn = retrieval.distractors("one", 300)
    assert drawn.shape == (300, 99)
    assert all(len(set(row)) == 99 for row in drawn.tolist())
    assert not (drawn == np.arange(300)[:, None]).any()
    assert drawn.min() >= 0
    assert drawn.max() == 299
    retrieval.distractors("another", 200)
    assert (retrieval.distractors("one", 300) == drawn).all()
    assert (retrieval.distractors("another", 300) != drawn).any()
    assert (retrieval.distractors("one", 300, seed=1) != drawn).any()
    with pytest.raises(ValueError, match="99"):
        retrieval.distractors("small", 99)


@pytest.mark.row("S066", 2)
@pytest.mark.parametrize(("count", "margin"), [(1070, 0.011), (10_293, 0.0035)])
def test_random_vectors_among_99_distractors(count: int, margin: float) -> None:
    rank = retrieval.distractor_ranks("random", random_vectors(count, 0), random_vectors(count, 1))
    assert abs(reciprocal(rank).mean() - HARMONIC[100]) < margin


@pytest.mark.row("S066", 3)
def test_oracles_of_places_and_of_texts() -> None:
    places = np.eye(200, dtype=np.float32)
    assert (retrieval.distractor_ranks("set", places, places) == 1).all()
    texts = places.copy()
    drawn = retrieval.distractors("set", 200)
    other = int(drawn[3, 0])
    texts[other] = texts[3]  # two codes with one text: the oracle that compares texts can't tell them apart
    rank = retrieval.distractor_ranks("set", texts, texts)
    copied = {query for query, copy in ((3, other), (other, 3)) if copy in drawn[query]}
    assert set(np.flatnonzero(rank > 1).tolist()) == copied
    constant = retrieval.distractor_ranks("set", np.ones((200, 3)), np.ones((200, 3)))
    assert reciprocal(constant).mean() == pytest.approx(0.01)


def test_a_pool_is_searched_whole() -> None:
    queries, codes = random_vectors(600, 0), random_vectors(900, 1)
    gold = np.arange(600)
    rank = retrieval.pool_ranks(queries, codes, gold)
    scores = queries @ codes.T
    for query in (0, 299, 599):
        assert rank[query] == (scores[query] >= scores[query, query]).sum()


@needs_data
def test_published_sets_load() -> None:
    cosqa, stat = retrieval.cosqa("dev"), retrieval.statcodesearch()
    assert len(cosqa.queries) == len(cosqa.gold) == 500
    assert len(cosqa.codes) == 6267
    assert cosqa.gold.max() < len(cosqa.codes)
    assert len(stat.queries) == len(stat.codes)


def test_a_set_that_is_not_here_says_so(tmp_path: Path) -> None:
    with pytest.raises(PhloemError, match="cosqa"):
        retrieval.cosqa("dev", tmp_path)
