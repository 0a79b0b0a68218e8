"""Prequential code lengths, the learner in context and its two risks, the families of tasks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from phloem.analysis import prequential_code as prequential
from phloem.analysis.icl_predictors import bayes, ridge
from phloem.corpora import prequential_families as families
from phloem.learn.objectives.context_risk import PrequentialRisk, TrainRisk, draw_earlier, squared_error, two_counts
from phloem.nn.models.context_aggregator import ContextLearner
from phloem.systems.synthesis import prequential_icl
from phloem.tasks.prequential_regression import FamilyTasks


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def learner(**options):
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 2, "heads": 2, "bottleneck": 8, "depth": 3, "hidden": 16}
    return ContextLearner(3, 1, **{**sizes, **options})


@pytest.mark.row("S084", 1)
def test_the_learner_s_bits_are_the_closed_form():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        bits = (rng.random(rng.integers(0, 101)) < rng.random()).astype(int).tolist()
        ones = sum(bits)
        coded = prequential.code_length(bits, prequential.krichevsky_trofimov)
        assert abs(coded - prequential.closed_code_length(len(bits) - ones, ones)) < 1e-9


def test_the_learner_s_code_is_a_distribution():
    strings = product((0, 1), repeat=8)
    total = sum(2 ** -prequential.code_length(bits, prequential.krichevsky_trofimov) for bits in strings)
    assert total == pytest.approx(1)


@pytest.mark.row("S084", 2)
def test_z_after_m_points_knows_no_point_behind():
    model = learner()
    x, y = torch.randn(2, 6, 3, requires_grad=True), torch.randn(2, 6, 1, requires_grad=True)
    z = model.contexts(x, y)
    assert z.shape == (2, 7, 8)
    for m in range(7):
        for gradient in torch.autograd.grad(z[:, m].sum(), (x, y), retain_graph=True, allow_unused=True):
            assert (gradient[:, m:] == 0).all()
            assert (gradient[:, :m].abs().amax(dim=2) > 0).all()


@pytest.mark.row("S084", 2)
def test_predictions_of_the_next_point_do_not_know_its_label_and_of_read_ones_do():
    model = learner()
    x, y = torch.randn(1, 6, 3, requires_grad=True), torch.randn(1, 6, 1, requires_grad=True)
    z = model.contexts(x, y)
    for m in range(1, 6):
        ahead = torch.autograd.grad(model.predict(z[:, m], x[:, m]).sum(), (x, y), retain_graph=True)
        assert (ahead[1][:, m:] == 0).all()
        assert (ahead[0][:, m + 1 :] == 0).all()
        for k in range(m):
            (read,) = torch.autograd.grad(model.predict(z[:, m], x[:, k]).sum(), y, retain_graph=True)
            assert read[0, k].abs() > 0


def test_risks_are_what_a_loop_says():
    model, batch = learner(), FamilyTasks("linear", tasks=4, points=6, seed=0).batch(np.arange(4), None)
    ahead, read = [], []
    for m in range(1, 6):
        z = model.contexts(batch.x[:, :m], batch.y[:, :m])[:, -1]
        ahead.append(squared_error(model.predict(z, batch.x[:, m]), batch.y[:, m]))
        rows, k = torch.arange(4), batch.earlier[:, m - 1]
        assert (k < m).all()
        read.append(squared_error(model.predict(z, batch.x[rows, k]), batch.y[rows, k]))
    torch.testing.assert_close(PrequentialRisk()(model, batch).value, torch.stack(ahead).mean())
    torch.testing.assert_close(TrainRisk()(model, batch).value, torch.stack(read).mean())


@pytest.mark.row("S084", 3)
def test_bayes_ridge_has_the_least_prequential_error():
    d, noise, scale, points = 3, 0.2, 0.5, 20
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, points, d))
    y = np.einsum("tpd,td->tp", x, scale * rng.normal(size=(1000, d))) + noise * rng.normal(size=(1000, points))
    penalty = noise**2 / scale**2

    def mean_error(predictor):
        errors = [predictor(x[:, :n], y[:, :n], x[:, n : n + 1])[:, 0] - y[:, n] for n in range(points)]
        return (np.array(errors) ** 2).mean()

    best = mean_error(bayes(noise, scale))
    for factor in (0.01, 0.1, 10, 100):
        assert best < mean_error(lambda *given, factor=factor: ridge(*given, penalty=factor * penalty))
    # and it is the posterior's mean, computed from the covariance of what was seen
    gram = x[0, :7] @ x[0, :7].T * scale**2 + noise**2 * np.eye(7)
    mean = scale**2 * (x[0, 7] @ x[0, :7].T) @ np.linalg.solve(gram, y[0, :7])
    assert bayes(noise, scale)(x[:1, :7], y[:1, :7], x[:1, 7:8])[0, 0] == pytest.approx(mean)


@pytest.mark.row("S084", 4)
def test_only_without_a_mask_z_is_of_the_set():
    x, y = torch.randn(2, 6, 3), torch.randn(2, 6, 1)
    order = torch.tensor([3, 1, 4, 0, 5, 2])
    masked, free = learner().contexts, learner(causal=False).contexts
    with torch.no_grad():
        assert (masked(x, y)[:, -1] - masked(x[:, order], y[:, order])[:, -1]).abs().max() > 1e-3
        assert (free(x, y)[:, -1] - free(x[:, order], y[:, order])[:, -1]).abs().max() < 1e-5
        assert (free(x, y)[:, 3] - free(x[:, :3], y[:, :3])[:, -1]).abs().max() < 1e-5
        one, same_end = learner(layers=1).contexts, torch.tensor([3, 1, 4, 0, 2, 5])
        assert (one(x, y)[:, -1] - one(x[:, same_end], y[:, same_end])[:, -1]).abs().max() < 1e-5
        assert (masked(x, y)[:, -1] - masked(x[:, same_end], y[:, same_end])[:, -1]).abs().max() > 1e-3


def covers(k: torch.Tensor) -> bool:
    """Whether draws, one column a context of m points, are uniform over its m points (5 standard deviations)."""
    for m in range(1, k.shape[1] + 1):
        counts = torch.bincount(k[:, m - 1], minlength=m).double()
        expected = len(k) / m
        if len(counts) > m or (counts - expected).abs().max() > 5 * (expected * (1 - 1 / m)) ** 0.5 + 1e-9:
            return False
    return True


@pytest.mark.row("S084", 5)
def test_read_points_are_uniform_with_the_newest():
    uniform = torch.rand(20_000, 12, generator=torch.Generator().manual_seed(3))
    assert covers(draw_earlier(uniform))
    assert covers(FamilyTasks("sinusoid", tasks=5000, points=6, seed=0).batch(np.arange(5000), None).earlier)
    without_newest = (uniform * torch.arange(12).clamp(min=1)).long()
    assert not covers(without_newest)


def test_families_have_the_published_distributions():
    rng = np.random.default_rng(2)
    lines = families.linear(rng, 2000, 20)
    assert (lines.y - lines.clean).std() == pytest.approx(families.NOISE, rel=0.05)
    assert lines.clean.var() == pytest.approx(1.0, rel=0.1)
    sines = families.sinusoid(rng, 500, 50)
    assert (sines.y == sines.clean).all()
    assert np.abs(sines.y).max() <= 3
    assert (families.linear(rng, 3, 5, "shift-scale").y == families.linear(rng, 3, 5, "bimodal").clean).shape == (
        3,
        5,
        1,
    )


def test_shifted_inputs_keep_their_order_or_go_to_the_edges():
    x = np.random.default_rng(3).normal(size=(4, 200, 2))
    wide = families.shifted(x, "shift-scale")
    np.testing.assert_allclose(wide.mean(axis=1), x.mean(axis=1) + 2)
    np.testing.assert_allclose(wide.std(axis=1), 3 * x.std(axis=1))
    edges = families.shifted(x, "bimodal")
    middle = np.abs(x - x.mean(axis=1, keepdims=True)) < 0.3
    assert np.abs(edges[middle] - x.mean()).mean() > 1.5
    assert edges.min() >= x.min()
    assert edges.max() <= x.max()


def test_mastermind_counts():
    secret, guess = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 0, 1, 5, 5, 5, 3])
    assert families.answers(secret, guess) == (3, 5)
    points = families.mastermind(np.random.default_rng(4), 50, 100)
    assert points.x.shape == (50, 100, 48)
    assert (points.y.sum(axis=2) == 2).all()
    right, common = points.y[..., :9].argmax(axis=2), points.y[..., 9:].argmax(axis=2)
    assert (right <= common).all()
    guesses = points.x.reshape(50, 100, 8, 6).argmax(axis=3)
    assert guesses.max() == 5
    # a guess of the last colour only shares nothing with any secret
    assert families.answers(np.random.default_rng(5).integers(0, 5, 8), np.full(8, 5)) == (0, 0)


def test_two_counts_is_the_sum_of_two_cross_entropies():
    logits, y = torch.randn(3, 2, 6), torch.eye(3)[torch.randint(3, (3, 2, 2))].flatten(2)
    logs = [part.log_softmax(dim=-1) for part in (logits[..., :3], logits[..., 3:])]
    expected = -(logs[0] * y[..., :3]).sum(-1) - (logs[1] * y[..., 3:]).sum(-1)
    torch.testing.assert_close(two_counts(logits, y), expected)


def test_risks_of_textbook_predictors_and_of_fitted_perceptrons():
    tasks = families.linear(np.random.default_rng(6), 30, 60)
    best = [prequential.predictor_risk(bayes(families.NOISE, 0.5), tasks, size) for size in (5, 10, 40)]
    means = [risk.mean() for risk in best]
    assert means == sorted(means, reverse=True)
    assert prequential.area(best, (5, 10, 40)) == pytest.approx(
        (means[0] + means[1]) * 2.5 + (means[1] + means[2]) * 15
    )
    fitted = prequential.fitted_risk(tasks, 40, steps=100, rate=1e-2)
    assert means[2] < fitted.mean() < 0.5
    first = families.Points(*(part[:1] for part in tasks))  # tasks are fitted apart: the noise of y touches no other
    changed = families.Points(*(np.concatenate([one, 2 * many[1:]]) for one, many in zip(first, tasks, strict=True)))
    one, other = (prequential.fitted_risk(each, 40, steps=20, rate=1e-2)[0] for each in (tasks, changed))
    assert one == pytest.approx(other)


def test_perceptrons_are_fitted_at_the_rate_that_validation_tasks_choose():
    """At five points a rate of 0.001 ends early, far from what perceptrons can do."""
    validation, test = (families.linear(np.random.default_rng(seed), 40, 30) for seed in (7, 8))
    rate = prequential_icl.best_rate(validation, 5, 0)
    assert rate in prequential_icl.FITTED
    chosen, slow = (prequential.fitted_risk(test, 5, rate=each).mean() for each in (rate, 1e-3))
    assert chosen < 0.95 * slow
