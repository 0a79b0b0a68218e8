"""What the arms of several claims have in common: compile a view's data once, choose a rate, train for the budget."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.learn.objectives.base import Objective
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import Evaluate, History, train
from phloem.represent.base import Dataset
from phloem.systems.claims import Job, Scale

Splits = Mapping[str, Callable[[], Iterable[Any]]]
TRIAL = 0.1  # of the budget, for each of several learning rates


def compiled(view: Any, splits: Splits, shared: Path, key: Any) -> tuple[Any, dict[str, Any]]:
    """The view fitted on "train", and a dataset a split; made once in `shared` for everything that says `key`.

    `splits` gives the examples of each split when called, "train" first.
    """
    text = json.dumps([type(view).__name__, view.state(), key], sort_keys=True, default=str)
    folder = shared / hashlib.sha256(text.encode()).hexdigest()[:16]
    state = folder / "view.json"
    if not state.exists():
        making = folder.with_name(folder.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        one_pass = hasattr(view, "fit_compile")
        if not one_pass:
            view.fit(splits["train"]())
        for split, examples in splits.items():
            compiling = view.fit_compile if one_pass and split == "train" else view.compile
            compiling(examples(), making / split)
        (making / "view.json").write_text(json.dumps(view.state()))
        making.rename(folder)
    view = type(view).from_state(json.loads(state.read_text()))
    return view, {split: view.open(folder / split) for split in splits}


def fresh(make: Callable[[], nn.Module], seed: int) -> Any:
    """A model whose first weights depend on the seed alone."""
    torch.manual_seed(seed)
    return make()


def trained(
    make: Callable[[], nn.Module],
    dataset: Dataset,
    objective: Objective,
    settings: TrainingSettings,
    job: Job,
    *,
    evaluate: Evaluate,
    rates: tuple[float, ...] = (),
) -> tuple[Any, dict[str, Any]]:
    """A model trained for the budget of `settings`, and the facts to publish.

    Of several `rates` the one is taken whose model is best on the validation data after TRIAL of the budget; trials
    are not part of the budget.
    """
    tried: dict[str, float] = {}
    if len(rates) > 1:
        for rate in rates:
            trial = replace(settings, learning_rate=rate, **shortened(settings, TRIAL))
            history, _ = _train(make, dataset, objective, trial, job, evaluate, f"rate-{rate:g}")
            assert history.best is not None
            tried[f"{rate:g}"] = round(history.best, 5)
        sign = -1 if settings.metric.startswith("-") else 1
        rates = (max(rates, key=lambda rate: sign * tried[f"{rate:g}"]),)
    if rates:
        settings = replace(settings, learning_rate=rates[0])
    history, model = _train(make, dataset, objective, settings, job, evaluate, "training")
    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "examples": len(dataset),
        "steps": history.step,
        "epochs": round(history.step * settings.batch_size / len(dataset), 2),
        "training_seconds": round(history.seconds, 1),
        "best_step": history.best_step,
        "validation": None if history.best is None else round(history.best, 5),
        "learning_rate": settings.learning_rate,
    }
    return model, facts | ({"tried_rates": tried} if tried else {})


def corpus_of(scale: Scale, name: str) -> dict[str, Any]:
    """What tells the C functions that the claim of the system `name` reads from any others: those of mined shards, at
    the smoke scale generated ones. Raises PhloemError where `--data` names no shards."""
    if scale.smoke:
        return {"functions": "generated"}
    if scale.data is None:
        raise PhloemError(f"{name} learns on mined C functions: phloem mine SOURCES --out DIR, then --data DIR")
    if "c" not in shards.info(scale.data)["settings"]["languages"]:
        raise PhloemError(f"{name} learns on C functions, and {scale.data} has none: phloem mine C_SOURCES --out DIR")
    return {"corpus": hashlib.sha256((scale.data / "corpus.json").read_bytes()).hexdigest()[:16]}


def shortened(settings: TrainingSettings, share: float) -> dict[str, Any]:
    """A share of the budget."""
    epochs = None if settings.epochs is None else max(1, round(share * settings.epochs))
    return {"epochs": epochs, "minutes": None if settings.minutes is None else share * settings.minutes}


def _train(
    make: Callable[[], nn.Module],
    dataset: Dataset,
    objective: Objective,
    settings: TrainingSettings,
    job: Job,
    evaluate: Evaluate,
    name: str,
) -> tuple[History, Any]:
    model = fresh(make, settings.seed)
    folder = job.folder / name
    history = train(
        model,
        dataset,
        objective,
        settings,
        evaluate=evaluate,
        folder=folder,
        progress=lambda done: job.progress(done.fraction),
    )
    return history, model
