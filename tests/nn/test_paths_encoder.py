"""The path encoder: every form is the equations, gradients too."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.nn.dropout import dropout, dropout_mask
from phloem.nn.encoders.paths import PathEncoder, add_parts, gather, tanh
from phloem.nn.encoders.trie_lstm import trie_lstm
from phloem.represent.path_batch import PathBatch, reversed_rows, trie

from .path_batches import random_batch

SIZES = {"width": 6, "nodes": 5, "path": 4, "out": 8}


def encoder(seed: int = 0, **changes: object) -> PathEncoder:
    torch.manual_seed(seed)
    made = PathEncoder(15, 7, **(SIZES | changes)).double().eval()  # type: ignore[arg-type]
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def gradients(output: torch.Tensor, model: torch.nn.Module) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return list(torch.autograd.grad((output * torch.randn_like(output)).sum(), list(model.parameters())))


@pytest.mark.row("S001", 4)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any))
@settings(max_examples=25, deadline=None)
def test_distinct_values_and_trie_nodes_give_the_same_as_each_context_alone(seed: int, counts: list[int]) -> None:
    model, batch = encoder(seed), random_batch(seed, counts)
    fast, naive = model(batch), model.encode_naive(batch)
    torch.testing.assert_close(fast, naive, rtol=0, atol=1e-8)
    for one, other in zip(gradients(fast, model), gradients(naive, model), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def naive_numpy(model: PathEncoder, batch: PathBatch) -> np.ndarray:
    """Equation by equation, context by context, with sums of subtokens and two LSTMs unrolled by hand."""
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    def last(labels: list[int], side: str) -> np.ndarray:
        h = c = np.zeros(SIZES["path"])
        for label in labels:
            gates = weights[f"lstm.weight_ih_l0{side}"] @ weights["nodes.weight"][label]
            gates = gates + weights[f"lstm.bias_ih_l0{side}"] + weights[f"lstm.bias_hh_l0{side}"]
            i, f, g, o = np.split(gates + weights[f"lstm.weight_hh_l0{side}"] @ h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return h

    ends = [*batch.bag_offsets.tolist(), len(batch.bag_ids)]
    vectors = []
    for left, path, right in zip(batch.left.tolist(), batch.path.tolist(), batch.right.tolist(), strict=True):
        tok = [
            sum(weights["subtokens.weight"][s] for s in batch.bag_ids[ends[v] : ends[v + 1]].tolist())
            for v in (left, right)
        ]
        labels = batch.paths[path, : int(batch.path_lengths[path])].tolist()
        joined = np.concatenate([tok[0], last(labels, ""), last(labels[::-1], "_reverse"), tok[1]])
        vectors.append(np.tanh(weights["combine.weight"] @ joined))
    return np.array(vectors)


@pytest.mark.row("S001", 5)
def test_encoder_is_equation_5_and_means_instead_of_sums_are_not() -> None:
    model, batch = encoder(3), random_batch(3, [9, 4, 12])
    expected = naive_numpy(model, batch)
    np.testing.assert_allclose(model(batch).detach().numpy(), expected, atol=1e-8)
    model.subtokens.mode = "mean"
    assert np.abs(model(batch).detach().numpy() - expected).max() > 1e-3


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_trie_has_one_node_for_every_distinct_prefix(paths: list[list[int]]) -> None:
    rows = np.zeros((len(paths), 6), np.int64)
    for row, path in zip(rows, paths, strict=True):
        row[: len(path)] = path
    made = trie(rows, np.array([len(path) for path in paths]))
    prefixes = {tuple(path[:size]) for path in paths for size in range(1, len(path) + 1)}
    spelled: list[tuple[int, ...]] = []
    for label, parent in zip(made.label.tolist(), made.parent.tolist(), strict=True):
        spelled.append((*(spelled[parent] if parent >= 0 else ()), label))
    assert len(spelled) == len(prefixes)
    assert set(spelled) == prefixes
    assert [spelled[end] for end in made.ends.tolist()] == [tuple(path) for path in paths]
    for level, (start, stop) in enumerate(pairwise(made.levels)):
        assert {len(prefix) for prefix in spelled[start:stop]} == {level + 1}


def test_reversed_rows_keep_padding_behind() -> None:
    rows = np.array([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 8]])
    np.testing.assert_array_equal(reversed_rows(rows, np.array([3, 1, 4])), [[3, 2, 1, 0], [4, 0, 0, 0], [8, 7, 6, 5]])


def test_gradient_of_the_trie_lstm_is_the_numerical_one() -> None:
    rows = np.array([[1, 2, 1], [1, 2, 0], [2, 0, 0], [1, 1, 1]])
    made = trie(rows, np.array([3, 2, 1, 3]))
    torch.manual_seed(0)
    table = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    recurrent = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, r: trie_lstm(made, t, r), (table, recurrent))


def test_gather_and_tanh_have_numerical_gradients() -> None:
    table = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([2, 0, 2, 2])
    assert torch.autograd.gradcheck(lambda t: gather(t, index), (table,))
    assert torch.autograd.gradcheck(tanh, (table,))
    other, there = torch.randn(2, 3, dtype=torch.float64, requires_grad=True), torch.tensor([1, 1, 0, 1])
    assert torch.autograd.gradcheck(lambda *tables: add_parts(tables, (index, there)), (table, other))
    torch.testing.assert_close(add_parts((table, other), (index, there)), table[index] + other[there])
    torch.testing.assert_close(tanh(table), torch.tanh(table))


def test_a_batch_without_contexts_is_encoded() -> None:
    assert encoder()(random_batch(0, [0, 0])).shape == (0, SIZES["out"])


@pytest.mark.parametrize("shared", [False, True])
def test_dropout_keeps_the_expectation_of_the_product(shared: bool) -> None:
    """Inside tanh the product is linear in the mask: its mean over draws is the product without dropout."""
    model, batch = encoder(5, drop=0.25, shared_dropout=shared), random_batch(5, [30])
    for parameter in model.parameters():
        parameter.data *= 0.1  # so that tanh is close to linear
    with torch.no_grad():
        expected = model(batch)
        model.train()
        draws = torch.stack([model(batch) for _ in range(150)])
    error = (draws.mean(0) - expected).abs()
    assert error.max() < 5 * draws.std(0).max() / 150**0.5
    assert draws.std(0).min() > 0


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_dropout_drops_the_share_it_says_and_follows_the_seed(p: float) -> None:
    torch.manual_seed(0)
    mask = dropout_mask((1000, 201), p, torch.zeros(1))
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}
    assert abs((mask == 0).double().mean().item() - p) < 4 * (p * (1 - p) / mask.numel()) ** 0.5
    torch.manual_seed(0)
    assert torch.equal(mask, dropout_mask((1000, 201), p, torch.zeros(1)))
    x = torch.randn(3, 3)
    assert dropout(x, p, training=False) is x
