"""Objectives, schedules, optimisers and prefetching against their definitions."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.learn import optim
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy, counted
from phloem.learn.prefetch import prefetch
from phloem.learn.schedules import Place, cosine, linear, staircase, warmed


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 6), max_size=4), min_size=1, max_size=5), st.integers(1, 3), st.integers(0, 99))
def test_sequence_cross_entropy_against_plain_loops(rows, extra, seed):
    """Words and the first PAD count, further padding does not, and the sum is divided by the number of rows."""
    time = max(map(len, rows)) + extra
    target = torch.tensor([[*row, *[0] * (time - len(row))] for row in rows], dtype=torch.long).reshape(len(rows), time)
    logits = torch.randn(len(rows), time, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = 0.0
    for row, logs in zip(rows, logits.log_softmax(-1), strict=True):
        wanted = [*row, 0][:time]
        expected -= sum(float(logs[place, word]) for place, word in enumerate(wanted))
    loss = SequenceCrossEntropy()(lambda batch: logits, SimpleNamespace(target=target))
    assert float(loss.value) == pytest.approx(expected / len(rows), abs=1e-8)
    positions = [row * time + place for row in range(len(rows)) for place in range(min(len(rows[row]) + 1, time))]
    assert counted(target).flatten().nonzero()[:, 0].tolist() == positions
    packed = SimpleNamespace(
        packed=lambda batch: (logits.flatten(0, 1)[positions[::-1]], torch.tensor(positions[::-1]))
    )
    assert float(SequenceCrossEntropy()(packed, SimpleNamespace(target=target)).value) == pytest.approx(
        float(loss.value)
    )
    assert loss.logs["position_loss"] == pytest.approx(expected / len(positions), abs=1e-8)


def test_label_smoothing_mixes_with_the_uniform_distribution():
    logits = torch.randn(1, 2, 5, dtype=torch.float64)
    logs = logits.log_softmax(-1)[0]
    expected = -sum(0.9 * logs[place, word] + 0.1 * logs[place].mean() for place, word in enumerate([3, 0]))
    loss = SequenceCrossEntropy(0.1)(lambda batch: logits, SimpleNamespace(target=torch.tensor([[3, 0]])))
    assert float(loss.value) == pytest.approx(float(expected), abs=1e-8)


def test_cross_entropy_of_classes():
    logits, target = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    loss = CrossEntropy()(lambda batch: logits, SimpleNamespace(target=target))
    assert float(loss.value) == pytest.approx(-float(logits.log_softmax(-1)[range(6), target].mean()), abs=1e-8)
    assert loss.logs["accuracy"] == pytest.approx(float((logits.argmax(-1) == target).double().mean()))


def test_the_staircase_of_the_released_code2seq():
    factor = staircase(0.95)
    assert [factor(Place(0, epoch, 0.0)) for epoch in (0, 0.99, 1, 1.5, 3)] == pytest.approx(
        [1, 1, 0.95, 0.95, 0.95**3]
    )


def test_the_halving_of_sutskever_et_al():
    factor = staircase(0.5, every=0.5, after=4.5)
    epochs = (0, 4.9, 5, 5.4, 5.5, 6, 7.4)
    assert [factor(Place(0, epoch, 0.0)) for epoch in epochs] == [1, 1, 0.5, 0.5, 0.25, 0.125, 0.03125]


def test_schedules_over_the_budget_and_warming_up():
    assert [cosine(Place(0, 0, f)) for f in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [linear(Place(0, 0, f)) for f in (0, 0.25, 1)] == pytest.approx([1, 0.75, 0])
    assert [warmed(linear, 4)(Place(step, 0, 0.5)) for step in (0, 1, 3, 9)] == pytest.approx([0.125, 0.25, 0.5, 0.5])


def quadratic(name, steps, decay=0.0):
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0], dtype=torch.float64))
    optimizer = optim.optimizer(name, [weight], 0.1, decay)
    gradients = []
    for _ in range(steps):
        optimizer.zero_grad()
        (weight**2 * torch.tensor([1.0, 0.5])).sum().backward()
        gradients.append(weight.grad.clone())
        optimizer.step()
    return weight.detach()


def test_optimisers_against_their_equations():
    slope = lambda w: w * torch.tensor([2.0, 1.0])  # noqa: E731
    start = torch.tensor([2.0, -3.0], dtype=torch.float64)
    plain = nesterov = adam = start
    momentum = first = second = torch.zeros(2, dtype=torch.float64)
    for step in range(1, 6):
        plain = plain - 0.1 * slope(plain)
        gradient = slope(nesterov)
        momentum = gradient if step == 1 else 0.95 * momentum + gradient
        nesterov = nesterov - 0.1 * (gradient + 0.95 * momentum)
        gradient = slope(adam)
        adam = adam * (1 - 0.1 * 0.01)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        adam = adam - 0.1 * first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    torch.testing.assert_close(quadratic("sgd", 5), plain, atol=1e-8, rtol=0)
    torch.testing.assert_close(quadratic("nesterov", 5), nesterov, atol=1e-8, rtol=0)
    torch.testing.assert_close(quadratic("adam", 5, decay=0.01), adam, atol=1e-8, rtol=0)


def test_prefetching_keeps_order_and_stops_its_thread():
    assert list(prefetch(iter(range(100)), depth=3)) == list(range(100))
    taken = []

    def endless():
        while True:
            taken.append(None)
            yield len(taken)

    items = prefetch(endless(), depth=2)
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    items.close()
    assert "phloem-prefetch" not in {thread.name for thread in threading.enumerate()}
    assert len(taken) <= 3 + 2 + 2  # no further ahead than asked


def test_prefetching_raises_an_error_after_what_came_before_it():
    def broken():
        yield 1
        raise ValueError("here")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="here"):
        next(items)


def test_rates_are_finite_at_the_end():
    assert math.isfinite(warmed(cosine, 0)(Place(10**9, 1e6, 1.0)))
