"""Tree convolution against a recursive reference, and the coding criterion (Mou et al. 2016)."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.learn.objectives.coding_criterion import (
    CodingCriterion,
    choose_symbols,
    corrupted_distances,
    distances,
    inner_nodes,
    margin_loss,
)
from phloem.nn.encoders.node_bags import BagOfNodes, MeanOfNodes
from phloem.nn.encoders.tree_convolution import (
    Coding,
    CodingLayer,
    TreeConvolution,
    TreeConvolutionEncoder,
    coefficients,
    one_way,
    parts,
    segment_max,
    three_way,
)
from phloem.nn.models.classifier import Classifier
from phloem.represent.node_types import TreeBatch, shape

KINDS = 7


@pytest.fixture(autouse=True)
def _double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def forest(parents: list[list[int]], seed: int = 0) -> TreeBatch:
    """Trees given by the parent of each node in preorder, with random kinds."""
    columns = [shape(np.array(parent, np.int32)) for parent in parents]
    begins = np.cumsum([0, *map(len, parents)])[:-1]
    rng = np.random.default_rng(seed)
    joined = {name: np.concatenate([one[name] for one in columns]).astype(np.int64) for name in columns[0]}
    tree = np.repeat(np.arange(len(parents)), [len(parent) for parent in parents])
    joined["parent"] = np.where(joined["parent"] >= 0, joined["parent"] + begins[tree], -1)
    joined["kind"] = rng.integers(1, KINDS, len(tree))
    return TreeBatch(
        **{name: torch.from_numpy(column) for name, column in joined.items()},
        tree=torch.from_numpy(tree),
        target=torch.zeros(len(parents), dtype=torch.int64),
    )


def random_tree(rng: np.random.Generator, nodes: int) -> list[int]:
    """Preorder parents of a random tree: a new node hangs below the last one or one of its ancestors."""
    parents, spine = [-1], [0]
    for node in range(1, nodes):
        spine = spine[: int(rng.integers(1, len(spine) + 1))]
        parents.append(spine[-1])
        spine.append(node)
    return parents


CHAIN = list(range(-1, 50))
STAR = [-1] + [0] * 50
SHAPES = [[-1], CHAIN, STAR, *(random_tree(np.random.default_rng(seed), 40) for seed in range(8))]


def families(trees: TreeBatch) -> list[list[int]]:
    """The children of every node, in their order."""
    found: list[list[int]] = [[] for _ in trees.parent]
    for child in trees.position.argsort().tolist():
        if trees.parent[child] >= 0:
            found[int(trees.parent[child])].append(child)
    return found


def reference_convolution(layer: TreeConvolution, x: torch.Tensor, trees: TreeBatch) -> torch.Tensor:
    """The equation, window by window and node by node."""
    rows = []
    for node, children in enumerate(families(trees)):
        total = layer.top.bias + layer.top.weight @ x[node]
        for i, child in enumerate(children, start=1):
            right = 0.5 if len(children) == 1 else (i - 1) / (len(children) - 1)
            total = total + ((1 - right) * layer.left.weight + right * layer.right.weight) @ x[child]
        rows.append(torch.tanh(total))
    return torch.stack(rows)


def reference_distances(coding: Coding, x: torch.Tensor, trees: TreeBatch) -> torch.Tensor:
    family = families(trees)

    @cache
    def leaves(node: int) -> int:
        return sum(map(leaves, family[node])) or 1

    found = []
    for node, children in enumerate(family):
        if not children:
            continue
        total, n = coding.left.bias, len(children)
        for i, child in enumerate(children, start=1):
            left = 0.5 if n == 1 else (n - i) / (n - 1)
            matrix = left * coding.left.weight + (1 - left) * coding.right.weight
            total = total + leaves(child) / leaves(node) * (matrix @ x[child])
        found.append((x[node] - torch.tanh(total)).square().sum())
    return torch.stack(found)


@pytest.mark.row("S033", 1)
@given(n=st.integers(2, 60))
def test_coefficients_of_children_sum_to_one_and_run_from_left_to_right(n):
    position, siblings = torch.arange(1, n + 1), torch.full((n,), n)
    weights = coefficients(torch.ones(n, dtype=torch.int64), position, siblings)
    assert torch.allclose(weights.top + weights.left + weights.right, torch.ones(n), atol=1e-12)
    assert (weights.top == 0).all()
    assert (weights.left[0], weights.right[0]) == (1, 0)
    assert (weights.left[-1], weights.right[-1]) == (0, 1)
    assert (weights.right.diff() > 0).all()


@pytest.mark.row("S033", 1)
def test_coefficients_of_an_only_child_and_of_the_top():
    one = torch.ones(1, dtype=torch.int64)
    assert [float(part) for part in coefficients(one, one, one)] == [0, 0.5, 0.5]
    assert [float(part) for part in coefficients(2 * one, one, one)] == [1, 0, 0]


@pytest.mark.row("S033", 2)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_convolution_equals_the_recursive_reference(number):
    trees = forest([SHAPES[number], SHAPES[-1]], seed=number)
    layer, x = TreeConvolution(5, 6), torch.randn(len(trees.kind), 5)
    assert torch.allclose(layer(x, trees), reference_convolution(layer, x, trees), atol=1e-6)


def renumbered(trees: TreeBatch, order: torch.Tensor) -> TreeBatch:
    """The same trees with node order[i] stored at i."""
    where = torch.empty_like(order)
    where[order] = torch.arange(len(order))
    moved = {name: getattr(trees, name)[order] for name in TreeBatch._fields if name != "target"}
    moved["parent"] = torch.where(moved["parent"] >= 0, where[moved["parent"].clamp(min=0)], -1)
    return TreeBatch(**moved, target=trees.target)


@pytest.mark.row("S033", 3)
@pytest.mark.parametrize("three_ways", [False, True])
def test_output_is_invariant_to_node_numbers(three_ways):
    trees = forest(SHAPES, seed=3)
    model = Classifier(TreeConvolutionEncoder(KINDS, features=5, convolved=6, three_ways=three_ways), 3, hidden=4)
    order = torch.randperm(len(trees.kind))
    assert torch.allclose(model(trees), model(renumbered(trees, order)), atol=1e-10)


@pytest.mark.row("S033", 3)
def test_output_depends_on_the_order_of_children():
    trees = forest([[-1, 0, 0, 0]])
    kinds = torch.tensor([1, 2, 3, 4])
    encoder = TreeConvolutionEncoder(KINDS, features=5, convolved=6)
    swapped = encoder(trees._replace(kind=kinds[[0, 2, 1, 3]]))
    assert not torch.allclose(encoder(trees._replace(kind=kinds)), swapped, atol=1e-4)


@pytest.mark.row("S033", 3)
def test_global_max_pooling_ignores_padding_of_minus_infinity():
    trees = forest(SHAPES[:4])
    y = torch.randn(len(trees.kind), 6)
    padding = torch.full((9, 6), float("-inf"))
    segment = torch.cat([trees.tree, torch.arange(9) % 4])
    assert torch.equal(segment_max(torch.cat([y, padding]), segment, 4), one_way(y, trees))


def test_pooling_takes_the_maximum_of_each_tree_and_part():
    trees = forest(SHAPES, seed=1)
    y = torch.randn(len(trees.kind), 3)
    where = parts(trees)
    whole, split = one_way(y, trees), three_way(y, trees).reshape(len(SHAPES), 3, 3)
    for tree in range(len(SHAPES)):
        own = trees.tree == tree
        assert torch.equal(whole[tree], y[own].amax(0))
        for part in range(3):
            members = y[own & (where == part)]
            assert torch.equal(split[tree, part], members.amax(0) if len(members) else torch.zeros(3))


def test_parts_are_the_top_and_two_halves():
    trees = forest([[-1, 0, 1, 1, 0, 4, 4]])  # a root with two children of two leaves each
    assert parts(trees).tolist() == [0, 0, 1, 1, 0, 2, 2]


def test_max_pooling_passes_gradients_to_the_winners_only():
    y = torch.tensor([[1.0], [3.0], [2.0]], requires_grad=True)
    segment_max(y, torch.tensor([0, 0, 1]), 3).sum().backward()
    assert y.grad.tolist() == [[0.0], [1.0], [1.0]]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_equal_winners_share_one_gradient(sign):
    y = torch.tensor([[3.0], [3.0], [3.0], [1.0]], requires_grad=True)
    (sign * segment_max(y, torch.tensor([0, 0, 0, 0]), 1)).sum().backward()
    assert float(y.grad.sum()) == pytest.approx(sign)
    assert y.grad[3] == 0
    # a tree of equal leaves: the slope of the encoder is that of its finite differences
    trees = forest([STAR])._replace(kind=torch.tensor([1] + [2] * 50))
    encoder = TreeConvolutionEncoder(KINDS, features=3, convolved=4)
    weight = encoder.convolution.top.weight
    (-encoder(trees)).sum().backward()
    before, step = weight.detach().clone(), 1e-6
    values = []
    for move in (step, -step):
        with torch.no_grad():
            weight.copy_(before)
            weight[0, 0] += move
            values.append(float(-encoder(trees).sum()))
    assert float(weight.grad[0, 0]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-6)


def test_coding_layer_starts_as_half_of_both_and_leaves_leaves_alone():
    trees = forest([STAR])
    layer, x = CodingLayer(5), torch.randn(51, 5)
    out = layer(x, trees)
    assert torch.allclose(out[0], 0.5 * x[0] + 0.5 * layer.coding(x, trees)[0], atol=1e-12)
    assert torch.equal(out[1:], x[1:])


@pytest.mark.row("S033", 4)
@pytest.mark.parametrize("number", range(1, len(SHAPES)))
def test_coding_distances_equal_the_recursive_reference(number):
    trees = forest([SHAPES[number], CHAIN])
    coding, x = Coding(5), torch.randn(len(trees.kind), 5)
    assert torch.allclose(distances(coding, x, trees), reference_distances(coding, x, trees), atol=1e-10)


@pytest.mark.row("S033", 4)
def test_coding_criterion_passes_a_gradient_check():
    trees = forest([random_tree(np.random.default_rng(5), 12)])
    coding, inner = Coding(3), inner_nodes(trees)
    replaced, substitute = choose_symbols(trees), torch.randn(len(inner), 3)

    def loss(x: torch.Tensor, left: torch.Tensor, right: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        parameters = {"left.weight": left, "right.weight": right, "left.bias": bias}

        class Bound(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.coding = coding

            def forward(self) -> torch.Tensor:
                true = distances(coding, x, trees)
                return margin_loss(true, corrupted_distances(coding, x, trees, replaced, substitute)).sum()

        return torch.func.functional_call(Bound(), {f"coding.{name}": value for name, value in parameters.items()}, ())

    inputs = [torch.randn(12, 3), coding.left.weight, coding.right.weight, coding.left.bias]
    assert torch.autograd.gradcheck(loss, [value.detach().requires_grad_() for value in inputs])


@pytest.mark.row("S033", 4)
def test_corrupted_distance_is_the_distance_of_the_corrupted_tree():
    trees = forest([random_tree(np.random.default_rng(6), 20)])
    coding, x, inner = Coding(4), torch.randn(20, 4), inner_nodes(trees)
    replaced, substitute = choose_symbols(trees), torch.randn(len(inner), 4)
    corrupted = corrupted_distances(coding, x, trees, replaced, substitute)
    for row, node in enumerate(replaced.tolist()):
        changed = x.clone()
        changed[node] = substitute[row]
        assert torch.allclose(corrupted[row], reference_distances(coding, changed, trees)[row], atol=1e-10)


@pytest.mark.row("S033", 4)
def test_margin_is_one_for_an_unchanged_symbol_and_nothing_beyond_it():
    trees = forest([STAR, CHAIN])
    coding, x = Coding(4), torch.randn(len(trees.kind), 4)
    replaced = choose_symbols(trees)
    loss = margin_loss(distances(coding, x, trees), corrupted_distances(coding, x, trees, replaced, x[replaced]))
    assert torch.allclose(loss, torch.ones_like(loss), atol=1e-12)
    true = torch.tensor([0.3, 2.0], requires_grad=True)
    far = margin_loss(true, true.detach() + torch.tensor([1.0, 1.5]))
    far.sum().backward()
    assert far.tolist() == [0.0, 0.0]
    assert true.grad[1] == 0


@pytest.mark.row("S033", 4)
def test_swapping_two_children_changes_the_distance_and_shares_sum_to_one():
    trees = forest([[-1, 0, 0, 2, 2]])
    coding, x = Coding(4), torch.randn(5, 4)
    swapped = x[[0, 3, 2, 1, 4]]  # a leaf of the root and a leaf below it, of unequal shares
    assert not torch.allclose(distances(coding, x, trees), distances(coding, swapped, trees), atol=1e-4)
    pair, y = forest([[-1, 0, 0]]), torch.randn(3, 4)
    assert not torch.allclose(distances(coding, y, pair), distances(coding, y[[0, 2, 1]], pair), atol=1e-4)
    for many in map(lambda one: forest([one]), SHAPES[1:]):  # noqa: C417
        shares = sum(coding.weights(many))
        below = many.parent >= 0
        total = torch.zeros(len(many.kind)).index_add(0, many.parent[below], shares[below])
        assert torch.allclose(total[inner_nodes(many)], torch.ones(len(inner_nodes(many))), atol=1e-12)


def test_symbols_are_chosen_from_the_node_and_its_children_alike():
    trees = forest([STAR, [-1, 0]])
    chosen = torch.stack([choose_symbols(trees) for _ in range(400)])
    assert set(chosen[:, 1].tolist()) == {51, 52}
    assert len(set(chosen[:, 0].tolist())) > 40
    assert chosen[:, 0].max() <= 50


def test_the_criterion_is_learned():
    trees = forest(SHAPES[1:], seed=2)
    model = Classifier(TreeConvolutionEncoder(KINDS, features=5, convolved=6), 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    losses = []
    for _ in range(80):
        loss = CodingCriterion()(model, trees).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])


def test_bags_count_and_average():
    trees = forest([[-1, 0, 0], [-1]])._replace(kind=torch.tensor([2, 3, 3, 4]))
    assert torch.allclose(BagOfNodes(5)(trees).expm1(), torch.tensor([[0, 0, 1, 2, 0], [0, 0, 0, 0, 1]]).double())
    mean = MeanOfNodes(5, 4)
    expected = (mean.embedding.weight[2] + 2 * mean.embedding.weight[3]) / 3
    assert torch.allclose(mean(trees)[0], expected)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), nodes=st.integers(1, 60))
def test_shape_says_where_each_node_stands(seed, nodes):
    parent = random_tree(np.random.default_rng(seed), nodes)
    found = shape(np.array(parent, np.int32))
    children = [[child for child in range(nodes) if parent[child] == node] for node in range(nodes)]

    def leaves(node: int) -> list[int]:
        return [leaf for child in children[node] for leaf in leaves(child)] or [node]

    order = leaves(0)
    for node in range(nodes):
        family = children[parent[node]] if parent[node] >= 0 else [node]
        assert found["position"][node] == family.index(node) + 1
        assert found["siblings"][node] == len(family)
        assert found["leaves"][node] == len(leaves(node))
        assert found["first_leaf"][node] == order.index(leaves(node)[0])
