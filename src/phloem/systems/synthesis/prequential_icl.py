"""In-context learning as prequential coding: the next point's loss against that of points already read.

One network and one stream of tasks (lines in three dimensions with noise), trained by either risk; after 5 and after
100 points its distance to the true function is measured on fresh tasks, beside perceptrons fitted to each task alone
and beside Bayes' predictor, which nothing can beat. The published learner has 256 units and 10,000 tasks of 1,000
points of three families; here it has about 0.3 million weights, lines alone, and 101 points a task. The distance is to
the function without noise, in the mean the squared error less the variance of the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from phloem.analysis import prequential_code as prequential
from phloem.analysis.icl_predictors import bayes
from phloem.corpora.prequential_families import FAMILIES, NOISE, Points
from phloem.learn.objectives.base import Objective
from phloem.learn.objectives.context_risk import PrequentialRisk, TrainRisk
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import mean, with_count
from phloem.nn.models.context_aggregator import ContextLearner
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks.prequential_regression import FamilyTasks

FEW, MANY, QUERIES = 5, 100, 50
FITTED = (1e-3, 3e-3, 1e-2, 3e-2)  # learning rates of perceptrons that are fitted alone
RISKS: dict[str, Callable[[], Objective]] = {"prequential": PrequentialRisk, "train risk": TrainRisk}
BAYES = bayes(NOISE, 0.5)  # weights and bias have standard deviation 1/2


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales."""
    if scale.smoke:
        model = {"width": 32, "layers": 2, "heads": 4, "bottleneck": 16, "depth": 3, "hidden": 64}
        return {"model": model, "tasks": 6_400, "points": 9, "tests": 200, "batch": 64, "rate": 3e-3}
    if scale.name == "laptop":
        model = {"width": 72, "layers": 4, "heads": 4, "bottleneck": 32, "depth": 5, "hidden": 128}
        return {"model": model, "tasks": 10_000, "points": MANY + 1, "tests": 1_000, "batch": 32, "rate": 1e-3}
    return {"model": {}, "tasks": 10_000, "points": 1_000, "tests": 1_000, "batch": 256, "rate": 1e-4}


def contend(job: Job, scale: Scale, budget: dict[str, Any], risk: str) -> Outcome:
    """Train by one risk and measure after few and after many points."""
    size, family = sizes(scale), FAMILIES["linear"]
    data = FamilyTasks("linear", tasks=size["tasks"], points=size["points"], seed=job.seed)
    validation = family.draw(np.random.default_rng((job.seed, 7)), 100, FEW + QUERIES)

    def make() -> ContextLearner:
        return ContextLearner(family.inputs, family.outputs, **size["model"])

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=size["batch"],
        learning_rate=size["rate"],
        clip=1.0,
        schedule="cosine",
        warmup_steps=20,
        metric="-risk",
        evaluate_every=100,
        evaluate_unit="steps",
    )

    def evaluate(model: Any) -> dict[str, float]:
        return {"risk": float(prequential.learner_risk(model, validation, FEW).mean())}

    test = tests(job, size["tests"])
    untrained = measured(partial(prequential.learner_risk, fresh(make, job.seed)), test)
    model, facts = trained(make, data, RISKS[risk](), settings, job, evaluate=evaluate)
    units = measured(partial(prequential.learner_risk, model), test)
    return Outcome(units, {name: float(mean(parts.sum(axis=0))) for name, parts in untrained.items()}, facts)


def tests(job: Job, count: int) -> Points:
    return FAMILIES["linear"].draw(np.random.default_rng((job.seed, 8)), count, MANY + QUERIES)


def measured(risk: Any, test: Points) -> dict[str, np.ndarray]:
    """`risk(tasks, size)` after few and many points, and how far it falls between them."""
    few, many = risk(test, FEW), risk(test, MANY)
    values = {"risk at 5": few, "risk at 100": many, "fall from 5 to 100": few - many, "explained at 5": 1 - few}
    return {name: with_count(value) for name, value in values.items()}


def fit_alone(job: Job, scale: Scale) -> Outcome:
    """A perceptron a task, fitted from scratch, at the rate of FITTED that is best on validation tasks of that size."""
    validation = FAMILIES["linear"].draw(np.random.default_rng((job.seed, 7)), 100, MANY + QUERIES)
    rates = {size: best_rate(validation, size, job.seed) for size in (FEW, MANY)}
    job.progress(0.3)

    def risk(test: Points, size: int) -> np.ndarray:
        return prequential.fitted_risk(test, size, rate=rates[size], seed=job.seed)

    units = measured(risk, tests(job, sizes(scale)["tests"]))
    return Outcome(units, facts={f"rate at {size}": rate for size, rate in rates.items()})


def best_rate(validation: Points, size: int, seed: int) -> float:
    """The one of FITTED with the least risk after `size` points."""
    return min(FITTED, key=lambda rate: float(prequential.fitted_risk(validation, size, rate=rate, seed=seed).mean()))


def predict_as_bayes(job: Job, scale: Scale) -> Outcome:
    """The floor."""
    return Outcome(measured(partial(prequential.predictor_risk, BAYES), tests(job, sizes(scale)["tests"])))


@system("prequential-icl", row="S084", room="synthesis")
def prequential_icl(scale: Scale) -> Claim:
    """Elmoznino et al.: In-context learning and Occam's razor (2024; ICML 2025).

    A learner in context that is trained on the next point generalises from fewer points than the same one trained on
    points that it has read.
    """
    budget = scale.budget(smoke=3, laptop=1.5, paper=50)
    arms = tuple(
        Arm(risk, partial(contend, scale=scale, budget=budget, risk=risk), {"risk": risk, **sizes(scale)})
        for risk in RISKS
    )
    others = (
        Arm("fitted alone", partial(fit_alone, scale=scale), {"tests": sizes(scale)["tests"], "rates": FITTED}),
        Arm("Bayes", partial(predict_as_bayes, scale=scale), {"tests": sizes(scale)["tests"]}),
    )
    lower = Metric(mean, lower_is_better=True)
    return Claim(
        kind="trained",
        task="lines in three dimensions with noise, from 5 and from 100 points",
        metrics={
            **dict.fromkeys(("risk at 5", "risk at 100", "fall from 5 to 100"), lower),
            "explained at 5": Metric(mean),
        },
        arms=arms[:1] if scale.smoke else (*arms, *others),
        clauses=CLAUSES,
        # the functions' variance is 1, so that the risk of 0 everywhere is 1
        floor=Clause("half of the variance is explained", "explained at 5", "prequential", None, 0.5),
        budget=budget,
        data={"tasks": "generated", "noise": NOISE},
        launch="phloem reproduce prequential-icl --scale paper",
    )


CLAUSES = (
    Clause(
        "at 5 points 20% below train risk",
        "risk at 5",
        "prequential",
        "train risk",
        1.25,  # baseline over candidate: 1 / 0.8
        form="ratio",
        across="every seed",
    ),
    Clause("the gap at 100 points is smaller", "fall from 5 to 100", "prequential", "train risk", 0.0),
    Clause("fitting alone is 50% worse at 5 points", "risk at 5", "prequential", "fitted alone", 1.5, form="ratio"),
)
