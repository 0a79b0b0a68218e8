"""Attention over the ends of edges (Liang et al. 2023), and Autophase's counts (Huang et al. 2020)."""

import numpy as np
import pytest
import torch

from phloem.learn.objectives.soft_target_cross_entropy import SoftTargetCrossEntropy
from phloem.nn.models.graph_edge_attention import EdgeAttentionGraph, EdgeAttentionLayer, segment_softmax
from phloem.nn.models.pass_value_predictor import CountPredictor, PassBatch
from phloem.represent.program_graph_view import GraphArrays, collate_graphs


def test_softmax_of_segments() -> None:
    torch.manual_seed(0)
    scores, segment = torch.randn(7, 2) * 30, torch.tensor([0, 2, 2, 0, 1, 2, 0])
    found = segment_softmax(scores, segment, 4)
    for number in range(3):
        rows = segment == number
        torch.testing.assert_close(found[rows], torch.softmax(scores[rows], dim=0))


def test_a_layer_is_its_equations() -> None:
    torch.manual_seed(0)
    layer = EdgeAttentionLayer(4, 3, 2)
    states, edges = torch.randn(3, 4), torch.randn(3, 3)
    source, target = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 1])
    new, new_edges = layer(states, edges, source, target)
    normed = layer.vertex_norm(states)
    ends: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    for number in range(3):
        u, v = int(source[number]), int(target[number])
        told = layer.tell(torch.cat([normed[u], normed[v], layer.edge_norm(edges[number])]))
        ends.setdefault(u, []).append((told[:4], told[8:10]))
        ends.setdefault(v, []).append((told[4:8], told[10:12]))
        torch.testing.assert_close(new_edges[number], edges[number] + layer.edge_update(told[12:]))
    for vertex in range(3):
        weights = torch.softmax(torch.stack([score for _, score in ends[vertex]]), dim=0)
        messages = torch.stack([message.view(2, 2) for message, _ in ends[vertex]])
        received = (weights[:, :, None] * messages).sum(0).flatten()
        torch.testing.assert_close(new[vertex], states[vertex] + layer.vertex_update(received))


def test_graphs_in_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    model = EdgeAttentionGraph(6, 4, width=8, edge_width=4, heads=2, layers=2)
    first = GraphArrays(np.array([1, 2, 3], np.int32), np.array([[0, 1, 0, 0], [1, 2, 1, 9]], np.int32))
    second = GraphArrays(np.array([4, 5], np.int32), np.array([[1, 0, 2, 0]], np.int32))
    both = model(collate_graphs([first, second], [None, None]))
    torch.testing.assert_close(both[1:], model(collate_graphs([second], [None])))
    torch.testing.assert_close(both[:1], model(collate_graphs([first], [None])))


def test_the_loss_is_least_at_the_target() -> None:
    wanted = torch.tensor([[0.7, 0.2, 0.1]])
    batch = PassBatch(None, torch.zeros(1, 4), wanted)  # type: ignore[arg-type]
    objective = SoftTargetCrossEntropy()
    exact = objective(lambda _: wanted.log(), batch)
    assert exact.logs["divergence"] == pytest.approx(0, abs=1e-6)
    assert objective(lambda _: torch.zeros(1, 3), batch).value > exact.value
    assert CountPredictor(4, 3)(batch).shape == (1, 3)
