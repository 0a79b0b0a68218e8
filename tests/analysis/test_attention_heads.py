"""Heads of attention against guesses: equal treatment, and sets that only grow."""

import numpy as np
import pytest
import torch

from phloem.analysis.attention_heads import edge_ranks, head_weights, token_weights, without_diagonal
from phloem.analysis.offset_keyword_baselines import (
    MOST_OFFSET,
    greedy_set,
    keyword_hits,
    larger,
    offset_hits,
    scores,
)
from phloem.measure.topk_accuracy import (
    READINGS,
    accuracy,
    average,
    best_by_relation,
    chosen_by_relation,
    ranks_from_one,
)
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.syntax_edges import labelled

SOURCE = (
    "z = 1\nfor a in b:\n    if a:\n        c(a, k=1)\n    else:\n        c = a.b[1] + (c - a)\n"
    "while x < y:\n    try:\n        x = f(x, 2) if y else -y\n    except E:\n        q = [m for m in x if m]\n"
)
PROGRAMS = [labelled(SOURCE), labelled(SOURCE.replace("else:", "elif z:"))]


def stacked(weights, reading):
    found = {}
    for own, program in zip(weights, PROGRAMS, strict=True):
        for relation, ranks in edge_ranks(own, program, reading).items():
            found.setdefault(relation, []).extend(ranks)
    return {relation: np.stack(ranks) for relation, ranks in found.items()}


@pytest.mark.row("S023", 2)
@pytest.mark.parametrize("reading", READINGS)
def test_a_head_that_looks_two_tokens_ahead_is_the_offset_of_two(reading):
    sizes = [len(program.tokens) for program in PROGRAMS]
    ahead = [np.eye(size, k=2)[None] for size in sizes]
    found = stacked(ahead, reading)
    offsets = offset_hits(PROGRAMS, reading)
    for relation, ranks in found.items():
        heads = {edge.head for program in PROGRAMS for edge in program.edges if edge.relation == relation}
        assert max(heads) + 2 < min(sizes)
        assert accuracy(ranks, 1)[0, 0] == offsets[relation][:, 1].mean()
    itself = [without_diagonal(np.eye(size)[None]) for size in sizes]
    nothing = [np.zeros((1, size, size)) for size in sizes]
    for relation, ranks in stacked(itself, reading).items():
        assert np.array_equal(ranks, stacked(nothing, reading)[relation])


@pytest.mark.row("S023", 4)
@pytest.mark.parametrize("reading", READINGS)
def test_more_guesses_never_find_less(reading):
    rng = np.random.default_rng(0)
    weights = [rng.random((5, len(program.tokens), len(program.tokens))) for program in PROGRAMS]
    for found in best_by_relation(stacked(weights, reading), 12).values():
        assert (np.diff(found) >= 0).all()
    offsets, words = offset_hits(PROGRAMS, reading), keyword_hits(PROGRAMS, reading)
    parts = scores(offsets, 12), scores(words, 12)
    both = larger(*parts)
    for relation in both:
        assert np.array_equal(both[relation], np.maximum(parts[0][relation], parts[1][relation]))
        assert (np.diff(parts[0][relation]) >= 0).all()
        for hits in (offsets[relation], words[relation]):
            chosen = greedy_set(hits, 6)
            assert all(greedy_set(hits, k) == chosen[:k] for k in range(1, 6))
            assert len(set(chosen)) == len(chosen)
            assert hits[:, chosen[0]].sum() == hits.sum(axis=0).max()


def test_guesses_are_what_they_say():
    edges = PROGRAMS[0].edges
    for reading in READINGS:
        offsets, words = offset_hits(PROGRAMS[:1], reading), keyword_hits(PROGRAMS[:1], reading)
        for relation, hits in offsets.items():
            own = [edge for edge in edges if edge.relation == relation]
            for edge, row in zip(own, hits, strict=True):
                wanted = {"first": {edge.first}, "last": {edge.last}, "any": set(range(edge.first, edge.last + 1))}
                assert {int(k) + 1 + edge.head for k in np.flatnonzero(row)} == wanted[reading]
                assert len(row) == MOST_OFFSET
        assert words["If:if->else"].any(axis=1).all()
    assert average({"a": np.array([0.2, 0.4]), "b": np.array([0.6, 1.0])}, ["a", "b", "c"]).tolist() == [0.4, 0.7]


def test_a_choice_on_other_programs_is_no_better_than_one_on_these():
    rng = np.random.default_rng(1)
    found = {"r": rng.integers(1, 30, (40, 6))}
    other = {"r": rng.integers(1, 30, (40, 6)), "s": rng.integers(1, 30, (3, 6))}
    chosen = chosen_by_relation(other, found, 10)
    assert set(chosen) == {"r"}
    assert (chosen["r"] <= best_by_relation(found, 10)["r"]).all()
    assert ranks_from_one(np.array([0.1, 0.5, 0.5, 0.9])).tolist() == [4, 2, 3, 1]


def test_weights_of_heads_are_those_that_the_model_uses():
    units = BytePairs.fit([SOURCE] * 3, 300, sentinels=0)
    torch.manual_seed(0)
    model = Roberta(RobertaConfig(units.size, width=32, layers=2, heads=4, inner=48, places=200, pad=0)).eval()
    ids = [2, *units.encode("for a in b"), 3]
    weights = head_weights(model, ids)
    assert weights.shape == (8, len(ids), len(ids))
    assert np.allclose(weights.sum(axis=-1), 1, atol=1e-5)
    states = model.states(torch.tensor([ids]))
    for layer, block in enumerate(model.blocks):
        key, value = block.attention.read(states[layer])
        own = torch.from_numpy(weights[4 * layer : 4 * layer + 4])
        mixed = (own @ value[0]).transpose(0, 1).flatten(1)
        assert torch.allclose(block.attention.out(mixed), block.attention(states[layer], key, value)[0], atol=1e-5)
    tokens = token_weights(model, units, PROGRAMS[0].tokens)
    assert tokens.shape == (8, len(PROGRAMS[0].tokens), len(PROGRAMS[0].tokens))
    assert not tokens[:, np.arange(tokens.shape[1]), np.arange(tokens.shape[1])].any()
