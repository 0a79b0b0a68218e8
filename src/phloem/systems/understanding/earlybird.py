"""EarlyBIRD: which layers of an encoder, combined how, classify code best, and how much training they save.

One small encoder of eight layers is pretrained once. On small training sets all twelve combinations are tried, those of
one layer at five depths, and the three that are best on validation data are compared with the last layer, over fresh
seeds, on two tasks with exact labels: is an operator wrong, and which exception does a handler name?
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from phloem.errors import PhloemError
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.nn.encoders.layer_combiner import ONE_LAYER, OPTIONS, LayerCombiner
from phloem.nn.models.layer_classifier import LabelledRows, LayerClassifier, cut
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import END, PAD, START, BytePairs
from phloem.represent.data_flow_view import learn_units
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import trained
from phloem.systems.understanding.tiny_encoders import SIZES, SMALL, kept_encoder, mined_functions
from phloem.tasks.classification import shaped_programs
from phloem.tasks.cubert_tasks import labelled

MODEL: dict[str, Any] = {**SIZES, "layers": 8, "places": 196, "pooler": True}
SMALL_MODEL: dict[str, Any] = {**SMALL, "layers": 3, "places": 120, "pooler": True}
TASKS = ("operator", "exception")
DEPTHS = (2, 3, 4, 6, 8)
TRAINED_ON, COUNTS = 10_000, {"train": 2000, "validation": 500, "test": 1500}
FEW = 600  # examples with which combinations are tried
LONGEST = 190  # units
CHOICES = 3
PRETRAINING_MINUTES = 8.0
SPEED = Metric(lambda sums: sums[..., 0] / sums[..., 1])  # examples and seconds


class Choice(NamedTuple):
    """A combination; of one layer with its depth."""

    option: str
    layer: int | None = None

    def __str__(self) -> str:
        return self.option if self.layer is None else f"{self.option} {self.layer}"


BASELINE = Choice("last_layer_cls")
EARLY = Choice("cutoff_layers_one_layer_cls", 4)


class Rows(NamedTuple):
    """Labelled sequences in memory (a `Dataset`)."""

    tokens: Sequence[Sequence[int]]
    labels: Int[np.ndarray, " rows"]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> Int[np.ndarray, " rows"]:
        return np.array([len(row) for row in self.tokens])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> LabelledRows:
        rows = [self.tokens[int(number)] for number in index]
        time = max(map(len, rows))
        tokens = torch.tensor([[*row, *[PAD] * (time - len(row))] for row in rows])
        return LabelledRows(tokens, torch.tensor([len(row) for row in rows]), torch.from_numpy(self.labels[index]))


class Material(NamedTuple):
    units: BytePairs
    tasks: dict[str, dict[str, Rows]]


@cache
def material(smoke: bool, data: Path | None) -> Material:
    """The units, and the labelled rows of each task and split."""
    if smoke:
        programs = {
            split: shaped_programs(count, seed)
            for seed, (split, count) in enumerate({"train": 300, "validation": 40, "test": 120}.items())
        }
        units = learn_units(programs["train"], size=400)
        rows = {
            split: Rows(
                [_row(units.encode(one.tree.source.decode())) for one in many],
                np.array([int(one.name == "loop") for one in many]),
            )
            for split, many in programs.items()
        }
        return Material(units, {"shape": rows})
    if data is None:
        raise PhloemError("earlybird needs --data: mined Python shards (`phloem mine`)")
    functions = mined_functions(data, "train", TRAINED_ON)
    units = learn_units(functions[:4000], size=8192)
    more = {split: mined_functions(data, split, 12 * count) for split, count in COUNTS.items()}
    more["train"] = mined_functions(data, "train", TRAINED_ON + 12 * COUNTS["train"])[TRAINED_ON:]
    tasks: dict[str, dict[str, Rows]] = {}
    for task in TASKS:
        tasks[task] = {}
        for split, examples in more.items():
            found: list[tuple[list[int], int]] = []
            for one in labelled(task, examples):
                if len(found) == COUNTS[split]:
                    break
                found.append((_row([unit for word in one.words for unit in units.encode(" " + word)]), one.label))
            tasks[task][split] = Rows([row for row, _ in found], np.array([label for _, label in found]))
    return Material(units, tasks)


def _row(units: Sequence[int]) -> list[int]:
    return [START, *units[: LONGEST - 2], END]


def encoder(scale: Scale, units: BytePairs, job: Job, minutes: float) -> Roberta:
    """The pretrained encoder, made once for all runs; at the smoke scale an untrained one."""
    sizes = SMALL_MODEL if scale.smoke else MODEL
    if scale.smoke:
        torch.manual_seed(0)
        return Roberta(RobertaConfig(units.size, **sizes))
    assert scale.data is not None
    functions = partial(mined_functions, scale.data, "train", TRAINED_ON)
    return kept_encoder(functions, units, job, sizes=sizes, minutes=minutes)


def classifier(base: Roberta, choice: Choice, classes: int) -> LayerClassifier:
    """A fresh classifier; layers that a choice does not read are cut off."""
    depth = choice.layer if choice.option in ONE_LAYER and choice.layer is not None else base.config.layers
    combiner = LayerCombiner(
        choice.option, width=base.width, layers=depth, places=base.config.places, layer=choice.layer
    )
    return LayerClassifier(cut(base, depth), combiner, classes)


class Tuned(NamedTuple):
    hits: Float[np.ndarray, "examples 2"]  # on the test split
    validation: float
    speed: tuple[float, float]  # examples trained on, and seconds of the processor


def tune(
    base: Roberta, choice: Choice, task: str, rows: dict[str, Rows], seed: int, end: dict[str, Any], job: Job, most: int
) -> Tuned:
    """Fine-tune one choice on the first `most` examples and measure it."""
    train = Rows(rows["train"].tokens[:most], rows["train"].labels[:most])
    classes = int(max(own.labels.max() for own in rows.values())) + 1
    settings = TrainingSettings(
        seed=seed, **end, clock="processor", batch_size=32, learning_rate=5e-4, metric="accuracy", clip=1.0
    )
    start = time.process_time()
    model, facts = trained(
        partial(classifier, base, choice, classes),
        train,
        CrossEntropy(),
        settings,
        job._replace(
            folder=job.folder / task / f"{choice}-{len(train)}-{seed}".replace(" ", "-"), progress=lambda done: None
        ),
        evaluate=lambda net: {"accuracy": float(hits(net, rows["validation"])[:, 0].mean())},
    )
    seconds = float(facts["training_seconds"]) or time.process_time() - start
    return Tuned(hits(model, rows["test"]), float(facts["validation"]), (facts["epochs"] * len(train), seconds))


@torch.no_grad()
def hits(model: Any, rows: Rows) -> Float[np.ndarray, "examples 2"]:
    """(1 if the class was found, 1) of each example."""
    found = []
    for start in range(0, len(rows), 64):
        batch = rows.batch(np.arange(start, min(start + 64, len(rows))), None)
        found.append((model(batch).argmax(dim=1) == batch.target).double().numpy())
    return bootstrap.with_count(np.concatenate(found))


def chosen(job: Job, base: Roberta, found: Material, budget: dict[str, Any]) -> list[Choice]:
    """The best combinations on the validation data of all tasks, tried once with few examples; kept for all runs."""
    told = json.dumps([found.units.state(), budget], sort_keys=True)
    file = job.shared / f"choices-{zlib.crc32(told.encode()):08x}.json"
    if not file.exists():
        trials = [Choice(name) for name in OPTIONS if name not in ONE_LAYER and name != BASELINE.option]
        trials += [Choice(name, depth) for name in ONE_LAYER for depth in DEPTHS if name != "one_layer_cls"]
        scores = {}
        for number, choice in enumerate(trials):
            tried = [
                tune(base, choice, task, rows, 1000, budget["trial"], job, FEW) for task, rows in found.tasks.items()
            ]
            scores[choice] = float(np.mean([each.validation for each in tried]))
            job.progress(0.5 * (number + 1) / len(trials))
        best = sorted(trials, key=lambda choice: -scores[choice])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([[*choice, scores[choice]] for choice in best]))
    return [Choice(option, layer) for option, layer, _ in json.loads(file.read_text())[:CHOICES]]


def run(job: Job, *, scale: Scale, budget: dict[str, Any], choice: Choice | int) -> Outcome:
    """Fine-tune a combination, or the one that came out on the place `choice`, on every task."""
    found = material(scale.smoke, scale.data)
    base = encoder(scale, found.units, job, budget["pretraining minutes"])
    own = choice if isinstance(choice, Choice) else chosen(job, base, found, budget)[choice]
    done = {
        task: tune(base, own, task, rows, job.seed, budget["tuning"], job, COUNTS["train"])
        for task, rows in found.tasks.items()
    }
    units = {"accuracy": np.concatenate([one.hits for one in done.values()])}
    units["speed"] = np.array(
        [[sum(one.speed[0] for one in done.values()), sum(one.speed[1] for one in done.values())]]
    )
    facts = {task: round(float(one.hits[:, 0].mean()), 4) for task, one in done.items()}
    classes = {task: int(rows["train"].labels.max()) + 1 for task, rows in found.tasks.items()}
    untrained = np.mean(
        [
            hits(classifier(base, own, classes[task]).eval(), rows["test"])[:, 0].mean()
            for task, rows in found.tasks.items()
        ]
    )
    return Outcome(units, {"accuracy": float(untrained)}, {**facts, "choice": str(own)})


@system("earlybird", row="S173", room="understanding")
def earlybird(scale: Scale) -> Claim:
    """Grishina, Hort, Moonen: The EarlyBIRD Catches the Bug: On Exploiting Early Layers of Encoder Models (2023).

    A few layers of an encoder classify as well as all of them, and are tuned faster. Ten seeds are asked for by
    `--seed`, three are the default; intervals stand in for the source's tests of significance.
    """
    budget = budgets(scale)

    def arm(name: str, choice: Choice | int) -> Arm:
        settings = {"choice": str(choice) if isinstance(choice, Choice) else f"place {choice} on validation"}
        return Arm(name, partial(run, scale=scale, budget=budget, choice=choice), {**settings, **MODEL})

    early = Choice(EARLY.option, 2) if scale.smoke else EARLY
    arms = (
        arm("4 layers", early),
        arm("last layer", BASELINE),
        *(arm(f"choice {place + 1}", place) for place in range(CHOICES)),
    )
    return Claim(
        kind="trained",
        task="two shapes of generated programs" if scale.smoke else "a wrong operator, and the exception of a handler",
        metrics={"accuracy": ACCURACY, "speed": SPEED},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("two layers tell the shapes apart", "accuracy", "4 layers", None, 0.8),
        budget=budget,
        data={"examples": COUNTS, "tasks": list(TASKS), "tried on": FEW, **scale.corpus()},
        launch="phloem reproduce earlybird --scale paper --data SHARDS",
    )


def budgets(scale: Scale) -> dict[str, Any]:
    """Minutes of pretraining, and epochs of each tuning and each trial; `--minutes` divides minutes among all of them,
    and then the combinations do not read equally often."""
    if scale.minutes is None:
        tuning, trial = {"epochs": 8 if scale.smoke else 4}, {"epochs": 2}
        return {"pretraining minutes": PRETRAINING_MINUTES, "tuning": tuning, "trial": trial}
    shares = {"tuning": 0.1, "trial": 0.01}  # a run tunes once a task; the trials of all combinations are made once
    tunings = {name: {"minutes": share * scale.minutes} for name, share in shares.items()}
    return {"pretraining minutes": 0.8 * scale.minutes, **tunings}


CLAUSES = (
    Clause("4 of 8 layers within 1 point of all", "accuracy", "4 layers", "last layer", -0.01),
    Clause("4 of 8 layers are tuned 1.6 times as fast", "speed", "4 layers", "last layer", 1.6, form="ratio"),
    Clause("the first choice within 1 point of all", "accuracy", "choice 1", "last layer", -0.01),
)
