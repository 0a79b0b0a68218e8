"""Names hidden for an encoder, and contrast of text and code in one set."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from phloem.languages import by_name
from phloem.learn.objectives.bimodal_contrastive import bimodal_contrast, log_weights, negative_places
from phloem.learn.objectives.contrastive import info_nce
from phloem.learn.objectives.masked_identifiers import hidden_identifiers, made_names, masked
from phloem.represent.byte_pairs import MASK, BytePairs
from phloem.represent.identifier_occurrences import identifier_occurrences, marked_tokens

PYTHON = by_name("python")
SOURCE = b"""def scale(values, factor=1.5):
    import os
    out = [(factor*value, os.path) for value in values]
    factors, path = "factor of values", out.factor
    for value in factors: print(value, path)
    return scale(out,factor, key=value)
"""
TREE = PYTHON.parse(SOURCE)


@pytest.fixture(scope="module")
def units() -> BytePairs:
    return BytePairs.fit([SOURCE.decode()] * 2, 320, sentinels=0)


def test_names_that_a_function_makes() -> None:
    assert made_names(TREE, PYTHON) == {"scale", "values", "factor", "out", "value", "factors"}
    java = by_name("java")
    source = (
        b"class A { int area(int width, List<String> names) { int h = width; for (String n : names) { use(n); } } }"
    )
    assert {"area", "width", "names", "h", "n"} <= made_names(java.parse(source), java)
    assert not {"use", "List", "String"} & made_names(java.parse(source), java)


@pytest.mark.row("S017", 3)
def test_all_occurrences_of_a_name_are_masked_and_nothing_else(units: BytePairs) -> None:
    code = marked_tokens(TREE, PYTHON, units)
    seen = set()
    for seed in range(12):
        hidden = hidden_identifiers(code, np.random.default_rng(seed), made_names(TREE, PYTHON), most=1.0)
        chosen = {code.names[number] for number in code.name[hidden]}
        seen |= chosen
        assert chosen <= made_names(TREE, PYTHON)
        tokens = masked(code.ids, hidden, MASK)
        assert (tokens[hidden] == MASK).all()
        assert (tokens[~hidden] == code.ids[~hidden]).all()
        assert (hidden == np.isin(code.name, [code.names.index(name) for name in chosen])).all()
        # each occurrence by exactly its own number of units, from the parser's list of them
        lengths = [
            sum(1 for _ in group)
            for group in np.split(tokens, np.flatnonzero(np.diff(code.word)) + 1)
            if (group == MASK).all()
        ]
        occurrences = [one for one in identifier_occurrences(TREE, PYTHON) if one.text in chosen]
        assert len(lengths) == len(occurrences)
        for length, one in zip(lengths, occurrences, strict=True):
            blank = SOURCE[one.start - 1 : one.start] == b" " and SOURCE[one.start - 2 : one.start - 1] != b" "
            assert length == len(units.encode(" " * blank + one.text))
    assert seen == made_names(TREE, PYTHON)


@pytest.mark.row("S017", 3)
def test_one_seed_hides_the_same_and_gold_units_give_the_source(units: BytePairs) -> None:
    code = marked_tokens(TREE, PYTHON, units)
    draws = [hidden_identifiers(code, np.random.default_rng(4), made_names(TREE, PYTHON)) for _ in range(2)]
    assert (draws[0] == draws[1]).all()
    tokens = masked(code.ids, draws[0], MASK)
    tokens[tokens == MASK] = code.ids[draws[0]]
    assert units.decode(tokens.tolist()).encode() == SOURCE


@pytest.mark.row("S017", 3)
def test_names_in_strings_and_attributes_of_modules_stay(units: BytePairs) -> None:
    code = marked_tokens(TREE, PYTHON, units)
    hidden = hidden_identifiers(code, np.random.default_rng(0), frozenset({"factor", "values"}), share=1.0, most=1.0)
    text = units.decode([unit for unit, gone in zip(code.ids.tolist(), hidden, strict=True) if not gone])
    assert '"factor of values"' in text
    assert "factors" in text
    assert "os.path" in text
    assert text.count("factor") == 3  # in the string, and twice as the beginning of another name
    nothing = hidden_identifiers(code, np.random.default_rng(0), frozenset())
    assert not nothing.any()


def sides(count: int = 5, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return tuple(normalize(torch.randn(count, 4, dtype=dtype), dim=1) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.row("S017", 1)
def test_plain_negatives_of_the_other_side_are_info_nce_both_ways() -> None:
    q, c = sides()
    scores = q @ c.T / 0.05
    found = bimodal_contrast(q, c, negatives="cross", weighting=False)
    torch.testing.assert_close(found, (info_nce(scores) + info_nce(scores.T)) / 2, rtol=0, atol=1e-6)
    weighted = bimodal_contrast(q, c, negatives="cross")
    both = (info_nce(scores, weighting=True) + info_nce(scores.T, weighting=True)) / 2
    torch.testing.assert_close(weighted, both, rtol=0, atol=1e-6)


@pytest.mark.row("S017", 1)
def test_weights_are_one_on_average_and_close_negatives_weigh_most() -> None:
    q, c = sides()
    rows = torch.cat([q, c])
    allowed = negative_places(5, None, "all")
    assert allowed.sum(dim=1).tolist() == [8] * 10
    g = log_weights(rows @ rows.T / 0.05, allowed).exp().masked_fill(~allowed, 0.0)
    torch.testing.assert_close(g.sum(dim=1) / 8, torch.ones(10, dtype=torch.float64), rtol=0, atol=1e-6)
    closest = (rows @ rows.T).masked_fill(~allowed, -math.inf).argmax(dim=1)
    assert (g.argmax(dim=1) == closest).all()
    far = log_weights(rows @ rows.T / 1e6, allowed).exp()
    torch.testing.assert_close(far[allowed], torch.ones(80, dtype=torch.float64), rtol=0, atol=1e-4)
    alike = log_weights(torch.zeros(10, 10), allowed).exp()
    torch.testing.assert_close(alike[allowed], torch.ones(80))
    summed = log_weights(rows @ rows.T / 0.05, allowed, mean_weight=False).exp().masked_fill(~allowed, 0.0)
    torch.testing.assert_close(summed.sum(dim=1), torch.ones(10, dtype=torch.float64))


@pytest.mark.row("S017", 1)
def test_a_duplicate_counts_neither_in_the_sum_nor_in_the_number() -> None:
    q, c = sides()
    same = torch.eye(5, dtype=torch.bool)
    same[1, 3] = same[3, 1] = True
    losses = []
    rows, partner = torch.cat([q, c]), torch.arange(10).roll(5)
    for anchor in range(10):
        group = {anchor % 5} | ({1, 3} if anchor % 5 in (1, 3) else set())
        scores = rows @ rows[anchor] / 0.05
        others = [k for k in range(10) if k % 5 not in group]
        total = sum(math.exp(float(scores[k])) for k in others)
        weights = [len(others) * math.exp(float(scores[k])) / total for k in others]
        right = math.exp(float(scores[partner[anchor]]))
        weighted = sum(w * math.exp(float(scores[k])) for w, k in zip(weights, others, strict=True))
        losses.append(-math.log(right / (right + weighted)))
    assert float(bimodal_contrast(q, c, same)) == pytest.approx(np.mean(losses), abs=1e-9)


def test_the_gradient_flows_through_the_weights_only_if_asked() -> None:
    q, c = sides()
    gradients = []
    for stop in (True, False):
        leaf = q.clone().requires_grad_()
        bimodal_contrast(leaf, c, stop_gradient=stop).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-3
