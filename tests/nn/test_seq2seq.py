"""Sequence to sequence with LSTMs (Sutskever et al. 2014), with and without attention (Luong et al. 2015)."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from phloem.decode.beam import Beam
from phloem.decode.greedy import greedy
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy, counted
from phloem.nn.encoders.lstm import LSTMEncoder, reverse_source
from phloem.nn.models.seq2seq import Seq2Seq
from phloem.represent.base import PAD, START
from phloem.represent.token_view import TokenBatch

PLAIN = {"attention": False, "bidirectional": False, "reverse": True}
ATTENTIVE = {"attention": True, "bidirectional": True}
SOURCES, TARGETS = 11, 5


@pytest.fixture(autouse=True)
def _double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def model(options: dict, **more) -> Seq2Seq:
    return Seq2Seq(SOURCES, TARGETS, embedding=6, width=8, layers=3, uniform=0.5, **{**options, **more}).eval()


def batch(sources: list[list[int]], targets: list[list[int]] | None = None, padding: int = 0) -> TokenBatch:
    """Padded sources and targets; `padding` more columns than needed."""
    targets = targets or [[3, 4, PAD] for _ in sources]

    def rows(lists: list[list[int]], more: int) -> torch.Tensor:
        longest = max(map(len, lists)) + more
        return torch.tensor([[*one, *[PAD] * (longest - len(one))] for one in lists])

    return TokenBatch(rows(sources, padding), torch.tensor([len(one) for one in sources]), rows(targets, 0))


sentences = st.lists(st.lists(st.integers(1, SOURCES - 1), min_size=1, max_size=9), min_size=1, max_size=5)


@pytest.mark.row("S048", 1)
@given(sources=sentences, padding=st.integers(0, 4))
def test_reversal_is_of_each_sentence_and_leaves_padding_behind(sources, padding):
    given_batch = batch(sources, padding=padding)
    assert torch.equal(
        reverse_source(given_batch.tokens, given_batch.lengths),
        batch([one[::-1] for one in sources], padding=padding).tokens,
    )


@pytest.mark.row("S048", 1)
@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE, {**ATTENTIVE, "reverse": True}])
def test_results_do_not_depend_on_the_padding_of_the_batch(options):
    seq2seq = model(options)
    sources = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 1]]
    together = seq2seq(batch(sources, padding=5))
    alone = torch.cat([seq2seq(batch([source])) for source in sources])
    assert torch.allclose(together, alone, atol=1e-8)


@pytest.mark.row("S048", 1)
def test_a_reversing_model_reads_what_a_forward_one_reads_of_reversed_sentences():
    backward, forward = model(PLAIN), model({**PLAIN, "reverse": False})
    forward.load_state_dict(backward.state_dict())
    sources = [[1, 2, 3], [4, 5, 6, 7]]
    assert torch.allclose(backward(batch(sources)), forward(batch([one[::-1] for one in sources])), atol=1e-12)
    assert not torch.allclose(backward(batch(sources)), forward(batch(sources)), atol=1e-4)


@pytest.mark.row("S048", 2)
@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE])
def test_a_beam_as_wide_as_everything_is_exhaustive_search(options):
    seq2seq, source, length = model(options), batch([[1, 2, 3]]), 3
    words = [word for word in range(TARGETS) if word not in (PAD, START)]
    values = [value for size in range(length + 1) for value in itertools.product(words, repeat=size)]
    scores = {}
    for value in values:
        target = torch.tensor([[*value, PAD]])
        log = seq2seq(source._replace(target=target)).log_softmax(2)[0]
        scores[value] = log.gather(1, target[0, :, None]).sum().item()
    found = Beam(len(values), forbid=(START,))(seq2seq, source, length=length)[0]
    assert [one.value for one in found] == sorted(values, key=scores.__getitem__, reverse=True)
    assert max(abs(one.score - scores[one.value]) for one in found) < 1e-8


@pytest.mark.row("S048", 2)
@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE])
def test_a_beam_of_one_is_greedy(options):
    seq2seq, source = model(options), batch([[1, 2, 3], [9, 8], [7]])
    beam = Beam(1)(seq2seq, source, length=6)
    assert [one[0].value for one in beam] == [one[0].value for one in greedy(seq2seq, source, length=6)]


@pytest.mark.row("S048", 3)
@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE])
def test_step_log_probabilities_sum_to_the_teacher_forced_score(options):
    seq2seq = model(options)
    source = batch([[1, 2, 3], [5, 6, 7, 8]], [[3, 4, 3, PAD], [4, PAD]])
    state, tokens, total = seq2seq.start(source), torch.full((2,), START), torch.zeros(2)
    ended = torch.zeros(2, dtype=torch.bool)
    for step in range(source.target.shape[1]):
        logits, state = seq2seq.next(tokens, state)
        tokens = source.target[:, step]
        total += torch.where(ended, 0.0, logits.log_softmax(1).gather(1, tokens[:, None])[:, 0])
        ended |= tokens == PAD
    loss = SequenceCrossEntropy()(seq2seq, source).value
    assert torch.allclose(-total.mean(), loss, atol=1e-10)


@pytest.mark.row("S048", 4)
def test_the_state_handed_to_the_decoder_has_one_size():
    seq2seq = model(PLAIN)
    short, long = (seq2seq.start(batch([[1] * length])) for length in (5, 50))
    sizes = [[part.shape for part in state if part is not None] for state in (short, long)]
    assert sizes[0] == sizes[1] == [(3, 1, 8), (3, 1, 8)]


@pytest.mark.row("S048", 4)
@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE])
def test_the_gradient_reaches_every_parameter_of_the_encoder(options):
    seq2seq = model(options)
    SequenceCrossEntropy()(seq2seq, batch([[1, 2, 3], [4, 5]])).value.backward()
    reached = dict(seq2seq.encoder.named_parameters(prefix="encoder"))
    assert len(reached) == 12 * (2 if options["bidirectional"] else 1)
    for name, parameter in [*reached.items(), ("source_embedding", seq2seq.source_embedding.weight)]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_attention_sums_to_one_over_the_true_positions():
    seq2seq = model(ATTENTIVE)
    _, state = seq2seq.next(torch.tensor([START, START]), seq2seq.start(batch([[1, 2, 3], [4]], padding=2)))
    attention = seq2seq.trace(state)
    assert torch.allclose(attention.sum(1), torch.ones(2), atol=1e-12)
    assert (attention[0, 3:] == 0).all()
    assert (attention[1, 1:] == 0).all()


def test_the_attentional_state_is_fed_back():
    seq2seq = model(ATTENTIVE)
    source = batch([[1, 2, 3]])
    _, state = seq2seq.next(torch.tensor([START]), seq2seq.start(source))
    fed, _ = seq2seq.next(torch.tensor([3]), state)
    unfed, _ = seq2seq.next(torch.tensor([3]), state._replace(feed=torch.zeros_like(state.feed)))
    assert not torch.allclose(fed, unfed, atol=1e-4)


def test_reordered_rows_go_on_as_their_own():
    for options in (PLAIN, ATTENTIVE):
        seq2seq = model(options)
        state = seq2seq.start(batch([[1, 2, 3], [4]]))
        _, state = seq2seq.next(torch.tensor([START, START]), state)
        index = torch.tensor([1, 0, 1])
        after, _ = seq2seq.next(torch.tensor([3, 4, 3]), seq2seq.reorder(state, index))
        plain, _ = seq2seq.next(torch.tensor([4, 3]), state)
        assert torch.allclose(after, plain[index], atol=1e-10)


def test_an_odd_width_has_no_two_directions():
    with pytest.raises(ValueError, match="halved"):
        Seq2Seq(3, 3, width=7)


@pytest.mark.parametrize("options", [PLAIN, ATTENTIVE])
def test_packed_logits_are_those_of_words_and_end_marks(options):
    seq2seq = model(options)
    source = batch([[1, 2, 3], [5, 6, 7, 8]], [[3, 4, 3, PAD], [4, PAD]])
    logits, positions = seq2seq.packed(source)
    mask = counted(source.target)
    assert torch.equal(positions, mask.flatten().nonzero()[:, 0])
    assert torch.allclose(logits, seq2seq(source)[mask], atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_encoder_is_torch_s_on_packed_sequences(bidirectional):
    directions = 2 if bidirectional else 1
    packed = nn.LSTM(5, 8 // directions, 2, batch_first=True, bidirectional=bidirectional)
    encoder = LSTMEncoder(5, 8, layers=2, bidirectional=bidirectional)
    for number, layer in enumerate(encoder.recurrent):
        suffix = f"l{number // directions}" + ("_reverse" if number % directions else "")
        for name, parameter in layer.named_parameters():
            parameter.data.copy_(getattr(packed, name.replace("l0", suffix)))
    lengths = torch.tensor([3, 7, 1, 7, 4])
    x, other = torch.randn(5, 9, 5, requires_grad=True), torch.zeros(5, 9, 5, requires_grad=True)
    other.data.copy_(x)
    outputs, (hidden, cell) = packed(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=9)
    found = encoder(other, lengths)
    joined = [torch.cat([part[i::directions] for i in range(directions)], dim=2) for part in (hidden, cell)]
    for one, expected in zip(found, (padded, *joined), strict=True):
        assert torch.allclose(one, expected, atol=1e-10)
    weights = [torch.randn_like(one) for one in found]
    sum((one * weight).sum() for one, weight in zip(found, weights, strict=True)).backward()
    sum((one * weight).sum() for one, weight in zip((padded, *joined), weights, strict=True)).backward()
    assert torch.allclose(other.grad, x.grad, atol=1e-10)
