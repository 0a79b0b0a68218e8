"""Coresets of pass sequences, targets and budgets (Liang et al. 2023)."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phloem.tasks.pass_ordering import (
    PassTable,
    Trial,
    first_tried,
    random_sequences,
    read_table,
    smallest,
    target,
    within_budget,
    write_table,
)
from phloem.tasks.pass_ordering_coreset import coverage, greedy, lazy_greedy

MATRICES = st.tuples(st.integers(1, 6), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-2, 6))
)


@pytest.mark.row("S116", 1)
@settings(max_examples=60, deadline=None)
@given(MATRICES, st.integers(1, 4))
def test_greedy_is_near_the_best_and_lazy_greedy_is_the_same(gains: np.ndarray, size: int) -> None:
    chosen = greedy(gains, size)
    assert lazy_greedy(gains, size).tolist() == chosen.tolist()
    size = min(size, gains.shape[1])
    assert len(set(chosen.tolist())) == size
    best = max(coverage(gains, each) for each in combinations(range(gains.shape[1]), size))
    assert coverage(gains, chosen) >= (1 - 1 / np.e) * best - 1e-9


@pytest.mark.row("S116", 1)
@settings(max_examples=60, deadline=None)
@given(MATRICES, st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)), st.integers(0, 11))
def test_coverage_is_monotone_with_diminishing_returns(
    gains: np.ndarray, first: set[int], second: set[int], new: int
) -> None:
    known = range(gains.shape[1])
    small = sorted(each for each in first if each in known)
    large = sorted(each for each in first | second if each in known)
    new %= gains.shape[1]
    assert coverage(gains, small) <= coverage(gains, large)
    gain_small = coverage(gains, [*small, new]) - coverage(gains, small)
    assert gain_small >= coverage(gains, [*large, new]) - coverage(gains, large) >= 0


@pytest.mark.row("S116", 4)
def test_targets() -> None:
    values = np.array([0.1, 0.05, -0.2])
    np.testing.assert_allclose(target(values, 0.05), [0.7297, 0.2685, 0.0018], atol=5e-5)
    np.testing.assert_allclose(target(values + 3.7, 0.05), target(values, 0.05), atol=1e-12)
    np.testing.assert_allclose(target(values, 1e-7), [1, 0, 0])
    np.testing.assert_allclose(target(np.array([0.1, -0.3, 0.1]), 1e-7), [0.5, 0, 0.5])


@pytest.mark.row("S116", 4)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 30), st.randoms())
def test_no_more_passes_than_the_budget(lengths: list[int], budget: int, random: object) -> None:
    order = list(range(len(lengths)))
    trials = within_budget(order, lengths, budget)
    assert sum(trial.passes for trial in trials) == min(budget, sum(lengths))
    assert [trial.sequence for trial in trials] == order[: len(trials)]
    assert all(trial.passes == lengths[trial.sequence] for trial in trials[:-1])


def made(counts: list[list[list[int]]]) -> PassTable:
    many = np.array(counts, np.int32)
    sequences = tuple(("sroa",) * (many.shape[2] - 1) for _ in range(many.shape[1]))
    return PassTable(sequences, many, many[:, 0, 0])


@pytest.mark.row("S116", 4)
def test_without_a_budget_the_module_stays_as_it_is() -> None:
    table = made([[[9, 5, 7], [9, 8, 4]]])
    assert smallest(table, 0, within_budget([1, 0], [2, 2], 0)) == (9, -1, 0)
    assert smallest(table, 0, within_budget([0, 1], [2, 2], 3)) == (5, 0, 1)  # the second one is cut after 8
    assert smallest(table, 0, within_budget([0, 1], [2, 2], 4)) == (4, 1, 2)
    assert within_budget([1, 0], [2, 2], 3) == [Trial(1, 2), Trial(0, 1)]


def test_the_first_tried_are_the_first_of_each_order() -> None:
    table = made([[[9, 5], [9, 8]], [[9, 7], [9, 3]]])
    assert first_tried(table, np.array([[0, 1], [0, 1]]), 1).tolist() == [5, 7]
    assert first_tried(table, np.array([[1, 0], [1, 0]]), 2).tolist() == [5, 3]


@pytest.mark.row("S116", 5)
def test_values_of_best_prefixes(tmp_path) -> None:
    pytest.importorskip("llvmlite")
    pytest.importorskip("ziglang")
    from phloem.corpora.llvm_ir import compile_c
    from phloem.corpora.llvm_ir_functions import split_functions
    from phloem.corpora.llvm_ir_generated import random_functions
    from phloem.execute.llvm_passes import run_passes
    from phloem.tasks.pass_ordering import pass_table

    programs = list(split_functions(compile_c(random_functions(3, 6, statements=(1, 3)))).values())
    plain = random_sequences(np.random.default_rng(0), 4, shortest=1, longest=4)
    longer = tuple((*first, *second) for first, second in pairwise(plain))
    table = pass_table(programs, (*plain, *longer))
    assert (table.gains >= 0).all()
    assert (table.gains[:, 4:] >= table.gains[:, :3]).all()
    for program, ir in enumerate(programs):
        found = smallest(table, program, [Trial(place, len(one)) for place, one in enumerate(table.sequences)])
        chosen = table.sequences[found.sequence][: found.passes] if found.sequence >= 0 else ()
        assert run_passes(ir, chosen)[1].counts[-1] == found.instructions == table.best[program].min()
    write_table(table, tmp_path / "table.npz")
    again = read_table(tmp_path / "table.npz")
    assert again.sequences == table.sequences
    assert np.array_equal(again.counts, table.counts)
    assert np.array_equal(again.only(np.array([2, 0])).best, table.best[:, [2, 0]])
