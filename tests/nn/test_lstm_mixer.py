"""The contract of mixers (C1 to C6) for the LSTM, and of cross-attention."""

from __future__ import annotations

import pytest
import torch

from phloem.nn.mixers.base import Info
from phloem.nn.mixers.cross_attention import CrossAttention, memory_of
from phloem.nn.mixers.lstm import LSTM, LSTMState

WIDTH = 6


@pytest.fixture(params=[1, 2])
def mixer(request: pytest.FixtureRequest) -> LSTM:
    torch.manual_seed(request.param)
    return LSTM(WIDTH, layers=request.param).double()


def sequence(batch: int, time: int) -> torch.Tensor:
    return torch.randn(batch, time, WIDTH, dtype=torch.float64)


def steps(mixer: LSTM, x: torch.Tensor, state: LSTMState | None = None) -> tuple[torch.Tensor, LSTMState]:
    state = mixer.initial_state(len(x)) if state is None else state
    outputs = []
    for t in range(x.shape[1]):
        y, state = mixer.step(x[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def close(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def test_forward_is_the_steps_and_their_gradients(mixer: LSTM) -> None:  # C1, C6
    x = sequence(3, 7).requires_grad_()
    one, other = mixer(x), steps(mixer, x)
    close(one[0], other[0])
    close(tuple(one[1]), tuple(other[1]))
    upstream = torch.randn_like(one[0])
    inputs = [x, *mixer.parameters()]
    close(
        torch.autograd.grad((one[0] * upstream).sum(), inputs),
        torch.autograd.grad((other[0] * upstream).sum(), inputs),
    )


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_forward_is_any_split_with_the_state_carried(mixer: LSTM, cut: int) -> None:  # C2
    x = sequence(2, 7)
    whole, last = mixer(x)
    first, state = mixer(x[:, :cut])
    second, end = mixer(x[:, cut:], state)
    close(whole, torch.cat([first, second], dim=1))
    close(tuple(last), tuple(end))


def test_outputs_depend_on_the_past_only(mixer: LSTM) -> None:  # C3
    x = sequence(2, 8)
    later = x.clone()
    later[:, 5:] += 1
    assert mixer.facts.causal
    assert torch.equal(mixer(x)[0][:, :5], mixer(later)[0][:, :5])


@pytest.mark.parametrize("tokens", [64, 512])
def test_the_state_has_the_declared_size(mixer: LSTM, tokens: int) -> None:  # C4
    _, state = mixer(sequence(2, tokens))
    assert sum(part.numel() for part in state) == 2 * mixer.facts.state_size(tokens)


def test_packed_documents_are_each_alone(mixer: LSTM) -> None:  # C5
    documents = [sequence(1, size) for size in (3, 4, 2, 5)]
    rows = torch.cat([torch.cat(documents[:2], dim=1), torch.cat(documents[2:], dim=1)])
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[:, 0] = resets[0, 3] = resets[1, 2] = True
    mixed, state = mixer(rows, mixer(sequence(2, 3))[1], Info(resets=resets))
    alone = [mixer(document) for document in documents]
    close(mixed[:1], torch.cat([alone[0][0], alone[1][0]], dim=1))
    close(mixed[1:], torch.cat([alone[2][0], alone[3][0]], dim=1))
    close(state.hidden, torch.cat([alone[1][1].hidden, alone[3][1].hidden], dim=1))


def test_rows_end_at_their_lengths(mixer: LSTM) -> None:
    x = sequence(3, 6)
    lengths = torch.tensor([2, 6, 0])
    mixed, state = mixer(x, None, Info(lengths=lengths))
    for row, length in enumerate(lengths.tolist()):
        assert not mixed[row, length:].any()
        alone, end = mixer(x[row : row + 1, :length]) if length else (mixed[:1, :0], mixer.initial_state(1))
        close(mixed[row, :length], alone[0])
        close(state.cell[:, row], end.cell[:, 0])


def test_cross_attention_is_a_softmax_over_its_rows_memory() -> None:
    torch.manual_seed(0)
    attention = CrossAttention(WIDTH).double()
    vectors = torch.randn(9, WIDTH, dtype=torch.float64, requires_grad=True)
    x = sequence(3, 4).requires_grad_()
    memory = memory_of(vectors, torch.tensor([0, 5, 9, 9]))
    read, _ = attention(x, None, Info(memory=memory))
    for row, part in enumerate((vectors[:5], vectors[5:])):
        scores = x[row] @ attention.score.weight.T @ part.T
        close(read[row], scores.softmax(dim=1) @ part)
    assert not read[2].any()
    by_step = torch.stack([attention.step(x[:, t], memory)[0] for t in range(4)], dim=1)
    close(read, by_step)
    assert torch.autograd.gradcheck(lambda v: memory_of(v, torch.tensor([0, 5, 9, 9])).vectors, (vectors,))


def test_cross_attention_without_a_memory_says_so() -> None:
    with pytest.raises(ValueError, match="memory"):
        CrossAttention(WIDTH)(torch.zeros(1, 2, WIDTH))
