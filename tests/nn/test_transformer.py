"""The small Transformer: steps equal the whole, nothing looks ahead, padding is not seen."""

import pytest
import torch

from phloem.learn.objectives.sequence_cross_entropy import counted
from phloem.nn.models.transformer import Attention, Transformer, sinusoids
from phloem.represent.base import PAD, START
from phloem.represent.token_view import TokenBatch


@pytest.fixture(autouse=True)
def _double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def model() -> Transformer:
    return Transformer(11, 7, width=16, heads=4, layers=2, inner=20).eval()


def batch(padding: int = 0) -> TokenBatch:
    sources = [[1, 2, 3, 4], [5, 6], [7]]
    rows = [[*one, *[PAD] * (4 + padding - len(one))] for one in sources]
    target = torch.tensor([[3, 4, 5, PAD], [6, PAD, PAD, PAD], [3, 3, PAD, PAD]])
    return TokenBatch(torch.tensor(rows), torch.tensor([4, 2, 1]), target)


def test_steps_give_the_logits_of_teacher_forcing(model):
    source = batch()
    state, tokens = model.start(source), torch.full((3,), START)
    for step, expected in enumerate(model(source).unbind(1)):
        logits, state = model.next(tokens, state)
        assert torch.allclose(logits, expected, atol=1e-10)
        tokens = source.target[:, step]


def test_logits_depend_on_earlier_words_only(model):
    source = batch()
    changed = source.target.clone()
    changed[:, 2] = 6
    before, after = model(source), model(source._replace(target=changed))
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-12)
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-4)


def test_padding_of_the_source_is_not_seen(model):
    assert torch.allclose(model(batch()), model(batch(padding=5)), atol=1e-10)


def test_the_order_of_the_source_is_seen(model):
    source = batch()
    assert not torch.allclose(model(source)[0], model(source._replace(tokens=source.tokens.flip(1)))[0], atol=1e-4)


def test_reordered_rows_go_on_as_their_own(model):
    _, state = model.next(torch.full((3,), START), model.start(batch()))
    index = torch.tensor([2, 0, 0, 1])
    after, _ = model.next(torch.tensor([5, 3, 3, 4]), model.reorder(state, index))
    plain, _ = model.next(torch.tensor([3, 4, 5]), state)
    assert torch.allclose(after, plain[index], atol=1e-10)


def test_attention_is_the_equation():
    attention, x = Attention(8, 2, 0.0), torch.randn(1, 5, 8)
    key, value = attention.read(x)
    query = attention.query(x).reshape(1, 5, 2, 4).transpose(1, 2)
    weights = (query @ key.transpose(2, 3) / 2.0).softmax(3)
    expected = attention.out((weights @ value).transpose(1, 2).reshape(1, 5, 8))
    assert torch.allclose(attention(x, key, value), expected, atol=1e-10)


def test_every_parameter_gets_a_gradient(model):
    model(batch()).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_sinusoids_are_those_of_the_paper():
    angles = torch.tensor([3.0, 3.0 / 100])  # position 3, wavelengths 2 pi and 2 pi 10,000^(2/4)
    expected = torch.stack([angles.sin(), angles.cos()], dim=1).flatten()
    assert torch.allclose(sinusoids(torch.arange(6), 4)[3], expected, atol=1e-6)


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="heads"):
        Transformer(3, 3, width=10, heads=4)


def test_packed_logits_are_those_of_words_and_end_marks(model):
    seq2seq, source = model, batch()
    logits, positions = seq2seq.packed(source)
    mask = counted(source.target)
    assert torch.equal(positions, mask.flatten().nonzero()[:, 0])
    assert torch.allclose(logits, seq2seq(source)[mask], atol=1e-12)
