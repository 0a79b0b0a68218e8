"""The attention decoder: the loop is the equations, and what must not matter doesn't."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.nn.decoders.lstm import AttentionDecoder, packing
from phloem.nn.encoders.paths import PathEncoder
from phloem.nn.models.code2seq import Code2Seq
from phloem.represent.base import START
from phloem.represent.path_batch import PathBatch

from .path_batches import random_batch

WIDTH, WORDS = 8, 11


def decoder(seed: int = 0, **changes: object) -> AttentionDecoder:
    torch.manual_seed(seed)
    made = AttentionDecoder(WORDS, width=WIDTH, embedding=6, **changes).double().eval()  # type: ignore[arg-type]
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def code2seq(seed: int = 0, **changes: object) -> Code2Seq:
    encoder = PathEncoder(15, 7, width=6, nodes=5, path=4, out=WIDTH).double().eval()
    return Code2Seq(encoder, decoder(seed, **changes))


def bag(seed: int, counts: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch = random_batch(seed, counts)
    torch.manual_seed(seed)
    contexts = torch.randn(sum(counts), WIDTH, dtype=torch.float64, requires_grad=True)
    return contexts, batch.offsets, batch.target


def stepped(
    model: AttentionDecoder, contexts: torch.Tensor, offsets: torch.Tensor, target: torch.Tensor, fed: float = 1.0
) -> torch.Tensor:
    """Logits by `next`, the target's words given to it; `fed` scales what is fed back."""
    state, tokens, logits = model.start(contexts, offsets), torch.full((len(target),), START), []
    for step in range(target.shape[1]):
        scores, state = model.next(tokens, state._replace(fed=state.fed * fed))
        logits.append(scores)
        tokens = target[:, step]
    return torch.stack(logits, dim=1)


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(0, 12), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([0, 15]),
)
@settings(max_examples=25, deadline=None)
def test_the_packed_loop_equals_the_steps_and_so_do_gradients(
    seed: int, counts: list[int], squash: bool, padding: int
) -> None:
    model = decoder(seed, squash=squash, official_padding=padding)
    contexts, offsets, target = bag(seed, counts)
    inside = torch.zeros(target.numel(), dtype=torch.bool)
    inside[packing(target).positions] = True
    inside = inside.view(target.shape)
    packed, steps = model(contexts, offsets, target), stepped(model, contexts, offsets, target)
    torch.testing.assert_close(packed[inside], steps[inside], rtol=0, atol=1e-8)
    assert not packed[~inside].any()
    upstream = torch.randn_like(packed) * inside[..., None]
    inputs = [contexts, *model.parameters()]
    for one, other in zip(
        torch.autograd.grad((packed * upstream).sum(), inputs),
        torch.autograd.grad((steps * upstream).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def naive_numpy(model: AttentionDecoder, contexts: np.ndarray, words: list[int], squash: bool) -> np.ndarray:
    """The equations of one example, step by step."""
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    h = c = contexts.mean(axis=0)
    a, logits = np.zeros(WIDTH), []
    for word in [START, *words]:
        x = np.concatenate([weights["words.weight"][word], a])
        gates = weights["cell.weight_ih"] @ x + weights["cell.weight_hh"] @ h
        i, f, g, o = np.split(gates + weights["cell.bias_ih"] + weights["cell.bias_hh"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        scores = np.array([h @ weights["attention.weight"].T @ z for z in contexts])
        alpha = np.exp(scores) / np.exp(scores).sum()
        a = weights["combine.weight"] @ np.concatenate([h, alpha @ contexts])
        a = np.tanh(a) if squash else a
        logits.append(weights["output.weight"] @ a)
    return np.array(logits)


@pytest.mark.row("S001", 5)
@pytest.mark.parametrize("squash", [False, True])
def test_decoder_is_equation_6(squash: bool) -> None:
    model = decoder(2, squash=squash)
    contexts, offsets, _ = bag(2, [7, 3])
    target = torch.tensor([[4, 5, 6, 0, 0], [7, 3, 0, 0, 0]])
    logits = model(contexts, offsets, target).detach().numpy()
    rows = contexts.detach().numpy()
    np.testing.assert_allclose(logits[0, :4], naive_numpy(model, rows[:7], [4, 5, 6], squash), atol=1e-8)
    np.testing.assert_allclose(logits[1, :3], naive_numpy(model, rows[7:], [7, 3], squash), atol=1e-8)


@pytest.mark.row("S001", 5)
def test_what_is_fed_back_matters_from_the_second_step() -> None:
    model = decoder(4)
    contexts, offsets, target = bag(4, [6, 5])
    fed, zeroed = (stepped(model, contexts, offsets, target, scale) for scale in (1.0, 0.0))
    torch.testing.assert_close(fed[:, 0], zeroed[:, 0], rtol=0, atol=0)
    assert ((fed - zeroed)[:, 1:].abs().amax(dim=2) > 1e-3).all()


def shuffled(batch: PathBatch, seed: int) -> PathBatch:
    """The contexts of each example in another order."""
    rng = np.random.default_rng(seed)
    bounds = batch.offsets.tolist()
    order = np.concatenate([rng.permutation(np.arange(a, b)) for a, b in pairwise(bounds)])
    at = torch.from_numpy(order)
    return batch._replace(left=batch.left[at], right=batch.right[at], path=batch.path[at])


@pytest.mark.row("S001", 4)
def test_the_order_of_contexts_does_not_matter() -> None:
    model, batch = code2seq(1), random_batch(1, [9, 14, 1])
    torch.testing.assert_close(model(batch), model(shuffled(batch, 0)), rtol=0, atol=1e-6)


@pytest.mark.row("S001", 4)
@pytest.mark.parametrize("padding", [0, 30])
def test_padding_does_not_matter_unless_it_is_the_official_one(padding: int) -> None:
    """A longer neighbour pads an example; official padding to another number changes what is read."""
    contexts, offsets, target = bag(6, [5, 20])
    model = decoder(6, official_padding=padding)
    together = model(contexts, offsets, target)[:1]
    alone = model(contexts[:5], offsets[:2], target[:1])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    more = decoder(6, official_padding=padding + 10 if padding else 0)(contexts[:5], offsets[:2], target[:1])
    assert ((alone - more).abs().max() > 1e-4) == bool(padding)


@pytest.mark.row("S001", 4)
def test_attention_sums_to_one_over_the_contexts_of_an_example() -> None:
    model, batch = code2seq(7), random_batch(7, [5, 20, 1, 0])
    state = model.start(batch)
    for _ in range(3):
        _, state = model.next(torch.full((4,), START), state)
        attention = model.trace(state)
        assert attention is not None
        torch.testing.assert_close(attention.sum(1), torch.tensor([1, 1, 1, 0], dtype=torch.float64))
        for row, count in zip(attention, [5, 20, 1, 0], strict=True):
            assert not row[count:].any()
            assert (row[:count] > 0).all()


@given(st.integers(0, 1000), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_reordered_rows_go_on_as_they_would_alone(seed: int, beam: int) -> None:
    """Rows of a beam, rows in any order, and rows whose neighbours have left read the same memory."""
    model = decoder(seed)
    contexts, offsets, _ = bag(seed, [5, 8, 2])
    rng = np.random.default_rng(seed)
    _, first = model.next(torch.full((3,), START), model.start(contexts, offsets))
    for index in (
        torch.arange(3).repeat_interleave(beam),
        torch.from_numpy(rng.integers(0, 3, 5)),
        torch.tensor([0, 2]).repeat_interleave(beam),
    ):
        tokens = torch.from_numpy(rng.integers(3, WORDS, len(index)))
        logits, state = model.next(tokens, model.reorder(first, index))
        for row, (source, token) in enumerate(zip(index.tolist(), tokens, strict=True)):
            alone, after = model.next(token[None], model.reorder(first, torch.tensor([source])))
            torch.testing.assert_close(logits[row], alone[0], rtol=0, atol=1e-8)
            expected = model.trace(after)
            torch.testing.assert_close(model.trace(state)[row], expected[0], rtol=0, atol=1e-8)  # type: ignore[index]


def test_dropout_leaves_what_is_fed_back_whole() -> None:
    """With the output dropped, the attention of later steps stays the one without dropout."""
    model = decoder(8, drop=0.5)
    contexts, offsets, target = bag(8, [6, 9])
    _, still, _ = model.outputs(contexts, offsets, target)
    model.train()
    _, dropped, _ = model.outputs(contexts, offsets, target)
    torch.testing.assert_close(still, dropped, rtol=0, atol=0)
    torch.manual_seed(0)
    one = model(contexts, offsets, target)
    assert (one - model(contexts, offsets, target)).abs().max() > 0


def test_code2seq_learns_a_name_from_its_contexts() -> None:
    model, batch = code2seq(9).train(), random_batch(9, [4, 6, 5, 3])
    model.encoder.drop = model.decoder.drop = 0.0
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    pack = packing(batch.target)
    wanted = batch.target.view(-1)[pack.positions]
    for _ in range(60):
        logits = model(batch).flatten(0, 1)[pack.positions]
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (logits.argmax(1) == wanted).all()
