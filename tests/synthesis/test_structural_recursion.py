"""Structural recursion: successor and traversals, samples by depth, and probes of shortcuts (Zhang et al. 2024)."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.analysis import recursion_probes as probes
from phloem.analysis.recursion_heads import attention_of, heads_of, losses_without, recursion_heads, without
from phloem.errors import PhloemError
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import completions
from phloem.synthesis.languages import binary_successor as binary
from phloem.synthesis.languages import tree_traversal as trees
from phloem.tasks import structural_recursion as task


def _count_calls(term):
    """The recursive calls of an oracle that counts them itself."""
    calls = 0

    def s(each):
        nonlocal calls
        if each == ("01",):
            return ("X0", "01")
        if each[0] == "X0":
            return ("X1", *each[1:])
        calls += 1
        return ("X0", *s(each[1:]))

    return s(term), calls


@pytest.mark.row("S025", 1)
def test_the_successor_adds_one_and_counts_its_calls():
    assert binary.successor(("X1", "X1", "01")) == (("X0", "X0", "X0", "01"), 2)
    rng = np.random.default_rng(0)
    for number in range(10_000):
        term = task.natural(rng, 20) if number % 2 else task.of_depth(rng, int(rng.integers(12)), 20)
        after, calls = binary.successor(term)
        assert binary.value_of(after) == binary.value_of(term) + 1
        assert (after, calls) == _count_calls(term)
        assert binary.depth(term) == calls


@given(st.integers(1, 10**12))
def test_terms_are_numbers_and_every_unfolding_comes_to_the_successor(value):
    term = binary.of_value(value)
    assert binary.value_of(term) == value
    after = binary.successor(term).term
    for steps in range(binary.depth(term) + 3):
        assert binary.normal(binary.unfolded(term, steps)) == after
    assert len(binary.modes(term)) == len(after)
    assert binary.modes(term).count("recurse") == binary.depth(term)


def test_what_is_no_number_is_refused():
    for bad in ((), ("X0",), ("01", "01"), ("X2", "01")):
        with pytest.raises(PhloemError):
            binary.value_of(bad)
    with pytest.raises(PhloemError):
        binary.of_value(0)


def _oracle(tree, order):
    if tree is None:
        return []
    left, right = _oracle(tree.left, order), _oracle(tree.right, order)
    return {"pre": [tree.value, *left, *right], "in": [*left, tree.value, *right], "post": [*left, *right, tree.value]}[
        order
    ]


@pytest.mark.row("S025", 2)
@pytest.mark.parametrize("order", trees.ORDERS)
def test_traversals_agree_with_an_oracle_after_any_number_of_steps(order):
    rng = np.random.default_rng(1)
    for _ in range(150):
        tree = task.random_tree(rng, int(rng.integers(0, 9)))
        assert trees.parse(trees.linear(tree)) == tree
        direct = trees.traversal(tree, order)
        assert list(direct) == _oracle(tree, order)
        for steps in range(trees.size(tree) + 2):
            expression = trees.unfolded(trees.begun(tree), order, steps)
            assert trees.normal(expression, order) == direct
            assert trees.read(trees.text(expression, order), order) == expression
            pending = sum(isinstance(each, trees.Pending) for each in expression)
            assert (pending == 0) == (steps >= trees.size(tree))


@pytest.mark.row("S025", 2)
def test_trees_of_the_standard_library_are_traversed():
    seen = 0
    for tree in task.formulas(7):
        for order in trees.ORDERS:
            assert list(trees.traversal(tree, order)) == _oracle(tree, order)
        seen += 1
        if seen == 200:
            break
    assert seen == 200


def _excess(depths, kinds):
    """How far a chi-square statistic against the uniform lies above what 1 in 1,000 reaches (Wilson and Hilferty)."""
    counts = np.array([depths.count(kind) for kind in kinds], float)
    expected, freedom = len(depths) / len(kinds), len(kinds) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.0902 * (2 / (9 * freedom)) ** 0.5) ** 3
    return float(((counts - expected) ** 2 / expected).sum()) - limit


@pytest.mark.row("S025", 3)
def test_balanced_samples_are_uniform_in_depth_and_natural_ones_are_not():
    rng, kinds = np.random.default_rng(2), tuple(range(10))
    terms = task.Terms(16, kinds)
    assert _excess([binary.depth(terms.draw(rng)) for _ in range(10_000)], kinds) < 0
    drawn = [binary.depth(task.natural(rng, 16)) for _ in range(10_000)]
    assert _excess(drawn, kinds) > 0


@pytest.mark.row("S025", 3)
def test_depths_and_terms_that_are_held_out_are_never_drawn():
    rng = np.random.default_rng(3)
    kept = frozenset(task.tests([0, 1, 2, 4], 40, 12, 7))
    terms = task.Terms(12, (0, 1, 2, 4, 5), kept_out=kept)
    drawn = [terms.draw(rng) for _ in range(5000)]
    assert {binary.depth(term) for term in drawn} == {0, 1, 2, 4, 5}
    assert not kept & set(drawn)
    rare = task.Terms(12, (0, 1), rare=(6, 7), rare_share=0.1)
    share = np.mean([binary.depth(rare.draw(rng)) >= 6 for _ in range(5000)])
    assert 0.08 < share < 0.12


@pytest.mark.row("S025", 4)
def test_a_planted_shortcut_is_found_and_permuted_outputs_are_not():
    rng = np.random.default_rng(4)
    shortcut = probes.peel_then_copy(3)
    terms = [task.of_depth(rng, int(rng.integers(4, 9)), 14) for _ in range(1500)]
    outputs = [shortcut.run(term) for term in terms]
    assert probes.foretold(shortcut, terms, outputs) == (1.0, len(terms))
    groups = defaultdict(list)
    for number, term in enumerate(terms):
        groups[len(term)].append(number)
    permuted = list(outputs)
    for numbers in groups.values():
        for number, other in zip(numbers, rng.permutation(numbers).tolist(), strict=True):
            permuted[number] = outputs[other]
    score, wrong = probes.foretold(shortcut, terms, permuted)
    assert wrong > 1000
    assert score <= probes.chance(terms, outputs) + 0.10
    found, share = probes.best_shortcut(terms[:500], outputs[:500], 6)
    assert found.name == shortcut.name
    assert share == 1
    assert probes.accuracy_by_depth(terms, outputs) == {
        depth: (0.0, count) for depth, count in sorted(Counter(map(binary.depth, terms)).items())
    }


def test_shortcuts_are_right_where_recursion_is_shallow():
    rng = np.random.default_rng(5)
    for make in (probes.peel_then_copy, probes.finish_after):
        for _ in range(200):
            term = task.of_depth(rng, int(rng.integers(4)), 10)
            assert make(3).run(term) == binary.successor(term).term
        deep = task.of_depth(rng, 6, 10)
        assert make(3).run(deep) != binary.successor(deep).term
        assert len(make(3).run(deep)) in (len(deep), len(deep) + 1)


def test_perturbed_prefixes_tell_a_copier_from_a_recursive_machine():
    """One machine decides by its own last token, as the paper found of models; the other counts input alone."""

    def reads_output(terms, begun):
        found = []
        for term, start in zip(terms, begun, strict=True):
            rest = term[len(start) :]
            found.append(list(rest if start[-1] == "X1" else binary.successor(rest).term))
        return found

    def ignores_output(terms, begun):
        return [list(binary.successor(term).term[len(start) :]) for term, start in zip(terms, begun, strict=True)]

    rng = np.random.default_rng(6)
    terms = [task.of_depth(rng, int(rng.integers(5)), 12) for _ in range(200)]
    assert probes.told_to_finish(reads_output, terms) == (1.0, 0.0)
    assert probes.told_to_finish(ignores_output, terms) == (0.0, 1.0)
    assert probes.told_to_go_on(reads_output, terms) == (0.0, 1.0)
    assert probes.told_to_go_on(ignores_output, terms) == (1.0, 0.0)
    right = [binary.successor(term).term for term in terms]
    assert set(probes.modes_right(terms, right).values()) == {1.0}


def test_heads_can_be_looked_at_and_taken_out():
    torch.manual_seed(0)
    rng = np.random.default_rng(7)
    model = PromptedDecoder(len(task.SYMBOLS), width=16, layers=2, heads=2).eval()
    torch.nn.init.normal_(model.table.weight)
    tokens = completions([task.pair(task.of_depth(rng, 2, 6)) for _ in range(4)]).tokens
    weights = attention_of(model, tokens)
    assert [each.shape[:2] for each in weights] == [(4, 2), (4, 2)]
    for each in weights:
        assert torch.allclose(each.sum(-1), torch.ones(each.shape[:-1]))
    layer = model.decoder_layers()[0]
    x = layer.attention_norm(model.table(tokens))
    value = layer.attention.inputs(x)[..., 32:].unflatten(-1, (2, 8)).transpose(1, 2)
    mixed = (weights[0] @ value).transpose(1, 2).flatten(2)
    assert torch.allclose(layer.attention.out(mixed), layer.attention(x)[0], atol=1e-5)
    before = model(tokens)
    with without(model, heads_of(model)[3]):
        assert not torch.allclose(model(tokens), before)
    assert torch.equal(model(tokens), before)
    lost = losses_without(model, lambda each: each(tokens).square().mean().item())
    assert len(lost) == 4
    assert any(value != 0 for value in lost.values())
    read = recursion_heads(model, tokens, torch.full((4,), 1), torch.full((4,), 3))
    assert all(0 <= value <= 1 for value in read.values())
