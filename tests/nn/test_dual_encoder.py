"""Two speeds of one encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phloem.nn.encoders.static_bag import GAIN, StaticBag
from phloem.nn.encoders.transformer_encoder import TransformerEncoder
from phloem.nn.models.dual_encoder import DualEncoder
from phloem.represent.bags import bags
from phloem.represent.subwords import Ragged

UNITS, WIDTH = 40, 8


def rows(*lists: list[int]) -> Ragged:
    return Ragged(np.array([unit for row in lists for unit in row], np.int32), np.cumsum([0, *map(len, lists)]))


@pytest.fixture
def static() -> StaticBag:
    torch.manual_seed(0)
    static = StaticBag(UNITS, WIDTH).double()
    for weight in (static.query_weight, static.code_weight, static.place_weight):
        torch.nn.init.normal_(weight, std=0.1)
    return static


@pytest.fixture
def model(static: StaticBag) -> DualEncoder:
    model = DualEncoder(static, TransformerEncoder(8, layers=2, heads=2, inner=16), most_units=6).double()
    torch.nn.init.normal_(model.project_out.weight)
    return model.eval()


def test_a_static_vector_is_the_weighted_mean(static: StaticBag) -> None:
    text = [9, 5, 9, 9, 7, 8]  # 9 three times, first at place 0; 7 and 8 at the places 4 and 5
    found = static(bags(rows(text)), "code")[0]
    table, weight, place = static.table.weight, static.code_weight, static.place_weight
    expected = sum(
        torch.exp(GAIN * (weight[unit] + place[bucket])) * np.log2(1 + count) * table[unit]
        for unit, count, bucket in ((9, 3, 0), (5, 1, 0), (7, 1, 1), (8, 1, 1))
    )
    torch.testing.assert_close(found, expected / expected.norm())
    as_query = static(bags(rows(text)), "query")[0]
    expected = sum(
        torch.exp(GAIN * static.query_weight[unit]) * np.log2(1 + count) * table[unit]
        for unit, count in ((9, 3), (5, 1), (7, 1), (8, 1))
    )
    torch.testing.assert_close(as_query, expected / expected.norm())


def test_a_text_without_units_is_zero_at_both_speeds(model: DualEncoder) -> None:
    texts = rows([4, 5], [], [6])
    assert not model.static(bags(texts), "query")[1].any()
    assert not model.encode(texts, bags(texts), "query")[1].any()


def test_the_transformer_begins_as_the_static_encoder(static: StaticBag) -> None:
    fresh = DualEncoder(static, TransformerEncoder(8, layers=1, heads=2, inner=16)).double()
    texts = rows([4, 5, 6], [7])
    torch.testing.assert_close(fresh.encode(texts, bags(texts), "code"), static(bags(texts), "code"))
    assert not any(parameter.requires_grad for parameter in static.parameters())


def test_vectors_do_not_depend_on_what_else_is_in_the_batch(model: DualEncoder) -> None:
    texts = [[4, 5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15, 16], [4, 4]] * 20  # more than are padded together
    together = model.encode(rows(*texts), bags(rows(*texts)), "code")
    for number in (0, 1, 2, 3, 42):
        alone = rows(texts[number])
        torch.testing.assert_close(together[number], model.encode(alone, bags(alone), "code")[0])
    torch.testing.assert_close(together.norm(dim=1), torch.ones(len(texts), dtype=torch.float64))


def test_the_transformer_reads_order_sides_and_only_the_first_units(model: DualEncoder) -> None:
    one, other = rows([4, 5, 6]), rows([6, 5, 4])
    torch.testing.assert_close(model.static(bags(one), "query"), model.static(bags(other), "query"))
    assert (model.encode(one, bags(one), "query") - model.encode(other, bags(other), "query")).abs().max() > 1e-4
    long, cut = rows([4, 5, 6, 7, 8, 9, 10, 11]), rows([4, 5, 6, 7, 8, 9])
    torch.testing.assert_close(model._read(long, "code"), model._read(cut, "code"))
    assert not torch.equal(model._read(cut, "code"), model._read(cut, "query"))
