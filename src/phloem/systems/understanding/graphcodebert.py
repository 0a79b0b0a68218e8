"""GraphCodeBERT: an encoder that reads the data flow of code beside its text.

What is compared is the same small encoder with and without the graph: pretrained, then tuned for search and for clones,
once with all identifiers renamed, where names cannot help, and once with the real names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.corpora import shards
from phloem.errors import PhloemError
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.contrastive import info_nce
from phloem.learn.objectives.data_flow_pretraining import DataFlowPretraining
from phloem.learn.objectives.edge_prediction import drawn_nodes, edge_question, pair_logits
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.measure.ranking import ranks, reciprocal
from phloem.nn.models.data_flow_encoder import DataFlowEncoder
from phloem.nn.models.roberta import Roberta, RobertaConfig
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import (
    DataFlowBatch,
    DataFlowRow,
    DataFlowRows,
    DataFlowView,
    DataFlowViewConfig,
    collate,
    learn_units,
)
from phloem.systems.claims import ACCURACY, F1, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import trained
from phloem.systems.understanding.tiny_encoders import validation_loss
from phloem.tasks.clone_pairs import ClonePair, generated, java_pairs

LANGUAGES = ("python", "java")
FUNCTIONS = {"train": 6000, "validation": 500, "test": 1000}  # of each language
SMOKE = {"train": 400, "validation": 20, "test": 80}
SIZES = {"width": 128, "layers": 3, "heads": 4, "inner": 256, "places": 320, "pad": 0, "pooler": True}
SMOKE_SIZES = {**SIZES, "width": 48, "layers": 2, "inner": 96}
RR = Metric(bootstrap.mean)


class Documented(NamedTuple):
    example: Example
    text: str


class PairRows(NamedTuple):
    """Rows that belong together, and whether they do, in memory (a `Dataset`)."""

    one: Sequence[DataFlowRow]
    other: Sequence[DataFlowRow]
    target: Float[np.ndarray, " pairs"]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def sizes(self) -> Int[np.ndarray, " pairs"]:
        return np.array([len(one.tokens) + len(other.tokens) for one, other in zip(self.one, self.other, strict=True)])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PairBatch:
        one, other = (collate([side[int(number)] for number in index]) for side in (self.one, self.other))
        return PairBatch(one, other, torch.from_numpy(self.target[index]))


class PairBatch(NamedTuple):
    one: DataFlowBatch
    other: DataFlowBatch
    target: Float[Tensor, " pairs"]


class CloneDetector(nn.Module):
    """Logits that two programs are clones, from both vectors: a tanh layer and a linear one, as released."""

    def __init__(self, encoder: DataFlowEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.inner = nn.Linear(2 * encoder.width, encoder.width)
        self.output = nn.Linear(encoder.width, 1)

    def forward(self, batch: PairBatch) -> Float[Tensor, " pairs"]:
        both = torch.cat([self.encoder(side)[:, 0] for side in (batch.one, batch.other)], dim=1)
        return self.output(torch.tanh(self.inner(both)))[:, 0]


def search_loss(model: Any, batch: PairBatch) -> Loss:
    """Of all codes of the batch the query's own, by the product of their vectors."""
    return Loss(info_nce(model.vectors(batch.one) @ model.vectors(batch.other).T), {})


def clone_loss(model: Any, batch: PairBatch) -> Loss:
    logits = model(batch)
    return Loss(binary_cross_entropy_with_logits(logits, batch.target.to(logits.dtype)), {})


@torch.no_grad()
def edge_hits(model: DataFlowEncoder, rows: DataFlowRows) -> Float[np.ndarray, "batches 2"]:
    """Right answers and questions about hidden edges, which are drawn alike every time; half of them are edges."""
    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for start in range(0, len(rows), 16):
            batch = rows.batch(np.arange(start, min(start + 16, len(rows))), None)
            asked = edge_question(batch, drawn_nodes(batch))
            right = (pair_logits(model(batch, None, None, asked.shown), asked) > 0) == asked.target
            found.append([float(right.sum()), float(len(right))])
    return np.array(found)


@torch.no_grad()
def reciprocal_ranks(model: Any, pairs: PairRows) -> Float[np.ndarray, "queries 2"]:
    """Of each text's code among all codes."""
    sides = []
    for rows in (pairs.one, pairs.other):
        parts = [model.vectors(collate(rows[start : start + 32])) for start in range(0, len(rows), 32)]
        sides.append(torch.cat(parts).numpy())
    found = reciprocal(ranks(sides[0] @ sides[1].T, np.arange(len(pairs))))
    return np.stack([found, np.ones_like(found)], axis=1)


@torch.no_grad()
def clone_counts(model: Any, pairs: PairRows) -> Float[np.ndarray, "pairs 3"]:
    """True positives, false positives and false negatives of each pair."""
    found = []
    for start in range(0, len(pairs), 32):
        batch = pairs.batch(np.arange(start, min(start + 32, len(pairs))), None)
        said, true = (model(batch) > 0).double(), batch.target.double()
        found.append(torch.stack([said * true, said * (1 - true), (1 - said) * true], dim=1).numpy())
    return np.concatenate(found)


def _f1(counts: Float[np.ndarray, "pairs 3"]) -> float:
    return float(F1.of(counts.sum(axis=0)))


class Material(NamedTuple):
    """Everything that a scale reads."""

    documented: dict[str, list[Documented]]
    clones: dict[str, list[ClonePair]]


@lru_cache(maxsize=1)
def material(smoke: bool, data: Path | None) -> Material:
    if smoke:
        clones = {split: generated(count // 2, seed) for seed, (split, count) in enumerate(SMOKE.items())}
        documented = {
            split: [Documented(example, "") for pair in pairs for example in (pair.one, pair.other)]
            for split, pairs in clones.items()
        }
        return Material(documented, clones)
    if data is None:
        raise PhloemError("graphcodebert needs --data DIR with the corpora python/ and java/ and zecoler_java/")
    return Material(
        {split: [one for name in LANGUAGES for one in _documented(data / name, split)] for split in FUNCTIONS},
        {split: [pair for pair in java_pairs(data, split) if pair.unseen or split != "test"] for split in FUNCTIONS},
    )


def _documented(folder: Path, split: str) -> list[Documented]:
    """Functions whose documentation has a first sentence of three words or more, each sentence once."""
    seen: dict[str, Documented] = {}
    sentences = ((example, first_sentence(example.doc)) for example in shards.spread(folder, split) if example.doc)
    usable = ((example, text) for example, text in sentences if len(text.split()) >= 3)
    for example, text in islice(usable, 3 * FUNCTIONS[split]):
        if len(seen) < FUNCTIONS[split]:
            seen.setdefault(text.lower(), Documented(example, text))
    return list(seen.values())


def run(job: Job, *, scale: Scale, budget: dict[str, Any], structure: bool, hidden: bool) -> Outcome:
    """Pretrain an encoder with or without the graph, tune it for both tasks, and measure."""
    found = material(scale.smoke, scale.data)
    examples = [one.example for one in found.documented["train"]]
    units = learn_units(examples, [one.text for one in found.documented["train"]], 1024 if scale.smoke else 8192)
    view = DataFlowView(
        units, DataFlowViewConfig(hidden=hidden, with_nodes=structure or scale.smoke, code=192, text=32)
    )
    settings = TrainingSettings(
        seed=job.seed, **budget, batch_size=16, learning_rate=1e-3 if scale.smoke else 3e-4, metric="figure", bucket=8
    )
    sizes = SMOKE_SIZES if scale.smoke else SIZES
    rows = {split: DataFlowRows([view.encode(*one) for one in many]) for split, many in found.documented.items()}
    begin = partial(_encoder, units, sizes)
    objective = DataFlowPretraining(units.size, structure=structure)
    measure = partial(validation_loss, objective=objective, rows=rows["validation"])
    torch.manual_seed(job.seed)
    untrained = edge_hits(begin().eval(), rows["test"]) if structure else np.zeros((1, 2))
    model, facts = trained(begin, rows["train"], objective, replace(settings, metric="-loss"), job, evaluate=measure)
    figures: dict[str, Any] = {}
    if structure:
        figures["edges"] = edge_hits(model, rows["test"])
    if scale.smoke:
        return Outcome(figures, {"edges": float(ACCURACY.of(untrained.sum(axis=0)))}, facts)
    weights = model.state_dict()
    searched = {split: _search_rows(view, many) for split, many in found.documented.items()}
    tuned, search_facts = trained(
        partial(_loaded, begin, weights),
        searched["train"],
        search_loss,
        settings,
        job._replace(folder=job.folder / "search"),
        evaluate=lambda net: {"figure": float(reciprocal_ranks(net, searched["validation"])[:, 0].mean())},
    )
    figures["reciprocal rank"] = reciprocal_ranks(tuned, searched["test"])
    cloned = {split: _clone_rows(view, many) for split, many in found.clones.items()}
    tuned, clone_facts = trained(
        lambda: CloneDetector(_loaded(begin, weights)),
        cloned["train"],
        clone_loss,
        settings,
        job._replace(folder=job.folder / "clones"),
        evaluate=lambda net: {"figure": _f1(clone_counts(net, cloned["validation"]))},
    )
    figures["clone F1"] = clone_counts(tuned, cloned["test"])
    return Outcome(figures, {}, {**facts, "search": search_facts, "clones": clone_facts})


def _encoder(units: BytePairs, sizes: dict[str, Any]) -> DataFlowEncoder:
    return DataFlowEncoder(Roberta(RobertaConfig(units.size, **sizes)))


def _loaded(begin: Callable[[], DataFlowEncoder], weights: dict[str, Tensor]) -> DataFlowEncoder:
    model = begin()
    model.load_state_dict(weights)
    return model


def _search_rows(view: DataFlowView, many: list[Documented]) -> PairRows:
    texts, codes = [view.encode_text(one.text) for one in many], [view.encode(one.example) for one in many]
    return PairRows(texts, codes, np.ones(len(many)))


def _clone_rows(view: DataFlowView, pairs: list[ClonePair]) -> PairRows:
    one, other = ([view.encode(getattr(pair, side)) for pair in pairs] for side in ("one", "other"))
    return PairRows(one, other, np.array([pair.clones for pair in pairs], np.float64))


@system("graphcodebert", row="S070", room="understanding")
def graphcodebert(scale: Scale) -> Claim:
    """Guo et al., "GraphCodeBERT: Pre-training Code Representations with Data Flow" (ICLR 2021).

    Where names tell nothing, an encoder that reads the data flow finds and compares code better than one that does not.
    """
    budget = scale.budget(smoke=10, laptop=4.0, paper=10)

    def arm(name: str, structure: bool, hidden: bool) -> Arm:
        runs = partial(run, scale=scale, budget=budget, structure=structure, hidden=hidden)
        return Arm(name, runs, {"structure": structure, "hidden": hidden, **(SMOKE_SIZES if scale.smoke else SIZES)})

    arms = (
        arm("data flow", True, True),
        arm("masked units", False, True),
        arm("data flow, real names", True, False),
        arm("masked units, real names", False, False),
    )
    return Claim(
        kind="trained",
        task="search and clone detection, all identifiers renamed; an arm is pretrained, then tuned for each task",
        metrics={"edges": ACCURACY, "reciprocal rank": RR, "clone F1": F1},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("hidden edges are found", "edges", "data flow", None, 0.76),
        budget=budget,
        data={
            "functions": "generated" if scale.smoke else "documented functions of mined Python and Java, Java pairs",
            **scale.corpus(),
        },
        launch="phloem reproduce graphcodebert --scale paper --data DIR  # DIR/{python,java,zecoler_java}",
    )


CLAUSES = (
    Clause("2 points of clone F1 on renamed code", "clone F1", "data flow", "masked units", 0.02),
    Clause("1 point of MRR on renamed code", "reciprocal rank", "data flow", "masked units", 0.01),
    Clause(
        "no loss of clone F1 with real names", "clone F1", "data flow, real names", "masked units, real names", -0.02
    ),
    Clause(
        "no loss of MRR with real names", "reciprocal rank", "data flow, real names", "masked units, real names", -0.01
    ),
)
