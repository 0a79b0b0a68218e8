"""What the claims of pretrained sequence models have in common: functions to read, phases of training, and answers.

A run has phases (pretraining, then fine-tuning), each through the one training loop with a cosine of its own; the
learning rates are fixed before any run and the same for all arms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from phloem.corpora import shards
from phloem.decode.base import Search
from phloem.decode.greedy import greedy
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.languages.subtokens import split
from phloem.learn.objectives.identifier_deobfuscation import hide_names
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.pretraining_mixture import Items, MixedObjective, Mixture, Task, paired
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.models.code_encoder_decoder import CodeEncoderDecoder
from phloem.nn.models.t5 import T5, T5Config
from phloem.represent.base import PAD, START
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedCodeConfig, MarkedCodeDataset, MarkedCodeView, MarkedFunction
from phloem.systems.claims import Job, Scale
from phloem.systems.training import compiled
from phloem.systems.understanding.code2seq_claim import drawn
from phloem.tasks.accessors import accessors


@dataclass(frozen=True)
class Functions:
    """Functions of mined shards, so many of each split at random; without a folder, generated accessors."""

    folder: Path | None
    train: int = 30_000
    validation: int = 500
    test: int = 1_500
    languages: tuple[str, ...] = ("python",)

    def of(self, split: str) -> list[Example]:
        """The functions of a split, the same for all arms; each language has the same number of them.

        Raises PhloemError where a language has none to train or to test on."""
        if self.folder is None:
            return accessors(split)
        each = getattr(self, split) // len(self.languages)
        found: list[Example] = []
        for language in self.languages:
            own = drawn(shards.read(self.folder, split, languages=(language,)), each)
            if not own and split != "validation":
                raise PhloemError(f"{self.folder} has no functions of {language} in its split {split}")
            found += own
        return found

    def facts(self) -> dict[str, Any]:
        """What defines them."""
        if self.folder is None:
            return {"functions": "generated"}
        told = hashlib.sha256((self.folder / "corpus.json").read_bytes()).hexdigest()[:16]
        counts = {split: getattr(self, split) for split in shards.SHARD_SPLITS}
        return {"corpus": told, "languages": list(self.languages), **counts}


def functions_of(scale: Scale, name: str, **options: Any) -> Functions:
    """Generated functions at the smoke scale, else those of the shards that `--data` names. Raises PhloemError."""
    if scale.smoke:
        return Functions(None)
    if scale.data is None:
        raise PhloemError(f"{name} needs mined functions: phloem mine SRC --out shards, then --data shards")
    shards.info(scale.data)
    return Functions(scale.data, **options)


@dataclass(frozen=True)
class Sizes:
    """Of a small model and what it reads; the smoke scale's own are `TINY`."""

    units: int = 8192
    sentinels: int = 100
    width: int = 128
    heads: int = 4
    layers: int = 2
    inner: int = 512
    code: int = 192  # units of a source
    text: int = 40  # of a sentence
    target: int = 96
    batch: int = 32
    rate: float = 1e-3


TINY = Sizes(units=480, sentinels=20, width=64, heads=4, layers=1, inner=128, code=64, text=16, target=48, rate=3e-3)


def marked(
    functions: Functions, sizes: Sizes, job: Job, extra: tuple[str, ...] = ()
) -> tuple[MarkedCodeView, dict[str, MarkedCodeDataset]]:
    """The view and its datasets, made once for all arms."""
    config = MarkedCodeConfig(sizes.units, sizes.sentinels, extra, sizes.code, sizes.text)
    splits = {split: partial(functions.of, split) for split in shards.SHARD_SPLITS}
    return compiled(MarkedCodeView(config), splits, job.shared, functions.facts())


def small_t5(vocabulary: int, sizes: Sizes) -> CodeEncoderDecoder:
    """A model of T5's shape with the vocabulary's marks."""
    config = T5Config(
        vocabulary=vocabulary,
        width=sizes.width,
        layers=sizes.layers,
        decoder_layers=sizes.layers,
        heads=sizes.heads,
        size=sizes.width // sizes.heads,
        inner=sizes.inner,
        pad=PAD,
        begin=START,
        end=PAD,
    )
    return CodeEncoderDecoder(T5(config), sizes.width)


def phase(
    model: nn.Module,
    items: Items,
    tasks: Sequence[Task],
    job: Job,
    name: str,
    *,
    sizes: Sizes,
    budget: dict[str, Any],
    rate: float | None = None,
    part: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    """Train on a mixture of tasks and say what was done; `part` is the share of the run's progress that this is."""
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=sizes.batch,
        bucket=8,
        learning_rate=rate or sizes.rate,
        schedule="cosine",
        warmup_steps=50,
        clip=1.0,
    )
    low, high = part
    history = train(
        model,
        Mixture(items, tasks),
        MixedObjective(tasks),
        settings,
        folder=job.folder / name,
        progress=lambda done: job.progress(low + (high - low) * done.fraction),
    )
    return {"steps": history.step, "training_seconds": round(history.seconds, 1)}


def kept_for(job: Job, *parts: Any) -> Job:
    """The job with a shared folder of its own for what `parts` (data, sizes, budgets) define, so that nothing is taken
    over from runs with others."""
    told = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return job._replace(shared=job.shared / told)


def stage(
    job: Job, name: str, begin: Callable[[], nn.Module], run: Callable[[nn.Module, Job], dict[str, Any]]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights after a stage that several arms begin with, and its facts; trained once a seed."""
    folder = job.shared / f"{name}-{job.seed}"
    file, told = folder / "model.safetensors", folder / "facts.json"
    if not told.exists():
        model = begin()
        facts = run(model, job._replace(folder=folder))
        save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, file)
        told.write_text(json.dumps(facts))
    return load_file(file), json.loads(told.read_text())


def answers(
    model: Any,
    items: Iterable[Any],
    make: Callable[[Any], Pair],
    *,
    sizes: Sizes,
    length: int,
    at_once: int = 64,
    search: Search = greedy,
) -> list[list[int]]:
    """The best output for each item's source, in order; short sources are read together."""
    sources = [make(item) for item in items]
    order = np.argsort([len(pair.source) for pair in sources], kind="stable")
    found: list[list[int]] = [[] for _ in sources]
    model.eval()
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once].tolist()
        batch = paired([sources[number] for number in chosen], source=sizes.code, target=1)
        for number, best in zip(chosen, search(model, batch, length=length), strict=True):
            found[number] = list(best[0].value)
    return found


def name_hidden(item: MarkedFunction, units: BytePairs) -> Pair:
    """A function with its own name hidden, and the subtokens of the name."""
    chosen = np.array([item.own] if item.own >= 0 else [], np.int64)
    target = np.array(units.encode(" ".join(split(item.name))), np.int32)
    return Pair(hide_names(item.code, chosen, units).source, target)
