"""From a person's code to a detector of bugs for `phloem review`: compile, train, calibrate, measure, save.

Training has two stages. In the first any slot of a function may be wrong, so that each pass teaches about many places;
in the second a function has one bug or none, each as likely, as the detector will be asked. Compiled arrays are kept in
the cache folder, checkpoints and logs under OUT/run; the same command goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from phloem.assist.caches import cache_folder
from phloem.assist.findings import replace_file
from phloem.assist.mining import open_corpus
from phloem.assist.progress import Tell, silent
from phloem.assist.review.calibration import calibrated, finding_figures, judged
from phloem.assist.review.card import card, describe
from phloem.assist.training import changed
from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import History, Progress
from phloem.learn.trainer import train as fit
from phloem.locks import locked
from phloem.nn.models.bug_detector import BugDetector
from phloem.represent.bug_arrays import Injecting, Injection, Injector
from phloem.represent.review_view import ReviewDataset, ReviewView
from phloem.represent.slot_rules import RULES, family
from phloem.systems.recipes import RECIPES
from phloem.systems.understanding import bug_detector
from phloem.systems.understanding.bug_detector import RECIPE, BugDetectorConfig
from phloem.tasks import saved

STAGES = {"dense": 0.6, "single": 0.4}  # shares of the minutes
VOCABULARY = "code-search"
WATCHED = 800  # validation functions that are looked at while training
CALIBRATED = 16_000  # validation functions that thresholds are set on


@dataclass(frozen=True)
class ReviewPlan:
    """What to train on for how long, and where it goes. `language` is needed where the data has several that can be
    reviewed; languages that share its table (C and C++) are read, too. `start` is a model of code search, whose
    vocabulary and vectors are the beginning; at most `functions` of the training split are compiled, spread evenly."""

    data: str
    out: Path
    minutes: float = 40.0
    language: str = ""
    start: str = VOCABULARY
    functions: int = 200_000
    config: dict[str, Any] = field(default_factory=dict)  # each stage's name holds TrainingSettings
    seed: int = 0
    storage: str = "int8"
    command: str = ""

    def __post_init__(self) -> None:
        if self.minutes <= 0:
            raise PhloemError(f"--minutes {self.minutes:g} leaves no time")
        if self.functions < 1:
            raise PhloemError(f"--functions {self.functions} leaves nothing to train on")


def train(plan: ReviewPlan, *, resume: bool = True, tell: Tell = silent) -> dict[str, Any]:
    """Carry a plan out and return the saved model's facts.

    Ctrl-C and SIGTERM leave a checkpoint under OUT/run. Raises PhloemError for data without functions, where OUT/run
    belongs to a run with other settings (`resume=False` starts it over), and where another one trains into OUT."""
    with locked(plan.out / ".lock", f"another run is training into {plan.out}: wait for it or choose another --out"):
        return _train(plan, resume, tell)


def _train(plan: ReviewPlan, resume: bool, tell: Tell) -> dict[str, Any]:
    corpus = open_corpus(plan.data, tell)
    config = changed(
        BugDetectorConfig(), {name: value for name, value in plan.config.items() if name not in STAGES}, RECIPE.name
    )
    config = replace(config, view=replace(config.view, language=chosen_language(plan, corpus)))
    run = plan.out / "run"
    if not resume:
        shutil.rmtree(run, ignore_errors=True)
    view, vectors = begin(plan, config, corpus, tell)
    limits = {"train": plan.functions, "validation": 2 * CALIBRATED, "test": 2 * CALIBRATED}
    splits = {split: compiled(view, corpus, split, most, tell) for split, most in limits.items()}
    if not len(splits["train"]):
        raise PhloemError(f"{plan.data}: no functions to train on")
    torch.manual_seed(plan.seed)
    model = bug_detector.model(config, view)
    bug_detector.begin_with(model, vectors)
    injector = {stage: Injector(view, Injection(dense=0.75 * (stage == "dense"))) for stage in STAGES}
    histories = {stage: trained(plan, stage, model, splits, injector, run, resume, tell) for stage in STAGES}
    whole = Injector(view, Injection(undocumented=0.0))
    tell("calibrating on the validation split", 0)
    checks = calibrated(judged(model, Injecting(splits["validation"], whole), CALIBRATED, tell))
    tell("measuring on the test split", 0)
    figures = finding_figures(judged(model, Injecting(splits["test"], whole), CALIBRATED, tell), checks)
    facts = describe(plan, corpus, family(view.config.language), splits, histories, checks) | {"figures": figures}
    saved.save(plan.out, recipe=RECIPE, model=model, view=view, config=config, facts=facts, storage=plan.storage)
    replace_file(plan.out / "MODEL_CARD.md", card(plan.out.resolve().name, facts, plan.storage).encode())
    return facts


def chosen_language(plan: ReviewPlan, corpus: Path) -> str:
    """The plan's language, or the data's only one that can be reviewed. Raises PhloemError where it must be said."""
    there = [language for language in shards.info(corpus)["languages"] if language in RULES]
    if plan.language:
        if plan.language not in RULES:
            raise PhloemError(f"{plan.language} cannot be reviewed; these can: {', '.join(RULES)}")
        if not set(family(plan.language)) & set(there):
            raise PhloemError(f"{plan.data} has no functions of {plan.language}")
        return plan.language
    if not there:
        raise PhloemError(f"{plan.data} has no functions in {', '.join(RULES)}")
    if set(there) - set(family(there[0])):
        raise PhloemError(f"{plan.data} has functions of {' and '.join(there)}: choose with --language")
    return there[0]


def begin(plan: ReviewPlan, config: BugDetectorConfig, corpus: Path, tell: Tell) -> tuple[ReviewView, torch.Tensor]:
    """The view with its vocabulary, and the vectors that its units begin with."""
    from phloem.assist.library import folder_of

    before = saved.load(folder_of(plan.start), RECIPES)
    if before.recipe != "search_encoder":
        raise PhloemError(f"{plan.start} is no model of code search: its vocabulary is what training begins with")
    tell("collecting symbols", 0)
    view = ReviewView(config.view, before.view.subwords).fit(
        examples(corpus, "train", 20 * config.view.learned_from, config.view.language)
    )
    vectors: torch.Tensor = before.model.state_dict()["static.table.weight"]
    return view, vectors


def examples(corpus: Path, split: str, most: int, language: str) -> Iterator[Example]:
    """At most so many functions in a language or its family, spread evenly over the split."""
    total = sum(project["functions"] for project in shards.info(corpus)["projects"] if project.get("split") == split)
    step = max(1, -(-total // most))
    return islice(shards.read(corpus, split, family(language)), 0, None, step)


def compiled(view: ReviewView, corpus: Path, split: str, most: int, tell: Tell) -> ReviewDataset:
    """A split, compiled once and kept."""
    digest = hashlib.sha256((corpus / "corpus.json").read_bytes()).hexdigest()
    depends = json.dumps({"corpus": digest, "split": split, "most": most, "view": view.state()}, sort_keys=True)
    folder = cache_folder() / "views" / "review" / f"functions-{hashlib.sha256(depends.encode()).hexdigest()[:16]}"
    if not folder.exists():
        tell(f"compiling the {split} split", 0)
        folder.parent.mkdir(parents=True, exist_ok=True)
        view.compile(examples(corpus, split, most, view.config.language), folder)
    return view.open(folder)


def settings(plan: ReviewPlan, stage: str) -> TrainingSettings:
    """Adam with a cosine over the stage's share of the minutes; what the configuration says under its name wins."""
    ours = TrainingSettings(
        seed=plan.seed,
        minutes=plan.minutes * STAGES[stage],
        clock="processor",
        batch_size=32,
        bucket=64,
        learning_rate=1e-3 if stage == "dense" else 5e-4,
        schedule="cosine",
        warmup_steps=100,
        clip=1.0,
        metric="joint",
        evaluate_every=500,
        evaluate_unit="steps",
        checkpoint_minutes=3.0,
    )
    return changed(ours, plan.config.get(stage, {}), stage)


def trained(
    plan: ReviewPlan,
    stage: str,
    model: BugDetector,
    splits: Mapping[str, ReviewDataset],
    injector: Mapping[str, Injector],
    run: Path,
    resume: bool,
    tell: Tell,
) -> History:
    """Train the model in place; of the second stage the weights that are best on validation stay."""
    count = sum(parameter.numel() for parameter in model.parameters())
    tell(f"training, {stage}: {len(splits['train']):,} functions, {count:,} parameters", 0)
    watched = Injecting(splits["validation"], injector["single"])

    def evaluate(net: Any) -> dict[str, float]:
        return judged(net, watched, WATCHED).figures()

    def progress(done: Progress) -> None:
        best = "" if done.best is None else f", best {done.best:.4f}"
        tell(f"{stage}: step {done.step}, epoch {done.epoch:.2f}, loss {done.loss:.3f}{best}", done.fraction)

    try:
        return fit(
            model,
            Injecting(splits["train"], injector[stage]),
            RECIPE.objective(None),
            settings(plan, stage),
            # Whether anything is wrong is asked otherwise in the first stage: its last weights are its best.
            evaluate=evaluate if stage == "single" and len(splits["validation"]) else None,
            folder=run / stage,
            progress=progress,
            resume=resume,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"a checkpoint is in {run / stage}; the same command goes on") from None
