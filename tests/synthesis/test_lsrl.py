"""LSRL: compiled paths and networks compute what programs mean; the universal programs do what they promise."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from phloem.analysis.in_context_approximation import (
    Dictionary,
    approximated,
    largest_error,
    looked_up,
    lookup_trials,
    random_dictionary,
)
from phloem.analysis.noise_robustness import continuous_errors
from phloem.synthesis.lsrl import (
    Concat,
    Input,
    Linear,
    LinState,
    LsrlError,
    Multiplicative,
    ReLU,
    compile_path,
    programs,
    run,
    sugar,
)
from phloem.synthesis.lsrl.networks import network
from phloem.synthesis.lsrl.random_programs import random_program

GATED = "multiplicative optimised"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.row("S158", 1)
def test_1000_random_programs_are_equal_to_their_paths():
    rng, floats = np.random.default_rng(1), 0
    for number in range(1000):
        large = number % 4 == 0
        inputs, program = random_program(rng, large=10**10 if large else None)
        steps = [[Fraction(int(rng.integers(-4, 5)), int(rng.integers(1, 4))) for _ in range(inputs)] for _ in range(3)]
        path = compile_path(program)
        meaning = run(program, steps)
        assert (path.run(steps) == meaning).all()
        if not large:
            rounded = path.floats()
            got, want = rounded.run(steps), meaning.astype(float)
            assert np.abs(got - want).max() <= 1e-6 * (1 + max(path.largest, np.abs(want).max()))
            floats += 1
    assert floats == 750


@pytest.mark.parametrize("cell", ["linear", "lstm", "gru"])
def test_networks_compute_what_the_path_computes(cell):
    rng, seen = np.random.default_rng(2), 0
    while seen < 25:
        inputs, program = random_program(rng)
        path = compile_path(program)
        if any(layer.kind == "multiply" for layer in path.layers):
            continue
        steps = rng.normal(size=(3, inputs))
        want = path.floats().run(steps)
        with torch.no_grad():
            got = network(path, cell)(torch.tensor(steps)[None])[0].numpy()
        assert np.abs(got - want).max() <= 1e-6 * (1 + path.largest)
        seen += 1


def test_products_need_a_gated_network():
    program = programs.continuous(1, 1, form=GATED)
    with pytest.raises(LsrlError, match="no gates"):
        network(program, "lstm")
    assert network(program, "ssm") is not None
    with pytest.raises(LsrlError, match="eigenvectors"):
        network(programs.discrete(2, form=GATED), "ssm")


def lookup_network(cell):
    if cell == "ssm":
        return network(programs.discrete(3, form=GATED, buffer="decay"), "ssm")
    return network(programs.discrete(3), cell)


@pytest.mark.row("S158", 2)
@pytest.mark.parametrize("cell", ["linear", "lstm", "gru", "ssm"])
def test_dictionaries_of_20_keys_are_looked_up(cell):
    net = lookup_network(cell)
    assert lookup_trials(net, np.random.default_rng(3), dictionaries=2, size=20, length=3, vocabulary=10).all()
    shared = Dictionary(
        [((1, 2, 3), (7, 8, 9)), ((1, 2, 4), (5, 5, 5)), ((9, 2, 3), (6, 6, 6)), ((0, 0, 1), (1, 2, 5))]
    )
    queries = [(1, 2, 3), (1, 2, 4), (9, 2, 3), (1, 2, 5), (9, 2, 4), (7, 8, 9), (0, 0, 1)]
    expected = [(7, 8, 9), (5, 5, 5), (6, 6, 6), (0, 0, 0), (0, 0, 0), (0, 0, 0), (1, 2, 5)]
    assert np.abs(looked_up(net, queries, shared) - np.array(expected)).max() < 0.01


@pytest.mark.parametrize("form", sugar.CONDITIONALS)
def test_the_meaning_of_the_discrete_program_is_exact_in_floats(form):
    dictionary = random_dictionary(np.random.default_rng(5), 4, 2, 5)
    program = programs.discrete(2, form=form)
    for key, value in dictionary.pairs:
        out = run(program, programs.discrete_input(key, dictionary.pairs), floats=True)
        assert out[-2:, 0] == pytest.approx(value, abs=1e-6)


def distance(x):
    return np.atleast_1d(np.linalg.norm(x - np.array([0.3, 0.6])))


def plane(x):
    return np.atleast_1d((x[0] + x[1]) / np.sqrt(2))


CONTINUOUS = [("linear", "optimised"), ("lstm", "optimised"), ("gru", "optimised"), ("ssm", GATED)]


@pytest.mark.row("S158", 3)
@pytest.mark.parametrize(("cell", "form"), CONTINUOUS)
def test_functions_of_the_square_are_approximated(cell, form):
    net = network(programs.continuous(2, 1, form=form), cell)
    scale = 1000
    assert largest_error(net, distance, 10, scale=scale) <= 0.0708 + 2 / scale
    errors = [largest_error(net, plane, cells, scale=scale) for cells in (5, 10)]
    assert 0.45 <= errors[1] / errors[0] <= 0.55
    points = np.array([[0.5, 0.25], [0.25, 0.5], [0.5, 0.5], [0.0, 0.55], [0.55, 0.0]])
    lower = [plane(np.array(centre))[0] for centre in ([0.45, 0.25], [0.25, 0.45], [0.45, 0.45])]
    assert approximated(net, points, plane, 10) == pytest.approx([*lower, 0, 0], abs=1e-4)


@pytest.mark.row("S158", 4)
def test_the_weights_say_nothing_of_the_function():
    weights = network(programs.continuous(2, 1)).state_dict()
    again = network(programs.continuous(2, 1))
    points = np.array([[0.33, 0.71], [0.85, 0.15]])
    answers = [approximated(again, points, function, 4) for function in (distance, plane)]
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    assert all(torch.equal(weights[name], value) for name, value in again.state_dict().items())


@pytest.mark.row("S158", 5)
@pytest.mark.parametrize("noise", [1e-7, 1e-5])
def test_products_bear_noise_better_than_relu_conditions(noise):
    medians = {}
    for form in ("optimised", GATED):
        path = compile_path(programs.continuous(2, 1, form=form, large=10**10))
        many = {"functions": 25, "queries": 3, "cells": 4, "inputs": 2, "seed": 0}
        medians[form] = np.median(continuous_errors(path, noise, **many))
    assert medians[GATED] < medians["optimised"] / 2


def on(program, values):
    return [float(row[0]) for row in run(program, [[value] for value in values])]


def test_sugar():
    x = Input(1)
    values = [-1, 0, Fraction(1, 2000), Fraction(1, 1000), 1, 2]
    assert on(sugar.step(x), values) == [0, 0, 0.5, 1, 1, 1]
    assert on(sugar.larger(x, 1), values) == [0, 0, 0, 0, 0, 1]
    assert on(sugar.smaller(x, 1), values) == [1, 1, 1, 1, 0, 0]
    assert on(sugar.equal(x, 1), values) == [0, 0, 0, 0, 1, 0]
    assert on(sugar.near(x, 1), values) == [0, 0, 0, 0, 1, 0]
    assert on(sugar.bump(x, 0, 1), values) == [0, 0, 0.5, 1, 1, 0]
    assert on(sugar.either(sugar.larger(x, 1), sugar.smaller(x, 0)), values) == [1, 0, 0, 0, 0, 1]
    assert on(sugar.counter(x), [9, 9, 9]) == [0, 1, 2]
    for divisor in (2, 3, 6):
        counted = run(sugar.modulo_counter(x, divisor), [[0]] * 20, floats=True)[:, 0]
        assert counted == pytest.approx([step % divisor for step in range(20)], abs=1e-9)
    assert run(sugar.shift_buffer(x, 3), [[1], [2], [3], [4]])[-1].tolist() == [2, 3, 4]
    for form in sugar.CONDITIONALS:
        chosen = sugar.Conditional(form)(sugar.larger(x, 0), x * 3)
        assert on(chosen, [-2, 0, 1, 5]) == [0, 0, 3, 15]


def test_wrong_programs_are_told():
    x = Input(2)
    for make, message in (
        (lambda: Linear(x, [[1]]), "2 columns"),
        (lambda: x + Input(1), "can't be added"),
        (lambda: x[1:1], "no part"),
        (lambda: Multiplicative(Input(3)), "no halves"),
        (lambda: LinState(x, [[1]], [[1]]), "for 2 inputs"),
        (lambda: run(Concat(x, Input(1)), [[1, 2]]), "one Input"),
        (lambda: run(ReLU(x), [[1]]), "2 numbers"),
        (lambda: sugar.Conditional("gentle"), "unknown conditional"),
    ):
        with pytest.raises(LsrlError, match=message):
            make()
