"""Lion: its three lines in their order, its one buffer, and steps that know signs only."""

import pytest
import torch
from torch import nn

from phloem.learn import optim
from phloem.learn.lion import Lion


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def moved(parameter, gradients, **options):
    made = Lion([parameter], **options)
    places = []
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        made.step()
        places.append((parameter.item(), made.state[parameter]["momentum"].item()))
    return places


@pytest.mark.row("S052", 1)
def test_three_steps_of_a_number():
    theta = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    places = moved(theta, [0.5, -0.2, 0.1], lr=0.1, weight_decay=0.1, betas=(0.9, 0.99))
    expected = [(0.89, 0.005), (0.9811, 0.00295), (0.871289, 0.0039205)]
    for got, want in zip(places, expected, strict=True):
        assert got == pytest.approx(want, abs=1e-12)
    momenta = [0.0, 0.005, 0.00295]
    interpolations = [0.9 * m + 0.1 * g for m, g in zip(momenta, [0.5, -0.2, 0.1], strict=True)]
    assert interpolations == pytest.approx([0.05, -0.0155, 0.012655], abs=1e-12)


@pytest.mark.row("S052", 1)
def test_100_steps_of_a_network_equal_the_lines_written_out():
    one, other = network(), network()
    made = Lion(one.parameters(), lr=3e-3, weight_decay=0.2)
    momenta = [torch.zeros_like(parameter) for parameter in other.parameters()]
    generator = torch.Generator().manual_seed(1)
    for _ in range(100):
        x = torch.randn(16, 5, generator=generator, dtype=torch.float64)
        for net in (one, other):
            net.zero_grad()
            (net(x) ** 2 - net(x).sin()).sum().backward()
        made.step()
        with torch.no_grad():
            for parameter, m in zip(other.parameters(), momenta, strict=True):
                g = parameter.grad
                c = 0.9 * m + (1 - 0.9) * g
                parameter -= 3e-3 * (torch.sign(c) + 0.2 * parameter)
                m.copy_(0.99 * m + (1 - 0.99) * g)
    for got, want in zip(one.parameters(), other.parameters(), strict=True):
        assert (got - want).abs().max() < 1e-7


@pytest.mark.row("S052", 2)
def test_every_parameter_moves_by_the_rate_or_not_at_all():
    net, generator = network(), torch.Generator().manual_seed(2)
    made = Lion(net.parameters(), lr=1e-2)
    for _ in range(10):
        before = [parameter.detach().clone() for parameter in net.parameters()]
        for parameter in net.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.grad.view(-1)[0] = 0.0 if not made.state else parameter.grad.view(-1)[0]
        first = not made.state
        made.step()
        for old, parameter in zip(before, net.parameters(), strict=True):
            signs = (old - parameter.detach()) / 1e-2
            assert (signs - signs.round()).abs().max() < 1e-9
            assert set(signs.round().unique().tolist()) <= {-1.0, 0.0, 1.0}
            if first:
                assert signs.view(-1)[0] == 0.0


@pytest.mark.row("S052", 2)
def test_steps_do_not_depend_on_the_gradients_scale():
    one, other, generator = network(), network(), torch.Generator().manual_seed(3)
    optimizers = [Lion(net.parameters(), lr=1e-2, weight_decay=0.1) for net in (one, other)]
    for _ in range(6):
        for parameter, twin in zip(one.parameters(), other.parameters(), strict=True):
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            twin.grad = 1000 * parameter.grad
        for made in optimizers:
            made.step()
        for parameter, twin in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(parameter, twin)


@pytest.mark.row("S052", 3)
def test_the_state_is_one_tensor_a_parameter():
    net = network()
    made = optim.optimizer("lion", net.parameters(), 1e-3, 0.1)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step()
    state = optim.state_tensors(made)
    shapes = [parameter.shape for parameter in net.parameters()]
    assert [value.shape for value in state.values()] == shapes
    again = optim.optimizer("lion", network(1).parameters(), 1e-3, 0.1)
    optim.load_state_tensors(again, state)
    assert all(torch.equal(value, state[name]) for name, value in optim.state_tensors(again).items())


def test_wrong_settings_are_refused():
    for options in ({"lr": -1.0}, {"betas": (1.0, 0.9)}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match="a rate, two"):
            Lion(network().parameters(), **options)
