"""SGPT: biases alone, large batches in small memory, brackets, and the likelihood of a query after a prompt."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from phloem.decode import query_likelihood
from phloem.errors import PhloemError
from phloem.learn.bitfit import only_biases, share_trained
from phloem.learn.grad_cache import encoded
from phloem.learn.objectives.hard_negatives import hard_negative_loss
from phloem.nn.models.decoder_bi_encoder import Brackets, DecoderBiEncoder, pooled
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.represent.byte_pairs import BytePairs
from phloem.systems.understanding.sgpt import brackets

TEXTS = ["def read(path): return open(path).read()", "[1, 2] and {3: 4}", "the best of all documents, at last"]


@pytest.fixture(scope="module")
def units() -> BytePairs:
    return BytePairs.fit(TEXTS * 5, 330, sentinels=0)


def decoder(vocabulary: int = 60, dropout: float = 0.0) -> Gpt2:
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 2, "heads": 2, "inner": 24, "places": 256}
    return Gpt2(Gpt2Config(vocabulary, **sizes, dropout=dropout, begin=2, end=3))  # type: ignore[arg-type]


@pytest.mark.row("S106", 1)
def test_pooling_of_three_states_wherever_padding_stands() -> None:
    torch.manual_seed(0)
    h = torch.randn(3, 4)
    expected = (h[0] + 2 * h[1] + 3 * h[2]) / 6
    right = torch.cat([h, torch.randn(2, 4)])[None]
    left = torch.cat([torch.randn(2, 4), h])[None]
    for states, real in ((right, [1, 1, 1, 0, 0]), (left, [0, 0, 1, 1, 1])):
        mask = torch.tensor([real]).bool()
        torch.testing.assert_close(pooled(states, mask, "weighted")[0], expected)
        torch.testing.assert_close(pooled(states, mask, "mean")[0], h.mean(dim=0))
        torch.testing.assert_close(pooled(states, mask, "last")[0], h[2])


@pytest.mark.row("S106", 2)
def test_only_biases_are_trained_and_move() -> None:
    model = decoder()
    trained = only_biases(model)
    assert trained == sorted(name for name, one in model.named_parameters() if one.requires_grad)
    assert trained == sorted(name for name, _ in model.named_parameters() if name.endswith("bias"))
    assert {"norm.bias", "blocks.0.attention_norm.bias", "blocks.1.feed_forward.down.bias"} <= set(trained)
    assert not {"norm.weight", "table.weight", "positions.table.weight"} & set(trained)
    assert share_trained(model) < 0.1
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.5)
    tokens = torch.randint(3, 60, (4, 9))
    (model.logits(model(tokens)) * torch.randn(4, 9, 60)).sum().backward()
    received = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    optimizer.step()
    assert set(received) == set(trained)
    for name, one in model.named_parameters():
        assert torch.equal(one, before[name]) == (name not in received), name


@pytest.mark.row("S106", 2)
def test_a_model_without_biases_says_so() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map, self.norm = nn.Linear(3, 3, bias=False), nn.LayerNorm(3)

    with pytest.raises(PhloemError, match="no linear map of this model has one"):
        only_biases(Bare())


def gradients(dropout: float, chunk: int | None, replay: bool = True) -> dict[str, torch.Tensor]:
    """Of one contrastive batch, whole or in chunks. Dropout is drawn row by row, so that chunks draw as the whole."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    x = torch.randn(12, 6, dtype=torch.float64)

    def encode(rows: torch.Tensor) -> torch.Tensor:
        kept = [torch.dropout(model(row), dropout, True) for row in rows]
        return torch.stack(kept)

    torch.manual_seed(2)
    vectors = encode(x) if chunk is None else encoded(encode, x.split(chunk), replay=replay)
    hard_negative_loss(vectors[:6], vectors[6:], scale=5.0).backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(bool((one[name] - other[name]).norm() <= 1e-5 * other[name].norm()) for name in other)


@pytest.mark.row("S106", 3)
@pytest.mark.parametrize("chunk", [1, 2, 5, 12])
def test_chunks_have_the_gradient_of_the_whole(chunk: int) -> None:
    assert equal(gradients(0.0, chunk), gradients(0.0, None))
    assert equal(gradients(0.4, chunk), gradients(0.4, None))
    assert not equal(gradients(0.4, chunk, replay=False), gradients(0.4, None))


@pytest.mark.row("S106", 3)
def test_the_decoder_in_chunks() -> None:
    rows = [[5, 6, 7], [8], [9, 10], [11, 12, 13, 14]]
    whole, parts = (DecoderBiEncoder(decoder().double()) for _ in range(2))
    torch.randn(1)
    hard_negative_loss(whole.vectors(rows, "query"), whole.vectors(rows, "document")).backward()
    sides = [
        encoded(lambda part, side=side: parts.vectors(part, side), [rows[:1], rows[1:]])
        for side in ("query", "document")
    ]
    after = torch.get_rng_state()
    hard_negative_loss(*sides).backward()
    assert torch.equal(after, torch.get_rng_state())
    for one, other in zip(parts.parameters(), whole.parameters(), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-12)


@pytest.mark.row("S106", 4)
def test_the_prompt_is_the_published_one() -> None:
    assert query_likelihood.prompt('a "b"') == (
        "Documents are searched to find matches with the same content.\n"
        'The document "a "b"" is a good search result for "'
    )


@pytest.mark.row("S106", 4)
def test_the_score_is_a_difference_of_log_probabilities(units: BytePairs) -> None:
    model = decoder(units.size).double().eval()
    query, documents = "read a path", ["def read(path): pass", "x", "the best documents"]

    def log_probability(ids: list[int]) -> float:
        with torch.no_grad():
            each = model.logits(model(torch.tensor([ids])))[0].log_softmax(dim=-1)
        return sum(float(each[at - 1, ids[at]]) for at in range(1, len(ids)))

    found = query_likelihood.scores(model, units, query, documents, most=200)
    for document, score in zip(documents, found.tolist(), strict=True):
        before, asked = units.encode(query_likelihood.prompt(document)), units.encode(query)
        assert score == pytest.approx(log_probability(before + asked) - log_probability(before), abs=1e-5)
    swapped = query_likelihood.scores(model, units, query, documents[::-1], most=200)
    torch.testing.assert_close(swapped.flip(0), found, rtol=0, atol=1e-5)
    alone = query_likelihood.scores(model, units, query, documents, most=200, at_once=1)
    torch.testing.assert_close(alone, found, rtol=0, atol=1e-5)


def test_long_documents_are_cut_and_nothing_else(units: BytePairs) -> None:
    document = "é" * 300 + " the end"
    ids = query_likelihood.fitting_prompt(document, units, 150)
    text = units.decode(ids)
    assert len(ids) <= 150
    assert text.startswith(query_likelihood.TASK + 'The document "éé')
    assert text.endswith('é" is a good search result for "')
    assert query_likelihood.fitting_prompt("x", units, 150) == units.encode(query_likelihood.prompt("x"))
    with pytest.raises(ValueError, match="frame of a prompt"):
        query_likelihood.fitting_prompt("x", units, 20)


@pytest.mark.row("S106", 5)
def test_brackets_are_two_ids_more_and_merge_with_nothing(units: BytePairs) -> None:
    marks = brackets(units)
    for text in ("[1, 2]", "plain", "{3: 4}"):
        row = units.encode(text)
        for side in ("query", "document"):
            around = marks.around(row, side)  # type: ignore[arg-type]
            assert len(around) == len(row) + 2
            assert around[1:-1] == row
    assert [units.decode([mark]) for pair in marks for mark in pair] == ["[", "]", "{", "}"]


def test_brackets_are_read_and_pooled() -> None:
    rows: Any = [[5, 6], [7, 8, 9]]
    plain = DecoderBiEncoder(decoder()).eval()
    marked = DecoderBiEncoder(decoder(), Brackets((50, 51), (52, 53))).eval()
    by_hand = plain.vectors([[50, *row, 51] for row in rows], "query")
    torch.testing.assert_close(marked.vectors(rows, "query"), by_hand)
    assert (marked.vectors(rows, "document") - by_hand).abs().max() > 1e-3
    torch.testing.assert_close(marked.vectors(rows[:1], "query"), by_hand[:1])
    assert marked.vectors(rows, "query").norm(dim=1).tolist() == pytest.approx([1, 1])
