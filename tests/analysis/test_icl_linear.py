"""In-context linear regression: constructions are exact, measures are what they say, models know no future."""

import numpy as np
import pytest
import torch

from phloem.analysis import icl_predictors as predictors
from phloem.analysis.icl_constructions import predicted_by_step, ridge_by_updates
from phloem.corpora.regression_icl import as_tokens, draw
from phloem.measure.spd_ilwd import ilwd, implicit_weights, spd, weight_differences
from phloem.nn.models.prequential_regressor import PrequentialRegressor


def told(seed, tasks, examples, d, *, queries=1, **options):
    """Examples, and queries of the same tasks."""
    rng = np.random.default_rng(seed)
    drawn = draw(rng, tasks, examples, d, **options)
    return drawn, rng.normal(size=(tasks, queries, d))


@pytest.mark.row("S094", 1)
@pytest.mark.parametrize("step", [0.001, 0.05, 1.0])
def test_linear_attention_is_one_step_of_gradient_descent(step):
    drawn, queries = told(0, 20, 12, 5, noise=0.3)
    got = predicted_by_step(*(torch.from_numpy(part) for part in (drawn.x, drawn.y, queries[:, 0])), step)
    want = 2 * step * np.einsum("tn,tnd,td->t", drawn.y, drawn.x, queries[:, 0])
    assert np.abs(got.detach().numpy() - want).max() < 1e-5
    w = torch.zeros(20, 5, dtype=torch.float64, requires_grad=True)
    loss = ((torch.einsum("tnd,td->tn", torch.from_numpy(drawn.x), w) - torch.from_numpy(drawn.y)) ** 2).sum()
    loss.backward()
    stepped = (-step * w.grad.numpy() * queries[:, 0]).sum(axis=1)
    assert np.abs(got.detach().numpy() - stepped).max() < 1e-5
    np.testing.assert_allclose(predictors.gd(drawn.x, drawn.y, queries, step=step)[:, 0], want, atol=1e-9)


@pytest.mark.row("S094", 1)
@pytest.mark.parametrize(
    ("d", "examples", "penalty"), [(1, 1, 0.1), (4, 12, 0.1), (8, 20, 0.1), (8, 5, 0.5), (8, 20, 4.0)]
)
def test_updates_by_sherman_and_morrison_are_ridge(d, examples, penalty):
    drawn, queries = told(1, 50, examples, d, queries=3, noise=0.5)
    weights = ridge_by_updates(torch.from_numpy(drawn.x), torch.from_numpy(drawn.y), penalty).numpy()
    got = np.einsum("td,tqd->tq", weights, queries)
    assert np.abs(got - predictors.ridge(drawn.x, drawn.y, queries, penalty=penalty)).max() < 1e-4


@pytest.mark.row("S094", 2)
def test_differences_of_learners():
    drawn, queries = told(2, 200, 8, 4, queries=16, noise=0.5)
    given = drawn.x, drawn.y, queries
    one, other = predictors.ols(*given), predictors.knn(*given)
    assert spd(one, one) == 0
    assert spd(one, other) == spd(other, one) > 0
    for examples in (8, 12):
        drawn, queries = told(3, 500, examples, 4, queries=16, noise=0.5)
        given = drawn.x, drawn.y, queries
        assert ilwd(predictors.ols(*given), predictors.ridge(*given, penalty=1e-8), queries) < 1e-6


@pytest.mark.row("S094", 2)
def test_as_many_examples_as_dimensions_have_a_small_median_and_no_small_mean():
    drawn, queries = told(4, 2000, 8, 8, queries=32, noise=0.5)
    given = drawn.x, drawn.y, queries
    differences = weight_differences(predictors.ols(*given), predictors.ridge(*given, penalty=1e-8), queries)
    assert np.median(differences) < 1e-6
    assert differences.mean() > 1e3 * np.median(differences)


@pytest.mark.row("S094", 3)
def test_least_norm_solution_is_the_pseudoinverse():
    drawn, queries = told(5, 50, 3, 6, queries=4)
    w = np.stack([np.linalg.lstsq(x, y, rcond=None)[0] for x, y in zip(drawn.x, drawn.y, strict=True)])
    want = np.einsum("td,tqd->tq", w, queries)
    assert np.abs(predictors.ols(drawn.x, drawn.y, queries) - want).max() < 1e-8


@pytest.mark.row("S094", 3)
def test_bayes_has_the_least_risk():
    drawn, queries = told(6, 20_000, 8, 4, queries=4, noise=0.5, scale=1.0)
    truth = np.einsum("td,tqd->tq", drawn.w, queries)

    def risk(predictor):
        return ((predictor(drawn.x, drawn.y, queries) - truth) ** 2).mean()

    best = risk(predictors.bayes(0.5, 1.0))
    for factor in (1 / 16, 1 / 4, 4, 16):
        penalty = 0.25 * factor
        assert best < risk(lambda x, y, q, penalty=penalty: predictors.ridge(x, y, q, penalty=penalty))


@pytest.mark.row("S094", 4)
def test_predictions_know_nothing_of_what_follows():
    torch.manual_seed(0)
    model = PrequentialRegressor(5, width=16, layers=2, heads=2).double()
    drawn, _ = told(7, 3, 6, 4)
    tokens = torch.from_numpy(as_tokens(drawn.x, drawn.y)).requires_grad_()
    predicted = model(tokens)
    for place in range(6):
        (gradient,) = torch.autograd.grad(predicted[:, place].sum(), tokens, retain_graph=True)
        assert (gradient[:, 2 * place + 1 :] == 0).all()
        assert (gradient[:, 2 * place, 1:] != 0).any()
        assert place == 0 or (gradient[:, 1, 0] != 0).all()


@pytest.mark.row("S094", 5)
def test_implicit_weights_of_a_linear_predictor_are_recovered():
    drawn, queries = told(8, 100, 10, 4, queries=16)
    given = drawn.x, drawn.y, queries
    fitted = implicit_weights(predictors.ols(*given), queries)
    assert np.abs(fitted.weights - drawn.w).max() < 1e-8
    assert fitted.residual.max() < 1e-16
    assert implicit_weights(predictors.knn(*given), queries).residual.min() > 1e-4
    with pytest.raises(ValueError, match="determine"):
        implicit_weights(np.zeros((1, 3)), np.zeros((1, 3, 4)))


def test_step_sizes_are_tuned_on_tasks_of_their_own():
    tasks, _ = told(9, 500, 13, 4)
    for form in (predictors.gd, predictors.sgd):
        _, step = predictors.tuned(form, (1e-4, 0.01, 0.03, 1.0), tasks)
        assert step in (0.01, 0.03)


def test_predictors_on_an_example_by_hand():
    x, y, query = np.array([[[1.0], [2.0], [5.0], [9.0]]]), np.array([[2.0, 4.0, 10.0, 18.0]]), np.array([[[3.0]]])
    assert predictors.knn(x, y, query) == pytest.approx(16 / 3)
    assert predictors.ols(x, y, query) == pytest.approx(6)
    assert predictors.ridge(x, y, query, penalty=111.0) == pytest.approx(3)
    assert predictors.sgd(x[:, :1], y[:, :1], query, step=0.25) == pytest.approx(3)
    assert predictors.zero(x, y, query) == 0
