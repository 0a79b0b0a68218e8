"""Pooling of trees and the graph network over them: what stays, how it hangs together, and what it depends on."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.languages import by_name
from phloem.nn.encoders.ast_graph import AstGraphEncoder, neighbour_mean
from phloem.nn.encoders.graph_pool import Forest, TreePool, kept, nearest_kept, sizes_after
from phloem.nn.models.gnn_coder import FIRST_SCALE, GnnCoder
from phloem.represent.ast_graph import GraphBatch, GraphNumbers, Numbering, ast_graph, collate

CODES = (
    "def f(a, b):\n    return a + b\n",
    "x = 1",
    "for i in range(9):\n    print(i)\n    print(i)\n    print(i)\n",
    "class A:\n    def g(self):\n        return [[1, 1, 1], [1, 1, 1], [1, 1, 1]]\n",
)


def forest(parents: list[list[int]], width: int = 4, seed: int = 0) -> Forest:
    """Trees of these parents, with random states."""
    sizes = torch.tensor([len(parent) for parent in parents])
    begins = sizes.cumsum(0) - sizes
    parent = torch.cat(
        [torch.tensor(own) + (torch.tensor(own) >= 0) * begin for own, begin in zip(parents, begins, strict=True)]
    )
    children = torch.bincount(parent[parent >= 0], minlength=len(parent))
    graph = torch.repeat_interleave(torch.arange(len(parents)), sizes)
    states = torch.randn(len(parent), width, generator=torch.Generator().manual_seed(seed))
    return Forest(states, parent, torch.log1p(children.float()), graph, len(parents))


@st.composite
def trees(draw: st.DrawFn) -> list[int]:
    size = draw(st.integers(1, 30))
    return [-1, *(draw(st.integers(0, node - 1)) for node in range(1, size))]


forests = st.lists(trees(), min_size=1, max_size=4)


@pytest.mark.row("S098", 1)
@settings(max_examples=40)
@given(forests, st.floats(0.01, 1.0), st.integers(0, 99))
def test_pooling_keeps_so_many_of_each_graph_in_tree_order(parents: list[list[int]], ratio: float, seed: int) -> None:
    before = forest(parents, seed=seed)
    torch.manual_seed(seed)
    after, stays = TreePool(4, ratio)(before)
    for number, own in enumerate(parents):
        assert int((after.graph == number).sum()) == max(1, math.ceil(ratio * len(own) - 1e-9))
    assert bool((stays.diff() > 0).all())
    assert torch.equal(after.graph, before.graph[stays])
    inner = after.parent >= 0
    assert torch.equal(after.graph[inner], after.graph[after.parent[inner]])


@pytest.mark.row("S098", 1)
def test_a_product_that_is_a_whole_number_is_not_rounded_up() -> None:
    assert math.ceil(0.28 * 25) == 8
    assert sizes_after(torch.tensor([25, 1, 50]), 0.28).tolist() == [7, 1, 14]


@pytest.mark.row("S098", 1)
def test_all_nodes_with_high_scores_stay_as_they_are() -> None:
    before = forest([[-1, 0, 0, 1], [-1], [-1, 0, 1, 2, 2]])
    pool = TreePool(4, 1.0)
    torch.nn.init.zeros_(pool.score.weight)
    torch.nn.init.constant_(pool.score.bias, 20.0)
    after, stays = pool(before)
    assert torch.equal(stays, torch.arange(10))
    assert torch.allclose(after.states, before.states, atol=1e-6)
    assert torch.equal(after.parent, before.parent)


def batch_of(codes: tuple[str, ...]) -> tuple[GraphBatch, list[GraphNumbers], Numbering]:
    graphs = [ast_graph(code, by_name("python")) for code in codes]
    numbering = Numbering(graphs)
    numbers = [numbering(graph) for graph in graphs]
    return collate(numbers), numbers, numbering


def encoder(numbering: Numbering, seed: int = 0) -> tuple[AstGraphEncoder, torch.Tensor]:
    torch.manual_seed(seed)
    return (
        AstGraphEncoder(len(numbering.kinds) + 1, 6, width=16, output=8, levels=3, ratio=0.5).double(),
        torch.randn(len(numbering.texts), 6, dtype=torch.float64),
    )


@pytest.mark.row("S098", 2)
@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_its_graphs_one_by_one(seed: int) -> None:
    batch, numbers, numbering = batch_of(CODES)
    model, texts = encoder(numbering, seed)
    one_by_one = torch.cat([model(collate([own]), texts) for own in numbers])
    assert torch.allclose(model(batch, texts), one_by_one, atol=1e-6)


def renumbered(batch: GraphBatch, order: torch.Tensor) -> GraphBatch:
    """The same nodes stored in another order."""
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    parent = batch.parent[order]
    columns = (batch.children, batch.position, batch.graph)
    return GraphBatch(
        batch.kind[order],
        batch.text[order],
        torch.where(parent >= 0, place[parent.clamp(min=0)], -1),
        *(column[order] for column in columns),
        graphs=batch.graphs,
    )


@pytest.mark.row("S098", 2)
@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_nodes_are_stored_does_not_matter(seed: int) -> None:
    batch, _, numbering = batch_of(CODES)  # the last two have identical sibling subtrees
    model, texts = encoder(numbering, seed)
    order = torch.randperm(len(batch.kind), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(model(renumbered(batch, order), texts), model(batch, texts))


@pytest.mark.row("S098", 2)
def test_of_equal_scores_the_earlier_node_stays() -> None:
    scores = torch.tensor([0.0, 1.0, 1.0 + 1e-7, 1.0, 0.5])
    assert kept(scores, torch.zeros(5, dtype=torch.long), 1, 0.4).tolist() == [1, 2]
    apart = torch.tensor([0, 0, 1, 1, 1])
    assert kept(scores, apart, 2, 0.5).tolist() == [1, 2, 3]


@pytest.mark.row("S098", 3)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_hub_stays_first_or_last_by_its_children(sign: float) -> None:
    star, chain = [-1, *[0] * 5], [-1, *range(6)]
    before = forest([[-1, 0, 1, *[2] * 5, 3, 8, 9]])  # a chain down to a hub of five, one of which goes on as a chain
    for own in (star, chain):
        alone = forest([own])
        assert alone.counted[-1] == 0.0
    assert forest([chain]).counted[1] == pytest.approx(math.log(2))  # of degree 2 with one child
    pool = TreePool(4, 1 / 11)
    with torch.no_grad():
        pool.score.weight.copy_(torch.tensor([[0.0, 0, 0, 0, sign]]))
        pool.score.bias.zero_()
    hub = int(before.counted.argmax())
    order = torch.argsort(pool.scores(before), descending=True, stable=True)
    assert order[0 if sign > 0 else -1] == hub == 2
    assert (kept(pool.scores(before), before.graph, 1, 1 / 11).tolist() == [hub]) == (sign > 0)


@pytest.mark.row("S098", 3)
def test_children_are_those_of_the_whole_program() -> None:
    graph = ast_graph("f(a, b, c)", by_name("python"), most=4)
    assert graph.kind == ["module", "expression_statement", "call", "identifier"]
    assert graph.children.tolist() == [1, 1, 2, 0]
    wide = ast_graph("[1, 2, 3, 4]", by_name("python"), most=4)
    assert wide.kind[2] == "list"
    assert wide.children[2] == 4  # of which one is kept


@pytest.mark.row("S098", 5)
@settings(max_examples=40)
@given(forests, st.floats(0.05, 1.0), st.integers(0, 99))
def test_kept_nodes_hang_on_their_nearest_kept_ancestor(parents: list[list[int]], ratio: float, seed: int) -> None:
    before = forest(parents, seed=seed)
    torch.manual_seed(seed)
    after, stays = TreePool(4, ratio)(before)
    staying = stays.tolist()
    for node, above in zip(staying, after.parent.tolist(), strict=True):
        ancestor = int(before.parent[node])
        while ancestor >= 0 and ancestor not in staying:
            ancestor = int(before.parent[ancestor])
        assert (staying[above] if above >= 0 else -1) == ancestor


@pytest.mark.row("S098", 5)
def test_a_graph_of_one_node_survives_all_levels() -> None:
    alone = forest([[-1], [-1, 0, 0]])
    for _ in range(4):
        alone, _ = TreePool(4, 0.3)(alone)
    assert alone.graph.tolist() == [0, 1]
    assert nearest_kept(torch.tensor([-1]), torch.tensor([0])).tolist() == [-1]


def test_neighbours_are_parent_and_children() -> None:
    tree = forest([[-1, 0, 0, 1]])
    h = tree.states
    expected = torch.stack([(h[1] + h[2]) / 2, (h[0] + h[3]) / 2, h[0], h[1]])
    assert torch.allclose(neighbour_mean(h, tree.parent), expected)


def test_equal_contents_have_one_number() -> None:
    _, (numbers,), numbering = batch_of(("print(i)\nprint(i)\n",))
    assert len(numbering.texts) < len(numbers.text)
    assert len(set(numbers.text.tolist())) == len(numbering.texts) == 5  # the module, print(i), (i), print, i


def test_the_scale_is_learned_and_bounded() -> None:
    model = GnnCoder(4, 4, graph=None)
    assert model.scale().item() == pytest.approx(FIRST_SCALE)
    with torch.no_grad():
        model.log_scale.fill_(9.0)
    assert model.scale().item() == 100.0
    with pytest.raises(ValueError, match="as a graph"):
        GnnCoder(4, 4, graph=None, text_hidden=None)
