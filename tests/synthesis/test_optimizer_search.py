"""Optimiser programs: they express the known ones, dead code does not matter, and evolution finds better ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phloem.learn.lion import Lion
from phloem.synthesis import optimizer_dsl as dsl
from phloem.synthesis.dead_code import key, live_memories, without_dead_code
from phloem.synthesis.evolution import EvolutionSettings, evolve, funnel, mutated, simplified
from phloem.synthesis.optimizer_dsl import FUNCTIONS, Statement, problem, run
from phloem.tasks.digit_proxy import Proxy, draw, initial_weights, loss_and_gradient

SIZE, STEPS, LR = 40, 50, 0.01


def gradients(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(STEPS, SIZE))


def walked(program, lr=LR, given=None):
    """The weights after each step."""
    given = gradients() if given is None else given
    w = np.linspace(-1, 1, given.shape[1])
    m = v = np.zeros_like(w)
    places = []
    for gradient in given:
        update, m, v = run(program, w, gradient, m, v, lr)
        w = w - update
        places.append(w)
    return np.array(places)


def with_torch(make):
    w = nn.Parameter(torch.linspace(-1, 1, SIZE, dtype=torch.float64))
    optimizer, places = make([w]), []
    for gradient in gradients():
        w.grad = torch.from_numpy(gradient)
        optimizer.step()
        places.append(w.detach().clone().numpy())
    return np.array(places)


@pytest.mark.row("S052", 4)
def test_momentum_is_torchs():
    want = with_torch(lambda held: torch.optim.SGD(held, lr=LR, momentum=0.9))
    assert np.abs(walked(dsl.momentum()) - want).max() < 1e-6


@pytest.mark.row("S052", 4)
def test_lion_is_the_optimiser_of_the_trainer():
    want = with_torch(lambda held: Lion(held, lr=LR, weight_decay=0.1))
    assert np.abs(walked(dsl.lion(weight_decay=0.1)) - want).max() < 1e-6


@pytest.mark.row("S052", 4)
def test_adamw_has_no_bias_correction():
    got = walked(dsl.adamw())
    w, places = np.linspace(-1, 1, SIZE), []
    m = v = np.zeros(SIZE)
    for g in gradients():
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g * g
        w = w - LR * (m / (np.sqrt(v) + 1e-8) + 0.01 * w)
        places.append(w)
    assert np.abs(got - np.array(places)).max() < 1e-6
    corrected = with_torch(lambda held: torch.optim.AdamW(held, lr=LR, weight_decay=0.01))
    assert np.abs(got[0] - corrected[0]).max() > 1e-3


NAMES = ("w", "g", "m", "v", "lr", "update", "a", "b")
argument = st.one_of(st.sampled_from(NAMES), st.floats(-2, 2).map(float))
statements = st.sampled_from(sorted(FUNCTIONS)).flatmap(
    lambda name: st.builds(
        Statement,
        st.sampled_from(NAMES[2:4] + NAMES[5:]),
        st.just(name),
        st.tuples(*[argument] * FUNCTIONS[name].arity),
    )
)


@pytest.mark.row("S052", 4)
@settings(max_examples=100, deadline=None)
@given(st.lists(statements, max_size=8))
def test_dead_code_never_changes_an_update(lines):
    program = (*dsl.lion(), *lines)
    if problem(program):
        return
    shorter = without_dead_code(program)
    assert set(shorter) <= set(program)
    assert not problem(shorter)
    with np.errstate(all="ignore"):
        given_gradients = gradients()[:6]
        np.testing.assert_array_equal(walked(program, given=given_gradients), walked(shorter, given=given_gradients))
    assert key(program) == key(shorter)
    assert without_dead_code(shorter) == shorter


def test_memories_that_no_update_reads_are_dead():
    assert live_memories(dsl.sgd()) == ()
    assert live_memories(dsl.lion()) == ("m",)
    assert live_memories(dsl.adamw()) == ("m", "v")
    kept_for_nothing = (*dsl.sgd(), Statement("m", "add", ("m", "g")))
    assert without_dead_code(kept_for_nothing) == dsl.sgd()


def test_equal_programs_have_one_key():
    renamed = (Statement("a", "multiply", ("lr", "g")), Statement("update", "copy", ("a",)))
    swapped = (Statement("update", "multiply", ("lr", "g")),)
    assert key(swapped) == key(dsl.sgd())
    assert key(renamed) != key(dsl.sgd())
    assert key(dsl.lion()) != key(dsl.lion(betas=(0.9, 0.98)))


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        (("update", "add", ("nothing", "g")), "nothing is not set"),
        (("update", "add", ("g",)), "no function add of 1"),
        (("update", "norm", ("g",)), "update is no array"),
        (("g", "copy", ("w",)), "g can't be set"),
        (("update", "conjure", ("g",)), "no function conjure"),
    ],
)
def test_programs_that_cannot_run_are_told_without_running_them(line, trouble):
    assert trouble in problem((*dsl.sgd(), Statement(*line)))
    assert not problem(dsl.adamw())


def test_mutations_can_run_and_do_not_grow_for_ever():
    rng, program = np.random.default_rng(0), dsl.adamw()
    for _ in range(300):
        program = mutated(program, rng, 12)
        assert not problem(program)
        assert len(program) <= 12


def test_the_proxys_gradient_is_torchs():
    digits, weights = draw(20, 3), initial_weights(0)
    loss, gradient = loss_and_gradient(weights, digits)
    w = torch.tensor(weights, requires_grad=True)
    first, bias, second, last = w.split([64 * 16, 16, 160, 10])
    hidden = (torch.from_numpy(digits.pixels) @ first.view(64, 16) + bias).relu()
    value = nn.functional.cross_entropy(hidden @ second.view(16, 10) + last, torch.from_numpy(digits.label))
    value.backward()
    assert loss == pytest.approx(float(value.detach()))
    np.testing.assert_allclose(gradient, w.grad.numpy(), atol=1e-12)


def test_evolution_improves_on_its_start_and_funnels():
    proxy = Proxy(seed=0, steps=40, digits=200, lr=0.1)
    options = EvolutionSettings(population=20, tournament=5, restart_after=100)
    found = evolve(dsl.sgd(), proxy, np.random.default_rng(1), lambda found: found.children >= 250, options)
    assert found.loss < 0.95 * proxy(dsl.sgd())
    assert found.loss == pytest.approx(proxy(found.best))
    assert len(found.scores) < found.children, "equal programs are scored once"
    assert found.history[-1] == (found.history[-1][0], found.loss)
    early = found.history[1][0] + 1
    again = evolve(dsl.sgd(), proxy, np.random.default_rng(1), lambda found: found.children >= early, options)
    assert again.history == found.history[:2]
    larger = [Proxy(seed=seed, steps=20, digits=100, lr=0.3) for seed in (1, 2)]
    chosen = funnel([dsl.sgd(), *found.leaders(5)], larger, (3, 1))
    assert larger[-1](chosen) <= larger[-1](dsl.sgd())
    padded = (*dsl.sgd(), Statement("update", "multiply", ("update", 1.0)))
    assert simplified(padded, proxy) == dsl.sgd()
