"""What learning algorithm is in-context learning: trained decoders beside textbook estimators on linear regression.

A deep model without noise is compared with least squares, one step of gradient descent and nearest neighbours; a
shallow one with the first two; one with noise with ridge regressions around Bayes'. All step sizes are tuned on tasks
that nothing else uses.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from phloem.analysis import icl_predictors as predictors
from phloem.corpora.regression_icl import Regressions, draw
from phloem.learn.objectives.mse_prequential import PrequentialSquaredError
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import mean, with_count
from phloem.measure.spd_ilwd import squared_differences
from phloem.nn.models.prequential_regressor import PrequentialRegressor
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import regression_icl
from phloem.tasks.regression_icl import RegressionTasks

SIZES = {"smoke": (1, 8, 7), "laptop": (4, 12, 8), "paper": (8, 40, 16)}
"""Dimensions, examples of a sequence, and how many are seen where models are compared."""
NOISE = 0.5  # σ = τ/2: Bayes' penalty is 0.25
PENALTIES = (0.0025, 0.025, 0.25, 2.5, 25.0)
STEPS = tuple(float(step) for step in np.geomspace(1e-3, 1, 25))
TASKS = 2000
RATIOS = {
    "one step over OLS": ("to one step", "to OLS"),
    "3-NN over OLS": ("to 3-NN", "to OLS"),
    "OLS over one step": ("to OLS", "to one step"),
}
"""Of differences to two estimators: how much farther the first is."""


def train_learner(job: Job, scale: Scale, budget: dict[str, Any], layers: int, noise: float) -> Outcome:
    """Train one model and measure its squared difference to each estimator after so many examples as SIZES says."""
    (d, examples, seen), width = SIZES[scale.name], 32 if scale.smoke else 128
    data = RegressionTasks(d=d, examples=examples, noise=noise, tasks=19_200 if scale.smoke else 32_000, seed=0)
    validation = RegressionTasks(d=d, examples=examples, noise=noise, tasks=500, seed=1).fixed
    test = draw(np.random.default_rng((job.seed, 5)), TASKS, examples, d, noise=noise)

    def make() -> PrequentialRegressor:
        return PrequentialRegressor(d + 1, width=width, layers=layers, heads=4)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=64,
        learning_rate=3e-3 if scale.smoke else 1e-3,
        schedule="cosine" if scale.name == "laptop" else "staircase",
        clip=1.0,
        warmup_steps=50,
        metric="-loss",
        evaluate_every=200,
        evaluate_unit="steps",
    )
    untrained = _differences(fresh(make, job.seed), test, noise, seen)[0]
    model, facts = trained(
        make,
        data,
        PrequentialSquaredError(),
        settings,
        job,
        evaluate=lambda model: regression_icl.evaluate(model, validation),
    )
    units, steps = _differences(model, test, noise, seen)
    figures = {name: float(mean(parts.sum(axis=0))) for name, parts in units.items()}
    return Outcome(
        units, {name: float(mean(parts.sum(axis=0))) for name, parts in untrained.items()}, facts | figures | steps
    )


def _differences(
    model: PrequentialRegressor, tasks: Regressions, noise: float, seen: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """(value, 1) of each task for every measure, and the step sizes that were chosen."""
    d = tasks.x.shape[2]
    predicted = regression_icl.predictions(model, tasks)[:, seen, None]
    given = tasks.x[:, :seen], tasks.y[:, :seen], tasks.x[:, seen : seen + 1]
    others = draw(np.random.default_rng(77), TASKS, seen + 1, d, noise=noise)
    one_step, gd_step = predictors.tuned(predictors.gd, STEPS, others)
    one_pass, sgd_step = predictors.tuned(predictors.sgd, STEPS, others)
    compared: dict[str, predictors.Predictor] = {
        "to OLS": predictors.ols,
        "to one step": one_step,
        "to one pass": one_pass,
        "to 3-NN": predictors.knn,
        "to zero": predictors.zero,
    }
    units = {name: squared_differences(predicted, one(*given)) for name, one in compared.items()}
    to_ridge = [
        squared_differences(predicted, predictors.ridge(*given, penalty=penalty)).mean() for penalty in PENALTIES
    ]
    units["closeness"] = 1 - squared_differences(predicted, predictors.bayes(NOISE, 1.0)(*given)) / d
    bayes = float(PENALTIES[int(np.argmin(to_ridge))] == NOISE**2)
    measured = {name: with_count(values) for name, values in units.items()} | {"bayes": np.array([[bayes, 1.0]])}
    for name, (one, other) in RATIOS.items():
        measured[name] = np.stack([units[one], units[other]], axis=1)
    return measured, {"gd_step": gd_step, "sgd_step": sgd_step}


@system("icl-linear", row="S094", room="synthesis")
def icl_linear(scale: Scale) -> Claim:
    """Akyürek et al.: What learning algorithm is in-context learning? Investigations with linear models (ICLR 2023).

    Decoders that read examples of a linear function predict like least squares when they are deep, like one step of
    gradient descent when they are shallow, and like Bayes' ridge under noise.
    """
    budget = scale.budget(smoke=1, laptop=4.0, paper=1000)

    def arm(name: str, layers: int, noise: float) -> Arm:
        run = partial(train_learner, scale=scale, budget=budget, layers=layers, noise=noise)
        return Arm(name, run, {"layers": layers, "noise": noise})

    arms = (arm("noisy", 2 if scale.smoke else 4, NOISE), arm("deep", 4, 0.0), arm("shallow", 1, 0.0))
    lower, ratio = Metric(mean, lower_is_better=True), Metric(mean)
    names = ("to OLS", "to one step", "to one pass", "to 3-NN", "to zero")
    return Claim(
        kind="trained",
        task="linear functions of {} numbers from up to {} examples, compared after {}".format(*SIZES[scale.name]),
        metrics={**dict.fromkeys(names, lower), **dict.fromkeys(RATIOS, ratio), "closeness": ratio, "bayes": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("predictions are near Bayes' ridge", "closeness", "noisy", None, 0.75),
        budget=budget,
        data={"tasks": "generated"},
        launch="phloem reproduce icl-linear --scale paper",
    )


CLAUSES = (
    Clause("deep: one step is three times as far as OLS", "one step over OLS", "deep", None, 3.0),
    Clause("deep: 3-NN is three times as far as OLS", "3-NN over OLS", "deep", None, 3.0),
    Clause("shallow: OLS is farther than one step", "OLS over one step", "shallow", None, 1.0),
    Clause("noisy: ridge with Bayes' penalty is the closest", "bayes", "noisy", None, 1.0),
)
