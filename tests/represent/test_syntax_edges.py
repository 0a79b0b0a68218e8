"""CodeSyntax labels: the golden edges of the released convention, and the merging of attention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.represent.syntax_edges import CHILDREN, labelled
from phloem.represent.token_alignment import merged, overlap, pieces


def edges(source: str, relation: str | None = None, **options) -> dict[str, list[list[int]]]:
    found: dict[str, list[list[int]]] = {}
    for edge in labelled(source, **options).edges:
        if relation in (None, edge.relation):
            found.setdefault(edge.relation, []).append([edge.head, edge.first, edge.last])
    return found


@pytest.mark.row("S023", 1)
def test_golden_edges():
    assert edges("x = 0\nif a:\n    b()\nelse:\n    c()\n") == {
        "If:if->test": [[4, 5, 5]],
        "If:if->body": [[4, 9, 10]],
        "If:if->else": [[4, 14, 14]],
        "If:test->body": [[5, 9, 10]],
        "If:test->orelse": [[5, 18, 19]],
        "If:body->orelse": [[9, 18, 19]],
        CHILDREN: [[4, 5, 5], [4, 9, 10], [4, 18, 19]],
    }
    assert edges("q = queue\n", "Assign:target->value", keep_head_zero=True) == {"Assign:target->value": [[0, 2, 2]]}
    assert edges("q = queue\n") == {}
    found = edges("def f(a):\n    if a:\n        y = g(a, 1)\n    else:\n        y = a.b.c\n    return y\n")
    assert found["Call:func->args"] == [[15, 17, 19]]
    assert sorted(found["Attribute:value->attr"], reverse=True) == [[29, 33, 33], [29, 31, 31]]
    assert found["If:if->body"] == [[8, 13, 19]]
    assert found["If:if->else"] == [[8, 23, 23]]


@pytest.mark.row("S023", 5)
def test_call_heads_and_brackets():
    tokens, _ = program = labelled("z\na.b(x)\n")
    (edge,) = (edge for edge in program.edges if edge.relation == "Call:func->args")
    assert (tokens[edge.head], tokens[edge.first]) == ("b", "x")
    tokens, _ = program = labelled("z\n(a) + (b)\n")
    (edge,) = (edge for edge in program.edges if edge.relation == "BinOp:left->right")
    assert [tokens[place] for place in edge[1:]] == ["a", "b", "b"]


def test_other_relations_and_letters():
    source = (
        "z\nwith ö as f:\n    for k in f: d = {k: 'ü', **e}\n"
        "try:\n    x[1:2] += 1 if a and b else c\nexcept E:\n    p(q, r=s)\nelse:\n    t\nfinally:\n    u\n"
        "[m for m in n]; {o: v for o in w}\n"
    )
    tokens, all_edges = labelled(source)
    said = {(edge.relation, tokens[edge.head], tokens[edge.first], tokens[edge.last]) for edge in all_edges}
    assert {
        ("With:item->body", "ö", "for", "e"),
        ("For:target->iter", "k", "f", "f"),
        ("Dict:key->value", "k", "'ü'", "'ü'"),
        ("AugAssign:target->value", "x", "1", "c"),
        ("Slice:lower->upper", "1", "2", "2"),
        ("Subscript:value->slice", "x", "1", "2"),
        ("IfExp:body->test", "1", "a", "b"),
        ("BoolOp:value->value", "a", "b", "b"),
        ("Try:body->handler", "x", "except", "s"),
        ("Try:handler->orelse", "except", "t", "t"),
        ("Try:body->finalbody", "x", "u", "u"),
        ("Call:args->keywords", "q", "r", "s"),
        ("Call:func->keywords", "p", "r", "s"),
        ("ListComp:elt->generator", "m", "m", "n"),
        ("DictComp:value->generator", "v", "o", "w"),
    } <= said
    with pytest.raises(SyntaxError):
        labelled("if (:\n")


@pytest.mark.row("S023", 3)
@given(st.integers(0, 10_000))
def test_merging_keeps_shares_and_does_not_see_how_tokens_are_split(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 4, 6)
    units = int(counts.sum()) + 2  # a mark on either side
    weights = rng.dirichlet(np.ones(units), size=(3, units))
    alignment = pieces(counts, before=1, units=units)
    whole = np.concatenate([alignment, 1 - alignment.sum(axis=0, keepdims=True)])
    assert np.allclose(merged(weights, whole).sum(axis=-1), 1), "the marks in one extra column"
    shares = merged(weights, whole)[:, :-1, -1]
    assert np.allclose(merged(weights, alignment).sum(axis=-1), 1 - shares)
    # a token of one unit in two: its column's mass divided, its row twice
    token = int(rng.integers(6))
    if counts[token] > 1:
        return
    place, share = 1 + int(counts[:token].sum()), rng.random()
    own = weights[:, :, place : place + 1]
    columns = np.concatenate(
        [weights[:, :, :place], own * share, own * (1 - share), weights[:, :, place + 1 :]], axis=2
    )
    split = np.concatenate([columns[:, : place + 1], columns[:, place:]], axis=1)
    counts[token] += 1
    assert np.allclose(merged(split, pieces(counts, before=1, units=units + 1)), merged(weights, alignment))


def test_tokens_that_share_a_unit_or_have_none():
    alignment = overlap([(0, 1), (1, 2), (2, 2), (2, 6)], [(0, 2), (2, 4), (4, 6)])
    assert alignment.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1]]
    weights = np.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.0, 0.4, 0.6]])
    assert np.allclose(merged(weights, alignment)[0], [0.2, 0.2, 0, 0.8])
    assert np.allclose(merged(weights, alignment)[3], [0.05, 0.05, 0, 0.95])
    assert not merged(weights, alignment)[2].any()
