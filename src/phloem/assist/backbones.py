"""From a person's code to a small pretrained backbone: compile, train, measure, save; and into the hub's layout.

Compiled arrays are kept in the cache folder, the checkpoint and log under OUT/run; the same command goes on where it
stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn

from phloem import __version__
from phloem.assist.caches import cache_folder
from phloem.assist.findings import replace_file
from phloem.assist.mining import open_corpus
from phloem.assist.progress import Tell, silent
from phloem.assist.training import changed
from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.learn.objectives.backbone_pretraining import EncoderPretraining
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import History, Progress
from phloem.learn.trainer import train as fit
from phloem.locks import locked
from phloem.nn.models import hub_layout
from phloem.nn.models.ngram_generator import BidirectionalNgram
from phloem.represent.base import fixed_batches
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.function_units import FunctionDataset, FunctionUnits
from phloem.systems.backbones.code_backbones import BackboneConfig
from phloem.systems.recipes import RECIPES
from phloem.tasks import saved

KINDS = {"encoder": "code_encoder", "encoder-decoder": "code_encoder_decoder", "decoder": "code_decoder"}
MEASURED = 512  # functions that figures are of
NGRAMS = 5_000  # functions that teach the replacing n-gram models
SAYS = {
    "encoder": "an encoder of RoBERTa's shape, pretrained by hidden units, hidden identifiers and replaced units",
    "encoder-decoder": "an encoder-decoder of T5's shape, pretrained by writing hidden spans",
    "decoder": "a decoder of GPT-2's shape, pretrained by writing functions unit by unit",
}


@dataclass(frozen=True)
class BackbonePlan:
    """What to train on for how long, and where it goes. `functions` are the most that are read of the train splits;
    `hub` writes OUT/hub in the layout of the Hugging Face hub, too."""

    kind: str  # of KINDS
    data: tuple[str, ...]
    out: Path
    minutes: float = 30.0
    functions: int = 100_000
    config: dict[str, Any] = field(default_factory=dict)  # of BackboneConfig; "training" holds TrainingSettings
    seed: int = 0
    storage: str = "int8"
    hub: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise PhloemError(f"unknown backbone {self.kind!r}; known: {', '.join(KINDS)}")
        if not self.data:
            raise PhloemError("give --data: mined shards, or a source folder")
        if self.minutes <= 0:
            raise PhloemError(f"--minutes {self.minutes:g} leaves no time")
        if self.functions < 1:
            raise PhloemError(f"--functions {self.functions} leaves nothing to read")


def train(plan: BackbonePlan, *, resume: bool = True, tell: Tell = silent) -> dict[str, Any]:
    """Carry a plan out and return the saved model's facts.

    Ctrl-C and SIGTERM leave a checkpoint under OUT/run. Raises PhloemError for data without functions, where OUT/run
    belongs to a run with other settings (`resume=False` starts it over), and where another one trains into OUT."""
    with locked(plan.out / ".lock", f"another run is training into {plan.out}: wait for it or choose another --out"):
        return _train(plan, resume, tell)


def _train(plan: BackbonePlan, resume: bool, tell: Tell) -> dict[str, Any]:
    recipe = RECIPES[KINDS[plan.kind]]
    changes = {name: value for name, value in plan.config.items() if name != "training"}
    config: BackboneConfig = changed(BackboneConfig(), changes, plan.kind)
    corpora = [open_corpus(data, tell) for data in plan.data]
    if not resume:
        shutil.rmtree(plan.out / "run", ignore_errors=True)
    view, splits = compiled(plan, config, corpora, tell)
    if not len(splits["train"]):
        raise PhloemError(f"{', '.join(plan.data)}: no functions to train on")
    torch.manual_seed(plan.seed)
    model = recipe.model(config, view)
    objective = measure = recipe.objective(config)
    if plan.kind == "encoder":
        objective = EncoderPretraining(view.units.size, generators(view, splits["train"]))
        measure = EncoderPretraining(view.units.size)
    history = trained(plan, model, objective, splits, tell)
    tell("measuring on the test split", 0)
    figures = {split: measured(model, measure, splits[split]) for split in ("validation", "test")}
    facts = described(plan, corpora, splits, history, figures, model)
    saved.save(plan.out, recipe=recipe, model=model, view=view, config=config, facts=facts, storage=plan.storage)
    replace_file(plan.out / "MODEL_CARD.md", card(plan.out.resolve().name, facts, plan.storage).encode())
    if plan.hub:
        export(model, view.units, plan.out / "hub")
    return facts


def compiled(
    plan: BackbonePlan, config: BackboneConfig, corpora: list[Path], tell: Tell
) -> tuple[FunctionUnits, dict[str, FunctionDataset]]:
    """The view with its vocabulary and a dataset a split, made once and kept."""
    digests = sorted(hashlib.sha256((corpus / "corpus.json").read_bytes()).hexdigest() for corpus in corpora)
    view = FunctionUnits(config.view)
    key = json.dumps({"corpora": digests, "view": view.state(), "functions": plan.functions}, sort_keys=True)
    folder = cache_folder() / "views" / "backbones" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), "waiting for another run that compiles this", lambda it: tell(it, 0)):
        if not (folder / "view.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            tell("learning the vocabulary", 0)
            view.fit(_chosen(corpora, "train", config.view.learned_from))
            for split, most in (("train", plan.functions), ("validation", MEASURED), ("test", MEASURED)):
                tell(f"compiling the {split} split", 0)
                view.compile(_chosen(corpora, split, most), folder / split)
            replace_file(folder / "view.json", json.dumps(view.state()).encode())
    view = FunctionUnits.from_state(json.loads((folder / "view.json").read_text("utf-8")))
    return view, {split: view.open(folder / split) for split in shards.SHARD_SPLITS}


def _chosen(corpora: list[Path], split: str, most: int) -> Iterator[Example]:
    """About `most` functions of a split, of all corpora and projects alike."""
    there = sum(shards.info(corpus)["report"]["functions"].get(split, 0) for corpus in corpora)
    share = most / max(there, 1)
    for example in chain.from_iterable(shards.read(corpus, split) for corpus in corpora):
        place = f"{example.project}/{example.path}:{example.line}"
        if share >= 1 or crc32(place.encode("utf-8", "replace")) < share * 2**32:
            yield example


def generators(view: FunctionUnits, dataset: FunctionDataset) -> tuple[BidirectionalNgram, BidirectionalNgram]:
    """The n-gram models of documentation and of code."""
    index = np.linspace(0, len(dataset) - 1, min(NGRAMS, len(dataset))).astype(np.int64)
    some = dataset.batch(index, None)
    text, code = (
        BidirectionalNgram(view.units.size).fit(row.tolist() for row in rows) for rows in (some.doc, some.code)
    )
    return text, code


def trained(
    plan: BackbonePlan, model: nn.Module, objective: Any, splits: Mapping[str, FunctionDataset], tell: Tell
) -> History:
    """Train the model in place; the weights that are best on validation stay."""
    ours = TrainingSettings(
        seed=plan.seed,
        minutes=plan.minutes,
        batch_size=32,
        bucket=16,
        learning_rate=1e-3,
        schedule="cosine",
        warmup_steps=100,
        clip=1.0,
        weight_decay=0.01,
        metric="-loss",
        evaluate_every=500,
        evaluate_unit="steps",
    )
    settings = changed(ours, plan.config.get("training", {}), "training")
    count = sum(parameter.numel() for parameter in model.parameters())
    tell(f"training the {plan.kind} on {len(splits['train']):,} functions, {count:,} parameters", 0)

    def progress(done: Progress) -> None:
        best = "" if done.best is None else f", best {done.best:.4f}"
        tell(f"step {done.step}, epoch {done.epoch:.2f}, loss {done.loss:.3f}{best}", done.fraction)

    try:
        return fit(
            model,
            splits["train"],
            objective,
            settings,
            evaluate=(lambda net: measured(net, objective, splits["validation"], 256))
            if len(splits["validation"])
            else None,
            folder=plan.out / "run",
            progress=progress,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"a checkpoint is in {plan.out / 'run'}; the same command goes on") from None


@torch.inference_mode()
def measured(model: nn.Module, objective: Any, dataset: FunctionDataset, most: int = MEASURED) -> dict[str, float]:
    """The loss a predicted unit and the share that is right, over the first `most` functions; what is hidden is drawn
    by a seed of its own. {} without functions."""
    sums: Counter[str] = Counter()
    model.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for number, batch in enumerate(fixed_batches(dataset, 32)):
            if number * 32 >= most:
                break
            loss = objective(model, batch)
            for name, value in {"loss": float(loss.value), **loss.logs}.items():
                sums[name] += value * len(batch.code)
            sums["functions"] += len(batch.code)
    count = sums.pop("functions", 0)
    return {name: value / count for name, value in sums.items()}


def export(model: nn.Module, units: BytePairs, folder: Path) -> None:
    """The model and its vocabulary in the layout of the Hugging Face hub. The encoder goes without the head that finds
    replaced units."""
    hub_layout.save(getattr(model, "encoder", model) if hasattr(model, "original") else model, folder, tokenizer(units))


def tokenizer(units: BytePairs) -> Tokenizer:
    """The vocabulary as one tokenizer with the same ids, marks included. In text the marks' names are read as marks."""
    about = json.loads(units.tokenizer.to_str())
    first = len(units.marks)
    vocabulary = {mark: number for number, mark in enumerate(units.marks)}
    vocabulary |= {unit: first + number for unit, number in about["model"]["vocab"].items()}
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in about["model"]["merges"]]
    whole = Tokenizer(models.BPE(vocabulary, merges))
    whole.pre_tokenizer = units.tokenizer.pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    whole.add_special_tokens(list(units.marks))
    return whole


def described(
    plan: BackbonePlan,
    corpora: list[Path],
    splits: Mapping[str, FunctionDataset],
    history: History,
    figures: Mapping[str, Mapping[str, float]],
    model: nn.Module,
) -> dict[str, Any]:
    """The facts of a backbone that was just trained."""
    abouts = [shards.info(corpus) for corpus in corpora]
    projects = [project for about in abouts for project in about["projects"] if project["functions"]]
    return {
        "task": plan.kind,
        "languages": list(dict.fromkeys(language for about in abouts for language in about["languages"])),
        "phloem": __version__,
        "date": date.today().isoformat(),
        "command": plan.command,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "data": {
            "projects": len(projects),
            "functions": {split: len(dataset) for split, dataset in splits.items()},
            "licences": dict(Counter(project["licence"] or "unknown" for project in projects).most_common()),
            "sources": [project["name"] for project in projects],
        },
        "training": {
            "steps": history.step,
            "minutes": round(history.seconds / 60, 1),
            "best_step": history.best_step,
            "seed": plan.seed,
            "machine": f"{platform.system()} {platform.machine()}",
        },
        "figures": {
            split: {name: round(value, 4) for name, value in found.items()} for split, found in figures.items()
        },
    }


def card(name: str, facts: Mapping[str, Any], storage: str) -> str:
    """MODEL_CARD.md."""
    data, run = facts["data"], facts["training"]
    test = facts["figures"]["test"]
    licences = ", ".join(f"{licence} ({count})" for licence, count in data["licences"].items())
    measures = (
        f"Of the units that it predicts on the test split, projects that training never saw, {test['accuracy']:.1%} "
        f"are right; their loss is {test['loss']:.3f} (perplexity {math.exp(min(test['loss'], 50)):.1f}), over "
        f"{data['functions']['test']:,} functions."
        if test
        else "There was no test split to measure on."
    )
    lines = [
        f"# {name}",
        "",
        f"A small backbone of code ({', '.join(facts['languages'])}): {SAYS[facts['task']]}. "
        f"{facts['parameters']:,} parameters, weights in {storage}. Made by phloem {facts['phloem']} on "
        f"{facts['date']}.",
        "",
        "It is a beginning for further training, not an assistant: it was shown little next to published models.",
        "",
        "## Figures",
        "",
        measures,
        "",
        "## Data",
        "",
        f"{data['projects']:,} projects, {data['functions']['train']:,} functions to train on. Licences, by project: "
        f"{licences}.",
        "",
        f"Projects: {', '.join(data['sources'])}.",
        "",
        "## Training",
        "",
        f"{run['steps']:,} steps in {run['minutes']:g} minutes on {run['machine']}, seed {run['seed']}; the weights "
        f"are those of step {run['best_step']:,}.",
        "",
        "```",
        facts["command"] or f"phloem train {facts['task']}",
        "```",
    ]
    return "\n".join(lines) + "\n"
