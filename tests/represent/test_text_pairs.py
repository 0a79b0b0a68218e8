"""Pairs of texts as byte-pair units."""

import numpy as np
import pytest
import torch

from phloem.represent.base import PAD, START, UNK
from phloem.represent.text_pairs import PairView

PAIRS = [
    ("two young men are outside", "zwei junge männer sind im freien"),
    ("a man is outside", "ein mann ist im freien"),
    ("two men", "zwei männer"),
] * 4


@pytest.fixture
def view() -> PairView:
    return PairView(60).fit(PAIRS)


def test_units_join_to_the_text_again(view):
    batch = view.batch(PAIRS[:3])
    assert [view.decode(row.tolist()) for row in batch.target] == [target for _, target in PAIRS[:3]]
    assert (batch.target[:, -1] == PAD).all()
    assert batch.lengths.max() == batch.tokens.shape[1]


def test_reserved_ids_are_those_of_all_views(view):
    for units in (view.source, view.target):
        assert [units.id_to_token(number) for number in (PAD, UNK, START)] == ["<PAD>", "<UNK>", "<START>"]
        assert units.get_vocab_size() <= 60
    assert UNK in view.batch([("日", "")]).tokens


def test_words_are_split_where_they_are_rare(view):
    assert len(view.source.encode("outside").ids) < len(view.source.encode("edistuo").ids)


def test_compiled_batches_equal_fresh_ones(view, tmp_path):
    dataset = view.compile(PAIRS, tmp_path / "data")
    index = np.array([2, 0, 1])
    fresh = view.batch([PAIRS[i] for i in index])
    assert all(torch.equal(a, b) for a, b in zip(dataset.batch(index, None), fresh, strict=True))
    assert len(dataset) == len(PAIRS) == len(dataset.sizes)


def test_a_restored_view_says_the_same(view):
    again = PairView.from_state(view.state())
    assert all(torch.equal(a, b) for a, b in zip(view.batch(PAIRS), again.batch(PAIRS), strict=True))
    assert PairView.from_state(PairView(7).state()).size == 7
