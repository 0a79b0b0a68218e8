"""From a person's code to a model of code search: compile, train the static encoder, then the Transformer over it,
measure, save.

Compiled arrays are kept in the cache folder under a name that hashes what they depend on, checkpoints and logs under
OUT/run. The same command goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from phloem.assist.caches import cache_folder
from phloem.assist.findings import replace_file
from phloem.assist.mining import open_corpus
from phloem.assist.progress import Tell, silent
from phloem.assist.search.card import card, describe
from phloem.assist.training import changed
from phloem.corpora import doc_code_pairs
from phloem.errors import PhloemError
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import History, Progress
from phloem.learn.trainer import train as fit
from phloem.locks import locked
from phloem.measure import ranking
from phloem.represent.search_batches import ByProject
from phloem.represent.search_view import SearchDataset, SearchView
from phloem.systems.recipes import RECIPES
from phloem.systems.understanding import search_encoder
from phloem.systems.understanding.search_encoder import RECIPE, SearchEncoderConfig, SearchObjective
from phloem.tasks import retrieval, saved

STATIC_SHARE = 0.3  # of the minutes, where a Transformer is trained too
TOGETHER = 32  # functions of one project in a batch
SPEEDS = ("static", "transformer")


@dataclass(frozen=True)
class SearchPlan:
    """What to train on for how long, and where it goes. `start` is a saved model whose vocabulary and vectors are
    the beginning."""

    data: tuple[str, ...]
    out: Path
    minutes: float = 30.0
    start: str | None = None
    config: dict[str, Any] = field(default_factory=dict)  # "static" and "transformer" hold TrainingSettings
    seed: int = 0
    storage: str = "int8"
    command: str = ""

    def __post_init__(self) -> None:
        if not self.data:
            raise PhloemError("give --data: mined shards, or a source folder")
        if self.minutes <= 0:
            raise PhloemError(f"--minutes {self.minutes:g} leaves no time")


def train(plan: SearchPlan, *, resume: bool = True, tell: Tell = silent) -> dict[str, Any]:
    """Carry a plan out and return the saved model's facts.

    Ctrl-C and SIGTERM leave a checkpoint under OUT/run. Raises PhloemError for data without functions, where OUT/run
    belongs to a run with other settings (`resume=False` starts it over), and where another one trains into OUT."""
    with locked(plan.out / ".lock", f"another run is training into {plan.out}: wait for it or choose another --out"):
        return _train(plan, resume, tell)


def _train(plan: SearchPlan, resume: bool, tell: Tell) -> dict[str, Any]:
    corpora = [open_corpus(data, tell) for data in plan.data]
    config, view, weights = begin(plan)
    run = plan.out / "run"
    if not resume:
        shutil.rmtree(run, ignore_errors=True)
    view = fitted_view(view, corpora, tell)
    splits = {split: compiled(view, corpora, split, config, tell) for split in ("train", "validation", "test")}
    if not len(splits["train"]):
        raise PhloemError(f"{', '.join(plan.data)}: no functions to train on")
    torch.manual_seed(plan.seed)
    static = search_encoder.model(replace(config, layers=0), view)
    static.load_state_dict({k: v for k, v in (weights or static.state_dict()).items() if k.startswith("static.")})
    histories = {"static": trained(plan, "static", static, config, splits, run, resume, tell)}
    model = static
    if config.layers:
        torch.manual_seed(plan.seed + 1)
        model = search_encoder.grown(config, view, static.state_dict())
        histories["transformer"] = trained(plan, "transformer", model, config, splits, run, resume, tell)
    tell("measuring on the test split", 0)
    figures = {speed: measured(model, splits["test"], speed, resamples=1000) for speed in histories}
    facts = describe(plan, corpora, splits, histories, figures)
    saved.save(plan.out, recipe=RECIPE, model=model, view=view, config=config, facts=facts, storage=plan.storage)
    replace_file(plan.out / "MODEL_CARD.md", card(plan.out.resolve().name, facts, plan.storage).encode())
    return facts


def begin(plan: SearchPlan) -> tuple[SearchEncoderConfig, SearchView, dict[str, Any] | None]:
    """The configuration, the view (unfitted where nothing is gone on from) and the weights to begin with."""
    changes = {name: value for name, value in plan.config.items() if name not in SPEEDS}
    if plan.start is None:
        config = changed(SearchEncoderConfig(layers=2), changes, RECIPE.name)
        return config, SearchView(config.view), None
    from phloem.assist.library import folder_of

    before = saved.load(folder_of(plan.start), RECIPES)
    if before.recipe != RECIPE.name:
        raise PhloemError(f"{plan.start} is no model of code search")
    if kept := sorted({"view", "width"} & set(changes)):
        raise PhloemError(f"--from {plan.start} keeps its vocabulary and width; leave out {', '.join(kept)}")
    config = changed(replace(SearchEncoderConfig(layers=2), view=before.config.view), changes, RECIPE.name)
    return replace(config, width=before.config.width), before.view, before.model.state_dict()


def fitted_view(view: SearchView, corpora: list[Path], tell: Tell) -> SearchView:
    """The view with its vocabulary, learned from the train splits once and kept."""
    if view.fitted:
        return view
    file = _kept("vocabulary", {"corpora": sorted(map(_digest, corpora)), "view": view.state()}).with_suffix(".json")
    if not file.exists():
        tell("learning the vocabulary", 0)
        view.fit(chain.from_iterable(doc_code_pairs.read(corpus, "train") for corpus in corpora))
        replace_file(file, json.dumps(view.state()).encode())
    return SearchView.from_state(json.loads(file.read_text("utf-8")))


def compiled(
    view: SearchView, corpora: list[Path], split: str, config: SearchEncoderConfig, tell: Tell
) -> SearchDataset:
    """A split of all corpora, each compiled once and kept."""
    parts = []
    for corpus in corpora:
        folder = _kept("functions", {"corpus": _digest(corpus), "split": split, "view": view.state()})
        if not folder.exists():
            tell(f"compiling the {split} split of {corpus.name}", 0)
            view.compile(doc_code_pairs.read(corpus, split), folder)
        parts.append(view.open(folder))
    return SearchDataset.joined(parts, config.sampling)


def _digest(corpus: Path) -> str:
    return hashlib.sha256((corpus / "corpus.json").read_bytes()).hexdigest()


def _kept(kind: str, depends: Mapping[str, Any]) -> Path:
    """Where what depends on this is kept."""
    name = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() / "views" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{kind}-{name}"


def settings(plan: SearchPlan, speed: str, layers: int) -> TrainingSettings:
    """Adam with a cosine over the budget; what the configuration says under the speed's name wins. A batch is
    counted in draws of TOGETHER functions."""
    share = 1.0 if not layers else STATIC_SHARE if speed == "static" else 1 - STATIC_SHARE
    common: dict[str, Any] = {"seed": plan.seed, "minutes": plan.minutes * share, "schedule": "cosine", "metric": "mrr"}
    if speed == "static":
        ours = TrainingSettings(batch_size=32, learning_rate=3e-3, clip=None, evaluate_every=500, **common)
    else:
        ours = TrainingSettings(
            batch_size=8, learning_rate=1e-3, clip=1.0, warmup_steps=50, evaluate_every=200, **common
        )
    return changed(replace(ours, evaluate_unit="steps"), plan.config.get(speed, {}), speed)


def trained(
    plan: SearchPlan,
    speed: str,
    model: nn.Module,
    config: SearchEncoderConfig,
    splits: Mapping[str, SearchDataset],
    run: Path,
    resume: bool,
    tell: Tell,
) -> History:
    """Train the model in place; the weights that are best on validation stay."""
    queries, pool = (500, 4000) if speed == "static" else (300, 1000)
    count = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    tell(f"training the {speed} encoder on {len(splits['train']):,} functions, {count:,} parameters", 0)

    def evaluate(net: nn.Module) -> dict[str, float]:
        return measured(net, splits["validation"], speed, queries=queries, pool=pool, resamples=0)

    def progress(done: Progress) -> None:
        best = "" if done.best is None else f", best {done.best:.4f}"
        tell(f"{speed}: step {done.step}, epoch {done.epoch:.2f}, loss {done.loss:.3f}{best}", done.fraction)

    try:
        return fit(
            model,
            ByProject(splits["train"], TOGETHER),
            SearchObjective(config),
            settings(plan, speed, config.layers),
            evaluate=evaluate if len(splits["validation"].documented()) else None,
            folder=run / speed,
            progress=progress,
            resume=resume,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"a checkpoint is in {run / speed}; the same command goes on") from None


def measured(
    model: Any,
    dataset: SearchDataset,
    speed: str,
    *,
    queries: int = 1000,
    pool: int = 4000,
    resamples: int = 1000,
) -> dict[str, Any]:
    """The MRR of each language (`mrr_LANGUAGE`), documentation to function in the pool, and their mean (`mrr`); with
    `resamples`, 95% intervals as NAME_interval."""
    figures: dict[str, Any] = {}
    means = []
    for language in dataset.languages:
        drawn = retrieval.sample(dataset, language, queries=queries, pool=pool)
        if not drawn.queries:
            continue
        rank = retrieval.pool_ranks(*vectors(model, dataset, drawn, speed), np.arange(drawn.queries))
        found = ranking.mean_reciprocal_rank(rank, resamples=resamples or 1)
        figures |= {
            f"mrr_{language}": found.value,
            f"queries_{language}": drawn.queries,
            f"pool_{language}": len(drawn.pool),
        }
        if resamples:
            figures[f"mrr_{language}_interval"] = [found.low, found.high]
        means.append(found.value)
    return {"mrr": float(np.mean(means)) if means else 0.0, **figures}


@torch.inference_mode()
def vectors(model: Any, dataset: SearchDataset, drawn: retrieval.Sample, speed: str) -> tuple[np.ndarray, np.ndarray]:
    """Of the queries and of the whole pool."""
    encode = _static(model) if speed == "static" else model.encode
    found: dict[str, list[np.ndarray]] = {"query": [], "code": []}
    for start in range(0, len(drawn.pool), 512):
        batch = dataset.batch(drawn.pool[start : start + 512], None)
        found["code"].append(encode(batch.codes, batch.code_bags, "code").numpy())
        if start < drawn.queries:
            found["query"].append(encode(batch.queries, batch.query_bags, "query").numpy())
    return np.concatenate(found["query"])[: drawn.queries], np.concatenate(found["code"])


def _static(model: Any) -> Callable[..., torch.Tensor]:
    return lambda rows, bags, side: model.static(bags, side)
