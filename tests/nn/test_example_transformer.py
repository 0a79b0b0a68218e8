"""ExeDec's model: aligned positions, examples read apart, steps equal to the teacher-forced pass."""

import pytest
import torch

from phloem.nn.models.example_transformer import ExampleTokens, ExampleTransformer
from phloem.nn.models.seq2seq import shift_right
from phloem.nn.positions.aligned_relative import aligned_positions, next_position

BAR = 3


@pytest.mark.row("S013", 3)
def test_aligned_positions_of_the_published_example() -> None:
    p, q, r, s, t, u = range(10, 16)
    target = torch.tensor([[p, q, r, BAR, s, BAR, t, u]])
    assert aligned_positions(target, BAR, 50).tolist() == [[0, 1, 2, 3, 50, 51, 100, 101]]


@pytest.mark.row("S013", 3)
def test_positions_go_on_step_by_step() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(2, 6, (40, 12), generator=generator)
    whole = aligned_positions(tokens, BAR, 20)
    position = torch.zeros(40, dtype=torch.long)
    for step in range(12):
        assert (position == whole[:, step]).all()
        position = next_position(position, tokens[:, step], BAR, 20)
    shifted = shift_right(tokens)
    assert (aligned_positions(shifted, BAR, 20)[:, 0] == 0).all()


def batch(seed: int = 0) -> ExampleTokens:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 8, (3, 2), generator=generator)
    tokens = torch.randint(4, 20, (3, 2, 7), generator=generator)
    tokens = tokens.masked_fill(torch.arange(7) >= lengths[:, :, None], 0)
    target = torch.tensor([[5, BAR, 6, 7, 0], [BAR, 9, 0, 0, 0], [8, 8, BAR, 4, 0]])
    return ExampleTokens(tokens, lengths, target)


def network(separator: int | None) -> ExampleTransformer:
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 2, "layers": 2, "inner": 32, "longest": 10}
    return ExampleTransformer(20, separator=separator, **sizes).double().eval()


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("separator", [None, BAR])
def test_steps_are_the_teacher_forced_pass(separator: int | None) -> None:
    given, net = batch(), network(separator)
    expected, state = net(given), net.start(given)
    for step, tokens in enumerate(shift_right(given.target).unbind(1)):
        logits, state = net.next(tokens, state)
        assert torch.allclose(logits, expected[:, step], atol=1e-10)
    packed, positions = net.packed(given)
    assert torch.allclose(packed, expected.flatten(0, 1)[positions], atol=1e-10)


@pytest.mark.parametrize("separator", [None, BAR])
def test_padding_and_neighbours_are_not_seen(separator: int | None) -> None:
    given, net = batch(), network(separator)
    whole = net(given)
    noisy = given.tokens.masked_fill(torch.arange(7) >= given.lengths[:, :, None], 11)
    assert torch.allclose(net(given._replace(tokens=noisy)), whole, atol=1e-10)
    for i in range(3):
        alone = net(ExampleTokens(given.tokens[i : i + 1], given.lengths[i : i + 1], given.target[i : i + 1]))
        assert torch.allclose(alone[0], whole[i], atol=1e-10)
    later = given.target.clone()
    later[:, -2] = 12
    assert torch.allclose(net(given._replace(target=later))[:, :-1], whole[:, :-1], atol=1e-10)


def test_a_part_and_its_example_are_as_far_apart_in_all_examples() -> None:
    """With the same example twice and the same part twice, both parts read the same thing across."""
    net = network(BAR)
    tokens = torch.tensor([[[5, 6, 7], [5, 6, 7]]])
    given = ExampleTokens(tokens, torch.tensor([[3, 3]]), torch.tensor([[8, BAR, 8, BAR, 0]]))
    state = net.start(given)
    positions = net.positions(torch.tensor([[8, BAR, 8, BAR]]))
    distance = state.places - positions[0][:, None]
    assert (distance[0, :3] == distance[2, 3:]).all()
    assert not (network(None).positions(torch.tensor([[8, BAR, 8, BAR]])) == positions).all()


def test_reordered_rows_go_on_as_their_own() -> None:
    given, net = batch(), network(BAR)
    _, state = net.next(torch.full((3,), 2), net.start(given))
    logits, _ = net.next(torch.tensor([5, BAR, 6]), state)
    index = torch.tensor([2, 2, 0, 1])
    again, _ = net.next(torch.tensor([6, 6, 5, BAR]), net.reorder(state, index))
    assert torch.allclose(again, logits[index], atol=1e-10)


def test_decoding_of_one_batch_is_not_disturbed_by_another() -> None:
    given, net = batch(), network(BAR)
    state, tokens = net.start(given), torch.full((3,), 2)
    expected, _ = net.next(tokens, state)
    net.start(given._replace(tokens=given.tokens[:, :, :5], lengths=given.lengths.clamp(max=5)))
    assert torch.equal(net.next(tokens, state)[0], expected)
