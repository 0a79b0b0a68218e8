"""Probes of states: what they must and must not read, and that labels are the states."""

from random import Random

import numpy as np
import pytest
import torch

from phloem.analysis import semantic_intervention, semantic_probe
from phloem.analysis.semantic_intervention import Written
from phloem.nn.models.program_lm import ProgramLM
from phloem.synthesis.languages import karel
from phloem.tasks import karel as tasks
from phloem.tasks.karel import MISSING, SMALL

ASKED = ("facing", "wall ahead")


@pytest.fixture(scope="module")
def drawn():
    """Random programs as if a model had written them, with the vectors of an untrained model."""
    rng = Random(0)
    specs = [tasks.spec(rng, SMALL) for _ in range(1_000)]
    written = Written(specs, tuple(each.program for each in specs), np.ones(len(specs)))
    torch.manual_seed(0)
    model = ProgramLM(tasks.VOCABULARY, width=16, layers=1, heads=2, places=SMALL.places).eval()
    return written, semantic_intervention.vectors(model, written)


def parts(samples: semantic_probe.Samples, first: int) -> list[semantic_probe.Samples]:
    training = samples.unit < first
    return [
        semantic_probe.balanced(semantic_probe.Samples(*(part[chosen] for part in samples)))
        for chosen in (training, ~training)
    ]


@pytest.mark.row("S003", 3)
def test_probes_of_nothing_and_of_everything(drawn) -> None:
    written, read = drawn
    every = semantic_intervention.samples(read, written, SMALL, ASKED)
    classes = semantic_intervention.classes(SMALL, ASKED)
    train, test = parts(every, 500)
    assert (test.labels != MISSING).sum() >= 5_000
    nothing = semantic_probe.train_probe(semantic_probe.shuffled(train), classes, steps=100)
    assert abs(semantic_probe.accuracy(nothing, test) - semantic_probe.majority(train, test)) <= 0.03
    everything = semantic_probe.train_probe(semantic_probe.one_hot(train, classes), classes, steps=100)
    assert semantic_probe.accuracy(everything, semantic_probe.one_hot(test, classes)) >= 0.99
    untrained = semantic_probe.accuracy(semantic_probe.train_probe(train, classes, steps=100), test)
    assert 0 < untrained < 1, "a baseline, wherever it lies"


def test_balance(drawn) -> None:
    written, read = drawn
    before = semantic_intervention.samples(read, written, SMALL, ASKED)
    after = semantic_probe.balanced(before)
    kept = after.labels != MISSING
    assert (after.labels[kept] == before.labels[kept]).all()
    for old, new in zip(before.labels.T, after.labels.T, strict=True):
        counts = np.unique(new[new != MISSING], return_counts=True)[1]
        assert counts.max() == counts.min() > 0.3 * len(old) / len(counts)
    alone = semantic_probe.Samples(np.zeros((40, 1)), np.array([[1, 5]] * 36 + [[0, 5]] * 3 + [[2, 5]]), np.arange(40))
    found = semantic_probe.balanced(alone).labels
    assert (found[:, 1] == MISSING).all(), "a question with one answer"
    assert np.unique(found[:, 0], return_counts=True)[1].tolist() == [34, 3, 3]
    assert 2 not in found[:, 0], "an answer that is rare"


def test_labels_are_the_states() -> None:
    rng = Random(1)
    for _ in range(50):
        kind = tasks.Kind(4, 2, 3, 5)
        spec = tasks.spec(rng, kind)
        labels = tasks.traced(spec.program, spec.before, 4)
        later = tasks.traced(spec.program, spec.before, 4, ahead=2)
        assert (labels >= 0).all()
        assert (labels < [each.classes for each in tasks.attributes(4)]).all()
        assert (later[:-2] == labels[2:]).all()
        assert (later[-2:] == MISSING).all()
        for example, world in enumerate(spec.before):
            run = karel.trace(spec.program, world)
            assert run is not None
            assert run[-1] == spec.after[example]
            for state, row in zip(run[1:], labels[:, example], strict=True):
                named = {
                    each.name: int(value) + each.first for each, value in zip(tasks.attributes(4), row, strict=True)
                }
                assert (named["facing"], named["row"], named["column"]) == (state.facing, state.row, state.column)
                assert (named["row from start"], named["column from start"]) == (
                    state.row - world.row,
                    state.column - world.column,
                )
                assert bool(named["wall ahead"]) == (karel.act(state, "move") == state)
                assert bool(named[f"wall {karel.FACINGS[state.facing]}"]) == bool(named["wall ahead"])


@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_probes_of_every_depth_learn_xor_or_not(hidden: int) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (1_000, 2))
    vectors = np.concatenate([bits * 2.0 - 1, rng.normal(size=(1_000, 2))], 1)
    samples = semantic_probe.Samples(vectors, (bits[:, :1] ^ bits[:, 1:]), np.arange(1_000))
    probe = semantic_probe.train_probe(samples, [2], hidden=hidden, steps=80, batch=64, rate=5e-3)
    found = semantic_probe.accuracy(probe, samples)
    assert found > 0.95 if hidden else found < 0.65


def test_vectors_belong_to_the_actions(drawn) -> None:
    written, read = drawn
    assert [len(each) for each in read] == [len(program) for program in written.programs]
    alternative = semantic_intervention.samples(read, written, SMALL, ASKED, semantics=karel.CYCLE)
    original = semantic_intervention.samples(read, written, SMALL, ASKED)
    assert alternative.vectors is not original.vectors
    assert (alternative.vectors == original.vectors).all()
    assert (alternative.labels != original.labels).any()
