"""From a person's code to a saved model with its card: compile, train, measure, set the threshold, save.

Everything that takes time is kept: mined sources in the cache folder, compiled arrays next to the shards under a name
that hashes what they depend on, checkpoints and the log under OUT/run. The same command goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from phloem.assist.cards import card, describe
from phloem.assist.evaluation import BEAM, Measuring, limited, watched
from phloem.assist.findings import replace_file
from phloem.assist.flags import flag_figures, flag_threshold
from phloem.assist.mining import open_corpus
from phloem.assist.models import load
from phloem.assist.progress import Tell, silent
from phloem.assist.ranking import ranking_of
from phloem.assist.ranking_fit import fit_ranking
from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.learn.distributed import first_process
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import History, Progress
from phloem.learn.trainer import train as fit
from phloem.locks import locked
from phloem.represent.paths import PRESETS
from phloem.systems.recipes import RECIPES, WRITERS
from phloem.tasks import saved
from phloem.tasks.recipe import Recipe

VALIDATION = 4000  # functions that decide which weights are the best
TARGETS = {"names": "name", "summaries": "summary"}
SUMMARY_WORDS = 20


@dataclass(frozen=True)
class Plan:
    """What to train on what for how long, and where it goes."""

    task: str  # "names" or "summaries"
    data: str
    out: Path
    languages: tuple[str, ...] = ()  # all of the data's where none is named
    start: str | None = None  # a saved model to go on from
    minutes: float | None = None
    epochs: int | None = None
    recipe: str = "code2seq"
    config: dict[str, Any] = field(default_factory=dict)  # of the recipe; "training" holds TrainingSettings
    seed: int = 0
    storage: str = "float16"
    command: str = ""

    def __post_init__(self) -> None:
        if self.task not in TARGETS:
            raise PhloemError(f"unknown task {self.task!r}; known: {', '.join(TARGETS)}")
        if self.recipe not in WRITERS:
            raise PhloemError(f"unknown recipe {self.recipe!r}; known: {', '.join(WRITERS)}")
        if self.storage not in saved.STORAGES:
            raise PhloemError(f"unknown storage {self.storage!r}; known: {', '.join(saved.STORAGES)}")
        if self.minutes is not None and self.minutes <= 0:
            raise PhloemError(f"--minutes {self.minutes:g} leaves no time")
        if self.epochs is not None and self.epochs < 1:
            raise PhloemError(f"--epochs {self.epochs} visits no example")
        for language in self.languages:
            by_name(language)


class Start(NamedTuple):
    """Where training begins: a recipe with its configuration, and a fitted view and weights, if there are any."""

    recipe: Recipe
    config: Any
    view: Any = None
    weights: dict[str, Any] | None = None
    languages: tuple[str, ...] = ()  # of the saved model


def train(plan: Plan, *, resume: bool = True, tell: Tell = silent) -> dict[str, Any]:
    """Carry a plan out and return the saved model's facts.

    Ctrl-C and SIGTERM leave a checkpoint under OUT/run. Of several processes that torchrun started, the first one
    prepares OUT, measures and saves; the others only take their share of the training steps and return no facts. Raises
    PhloemError for data without functions, where OUT/run belongs to another plan (`resume=False` starts it over), and
    where another training writes into OUT.
    """
    start = begin(plan)
    settings = training_settings(plan)
    corpus = open_corpus(plan.data, tell)
    languages = chosen_languages(plan, corpus)
    if start.languages and not set(start.languages) & set(languages):
        raise PhloemError(
            f"--from {plan.start} is for {', '.join(start.languages)}; the data is {', '.join(languages)}"
        )
    run = plan.out / "run"
    if not first_process():
        view, splits = compiled(start, corpus, languages, silent)
        trained(plan, start, settings, view, splits, run, resume, silent)
        return {}
    with locked(plan.out / ".lock", f"another run is training into {plan.out}: wait for it or choose another --out"):
        prepare_run(plan, corpus, resume)
        view, splits = compiled(start, corpus, languages, tell)
        model, history = trained(plan, start, settings, view, splits, run, resume, tell)
        facts = measured(plan, model, view, corpus, languages, splits, history, tell)
        saved.save(
            plan.out,
            recipe=start.recipe,
            model=model,
            view=view,
            config=start.config,
            facts=facts,
            storage=plan.storage,
        )
        replace_file(plan.out / "MODEL_CARD.md", card(plan.out.resolve().name, facts, plan.storage).encode())
        return facts


def trained(
    plan: Plan,
    start: Start,
    settings: TrainingSettings,
    view: Any,
    splits: dict[str, Any],
    run: Path,
    resume: bool,
    tell: Tell,
) -> tuple[nn.Module, History]:
    """The model of the plan, trained."""
    torch.manual_seed(plan.seed)
    try:
        model = start.recipe.model(start.config, view)
    except (ValueError, RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise PhloemError(f"{plan.recipe} cannot be built with this --config: {error}") from error
    if start.weights is not None:
        model.load_state_dict(start.weights)
    size = sum(parameter.numel() for parameter in model.parameters())
    tell(f"training on {len(splits['train']):,} functions, {size:,} parameters", 0)
    measuring = Measuring(plan.task, view, view.config.target_words)
    objective = start.recipe.objective(start.config)
    history = fitted(model, objective, settings, splits, measuring, run, resume, tell)
    return model.cpu().eval(), history  # wherever it was trained, it is measured and used here


def measured(
    plan: Plan,
    model: nn.Module,
    view: Any,
    corpus: Path,
    languages: Sequence[str],
    splits: dict[str, Any],
    history: History,
    tell: Tell,
) -> dict[str, Any]:
    """The facts of the trained model: its figures on the test split and, of names, where its flags begin."""
    tell("measuring on the test split", 0)
    test = watched(splits["test"], tell)
    length = view.config.target_words
    ranking = fit_ranking(plan.task, model, view, splits["validation"], length, tell)
    measuring = Measuring(plan.task, view, length, ranking_of({"ranking": ranking}))
    facts = describe(plan, corpus, languages, splits, history, measuring(model, test, BEAM) if len(test) else {})
    facts["ranking"] = ranking
    if plan.task == "names":
        tell("setting the threshold for flags", 0)
        read = {split: partial(shards.read, corpus, split, languages) for split in ("validation", "test")}
        found = flag_threshold(model, view, read["validation"], tell)
        on_test = flag_figures(model, view, read["test"], found.value, tell)
        facts |= {"threshold": found.value, "flags": found._asdict(), "flags_test": on_test}
    return facts


def fitted(
    model: nn.Module,
    objective: Any,
    settings: TrainingSettings,
    splits: dict[str, Any],
    measuring: Measuring,
    run: Path,
    resume: bool,
    tell: Tell,
) -> History:
    """Train the model in place; the weights that are best on validation stay."""
    validation = limited(splits["validation"], VALIDATION)

    def evaluate(net: nn.Module) -> dict[str, float]:
        return measuring(net, validation, 1, resamples=0)

    def progress(done: Progress) -> None:
        best = "" if done.best is None else f", best {done.best:.4f}"
        tell(f"step {done.step}, epoch {done.epoch:.2f}, loss {done.loss:.3f}{best}", done.fraction)

    try:
        return fit(
            model,
            splits["train"],
            objective,
            settings,
            evaluate=evaluate if len(validation) else None,
            folder=run,
            progress=progress,
            resume=resume,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"a checkpoint is in {run}; the same command goes on") from None


def begin(plan: Plan) -> Start:
    """The recipe's configuration with the plan's changes, or the saved model's."""
    if plan.start is not None:
        model = load(plan.start)
        if model.task != plan.task:
            raise PhloemError(f"{plan.start} is a model for {model.task}, not for {plan.task}")
        if sizes := sorted(set(plan.config) - {"training"}):
            raise PhloemError(f"--from {plan.start} keeps its sizes; leave out {', '.join(sizes)}")
        weights = model.net.state_dict()
        return Start(RECIPES[model.saved.recipe], model.saved.config, model.view, weights, model.languages)
    recipe = RECIPES[plan.recipe]
    changes = {name: value for name, value in plan.config.items() if name != "training"}
    config = changed(recipe.config(), task_defaults(plan.task, recipe.config()), recipe.name)
    config = changed(config, changes, recipe.name)
    _check_sizes(config, recipe.config(), recipe.name)
    return Start(recipe, config)


def _check_sizes(config: Any, usual: Any, where: str) -> None:
    """PhloemError for a size of nothing, a share above 1 and a preset that is not one, before anything is mined."""
    for name in (each.name for each in fields(config)):
        value, default = getattr(config, name), getattr(usual, name)
        if is_dataclass(value):
            _check_sizes(value, default, f"{where}.{name}")
        elif isinstance(default, int) and not isinstance(default, bool) and default > 0 and value < 1:
            raise PhloemError(f"{where}: {name} is {value}, it must be at least 1")
        elif isinstance(default, float) and not 0 <= value < 1:
            raise PhloemError(f"{where}: {name} is {value}, it must be from 0 to less than 1")
        elif (known := {"preset": PRESETS, "target": TARGETS.values()}.get(name)) and value not in known:
            raise PhloemError(f"{where}: {name} is {value!r}, it must be one of {', '.join(known)}")


def task_defaults(task: str, config: Any) -> dict[str, Any]:
    """Where the configuration says what is written, if it does: names, or sentences of up to SUMMARY_WORDS.

    A function that is summarized has a name, so it is read where a view can tell it; and words are copied where a
    model can.
    """
    wanted: dict[str, Any] = {"target": TARGETS[task]}
    if task == "summaries":
        wanted |= {"target_words": SUMMARY_WORDS, "preset": "tree-sitter-named", "copying": True}
    own = {each.name for each in fields(config)}
    if "view" in own:
        return {"view": task_defaults(task, config.view)}
    return {name: value for name, value in wanted.items() if name in own}


def changed(config: Any, changes: dict[str, Any], where: str) -> Any:
    """A frozen dataclass with some fields replaced, nested ones by nested objects. PhloemError for unknown fields."""
    known = {each.name: getattr(config, each.name) for each in fields(config)}
    optional = {each.name for each in fields(config) if "None" in str(each.type)}
    new = {}
    for name, given in changes.items():
        if name not in known:
            raise PhloemError(f"{where} has no setting {name!r}; it has {', '.join(known)}")
        value: Any = tuple(given) if isinstance(known[name], tuple) and isinstance(given, list) else given
        if (value is not None or name not in optional) and (wanted := _wanted(known[name], value)):
            raise PhloemError(f"{where}: {name} should be {wanted}, not {value!r}")
        new[name] = changed(known[name], value, f"{where}.{name}") if is_dataclass(known[name]) else value
    try:
        return replace(config, **new)
    except (TypeError, ValueError) as error:
        raise PhloemError(f"{where}: {error}") from error


def _wanted(present: Any, value: Any) -> str:
    """What a setting should be that is `present` now, if `value` can't stand in its place; "" if it can."""
    if is_dataclass(present):
        return "" if isinstance(value, dict) else "an object"
    if isinstance(present, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(present, int):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and (value >= 0 or present < 0) else "a whole number from 0"
    if isinstance(present, float):
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
    if isinstance(present, str):
        return "" if isinstance(value, str) else "a text"
    return "a list" if isinstance(present, tuple) and not isinstance(value, tuple) else ""


def training_settings(plan: Plan) -> TrainingSettings:
    """Adam with a cosine over the budget and averaged weights; what the configuration says under "training" wins."""
    ours = TrainingSettings(
        seed=plan.seed,
        minutes=plan.minutes,
        epochs=plan.epochs,
        batch_size=128,
        bucket=8,
        learning_rate=2e-3,
        schedule="cosine",
        warmup_steps=100,
        average=0.999,
        metric="f1" if plan.task == "names" else "bleu",
    )
    chosen = plan.config.get("training", {})
    if not isinstance(chosen, dict):
        raise PhloemError(f"training should be an object, not {chosen!r}")
    return changed(ours, chosen, "training")


def chosen_languages(plan: Plan, corpus: Path) -> tuple[str, ...]:
    """The plan's languages in the data's order; all of the data's without any. PhloemError for one that it lacks."""
    there = tuple(shards.info(corpus)["languages"])
    wanted = {by_name(language).name for language in plan.languages}
    if lacking := sorted(wanted - set(there)):
        raise PhloemError(f"{plan.data} has no functions of {', '.join(lacking)}; it has {', '.join(there)}")
    return tuple(language for language in there if not wanted or language in wanted)


def prepare_run(plan: Plan, corpus: Path, resume: bool) -> None:
    """Make OUT/run, with the plan in it; another plan's run is an error, or removed where it is not to be resumed."""
    run = plan.out / "run"
    about: dict[str, Any] = {
        "task": plan.task,
        "data": str(corpus),
        "languages": list(plan.languages),
        "from": plan.start,
    }
    about |= {"recipe": plan.recipe, "config": plan.config, "seed": plan.seed}
    file = run / "plan.json"
    try:
        if not resume:
            shutil.rmtree(run, ignore_errors=True)
        if file.exists() and any(each != file for each in run.iterdir()):  # what was never begun binds nobody
            before = json.loads(file.read_text("utf-8"))
            differ = sorted(name for name in about if about[name] != before.get(name))
            if differ:
                changes = ", ".join(differ)
                raise PhloemError(f"{run} is a run with another {changes}: choose another --out, or --no-resume")
        run.mkdir(parents=True, exist_ok=True)
        replace_file(file, json.dumps(about, indent=1).encode())
    except OSError as error:
        raise PhloemError(f"{error.filename or run}: {error.strerror}") from error
    except ValueError as error:
        raise PhloemError(f"{file}: {error}; remove it, or --no-resume") from error


def compiled(start: Start, corpus: Path, languages: Sequence[str], tell: Tell) -> tuple[Any, dict[str, Any]]:
    """The fitted view, and a dataset a split. Made once, in CORPUS.views/HASH."""
    view = start.view if start.view is not None else start.recipe.view(start.config)
    depends = {
        "corpus": hashlib.sha256((corpus / "corpus.json").read_bytes()).hexdigest(),
        "languages": sorted(languages),
        "view": type(view).__name__,
        "state": view.state(),
    }
    name = hashlib.sha256(json.dumps(depends, sort_keys=True, default=str).encode()).hexdigest()[:16]
    # Beside the shards, whose folder holds nothing else; in the cache where that cannot be written.
    near = corpus.with_name(corpus.name + ".views")
    folder = (near if os.access(corpus.parent, os.W_OK) else cache_folder() / "views") / name
    with locked(folder.with_suffix(".lock"), f"waiting for another run that compiles {corpus}", lambda it: tell(it, 0)):
        if not (folder / "view.json").exists():
            compile_splits(view, corpus, languages, folder, tell, fit=start.view is None)
    view = start.recipe.restore(json.loads((folder / "view.json").read_text("utf-8")))
    return view, {split: view.open(folder / split) for split in shards.SHARD_SPLITS}


def compile_splits(view: Any, corpus: Path, languages: Sequence[str], folder: Path, tell: Tell, *, fit: bool) -> None:
    """A dataset a split in `folder`, the view fitted on the training split where it is to be, its state last."""
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    for split in shards.SHARD_SPLITS:
        tell(f"compiling the {split} split", 0)
        examples = shards.read(corpus, split, languages=languages)
        fresh = fit and split == "train"
        dataset = (view.fit_compile if fresh else view.compile)(examples, folder / split)
        if split == "train" and not len(dataset):
            little = "too little code, or, for summaries, too little documentation"
            raise PhloemError(f"{corpus} has no functions to train on: {little}")
    replace_file(folder / "view.json", json.dumps(view.state()).encode())
