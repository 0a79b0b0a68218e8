"""The networks with two views of a code block: what each one's output depends on; and the regression beside them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from phloem.corpora.staqc import Block
from phloem.nn.models.bi_view import BiViewNetwork, Views
from phloem.nn.models.staqc_linear import fit
from phloem.represent.code_snippet_views import SnippetBatch, SnippetRows, SnippetView, TfIdf, grams
from phloem.tasks.snippet_mining import generated, labels_of, mined, select_all

TRAIN = generated("train")[:60]
VIEW = SnippetView(TRAIN)
PLAIN = Block(1, 0, (10, 30, 31), (32, 33), (34, 60, 35), (36, 20), 1)


def network(views: Views = "both", seed: int = 0) -> BiViewNetwork:
    torch.manual_seed(seed)
    sizes = {"embedding": 12, "width": 8, "block_width": 10}
    return BiViewNetwork(len(VIEW.text), len(VIEW.code), views=views, **sizes).double().eval()


def output(model: BiViewNetwork, *blocks: Block) -> Tensor:
    with torch.inference_mode():
        return model(VIEW.collate(blocks))


class Masked(BiViewNetwork):
    """The code view is 0."""

    def code_view(self, batch: SnippetBatch) -> Tensor:
        return torch.zeros_like(super().code_view(batch))


@pytest.mark.row("S152", 4)
def test_without_the_code_view_the_code_does_not_matter() -> None:
    other = PLAIN._replace(code=(69, 40), title=(21,))
    model = network()
    assert not torch.allclose(output(model, PLAIN), output(model, other))
    model.__class__ = Masked
    assert torch.equal(output(model, PLAIN), output(model, other))


@pytest.mark.row("S152", 4)
@pytest.mark.parametrize("views", ["both", "text", "code"])
def test_padding_does_not_matter(views: Views) -> None:
    model = network(views)
    long = Block(2, 0, tuple(range(30, 50)) * 3, (30,) * 40, tuple(range(30, 50)) * 5, (20,) * 30, 0)
    short = PLAIN._replace(after=())
    alone = torch.cat([output(model, block) for block in (PLAIN, short, long)])
    assert torch.allclose(output(model, PLAIN, short, long), alone, atol=1e-6)


@pytest.mark.row("S152", 4)
@pytest.mark.parametrize("views", ["both", "text", "code"])
def test_where_the_code_is_last_the_third_place_has_no_influence(views: Views) -> None:
    model, batch = network(views), VIEW.collate([PLAIN._replace(after=None)])
    filled = batch._replace(after=torch.tensor([[5, 6, 7]]), after_length=torch.tensor([3]))
    with torch.inference_mode():
        assert torch.equal(model(filled), model(batch))
        if views != "code":
            assert not torch.allclose(model(filled._replace(blocks=torch.tensor([3]))), model(batch))


@pytest.mark.row("S152", 5)
def test_what_each_network_reads() -> None:
    code, title = PLAIN._replace(code=(69,)), PLAIN._replace(title=(21, 37))
    before, after = PLAIN._replace(before=(13,)), PLAIN._replace(after=None)
    reads = {"both": (code, title, before, after), "text": (before, after), "code": (code, title)}
    for views, seen in reads.items():
        model = network(views)  # type: ignore[arg-type]
        for other in (code, title, before, after):
            assert torch.equal(output(model, other), output(model, PLAIN)) == (other not in seen)


def test_sizes_are_the_published_ones() -> None:
    model = BiViewNetwork(30, 40)
    assert model.text.table.weight.shape == (30, 150)
    assert model.code.recurrence.hidden_size == 64
    assert model.view.weight.shape == (128, 256)
    assert (model.blocks.input_size, model.blocks.hidden_size) == (128, 128)
    assert model.output.weight.shape == (2, 256)
    assert BiViewNetwork(30, 40, views="code").output.weight.shape == (2, 128)


def test_words_and_tokens_are_numbered_apart() -> None:
    batch = SnippetRows(VIEW, [PLAIN, PLAIN._replace(code=(999,))]).batch(np.array([0, 1]), None)
    assert batch.code[1, 0] == 1  # unknown
    assert batch.title_length.tolist() == [2, 2]
    counts = Counter(w for b in TRAIN for w in (*b.before, *(b.after or ()), *b.title))
    assert len(VIEW.text) == 2 + sum(count >= 2 for count in counts.values())


def test_training_meets_the_unknown_word() -> None:
    """Else its vector would stay as it was drawn."""
    once = PLAIN._replace(before=(777,), code=(778, 779, 779))
    view = SnippetView([*TRAIN, once])
    batch = view.collate([once, PLAIN._replace(before=(999,), code=(999,))])
    assert batch.before[:, 0].tolist() == [1, 1]
    assert batch.code[0, :3].tolist()[0] == batch.code[1, 0] == 1
    assert batch.code[0, 1] == batch.code[0, 2] > 1
    model = BiViewNetwork(len(view.text), len(view.code), embedding=4, width=3, block_width=3)
    model(view.collate([once])).sum().backward()
    assert model.text.table.weight.grad is not None
    assert model.text.table.weight.grad[1].any()


def test_the_regression_is_at_its_minimum() -> None:
    rows = [grams(block) for block in TRAIN]
    features = TfIdf(rows)
    batch, labels = features(rows), torch.from_numpy(labels_of(TRAIN).astype(np.int64))
    model = fit(batch, labels, len(features), strength=10.0)
    assert ((model(batch) > 0) == (labels == 1)).double().mean() > 0.9
    target = labels.double()
    dense = torch.zeros(len(TRAIN), len(features), dtype=torch.float64)
    row = torch.repeat_interleave(
        torch.arange(len(TRAIN)), torch.diff(batch.offsets, append=torch.tensor([len(batch.ids)]))
    )
    dense[row, batch.ids] = batch.weights
    slope = dense.T @ (torch.sigmoid(model(batch)) - target)[:, None] / len(TRAIN) + model.weight / 10 / len(TRAIN)
    assert float(slope.abs().max()) < 1e-4
    assert torch.allclose((dense @ model.weight)[:, 0] + model.bias, model(batch))


def test_grams_are_marked_with_their_field() -> None:
    bag = grams(Block(1, 9, (5, 6), None, (5, 5), (6,), 0))
    assert bag == {
        ("before", 5): 1, ("before", 6): 1, ("before", 5, 6): 1, ("code", 5): 2, ("code", 5, 5): 1, ("title", 6): 1,
        ("place", 6): 1, ("last", True): 1,
    }  # fmt: skip
    assert ("code", 5) not in grams(PLAIN, code=False)


def test_lone_blocks_are_mined_as_they_are_and_test_questions_never() -> None:
    alone, first, second, tested = (PLAIN._replace(question=q, place=i) for q, i in ((1, 0), (2, 0), (2, 1), (3, 0)))
    answers = [[alone], [first, second], [tested], []]
    assert mined(answers, lambda some: ~select_all(some), {3}) == [(1, 0)]
    assert mined(answers, lambda some: np.array([False, True]), {3}) == [(1, 0), (2, 1)]
