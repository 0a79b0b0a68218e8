"""Complexity of strings, descriptions of weights, and the bounds that they prove."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.analysis.compression_bounds import (
    SmallNetwork,
    coded,
    no_free_lunch_bound,
    occam_term,
    predict,
    risk_bound,
    spearman,
    string_log_probabilities,
    trained_network,
)
from phloem.measure.description_length import Quantised, decode, encode, quantised
from phloem.measure.kolmogorov import decoded, encoded, lz76, phrases, programs_shorter_than

BITS = st.text("01", max_size=40)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.row("S105", 1)
def test_short_programs_are_too_few_for_most_labelings():
    n, meanings = 12, set()
    programs = programs_shorter_than(n)
    for m in range(n + 1):
        shorter = [program for program in programs if len(program) < m]
        assert len(shorter) == 2**m - 1
        meanings = {decoded(program, n) for program in shorter}
        assert len(meanings) <= 2**m - 1
    assert len(meanings) < 2**n
    for number in range(2**n):
        labeling = f"{number:012b}"
        program = encoded(labeling)
        assert decoded(program, n) == labeling
        assert len(program) <= n + 1


def test_encoded_programs_are_the_shortest():
    meant = {}
    for program in programs_shorter_than(10):
        meant.setdefault(decoded(program, 8), len(program))
    for labeling, length in meant.items():
        assert len(encoded(labeling)) == length
    assert len(meant) == 256


@pytest.mark.row("S105", 2)
def test_phrases_of_known_strings():
    for n in range(2, 40):
        assert lz76("0" * n) == 2
    for n in range(4, 40, 2):
        assert lz76("01" * (n // 2)) == 3
    assert phrases("0001101001000101") == ["0", "001", "10", "100", "1000", "101"]
    assert lz76("") == 0
    assert lz76("0") == 1


@pytest.mark.row("S105", 2)
@given(BITS, st.integers(1, 4))
def test_phrases_are_the_exhaustive_history(string, copies):
    parts = phrases(string)
    assert "".join(parts) == string
    assert len(parts) <= len(string)
    start = 0
    for part in parts[:-1]:
        end = start + len(part)
        assert part not in string[: end - 1]  # no copy, and without its last bit a copy
        assert len(part) == 1 or part[:-1] in string[: end - 2]
        start = end
    if string:
        block = string[-min(5, len(string)) :]
        assert lz76(string + block * copies) <= lz76(string) + 1


@pytest.mark.row("S105", 2)
def test_random_bits_raise_the_complexity():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(["0", "1"], 128)) for _ in range(200)]
    assert np.mean([lz76(string) - lz76(string[:64]) for string in strings]) >= 5


@pytest.mark.row("S105", 3)
def test_the_bound_is_the_formula():
    assert occam_term(100, 10_000, 0.05) == pytest.approx(0.0638439, abs=1e-6)


@pytest.mark.row("S105", 3)
@given(st.floats(0, 1), st.floats(1, 1e6), st.integers(1, 10**6), st.floats(1e-6, 0.5))
def test_the_bound_lies_above_the_risk_and_falls_with_examples(empirical, bits, n, delta):
    assert risk_bound(empirical, bits, n, delta) >= empirical
    assert occam_term(bits, n + 1, delta) < occam_term(bits, n, delta)
    assert no_free_lunch_bound(10, bits, n, delta) < math.log(10)


@pytest.mark.parametrize(("bits", "n", "delta"), [(0.5, 10, 0.1), (5, 0, 0.1), (5, 10, 0), (5, 10, 1)])
def test_no_bound_without_examples_or_probability(bits, n, delta):
    with pytest.raises(ValueError, match="no bound"):
        occam_term(bits, n, delta)


@pytest.mark.row("S105", 4)
@settings(max_examples=30)
@given(st.integers(2, 6), st.lists(st.lists(st.integers(1, 6), max_size=3), max_size=4), st.integers(0, 2**32 - 1))
def test_messages_decode_to_the_same_weights(bits, shapes, seed):
    rng = np.random.default_rng(seed)
    tensors = [quantised(rng.normal(size=shape) * rng.integers(0, 3), bits) for shape in shapes]
    message = encode(tensors, bits)
    for one, other in zip(tensors, decode(message), strict=True):
        assert one.values.tobytes() == other.values.tobytes()
        assert one.levels.shape == other.levels.shape
    header = 12 + sum(4 + 16 * len(shape) + 32 for shape in shapes)
    assert len(message) > header + (1 << bits) - 1  # shapes, scales and at least a bit of each level's count


@pytest.mark.row("S105", 4)
def test_the_decoded_network_predicts_the_same_and_costs_about_its_entropy():
    torch.manual_seed(0)
    model, x = SmallNetwork((16, 14, 10), 4), torch.randn(50, 16)
    made = coded(model, x, torch.randint(10, (50,)), 10)
    weights = decode(made.message)
    with torch.no_grad():
        assert torch.equal(predict([torch.from_numpy(one.values) for one in weights], x), model(x))
    counts = np.array(list(Counter(level for one in weights for level in one.levels.ravel().tolist()).values()))
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    header = 12 + (36 + 32) * 2 + (36 + 16) * 2
    table = len(made.message) - header - entropy
    assert 15 <= table <= 15 * 15  # gamma codes of fifteen counts, and what the coder loses


def test_a_level_beyond_its_bits_is_refused():
    with pytest.raises(ValueError, match="between -1 and 1"):
        encode([Quantised(np.array([2]), np.float32(1))], 2)


@pytest.mark.row("S105", 5)
def test_random_labels_are_never_compressed():
    generator = torch.Generator().manual_seed(1)
    for seed in range(20):
        x, y = torch.randn(60, 6, generator=generator), torch.randint(4, (60,), generator=generator)
        made = coded(trained_network(x, y, (6, 5, 4), bits=3, steps=80, rate=0.05, seed=seed), x, y, 4)
        assert made.weights + made.labels > made.uniform - 20
        assert made.labels < made.uniform - 5  # it has learned labels: only its weights cost more


def test_probabilities_of_strings_sum_to_one_and_ranks_share_ties():
    generator = torch.Generator().manual_seed(2)
    table = torch.randn(3, 3, generator=generator)
    strings = [f"{number:05b}" for number in range(32)]
    assert np.exp(string_log_probabilities(lambda tokens: table[tokens], strings)).sum() == pytest.approx(1)
    assert spearman(np.array([1, 2, 2, 3.0]), np.array([10, 20, 20, 90.0])) == pytest.approx(1)
    assert spearman(np.array([1, 2, 3.0]), np.array([3, 1, 2.0])) == pytest.approx(-0.5)
