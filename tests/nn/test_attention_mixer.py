"""The contract of mixers (C1 to C6) for self-attention, and rotary positions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from phloem.nn.mixers.attention import AttentionState, SelfAttention, attention_reference
from phloem.nn.mixers.base import Info
from phloem.nn.positions.rotary import angles, rotate

WIDTH, HEADS = 8, 2


@pytest.fixture
def causal() -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(WIDTH, HEADS, causal=True).double()


@pytest.fixture
def both() -> SelfAttention:
    torch.manual_seed(1)
    return SelfAttention(WIDTH, HEADS).double()


def sequence(batch: int, time: int) -> Tensor:
    return torch.randn(batch, time, WIDTH, dtype=torch.float64)


def close(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-8)


def steps(mixer: SelfAttention, x: Tensor) -> tuple[Tensor, AttentionState]:
    state = mixer.initial_state(len(x))
    assert state is not None
    outputs = []
    for t in range(x.shape[1]):
        y, state = mixer.step(x[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def test_forward_is_the_steps_and_their_gradients(causal: SelfAttention) -> None:  # C1, C6
    x = sequence(3, 7).requires_grad_()
    one, other = causal(x), steps(causal, x)
    close(one[0], other[0])
    close(tuple(one[1]), tuple(other[1]))
    upstream = torch.randn_like(one[0])
    inputs = [x, *causal.parameters()]
    close(
        torch.autograd.grad((one[0] * upstream).sum(), inputs),
        torch.autograd.grad((other[0] * upstream).sum(), inputs),
    )


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_forward_is_any_split_with_the_state_carried(causal: SelfAttention, cut: int) -> None:  # C2
    x = sequence(2, 7)
    whole, last = causal(x)
    first, state = causal(x[:, :cut])
    second, end = causal(x[:, cut:], state)
    close(whole, torch.cat([first, second], dim=1))
    close(tuple(last), tuple(end))


def test_causal_outputs_depend_on_the_past_only(causal: SelfAttention, both: SelfAttention) -> None:  # C3
    x = sequence(2, 8)
    later = x.clone()
    later[:, 5:] += 1
    assert causal.facts.causal
    assert torch.equal(causal(x)[0][:, :5], causal(later)[0][:, :5])
    assert not both.facts.causal
    assert not torch.equal(both(x)[0][:, :5], both(later)[0][:, :5])


@pytest.mark.parametrize("tokens", [64, 512])
def test_the_state_has_the_declared_size(causal: SelfAttention, both: SelfAttention, tokens: int) -> None:  # C4
    _, state = causal(sequence(2, tokens))
    assert sum(part.numel() for part in state) == 2 * causal.facts.state_size(tokens)
    assert both(sequence(2, tokens))[1] is None
    assert both.facts.state_size(tokens) == 0


@pytest.mark.parametrize("kind", ["causal", "both"])
def test_packed_documents_are_each_alone(kind: str, request: pytest.FixtureRequest) -> None:  # C5
    mixer: SelfAttention = request.getfixturevalue(kind)
    documents = [sequence(1, size) for size in (3, 4, 2, 5)]
    rows = torch.cat([torch.cat(documents[:2], dim=1), torch.cat(documents[2:], dim=1)])
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[:, 0] = resets[0, 3] = resets[1, 2] = True
    state = mixer(sequence(2, 3))[1] if kind == "causal" else None
    mixed, _ = mixer(rows, state, Info(resets=resets))
    alone = [mixer(document)[0] for document in documents]
    close(mixed[:1], torch.cat(alone[:2], dim=1))
    close(mixed[1:], torch.cat(alone[2:], dim=1))


@pytest.mark.parametrize("kind", ["causal", "both"])
def test_what_lies_behind_a_rows_length_is_not_read(kind: str, request: pytest.FixtureRequest) -> None:
    mixer: SelfAttention = request.getfixturevalue(kind)
    x = sequence(3, 6)
    mixed, _ = mixer(x, None, Info(lengths=torch.tensor([2, 6, 0])))
    for row, length in enumerate((2, 6, 0)):
        assert not mixed[row, length:].any()
        close(mixed[row, :length], mixer(x[row : row + 1, :length])[0][0])


def test_a_causal_run_goes_on_behind_rows_of_different_lengths(causal: SelfAttention) -> None:
    x, more = sequence(2, 5), sequence(2, 3)
    _, state = causal(x, None, Info(lengths=torch.tensor([2, 5])))
    went_on, _ = causal(more, state)
    close(went_on[:1], causal(torch.cat([x[:1, :2], more[:1]], dim=1))[0][:, 2:])
    close(went_on[1:], causal(torch.cat([x[1:], more[1:]], dim=1))[0][:, 5:])


def test_both_directions_have_no_state(both: SelfAttention) -> None:
    assert both.initial_state(2) is None
    assert not both.facts.streaming
    with pytest.raises(ValueError, match="no steps"):
        both.step(sequence(2, 1)[:, 0], None)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["causal", "both"])
def test_the_fused_kernel_is_the_equation(kind: str, request: pytest.FixtureRequest) -> None:
    mixer: SelfAttention = request.getfixturevalue(kind)
    x = sequence(2, 5)
    parts = mixer.inputs(x).view(2, 5, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
    angle = angles(torch.arange(5), WIDTH // HEADS, dtype=torch.float64)
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask = mask.tril() if kind == "causal" else mask
    read = attention_reference(rotate(parts[0], angle), rotate(parts[1], angle), parts[2], mask[None, None])
    close(mixer(x)[0], mixer.out(read.transpose(1, 2).flatten(2)))


def test_rotary_keeps_lengths_and_scores_see_distances_only() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 6, dtype=torch.float64)

    def score(at: int, other: int) -> Tensor:
        turned = [
            rotate(vector, angles(torch.tensor([place]), 6, dtype=torch.float64))
            for vector, place in ((query, at), (key, other))
        ]
        return (turned[0] * turned[1]).sum()

    close(score(3, 1), score(103, 101))
    assert abs(float(score(3, 1) - score(4, 1))) > 1e-3
    turned = rotate(query, angles(torch.tensor([17]), 6, dtype=torch.float64))
    close(turned.norm(), query.norm())
    with pytest.raises(ValueError, match="odd"):
        angles(torch.arange(2), 5)
