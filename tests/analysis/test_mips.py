"""From recurrent networks to programs: gauges, lattices, formulas, and programs that are exact."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.analysis.hidden_lattice import clusters, find_lattice, parallelepiped
from phloem.analysis.mips_distil import distil, verified
from phloem.analysis.mips_normalise import (
    NORMALISERS,
    Recurrence,
    accuracy,
    recurrence_of,
    regauged,
    run,
)
from phloem.corpora.mips_tasks import TASKS
from phloem.execute import sandbox
from phloem.learn.architecture_search import LAST, START, architecture_of, smallest
from phloem.nn.models.minimal_rnn import Architecture, MinimalRNN
from phloem.synthesis.boolean_regression import boolean_formula
from phloem.synthesis.sequence_regression import Budget, formula, linear_formula, symbolic_formula
from phloem.systems.claims import Job, scale_of
from phloem.systems.synthesis import mips
from phloem.systems.synthesis.mips import train_network

EYE = np.eye(1)
NONE = np.zeros(1)
STATES = {
    "sum": Recurrence(((np.array([[1.0, 1.0]]), NONE),), ((EYE, NONE),), NONE),
    # [h; x] to relu(h + x) - 2 relu(h + x - 1)
    "parity": Recurrence(
        ((np.ones((2, 2)), np.array([0.0, -1.0])), (np.array([[1.0, -2.0]]), NONE)), ((EYE, NONE),), NONE
    ),
    # with s = carry + x + x': the carry is relu(s - 1) - relu(s - 2), the digit s less twice the carry
    "bit_addition": Recurrence(
        (
            (np.array([[1.0, 0.0, 1.0, 1.0]] * 3), np.array([0.0, -1.0, -2.0])),
            (np.array([[0.0, 1.0, -1.0], [1.0, -2.0, 2.0]]), np.zeros(2)),
        ),
        ((np.array([[0.0, 1.0]]), NONE),),
        np.zeros(2),
    ),
    "sum_last3": Recurrence(
        ((np.array([[0.0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]), np.zeros(3)),),
        ((np.ones((1, 3)), NONE),),
        np.zeros(3),
    ),
}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def conditioned(rng: np.random.Generator, size: int, condition: float = 10.0) -> np.ndarray:
    """A matrix with entries of order 1."""
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    values = np.geomspace(1, rng.uniform(1, condition), size) * rng.uniform(0.5, 1)
    return left @ np.diag(values) @ right


def disturbed(name: str, seed: int, noise: float) -> Recurrence:
    """In a random gauge, with noise on every weight."""
    rng = np.random.default_rng(seed)
    rnn = STATES[name]
    size = len(rnn.start)
    rnn = regauged(rnn, conditioned(rng, size), rng.normal(size=size))

    def shaken(maps):
        return tuple(tuple(part + noise * rng.normal(size=part.shape) for part in one) for one in maps)

    return Recurrence(shaken(rnn.f), shaken(rnn.g), rnn.start)


def drawn(name: str, seed: int = 0, sequences: int = 200, time: int = 10):
    return TASKS[name].draw(np.random.default_rng(seed), sequences, time)


@pytest.mark.row("S010", 1)
def test_a_trained_network_in_another_gauge_is_the_same_function_and_program():
    model, right = train_network(TASKS["prev1"], Architecture(1, 1, 2), 0, seconds=60, steps=1500)
    assert right
    rnn, (x, y) = recurrence_of(model), drawn("prev1")
    with torch.no_grad():
        np.testing.assert_allclose(run(rnn, x)[1], model(torch.from_numpy(x).float()).numpy(), atol=1e-4)
    rng, programs = np.random.default_rng(1), [distil(rnn, x, y).python]
    for _ in range(3):
        other = regauged(rnn, conditioned(rng, 2), rng.normal(size=2))
        assert np.abs(run(other, x)[1] - run(rnn, x)[1]).max() < 1e-4
        programs.append(distil(other, x, y).python)
    many = drawn("prev1", 2, 100, 40)
    for python in programs:
        assert python is not None
        code = f"{python}\ndef both(many):\n    return [program(one) for one in many]\n"
        assert sandbox.run(code, [sandbox.Call("both", (many[0].tolist(),))])[0].value == many[1].tolist()


@pytest.mark.row("S010", 2)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lattices_are_found(n, seed):
    rng = np.random.default_rng((n, seed))
    basis, origin = conditioned(rng, n), rng.normal(size=n)
    numbers = rng.integers(-3, 4, (1000, n))
    points = numbers @ basis.T + origin + 1e-3 * rng.normal(size=(1000, n))
    found = find_lattice(points, 1e-3)
    assert found is not None
    assert abs(abs(np.linalg.det(found.basis) / np.linalg.det(basis)) - 1) < 1e-3
    turn = np.linalg.inv(basis) @ found.basis
    whole = np.rint(turn)
    assert np.abs(turn - whole).max() < 0.05
    assert abs(round(np.linalg.det(whole))) == 1
    shift = numbers - found.encode(points) @ whole.T
    assert (shift == shift[0]).all()
    np.testing.assert_allclose(found.decode(found.encode(points)), points, atol=0.01)


def test_no_lattice_is_found_in_a_cloud():
    assert find_lattice(np.random.default_rng(0).normal(size=(300, 2)), 1e-3) is None
    assert find_lattice(np.ones((50, 2)), 1e-3) is None


def test_euclid_s_steps_find_the_common_measure():
    points = np.array([[0.0], [6.0], [10.0], [25.0], [31.0]])
    found = find_lattice(points, 1e-3)
    assert found is not None
    assert abs(found.basis[0, 0]) == pytest.approx(1.0)


def test_corners_become_bits():
    rng = np.random.default_rng(3)
    edges, corner = rng.normal(size=(5, 3)), rng.normal(size=5)
    bits = np.array(list(product((0, 1), repeat=3)))
    points = np.repeat(bits @ edges.T + corner, 20, axis=0) + 1e-3 * rng.normal(size=(160, 5))
    centres = clusters(points, 0.05)
    assert centres is not None
    assert len(centres) == 8
    found = parallelepiped(centres, 0.05)
    assert found is not None
    assert sorted(map(tuple, found.encode(centres).tolist())) == sorted(map(tuple, bits.tolist()))
    assert clusters(rng.normal(size=(100, 2)), 0.01) is None


@pytest.mark.row("S010", 3)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["sum_last3", "bit_addition"])
def test_normalisers_keep_the_answers_and_lower_their_figures(name, seed):
    rnn, (x, y) = disturbed(name, seed, 1e-5), drawn(name)
    assert accuracy(rnn, x, y) == 1.0
    for one in NORMALISERS.values():
        if one.linear_only and not rnn.linear:
            continue
        changed = one.apply(rnn, x)
        assert accuracy(changed, x, y) == 1.0
        assert one.figure(changed, x) <= one.figure(rnn, x)
        if rnn.linear or one is not NORMALISERS["rounded"]:  # other networks have no weights that should be integers
            assert one.figure(changed, x) < one.figure(rnn, x)
        again = one.apply(changed, x)
        assert one.figure(again, x) <= one.figure(changed, x) + 1e-6
        rnn = changed
    if rnn.linear:  # a chain: ones above the diagonal, and nothing else
        np.testing.assert_allclose(rnn.transition, np.eye(3, k=1), atol=0.05)


@pytest.mark.row("S010", 4)
@pytest.mark.parametrize("name", ["sum", "parity", "bit_addition"])
def test_programs_are_exact_on_longer_sequences(name):
    rnn, (x, y) = disturbed(name, 7, 1e-5), drawn(name)
    found = distil(rnn, x, y)
    assert found.python is not None, found.reason
    assert verified(found.python, TASKS[name], np.random.default_rng(8), 10_000, 40)
    assert not verified(found.python, TASKS["sum_last2"], np.random.default_rng(8), 10, 40)


def test_a_network_that_is_wrong_gives_no_program():
    x, y = drawn("parity")
    assert distil(disturbed("parity", 0, 1e-5), x, drawn("parity", 5)[1]).python is None
    assert distil(disturbed("parity", 0, 1e-5), x, y).python is not None


@pytest.mark.parametrize("name", ["parity", "bit_addition", "sum_last3"])
def test_hand_set_networks_are_right(name):
    x, y = drawn(name)
    assert accuracy(STATES[name], x, y) == 1.0


def test_tasks_on_one_sequence():
    x = np.array([[[3], [-1], [2], [0]]])
    answers = {name: task.answer(x)[0].tolist() for name, task in TASKS.items() if task.values[0] < 0}
    assert answers["prev2"] == [0, 0, 3, -1]
    assert answers["sum_last3"] == [3, 2, 4, 1]
    assert answers["alternating_last3"] == [3, -4, 6, -3]
    assert answers["newton_freebody"] == [3, 5, 9, 13]
    assert answers["newton_gravity"] == [2, 2, 3, 3]
    assert answers["newton_spring"] == [3, 2, 1, -1]
    assert answers["abs_value"] == [3, 1, 2, 0]
    bits = np.array([[[1, 1], [1, 0], [0, 0], [0, 1]]])  # 3 and 9
    assert TASKS["bit_addition"].answer(bits)[0].tolist() == [0, 0, 1, 1]


@given(st.integers(1, LAST))
def test_architectures_are_in_order(number):
    one = architecture_of(number)
    assert 1 <= one.hidden <= 128
    assert max(one.output_depth, one.hidden_depth) <= 3
    if number < LAST:
        key = one[:3]
        assert key <= architecture_of(number + 1)[:3]


@pytest.mark.parametrize("least", [(1, 1, 1), (1, 1, 2), (1, 1, 5), (1, 2, 3)])
def test_the_search_finds_the_least_hidden_size(least):
    asked = []

    def succeeds(one: Architecture) -> bool:
        asked.append(one)
        return one[:3] >= least

    assert architecture_of(START).hidden == 1
    found = smallest(succeeds)
    assert found is not None
    assert found[:2] == least[:2]
    assert found[:3] >= least
    if least[1] == 1:
        assert found[:3] == least
    assert len(asked) == len(set(asked))
    assert smallest(lambda one: False, last=10 * START) is None


def test_formulas():
    rows = np.array(list(product((0, 1), repeat=3)))
    a, b, c = rows.T
    majority = boolean_formula(rows, (a + b + c) // 2, "abc")
    assert majority is not None
    assert [eval(majority, dict(zip("abc", row, strict=True))) for row in rows.tolist()] == ((a + b + c) // 2).tolist()
    assert sum(majority.count(sign) for sign in "&|^-") == 4
    assert boolean_formula(rows, a + b, "abc") is None
    assert linear_formula(rows, 2 * a - c + 3, "abc") == "(2*a - c + 3)"
    assert linear_formula(rows, np.zeros(8, int), "abc") == "0"
    assert linear_formula(rows, a * b, "abc") is None
    numbers = np.arange(-5, 6)[:, None]
    assert symbolic_formula(numbers, np.abs(numbers[:, 0]) % 2, ["n"], Budget()) in ("(n % 2)", "(abs(n) % 2)")
    assert symbolic_formula(numbers, np.sin(numbers[:, 0]).round(6) * 10**6, ["n"], Budget(2, 2000)) is None


@settings(max_examples=20)
@given(st.lists(st.integers(-9, 9), min_size=3, max_size=3), st.integers(-9, 9))
def test_linear_formulas_are_what_they_say(weights, bias):
    rows = np.random.default_rng(0).integers(-5, 6, (30, 3))
    target = rows @ weights + bias
    found = formula(rows, target, ["a", "b", "c"])
    assert found is not None
    assert [eval(found, dict(zip("abc", row, strict=True))) for row in rows.tolist()] == target.tolist()


def test_arms_have_the_same_network_or_none(tmp_path, monkeypatch):
    """A network that the first arm failed to train within its seconds is not trained again for the second."""
    job = Job(0, tmp_path / "first", tmp_path / "shared", lambda done: None)
    assert mips.network(job, "sum", 0.0, 10) is None
    monkeypatch.setattr(mips, "train_network", lambda task, *others: (MinimalRNN(mips.LADDER[0], task.inputs, 1), True))
    assert mips.network(job, "sum", 0.0, 10) is None
    first, second = (mips.network(job, "sum", 1.0, 10) for _ in range(2))
    assert first is not None
    assert second is not None
    assert torch.equal(*(torch.nn.utils.parameters_to_vector(one[0].parameters()) for one in (first, second)))


def test_minutes_are_those_of_a_run_over_all_tasks():
    claim = mips.mips(scale_of("laptop", minutes=2.0))
    assert claim.budget["seconds a task"] == pytest.approx(120 / len(TASKS))
