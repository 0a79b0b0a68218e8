"""CuBERT: an encoder pretrained on code, fine-tuned to see bugs.

BERT's objective over lexical tokens with layout, a logical line being a sentence; then each task by itself: is a
variable misused, an operator wrong, are operands swapped, does the documentation belong to the function, which
exception is caught; and pointing at a misused variable and at what repairs it.

`phloem review` does not fine-tune one network a task: `systems.understanding.bug_detector` is one for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.objectives.next_sentence import MaskedLinePairs
from phloem.learn.objectives.pointer_loss import PointerLoss, pointer_log_probabilities
from phloem.learn.objectives.skip_gram import SkipGram
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure.localise_repair import localise_repair
from phloem.nn.models.classifier import Classifier
from phloem.represent.base import fixed_batches
from phloem.represent.indent_pieces import IndentPieces, function_words
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.cubert_networks import (
    ClassifiedRows,
    CubertEncoder,
    LineRows,
    MisusePointer,
    PointingRows,
    UnitRows,
    WordVectorLSTM,
)
from phloem.tasks import classification
from phloem.tasks.cubert_tasks import CLASSES, TASKS, labelled, made_functions, misused, without_copies

CONTENDERS = ("pretrained", "scratch", "word vectors", "pretrained, few", "scratch, few")
PRETRAINING, FINE_TUNING, FEW = 5.0, 1.25, 0.5  # minutes
GAIN = 0.03


@dataclass(frozen=True)
class Sizes:
    """How large a scale is. The published encoder has 24 layers of width 1,024 and 512 places."""

    width: int
    layers: int
    most: int  # pieces
    vocabulary: int
    functions: int  # to pretrain on
    examples: int  # of a task, at most; `few` in the comparison with little data
    few: int
    test: int
    tasks: tuple[str, ...]


SIZES = {
    "smoke": Sizes(48, 2, 128, 400, 200, 400, 60, 120, ("operator",)),
    "laptop": Sizes(128, 2, 256, 8192, 60_000, 10_000, 1_000, 2_000, tuple(TASKS)),
    "paper": Sizes(1024, 24, 512, 50_000, 7_400_000, 1_000_000, 10_000, 100_000, tuple(TASKS)),
}


class Bench:
    """The data of one scale: functions to pretrain on, and examples of the tasks, no function of which is a copy of one
    that is trained on."""

    def __init__(self, scale: Scale) -> None:
        sizes = self.sizes = SIZES[scale.name]
        known = list(_functions(scale, "train", sizes.functions))
        self.train = known[: max(1, sizes.examples)]
        self.test = without_copies(list(_functions(scale, "test", 4 * sizes.test)), known)
        self._kept: dict[tuple[str, str, int], ClassifiedRows] = {}
        self.functions = [function_words(example) for example in known]
        self.pieces = IndentPieces().fit(self.functions[:20_000], size=sizes.vocabulary)

    def classified(self, task: str, split: str, most: int) -> ClassifiedRows:
        """Examples of a task, at most so many; made once for all contenders."""
        key = task, split, most
        if key not in self._kept:
            examples = self.train if split == "train" else self.test
            self._kept[key] = ClassifiedRows(self.pieces, islice(labelled(task, examples), most), self.sizes.most)
        return self._kept[key]

    def pointing(self, split: str, most: int) -> PointingRows:
        """Functions half of which have a misused variable."""
        examples = self.train if split == "train" else self.test
        return PointingRows(self.pieces, islice(misused(examples), most), self.sizes.most)

    def lines(self) -> LineRows:
        return LineRows(self.pieces, self.functions, self.sizes.most)

    def units(self) -> UnitRows:
        return UnitRows(self.pieces, self.functions, self.sizes.most)

    def encoder(self) -> CubertEncoder:
        sizes = self.sizes
        return CubertEncoder(self.pieces.size, width=sizes.width, layers=sizes.layers, most=sizes.most)


def _functions(scale: Scale, split: str, count: int) -> Iterator[Example]:
    if scale.smoke:
        yield from made_functions(count, seed=len(split))
        return
    if scale.data is None:
        raise PhloemError("this claim needs --data: mined shards of Python functions (phloem mine)")
    found = list(islice(shards.spread(scale.data, split, ["python"]), count))
    if not found:
        raise PhloemError(f"{scale.data} has no functions of python in its split {split}")
    yield from found


def settings(job: Job, budget: dict[str, Any], share: float, epochs: int | None = None) -> TrainingSettings:
    """A share of a run's minutes (or some epochs)."""
    end: dict[str, Any] = {"epochs": epochs or max(1, budget.get("epochs", 1))}
    if "minutes" in budget:
        end = {"minutes": budget["minutes"] * share, "clock": "processor"}
    return TrainingSettings(
        seed=job.seed, **end, batch_size=16, bucket=16, learning_rate=2e-3, schedule="cosine", warmup_steps=20, clip=1.0
    )


def pretrained(bench: Bench, job: Job, budget: dict[str, Any], share: float) -> dict[str, torch.Tensor]:
    """The weights of an encoder after masked units and next lines."""
    model = fresh(bench.encoder, job.seed)
    objective = MaskedLinePairs(bench.pieces.size)
    train(
        model,
        bench.lines(),
        objective,
        settings(job, budget, share),
        folder=job.folder / "pretraining",
        progress=lambda done: job.progress(done.fraction),
    )
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def fine_tuned(
    bench: Bench,
    job: Job,
    budget: dict[str, Any],
    share: float,
    task: str,
    make: Callable[[], nn.Module],
    *,
    examples: int,
    name: str,
) -> Classifier:
    """A classifier of one task over the encoder that `make` gives."""
    torch.manual_seed(job.seed + 1)
    model = Classifier(make(), CLASSES[task])
    rows = bench.classified(task, "train", examples)
    train(
        model,
        rows,
        CrossEntropy(),
        settings(job, budget, share, 2 * budget.get("epochs", 1)),
        folder=job.folder / name,
        progress=lambda done: job.progress(done.fraction),
    )
    return model


def begun(bench: Bench, weights: dict[str, torch.Tensor] | None) -> CubertEncoder:
    """An encoder, pretrained or not."""
    model = bench.encoder()
    if weights is not None:
        model.load_state_dict(weights)
    return model


@lru_cache(maxsize=1)
def bench_of(scale: Scale) -> Bench:
    """The data of a scale, made once for all seeds."""
    return Bench(scale)


def run_one_task(job: Job, scale: Scale, budget: dict[str, Any]) -> Outcome:
    """Pretraining and the first task, counted on functions of the test split."""
    bench = bench_of(scale)
    task = bench.sizes.tasks[0]
    rows: Any = bench.classified(task, "test", bench.sizes.test)
    weights = pretrained(bench, job, budget, 0.5)
    make = partial(begun, bench, weights)
    torch.manual_seed(job.seed + 1)
    untrained = classification.evaluate(Classifier(make(), CLASSES[task]), rows)["accuracy"]
    model = fine_tuned(bench, job, budget, 0.5, task, make, examples=bench.sizes.examples, name=task)
    facts = {"task": task, "test_functions": len(bench.test)}
    return Outcome({"accuracy": classification.hits(model, rows)}, {"accuracy": untrained}, facts)


def run_comparison(job: Job, scale: Scale, budget: dict[str, Any]) -> Outcome:
    """All contenders on all tasks. A row has for each task the hits of each of CONTENDERS and the trials."""
    bench, sizes = bench_of(scale), SIZES[scale.name]
    whole = PRETRAINING + FINE_TUNING
    pre, tune, few = PRETRAINING / whole, FINE_TUNING / whole, FEW / whole
    parts = pre + tune + len(sizes.tasks) * (3 * tune + 2 * few) + 1.0 + tune  # of what a run trains, in order
    done = 0.0

    def part(share: float) -> Job:
        nonlocal done
        begun, done = done, done + share
        return job._replace(progress=lambda fraction: job.progress((begun + share * fraction) / parts))

    weights = pretrained(bench, part(pre), budget, pre)
    vectors = word_vectors(bench, part(tune), budget, tune)
    found: list[np.ndarray] = []
    accuracy: dict[str, list[float]] = {}
    for task in sizes.tasks:
        rows: Any = bench.classified(task, "test", sizes.test)
        hits = []
        for contender in CONTENDERS:
            little = contender.endswith("few")
            start = weights if contender.startswith("pretrained") else None
            make: Callable[[], nn.Module] = partial(begun, bench, start)
            if contender == "word vectors":
                make = partial(_copied, vectors, bench, sizes)
            share = few if little else tune
            model = fine_tuned(
                bench,
                part(share),
                budget,
                share,
                task,
                make,
                examples=sizes.few if little else sizes.examples,
                name=f"{task}, {contender}",
            )
            hits.append(classification.hits(model, rows)[:, 0])
        accuracy[task] = [round(float(one.mean()), 4) for one in hits]
        found.append(np.stack([*hits, np.ones_like(hits[0])], axis=1))
    long = fine_tuned(
        bench,
        part(1.0),
        budget,
        1.0,
        "operator",
        partial(begun, bench, None),
        examples=sizes.examples,
        name="scratch, long",
    )
    alone: Any = bench.classified("operator", "test", sizes.test)
    facts = {
        "contenders": list(CONTENDERS),
        "accuracy": accuracy,
        "operator_scratch_all_minutes": classification.evaluate(long, alone)["accuracy"],
        "repair": repaired(bench, part(tune), budget, tune, weights),
    }
    most = max(len(one) for one in found)
    padded = [np.pad(one, ((0, most - len(one)), (0, 0))) for one in found]
    return Outcome({name: np.concatenate(padded, axis=1) for name in ("gain", "above", "efficiency")}, {}, facts)


def word_vectors(bench: Bench, job: Job, budget: dict[str, Any], share: float) -> WordVectorLSTM:
    """The baseline's vectors, learned from neighbours; its LSTM is still untrained."""
    vectors: WordVectorLSTM = fresh(lambda: WordVectorLSTM(bench.pieces.size, width=bench.sizes.width), job.seed)
    train(
        vectors,
        bench.units(),
        SkipGram(),
        settings(job, budget, share),
        folder=job.folder / "word vectors",
        progress=lambda done: job.progress(done.fraction),
    )
    return vectors


def _copied(vectors: WordVectorLSTM, bench: Bench, sizes: Sizes) -> WordVectorLSTM:
    model = WordVectorLSTM(bench.pieces.size, width=sizes.width)
    model.load_state_dict(vectors.state_dict())
    return model


def repaired(
    bench: Bench, job: Job, budget: dict[str, Any], share: float, weights: dict[str, torch.Tensor]
) -> dict[str, float]:
    """The figures of localising and repairing, beside the joint accuracy of choosing among candidates by chance."""
    torch.manual_seed(job.seed + 2)
    model = MisusePointer(begun(bench, weights))
    rows: Any = bench.pointing("train", bench.sizes.examples)
    train(
        model,
        rows,
        PointerLoss(),
        settings(job, budget, share),
        folder=job.folder / "repair",
        progress=lambda done: job.progress(done.fraction),
    )
    return pointed(model, bench.pointing("test", bench.sizes.test))


@torch.no_grad()
def pointed(model: MisusePointer, rows: Any) -> dict[str, float]:
    """`measure.localise_repair` of a pointer network, each head decoded by itself."""
    model.eval()
    errors, locations, repairs, chance = [], [], [], []
    for batch in fixed_batches(rows, 64):
        out = model(batch)
        allowed = batch.candidates.clone()
        allowed[:, 0] = True
        locations.append(pointer_log_probabilities(out.location, allowed).argmax(dim=1))
        best = pointer_log_probabilities(out.repair, batch.candidates).argmax(dim=1)
        repairs.append(batch.target.gather(1, best[:, None])[:, 0])
        errors.append(batch.error)
        count = batch.candidates.sum(dim=1).clamp(min=1)
        chance.append((batch.target.sum(dim=1) / count / (count + 1))[batch.error > 0])
    figures = localise_repair(*(torch.cat(part).numpy() for part in (errors, locations, repairs)))
    return {**figures._asdict(), "joint_by_chance": float(torch.cat(chance).mean())}


def _tasks(sums: np.ndarray) -> np.ndarray:
    """Accuracies [..., task, contender] from the sums of hits and trials."""
    table = sums.reshape(*sums.shape[:-1], -1, len(CONTENDERS) + 1)
    return table[..., :-1] / np.maximum(1, table[..., -1:])


def pretraining_gain(sums: np.ndarray) -> np.ndarray:
    """What pretraining gains on all tasks but the one that gains least: at least this on four of five."""
    accuracy = _tasks(sums)
    return np.sort(accuracy[..., 0] - accuracy[..., 1], axis=-1)[..., 1]


def above_word_vectors(sums: np.ndarray) -> np.ndarray:
    """What the worse of both encoders is above word vectors with an LSTM on at least three of five tasks."""
    accuracy = _tasks(sums)
    return np.sort(accuracy[..., :2].min(axis=-1) - accuracy[..., 2], axis=-1)[..., 2]


def efficiency(sums: np.ndarray) -> np.ndarray:
    """By how much the mean gain of pretraining is larger with few examples."""
    accuracy = _tasks(sums)
    few, many = accuracy[..., 3] - accuracy[..., 4], accuracy[..., 0] - accuracy[..., 1]
    return (few - many).mean(axis=-1)


@system("cubert", row="S093", room="understanding")
def cubert(scale: Scale) -> Claim:
    """Kanade, Maniatis, Balakrishnan, Shi: Learning and Evaluating Contextual Embedding of Source Code (ICML 2020).

    Five tasks of finding bugs: an encoder that was pretrained on lines of code against the same one from scratch, and
    against word vectors read by an LSTM.
    """
    budget = scale.budget(smoke=2, laptop=PRETRAINING + FINE_TUNING, paper=20)
    if not scale.smoke and scale.data is None:
        raise PhloemError("this claim needs --data: mined shards of Python functions (phloem mine)")
    sizes = SIZES[scale.name]
    facts = {"width": sizes.width, "layers": sizes.layers, "most": sizes.most}
    run = run_one_task if scale.smoke else run_comparison
    arm = Arm("cubert", partial(run, scale=scale, budget=budget), facts)
    metrics = {
        "accuracy": ACCURACY,
        "gain": Metric(pretraining_gain),
        "above": Metric(above_word_vectors),
        "efficiency": Metric(efficiency),
    }
    return Claim(
        kind="trained",
        task="wrong operators in generated functions" if scale.smoke else "five tasks of bugs in unseen functions",
        metrics=metrics,
        arms=(arm,),
        clauses=CLAUSES,
        floor=Clause("wrong operators are seen", "accuracy", "cubert", None, 0.8),
        budget=budget,
        data={"functions": "generated" if scale.smoke else "mined Python", **scale.corpus()},
        launch="phloem reproduce cubert --scale paper --data DIR",
    )


CLAUSES = (
    Clause("pretraining gains 3 points on at least 4 of 5 tasks", "gain", "cubert", None, GAIN),
    Clause("both above word vectors and an LSTM on 3 of 5 tasks", "above", "cubert", None, 0.0),
    Clause("the gain is larger with few examples", "efficiency", "cubert", None, 0.0),
)
