"""BUSTLE: bottom-up search whose weights a small model moves, trained on searches for nothing.

Contenders try the same number of candidates on published tasks: plain enumeration, the heuristics, the model, and both.
A model's data are made by self-play within the run (synthesis/selfplay.py); no published task is looked at.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from phloem.learn.objectives.binary_cross_entropy import BinaryCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure import solve_rate
from phloem.measure.bootstrap import with_count
from phloem.nn.models.value_classifier import SignatureDataset, ValueClassifier, accuracy, judged_right
from phloem.synthesis import selfplay
from phloem.synthesis.base import Spec
from phloem.synthesis.guides import LearnedCost, Reweighting
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.tasks import spreadsheet_formulas as formulas

HELD = 10  # one in so many examples is kept to choose the weights on
BUDGETS = tuple(int(10 ** (each / 4)) for each in range(8, 21))  # candidates at which solved tasks are counted
SIZES = {
    "smoke": {"searches": 30, "targets": 40, "candidates": 8_000, "epochs": 6},
    "laptop": {"searches": 500, "targets": 100, "candidates": 30_000, "epochs": 6},
    "paper": {"searches": 1_000, "targets": 1_000, "candidates": 1_000_000, "epochs": 20},
}


def trained_cost(seed: int, sizes: dict[str, int], folder: Path) -> tuple[LearnedCost, dict[str, Any]]:
    """A learned cost from self-play: a function of the seed and the sizes, and the facts of its training."""
    data = selfplay.examples(seed, sizes["searches"], targets=sizes["targets"], candidates=sizes["candidates"])
    kept = len(data.useful) * (HELD - 1) // HELD  # by search: what is held comes from the last ones
    training = SignatureDataset(data.signatures[:kept], data.useful[:kept])
    held = SignatureDataset(data.signatures[kept:], data.useful[kept:])
    model = fresh(ValueClassifier, seed)
    settings = TrainingSettings(
        seed=seed,
        epochs=sizes["epochs"],
        batch_size=256,
        learning_rate=2e-3,
        schedule="linear",
        metric="-loss",
    )
    history = train(
        model, training, BinaryCrossEntropy(), settings, evaluate=partial(accuracy, dataset=held), folder=folder
    )
    facts = {"examples": len(data.useful), "steps": history.step, "held": accuracy(model, held)}
    return LearnedCost(model.weights()), facts


def tell_apart(job: Job) -> Outcome:
    """Train a small model and let it judge values of searches that it has not seen; use it in a few searches."""
    sizes = SIZES["smoke"]
    test = selfplay.examples(1_000 + job.seed, 10, targets=40, candidates=sizes["candidates"])
    dataset = SignatureDataset(test.signatures, test.useful)
    untrained = accuracy(fresh(ValueClassifier, job.seed), dataset)["accuracy"]
    cost, facts = trained_cost(job.seed, sizes, job.folder / "training")
    right = judged_right(cost(test.signatures), test.useful)
    tasks = [formulas.SpreadsheetTask(text, _pairs(rows)) for text, rows in SMOKE_TASKS.items()]
    took = formulas.spent(tasks, lambda spec: Reweighting(spec, cost, heuristics=True), 20_000)
    return Outcome({"told apart": with_count(right), "solved": solve_rate.hits(took)}, {"told apart": untrained}, facts)


SMOKE_TASKS = {
    "surname in capitals": ("Ada Lovelace=LOVELACE", "Alan Turing=TURING", "Grace Hopper=HOPPER"),
    "before the comma": ("x1, y=x1", "abc, z=abc"),
    "in brackets": ("one=(one)", "three=(three)"),
}


def _pairs(rows: tuple[str, ...]) -> Spec:
    pairs = [row.split("=") for row in rows]
    return Spec(("var_0",), ("string",), tuple((a,) for a, _ in pairs), tuple(b for _, b in pairs), "string")


def solve(job: Job, scale: Scale, model: bool = False, heuristics: bool = False) -> Outcome:
    """Search for all published tasks under one guide."""
    cost, facts = _cost(job, scale) if model else (None, {})
    sets = {"sygus": formulas.sygus_tasks(scale.data), "bustle38": formulas.own_tasks(scale.data)}

    def guide(spec: Spec) -> Reweighting | None:
        return Reweighting(spec, cost, heuristics=heuristics) if model or heuristics else None

    units = {}
    for name, tasks in sets.items():
        known = job.shared / f"{name}-{'heuristics' if heuristics else 'plain'}.json"
        if not model and known.is_file():  # without a model nothing depends on the seed: searched once
            took = np.array(json.loads(known.read_text()))
        else:
            took = formulas.spent(tasks, guide, progress=job.progress)
        if not model:
            job.shared.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps(took.tolist()))
        units[f"solved, {name}"] = solve_rate.hits(took)
        facts |= {
            f"{name}, solved by candidates": dict(zip(map(str, BUDGETS), solve_rate.curve(took, BUDGETS), strict=True)),
            f"{name}, unsolved": [task.name for task, each in zip(tasks, took, strict=True) if not np.isfinite(each)],
        }
    return Outcome(units, {}, facts)


def _cost(job: Job, scale: Scale) -> tuple[LearnedCost, dict[str, Any]]:
    """The seed's model: made by the first arm that needs it, read by the other."""
    sizes = SIZES[scale.name]
    key = hashlib.sha256(json.dumps([sizes, job.seed], sort_keys=True).encode()).hexdigest()[:12]
    file = job.shared / f"cost-{job.seed}-{key}.safetensors"
    about = file.with_suffix(".json")
    if not about.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        cost, facts = trained_cost(job.seed, sizes, job.folder / "training")
        save_file(cost.weights(), file)
        about.write_text(json.dumps(facts))
    return LearnedCost.load(file), json.loads(about.read_text())


@system("bustle", row="S006", room="synthesis")
def bustle(scale: Scale) -> Claim:
    """Odena, Shi, Bieber, Singh, Sutton, Dai: BUSTLE: Bottom-Up Program Synthesis Through Learning-Guided Exploration
    (ICLR 2021).

    Tasks solved within the same number of candidates: plain, by heuristics, by a model of property signatures, by both.
    """
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "heuristics": {"heuristics": True},
        "model": {"model": True},
        "model and heuristics": {"model": True, "heuristics": True},
    }
    arms = tuple(Arm(name, partial(solve, scale=scale, **kind), kind) for name, kind in kinds.items())
    smoke = Arm("model", tell_apart)
    return Claim(
        kind="trained",
        task="values of searches that are part of a solution"
        if scale.smoke
        else f"spreadsheet formulas from examples within {formulas.CANDIDATES:,} candidates",
        metrics=dict.fromkeys(("told apart", "solved", "solved, sygus", "solved, bustle38"), ACCURACY),
        arms=(smoke,) if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("useful values are told from others", "told apart", "model", None, 0.8),
        budget={**SIZES[scale.name], "candidates a task": formulas.CANDIDATES},
        data={"tasks": "generated" if scale.smoke else "sygus_pbe_strings (string inputs, of BUSTLE's), bustle38"},
        launch="phloem reproduce bustle --scale paper --data DATA  # DATA holds sygus_pbe_strings/ and bustle38/",
    )


CLAUSES = (  # 8 and 4 of the 84 tasks of the whole set, as shares of the tasks that are here
    Clause("both solve 8 of 84 tasks more", "solved, sygus", "model and heuristics", "plain", 8 / 84),
    Clause("the model solves 4 of 84 tasks more", "solved, sygus", "model", "plain", 4 / 84),
    Clause("heuristics solve 4 of 84 tasks more", "solved, sygus", "heuristics", "plain", 4 / 84),
)
