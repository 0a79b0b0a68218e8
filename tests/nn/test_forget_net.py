"""The processors of ForgetNet: what reaches them, and what does not."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from phloem.corpora import clrs
from phloem.learn.objectives.hint_loss import HintLoss
from phloem.nn.models.clrs_network import ClrsBatch, ClrsNetwork
from phloem.nn.models.forget_net import Processor
from phloem.tasks import clrs_reasoning

WIDTH = 12


def network(name: str, memory: str, **options: bool) -> tuple[ClrsNetwork, ClrsBatch]:
    probes, samples = clrs_reasoning.readable(name, clrs.draw(name, 4, 6, 1))
    torch.manual_seed(0)
    return ClrsNetwork(probes, WIDTH, memory, **options).eval(), clrs_reasoning.tensors(probes, samples)


def one_step(net: ClrsNetwork, batch: ClrsBatch, at: int, hidden: Tensor) -> list[Tensor]:
    """Everything that step `at` tells, given its true hints and any states of the step before."""
    nodes, edges = torch.zeros(4, 6, WIDTH), torch.zeros(4, 6, 6, WIDTH)
    nodes, edges = net.encode(net.state("input", batch.inputs), nodes, edges)
    hints = net.state("hint", tuple(data[at] for data in batch.hints))
    logits, states, _ = net.step(nodes, edges, hints, hidden, batch.mask)
    return [*logits.values(), states]


class Constant(nn.Module):
    """A gate that always says the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, hidden: Tensor, graph: Tensor) -> Tensor:
        return torch.full_like(hidden, self.value)


def with_weights_of(net: ClrsNetwork, other: ClrsNetwork) -> ClrsNetwork:
    missing, extra = net.load_state_dict(other.state_dict(), strict=False)
    assert not missing
    assert all(".gate." in name for name in extra)
    return net


OPTIONS = [
    dict(zip(("triplets", "gated_update"), pair, strict=True)) for pair in itertools.product((False, True), repeat=2)
]


@pytest.mark.row("S191", 1)
@pytest.mark.parametrize("options", OPTIONS)
def test_forget_net_does_not_see_the_states_of_the_step_before(options: dict[str, bool]) -> None:
    noise = torch.randn(2, 4, 6, WIDTH, generator=torch.Generator().manual_seed(1)) * 10
    for memory, equal in (("forgotten", True), ("kept", False), ("gated", False)):
        net, batch = network("bellman_ford", memory, **options)
        told = [one_step(net, batch, 1, hidden) for hidden in noise]
        assert all(torch.equal(*pair) for pair in zip(*told, strict=True)) == equal


@pytest.mark.row("S191", 1)
@pytest.mark.parametrize("options", OPTIONS)
def test_gates_of_0_and_1_are_the_other_two_networks(options: dict[str, bool]) -> None:
    gated, batch = network("dijkstra", "gated", **options)
    for value, memory in ((0.0, "forgotten"), (1.0, "kept")):
        other = with_weights_of(network("dijkstra", memory, **options)[0], gated)
        gate, gated.processor.gate = gated.processor.gate, Constant(value)
        one, same = gated(batch), other(batch)
        gated.processor.gate = gate
        for name, logits in {**one.outputs, **one.hints[-1]}.items():
            assert torch.equal(logits, {**same.outputs, **same.hints[-1]}[name])
        assert not torch.equal(gated(batch).outputs["pi"], same.outputs["pi"])


@pytest.mark.row("S191", 1)
def test_hints_alone_carry_information_from_step_to_step() -> None:
    for memory, equal in (("forgotten", True), ("kept", False)):
        net, batch = network("dijkstra", memory)
        changed = batch._replace(hints=tuple(data.clone() for data in batch.hints))
        for data in changed.hints:
            data[1] = data[1].roll(1, -1)  # of the steps before, the true hints are others
        one, other = net(batch, forced=True), net(changed, forced=True)
        assert not torch.equal(one.hints[1]["d"], other.hints[1]["d"])
        for step in (2, 3):
            same = all(torch.equal(one.hints[step][name], other.hints[step][name]) for name in one.hints[step])
            assert same == equal
        own, others = net(batch), net(changed)
        assert torch.equal(own.hints[3]["d"], others.hints[3]["d"]), "the true hints after the first are not read"


@pytest.mark.row("S191", 2)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_processor_is_equivariant(options: dict[str, bool]) -> None:
    torch.manual_seed(0)
    processor = Processor(WIDTH, "gated", **options)
    x, hidden, edges = torch.randn(2, 7, WIDTH), torch.randn(2, 7, WIDTH), torch.randn(2, 7, 7, WIDTH)
    graph, mask, order = torch.randn(2, WIDTH), torch.ones(2, 7, dtype=torch.bool), torch.randperm(7)
    plain = processor(x, edges, graph, hidden, mask)
    moved = processor(x[:, order], edges[:, order][:, :, order], graph, hidden[:, order], mask)
    torch.testing.assert_close(moved.hidden, plain.hidden[:, order], atol=1e-5, rtol=0)
    assert (moved.hidden - plain.hidden).abs().max() > 1e-2
    if plain.triplets is not None:
        assert moved.triplets is not None
        torch.testing.assert_close(moved.triplets, plain.triplets[:, order][:, :, order], atol=1e-5, rtol=0)


@pytest.mark.row("S191", 2)
@pytest.mark.parametrize("triplets", [False, True])
def test_padding_changes_nothing_while_it_is_masked(triplets: bool) -> None:
    for name in clrs.NAMES:
        net, batch = network(name, "gated", triplets=triplets)
        probes, samples = clrs_reasoning.readable(name, clrs.draw(name, 4, 6, 1))
        padded = clrs_reasoning.tensors(probes, samples, pad=3)
        plain, masked = net(batch), net(padded)
        bare = net(padded._replace(mask=torch.ones_like(padded.mask)))
        for key, logits in plain.outputs.items():
            real = (slice(None), *[slice(6)] * (logits.dim() - 1))
            torch.testing.assert_close(masked.outputs[key][real], logits, atol=1e-6, rtol=1e-6)
            assert (bare.outputs[key][real] - logits).abs().max() > 1e-3
        loss = HintLoss()
        assert loss(net, padded).value.item() == pytest.approx(loss(net, batch).value.item(), rel=1e-5)


def test_messages_are_the_equation() -> None:
    """Node by node, with the edge of the sender's row."""
    torch.manual_seed(0)
    p = Processor(WIDTH, "kept", triplets=True)
    x, hidden, edges, graph = (
        torch.randn(1, 4, WIDTH),
        torch.randn(1, 4, WIDTH),
        torch.randn(1, 4, 4, WIDTH),
        torch.randn(1, WIDTH),
    )
    done = p(x, edges, graph, hidden, torch.ones(1, 4, dtype=torch.bool))
    z = torch.cat([x, hidden], -1)[0]
    for i in range(4):
        sent = [
            p.message(p.receiver(z[i]) + p.sender(z[j]) + p.edge(edges[0, j, i]) + p.graph(graph[0])) for j in range(4)
        ]
        expected = p.norm(torch.relu(p.own(z[i]) + p.heard(torch.stack(sent).amax(0))))
        torch.testing.assert_close(done.hidden[0, i], expected, atol=1e-5, rtol=1e-5)
    t = p.triplets
    assert t is not None
    assert done.triplets is not None
    i, j = 1, 3
    psi = [
        t.nodes[0](z[k])
        + t.nodes[1](z[i])
        + t.nodes[2](z[j])
        + t.edges[0](edges[0, k, i])
        + t.edges[1](edges[0, k, j])
        + t.edges[2](edges[0, i, j])
        + t.graph(graph[0])
        for k in range(4)
    ]
    expected = torch.relu(t.out(torch.stack(psi).amax(0)))
    torch.testing.assert_close(done.triplets[0, i, j], expected, atol=1e-5, rtol=1e-5)


def test_open_gates_are_paid_for() -> None:
    net, batch = network("bfs", "gated")
    gate, free, dear = net.processor.gate, HintLoss(0.0), HintLoss(2.0)
    net.processor.gate = Constant(0.5)
    assert (dear(net, batch).value - free(net, batch).value).item() == pytest.approx(2 * 0.25)
    net.processor.gate = gate
    assert dear(net, batch).logs["gate"] == pytest.approx(0.5, abs=0.2)


def test_outputs_are_those_of_each_runs_last_step() -> None:
    net, batch = network("bfs", "forgotten")
    lengths = batch.lengths.tolist()
    assert len(set(lengths)) > 1
    whole = net(batch).outputs["pi"]
    for number, length in enumerate(lengths):
        alone = ClrsBatch(
            tuple(data[number : number + 1] for data in batch.inputs),
            tuple(data[:length, number : number + 1] for data in batch.hints),
            tuple(data[number : number + 1] for data in batch.outputs),
            batch.lengths[number : number + 1],
            batch.mask[number : number + 1],
        )
        torch.testing.assert_close(net(alone).outputs["pi"][0], whole[number], atol=1e-6, rtol=1e-6)


def test_perfect_answers_score_1_and_batches_are_repeatable() -> None:
    data = clrs_reasoning.Executions("insertion_sort", [4, 6], each=5, epoch=64, seed=0)
    one, same = (data.batch(np.arange(8), np.random.default_rng(3)) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(one.inputs, same.inputs, strict=True))
    assert (one.inputs[0].diff(dim=1) > 0).all()
    samples = data.pools[0]

    class Oracle(nn.Module):
        names: ClassVar = {"output": ["pred"]}

        def forward(self, batch: ClrsBatch) -> object:
            logits = torch.nn.functional.one_hot(batch.outputs[0].long(), 4).float()
            return type("Told", (), {"outputs": {"pred": logits}})

    assert clrs_reasoning.scores(Oracle(), data.probes, samples)[:, 0].mean() == 1  # type: ignore[arg-type]
