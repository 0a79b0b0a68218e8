"""The contract of mixers (C1 to C6) for the dense linear recurrence, the gated recurrent unit and the diagonal one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from phloem.nn.mixers.base import Info
from phloem.nn.mixers.diagonal_ssm import DiagonalSSM
from phloem.nn.mixers.gru import GRU
from phloem.nn.mixers.linear_rnn import LinearRNN

WIDTH = 6


@pytest.fixture(params=[LinearRNN, DiagonalSSM, GRU])
def mixer(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(WIDTH).double()


def sequence(batch: int, time: int) -> Tensor:
    return torch.randn(batch, time, WIDTH, dtype=torch.float64)


def steps(mixer: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    state, outputs = mixer.initial_state(len(x)), []
    for time in range(x.shape[1]):
        y, state = mixer.step(x[:, time], state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def close(one: Any, other: Any) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def test_forward_is_the_steps_and_their_gradients(mixer: Any) -> None:  # C1, C6
    x = sequence(3, 7).requires_grad_()
    one, other = mixer(x), steps(mixer, x)
    close(one, other)
    upstream = torch.randn_like(one[0])
    inputs = [x, *mixer.parameters()]
    close(
        torch.autograd.grad((one[0] * upstream).sum(), inputs),
        torch.autograd.grad((other[0] * upstream).sum(), inputs),
    )


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_forward_is_any_split_with_the_state_carried(mixer: Any, cut: int) -> None:  # C2
    x = sequence(2, 7)
    whole, last = mixer(x)
    first, state = mixer(x[:, :cut])
    second, end = mixer(x[:, cut:], state)
    close(whole, torch.cat([first, second], dim=1))
    close(last, end)


def test_outputs_depend_on_the_past_only(mixer: Any) -> None:  # C3
    x = sequence(2, 8)
    later = x.clone()
    later[:, 5:] += 1
    assert mixer.facts.causal
    assert torch.equal(mixer(x)[0][:, :5], mixer(later)[0][:, :5])


@pytest.mark.parametrize("tokens", [64, 512])
def test_the_state_has_the_declared_size(mixer: Any, tokens: int) -> None:  # C4
    _, state = mixer(sequence(2, tokens))
    numbers = torch.view_as_real(state) if state.is_complex() else state
    assert numbers.numel() == 2 * mixer.facts.state_size(tokens)


def test_packed_documents_are_each_alone(mixer: Any) -> None:  # C5
    documents = [sequence(1, size) for size in (3, 4, 2, 5)]
    rows = torch.cat([torch.cat(documents[:2], dim=1), torch.cat(documents[2:], dim=1)])
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[:, 0] = resets[0, 3] = resets[1, 2] = True
    mixed, state = mixer(rows, mixer(sequence(2, 3))[1], Info(resets=resets))
    alone = [mixer(document) for document in documents]
    close(mixed[:1], torch.cat([alone[0][0], alone[1][0]], dim=1))
    close(mixed[1:], torch.cat([alone[2][0], alone[3][0]], dim=1))
    close(state, torch.cat([alone[1][1], alone[3][1]], dim=state.dim() - 2))


def test_rows_end_at_their_lengths(mixer: Any) -> None:
    x = sequence(3, 6)
    lengths = torch.tensor([2, 6, 0])
    mixed, state = mixer(x, None, Info(lengths=lengths))
    for row, length in enumerate(lengths.tolist()):
        assert not mixed[row, length:].any()
        alone, end = mixer(x[row : row + 1, :length]) if length else (mixed[:1, :0], mixer.initial_state(1))
        close(mixed[row, :length], alone[0])
        close(state[..., row, :], end[..., 0, :])
