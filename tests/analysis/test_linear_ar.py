"""Next-token predictors that are linear: chains make them universal, and without chains they are what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot, relu

from phloem.analysis.linear_ar_circuits import (
    compiled,
    count_parity,
    evaluate,
    random_circuit,
    running_parity,
    separating,
)
from phloem.nn.models.linear_ar import MLPAR, LinearAR, LinearLM, generate
from phloem.systems.claims import Job
from phloem.systems.synthesis.ar_universal import parity
from phloem.tasks.chain_of_thought_numbers import parity_strings, product_strings


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def all_bits(n: int) -> np.ndarray:
    return np.arange(2**n)[:, None] >> np.arange(n) & 1


@pytest.mark.row("S079", 1)
@pytest.mark.parametrize(("circuit", "tokens"), [(running_parity(12), 24), (count_parity(12), 4)])
def test_hand_set_chains_compute_the_parity_of_all_inputs(circuit, tokens):
    bits = all_bits(12)
    made = generate(compiled(circuit), torch.from_numpy(bits)).numpy()
    assert made.shape[1] == tokens
    assert (made[:, -1] == bits.sum(axis=1) % 2).all()


@pytest.mark.row("S079", 1)
def test_no_linear_step_computes_the_running_parity():
    rows, labels = all_bits(2), np.array([False, True, True, False])
    assert separating(rows, labels) is None
    # Farkas: rows with their signs add to 0, so that no weights are positive on all of them
    signed = np.concatenate([rows, np.ones((4, 1), int)], axis=1) * np.where(labels, 1, -1)[:, None]
    assert (signed.sum(axis=0) == 0).all()
    with_and = np.concatenate([rows, rows.prod(axis=1, keepdims=True)], axis=1)
    weights = separating(with_and, labels)
    assert weights is not None
    assert ((with_and @ weights[:-1] + weights[-1] > 0) == labels).all()


def test_separating_agrees_with_all_threshold_functions_of_three_bits():
    """104 of the 256 functions of three bits are linear thresholds (Muroga 1971)."""
    rows = all_bits(3)
    found = 0
    for number in range(256):
        labels = np.array([number >> row & 1 for row in range(8)], dtype=bool)
        weights = separating(rows, labels)
        if weights is not None:
            assert ((rows @ weights[:-1] + weights[-1] > 0) == labels).all()
            found += 1
    assert found == 104


@pytest.mark.row("S079", 2)
def test_trained_chains_reach_every_parity_and_answers_alone_none(tmp_path):
    jobs = [Job(0, tmp_path / name, tmp_path, lambda done: None) for name in ("chain", "answer alone")]
    with_chain = parity(jobs[0], chain=True, epochs=4).units["exact"]
    without = parity(jobs[1], chain=False, epochs=4).units["exact"]
    assert with_chain.shape == without.shape == (5000, 2)
    assert with_chain[:, 0].mean() == 1.0
    assert abs(without[:, 0].mean() - 0.5) <= 0.03


@pytest.mark.row("S079", 3)
def test_logits_of_a_mixture_are_the_mixture_of_logits():
    torch.manual_seed(0)
    model = LinearAR(3, 5, 4)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    x, y = (one_hot(torch.randint(3, (7, 8)), 3).float() for _ in range(2))
    for a in (0.3, -0.5, 2.0):
        mixed = model.of_windows(a * x + (1 - a) * y)
        torch.testing.assert_close(mixed, a * model.of_windows(x) + (1 - a) * model.of_windows(y), rtol=0, atol=1e-5)
    bent = relu(model.of_windows(0.5 * x + 0.5 * y))
    assert (bent - 0.5 * relu(model.of_windows(x)) - 0.5 * relu(model.of_windows(y))).abs().max() > 0.1


@pytest.mark.row("S079", 4)
def test_random_circuits_are_reproduced_exactly():
    rng = np.random.default_rng(0)
    for _ in range(20):
        circuit = random_circuit(rng, 8, 30)
        bits = all_bits(8)
        truth = evaluate(circuit, bits)
        assert (generate(compiled(circuit), torch.from_numpy(bits)).numpy() == truth).all()
        assert 0 < truth.mean() < 1


@pytest.mark.row("S079", 3)
def test_the_linear_language_model_is_linear_and_causal():
    torch.manual_seed(2)
    model = LinearLM(5, width=6, window=4)
    x, y = torch.randn(2, 9, 6), torch.randn(2, 9, 6)
    mixed = model.of_vectors(0.3 * x + 0.7 * y)
    torch.testing.assert_close(mixed, 0.3 * model.of_vectors(x) + 0.7 * model.of_vectors(y), rtol=0, atol=1e-5)
    loop = [
        model.output(sum(model.mix[:, 0, 3 - back] * x[:, time - back] for back in range(min(4, time + 1))))
        for time in range(9)
    ]
    torch.testing.assert_close(model.of_vectors(x), torch.stack(loop, dim=1), rtol=0, atol=1e-5)
    tokens = torch.randint(5, (2, 9))
    later = tokens.clone()
    later[:, 6:] = (later[:, 6:] + 1) % 5
    torch.testing.assert_close(model(tokens)[:, :6], model(later)[:, :6])


@pytest.mark.parametrize("make", [LinearAR, lambda *sizes: MLPAR(*sizes, width=16, layers=4)])
def test_an_output_does_not_know_what_follows(make):
    torch.manual_seed(1)
    model = make(3, 4, 5)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    tokens = torch.randint(3, (2, 9))
    for step in range(5):
        later = tokens.clone()
        later[:, 4 + step :] = (later[:, 4 + step :] + 1) % 3
        torch.testing.assert_close(model(tokens)[:, : step + 1], model(later)[:, : step + 1])


def test_chains_of_parity_and_of_products_end_in_the_answer():
    bits = all_bits(6)
    strings = parity_strings(bits, chain=True)
    assert (strings[:, 6:] == evaluate(running_parity(6), bits)).all()
    left, right = (side.ravel() for side in np.meshgrid(np.arange(100), np.arange(100)))
    chains, short = product_strings(left, right, chain=True), product_strings(left, right, chain=False)
    assert chains.shape == (10_000, 28)
    assert chains.min() == 0
    assert chains.max() == 9
    assert (chains[:, -4:] @ [1000, 100, 10, 1] == left * right).all()
    assert (chains[:, -4:] == short[:, -4:]).all()
    # the digits of the chain itself add up to the answer
    d0, d1, d2, d3 = chains[:, 5], chains[:, 15], chains[:, 22], chains[:, 10] + chains[:, 23]
    assert (1000 * d3 + 100 * d2 + 10 * d1 + d0 == left * right).all()
