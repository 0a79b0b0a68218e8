"""Gated graph networks with positions (Li et al. 2016; Cummins et al. 2020)."""

import pytest
import torch
from torch import Tensor

from phloem.nn.encoders.gated_graph import Edges, Gate, GatedGraph, PositionGate, position_encoding
from phloem.nn.models.graph_vertex_classifier import GraphVertexClassifier, VertexLstm
from phloem.represent.program_graph_view import GraphBatch

STEPS = 3


def naive(net: GatedGraph, states: Tensor, edges: Edges) -> Tensor:
    """The equations, an edge at a time."""
    many = list(zip(*(column.tolist() for column in edges), strict=True))
    walks = [(source, target, kind, at) for source, target, kind, at in many]
    if net.backward:
        walks += [(target, source, net.kinds + kind, at) for source, target, kind, at in many]
    for _ in range(net.steps):
        received: dict[int, list[Tensor]] = {}
        for source, target, kind, at in walks:
            linear = net.messages[kind]
            gate = net.position(torch.tensor([at]))[0] if net.position is not None else torch.ones(states.shape[1])
            told = linear(states[source] * gate) if net.gate == "before" else linear(states[source]) * gate
            received.setdefault(target, []).append(told)
        means = [
            torch.stack(received[vertex]).mean(0) if vertex in received else torch.zeros_like(states[0])
            for vertex in range(len(states))
        ]
        states = net.update(torch.stack(means), states)
    return states


@pytest.mark.parametrize("gate", ["before", "after", None])
@pytest.mark.parametrize("backward", [True, False])
def test_it_is_the_equations(gate: Gate | None, backward: bool) -> None:
    torch.manual_seed(0)
    net = GatedGraph(6, 3, steps=2, gate=gate, backward=backward, silent=2).double()
    columns = torch.tensor([[0, 1, 2, 0, 3], [1, 2, 0, 0, 1], [0, 2, 2, 0, 0], [0, 1, 0, 3, 1]])
    edges, states = Edges(*columns), torch.randn(5, 6, dtype=torch.float64)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.testing.assert_close(net(states, edges), naive(net, states, edges), rtol=0, atol=1e-12)
    finally:
        torch.set_default_dtype(previous)


@pytest.mark.row("S111", 3)
def test_the_gate_lies_between_0_and_2_and_is_1_without_weights() -> None:
    torch.manual_seed(0)
    gate = PositionGate(34, silent=2)
    found = gate(torch.arange(40))
    assert bool(((found > 0) & (found < 2)).all())
    assert found.std() > 0
    torch.nn.init.zeros_(gate.linear.weight)
    torch.nn.init.zeros_(gate.linear.bias)
    assert torch.equal(gate(torch.arange(40)), torch.ones(40, 34))


def test_positions_are_sines_then_cosines_then_zeros() -> None:
    code = position_encoding(torch.tensor([0, 3]), 34, silent=2)
    assert code[0].tolist() == [0.0] * 16 + [1.0] * 16 + [0.0] * 2
    assert float(code[1, 1]) == pytest.approx(torch.sin(torch.tensor(3 * 10000 ** (-2 / 32))).item())


@pytest.mark.row("S111", 3)
@pytest.mark.parametrize("gate", ["before", "after"])
def test_the_order_of_operands_is_seen_through_the_gate_alone(gate: Gate) -> None:
    torch.manual_seed(0)
    net = GatedGraph(34, 3, steps=1, gate=gate, silent=2)
    states = torch.randn(3, 34)  # two operands and the subtraction

    def after(positions: list[int]) -> Tensor:
        both = torch.tensor([0, 1]), torch.tensor([2, 2]), torch.tensor([1, 1]), torch.tensor(positions)
        return net(states, Edges(*both))[2]

    assert (after([0, 1]) - after([1, 0])).abs().max() > 1e-3
    assert net.position is not None
    torch.nn.init.zeros_(net.position.linear.weight)
    torch.nn.init.zeros_(net.position.linear.bias)
    torch.testing.assert_close(after([0, 1]), after([1, 0]), rtol=0, atol=1e-6)


def chain(keys: list[int], forward: bool) -> GraphBatch:
    """0 - 1 - 2 …, all edges away from the marked vertex 0, or all towards it."""
    count = len(keys)
    near, far = torch.arange(count - 1), torch.arange(1, count)
    source, target = (near, far) if forward else (far, near)
    zeros = torch.zeros(count - 1, dtype=torch.int64)
    root = torch.zeros(count, dtype=torch.bool)
    root[0] = True
    none = torch.zeros(count, dtype=torch.int64)
    return GraphBatch(torch.tensor(keys), root, source, target, zeros, zeros, none, none)


@pytest.mark.row("S111", 4)
@pytest.mark.parametrize("forward", [True, False])
def test_information_travels_one_edge_a_step(forward: bool) -> None:
    torch.manual_seed(0)
    model = GraphVertexClassifier(5, steps=STEPS)
    keys = [1] * (STEPS + 2)
    with torch.no_grad():
        before = model(chain(keys, forward))[0]
        keys[STEPS + 1] = 2
        assert torch.equal(model(chain(keys, forward))[0], before)
        keys[STEPS] = 2
        assert not torch.equal(model(chain(keys, forward))[0], before)


@pytest.mark.row("S111", 4)
def test_without_backward_edges_nothing_comes_from_downstream() -> None:
    torch.manual_seed(0)
    model = GraphVertexClassifier(5, steps=STEPS, backward=False)
    with torch.no_grad():
        before = model(chain([1, 1, 1], True))[0]
        assert torch.equal(model(chain([1, 2, 3], True))[0], before)
        assert not torch.equal(model(chain([1, 2, 3], False))[0], before)


@pytest.mark.row("S111", 5)
def test_the_published_number_of_parameters() -> None:
    model = GraphVertexClassifier(2230 + 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == 87_070


def test_the_lstm_reads_graphs_apart() -> None:
    torch.manual_seed(0)
    model, alone = VertexLstm(5), chain([1, 2, 3], True)
    other = chain([4, 1, 1, 2], True)
    both = GraphBatch(
        torch.cat([alone.keys, other.keys]),
        torch.cat([alone.root, other.root]),
        *(torch.zeros(0, dtype=torch.int64) for _ in range(4)),
        torch.tensor([0] * 3 + [1] * 4),
        torch.zeros(7, dtype=torch.int64),
    )
    with torch.no_grad():
        torch.testing.assert_close(model(both)[:3], model(alone), rtol=0, atol=1e-6)
        torch.testing.assert_close(model(both)[3:], model(other), rtol=0, atol=1e-6)
