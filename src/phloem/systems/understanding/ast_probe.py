"""AST-Probe: how much of the syntax tree can be read off each layer of an encoder, by a linear probe.

The control is the same encoder with what it trained in front of its first layer, under layers that were never trained.
Every layer and every model has the same budget; the layer is chosen on validation programs. A probe sees 2,000 programs
ten times, a hundredth of the published steps, so its steps are smaller (8 programs) and longer (3e-3 along a cosine)
than the published ones (32; 1e-3, a tenth after each epoch without progress).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch

from phloem.analysis.ast_probe import (
    AstProbe,
    Labels,
    Probed,
    ProbedPrograms,
    ProbeObjective,
    task_loss,
    token_vectors,
    tree_scores,
)
from phloem.errors import PhloemError
from phloem.languages.example import Example
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.nn.models.roberta import Roberta
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.data_flow_view import learn_units
from phloem.represent.syntactic_distance import syntax_tree, to_distances, token_texts
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import trained
from phloem.systems.understanding.tiny_encoders import (
    SIZES,
    SMALL,
    mined_functions,
    pretrained,
    random_encoder,
)
from phloem.tasks.clone_pairs import generated

DIMENSIONS = (8, 16, 32, 128)  # beside a third of the width
COUNTS = {"train": 2000, "validation": 200, "test": 400}
SMOKE_COUNTS = {"train": 120, "validation": 20, "test": 40}
TRAINED_ON = 12_000
LARGER = {**SIZES, "width": 192}
F1 = Metric(bootstrap.mean)
Programs = dict[str, list[Example]]


@lru_cache(maxsize=1)
def material(scale: Scale) -> tuple[list[Example], Programs]:
    """Functions to pretrain on, and others to probe; test programs are of other projects than all that is trained."""
    if scale.smoke:
        made = {split: generated(count, seed) for seed, (split, count) in enumerate(SMOKE_COUNTS.items())}
        probed = {split: [pair.one for pair in pairs] for split, pairs in made.items()}
        return [pair.other for pair in made["train"]], probed
    if scale.data is None:
        raise PhloemError("ast-probe needs --data: mined Python shards (`phloem mine`)")
    most = TRAINED_ON + 4 * COUNTS["train"]
    own = mined_functions(scale.data, "train", most)
    probed = {split: mined_functions(scale.data, split, 4 * COUNTS[split]) for split in ("validation", "test")}
    return own[:TRAINED_ON], {"train": own[TRAINED_ON:], **probed}


def probed(model: Roberta, units: BytePairs, examples: Sequence[Example], most: int) -> list[list[Probed]]:
    """By layer the first `most` programs with a tree that the model can read, with their vectors."""
    found: list[list[Probed]] = [[] for _ in range(model.config.layers + 1)]
    for example in examples:
        if len(found[0]) == most:
            break
        tokens, tree = token_texts(example), syntax_tree(example)
        if tree is None or sum(len(units.encode(" " + token)) for token in tokens) + 2 > model.config.places:
            continue
        distances = to_distances(tree)
        for layer, vectors in zip(found, token_vectors(model, units, tokens), strict=True):
            layer.append(Probed(vectors, distances))
    return found


def probe_layer(
    data: dict[str, ProbedPrograms], width: int, dimensions: int, job: Job, name: str, smoke: bool
) -> tuple[AstProbe, float]:
    """A trained probe of a layer's data, and its loss on the validation programs."""
    labels = data["train"].labels
    settings = TrainingSettings(
        seed=job.seed,
        epochs=20 if smoke else 10,
        batch_size=8,
        learning_rate=2e-2 if smoke else 3e-3,
        schedule="cosine",
        patience=5,
        metric="-loss",
        clip=None,
    )
    probe, facts = trained(
        partial(AstProbe, width, dimensions, labels),
        data["train"],
        ProbeObjective(),
        settings,
        job._replace(folder=job.folder / f"{name}-{dimensions}", progress=lambda done: None),
        evaluate=lambda net: {"loss": _loss(net, data["validation"])},
    )
    return probe, float(facts["validation"])


@torch.no_grad()
def _loss(probe: Any, data: ProbedPrograms) -> float:
    starts = range(0, len(data), 32)
    batches = [data.batch(np.arange(start, min(start + 32, len(data))), None) for start in starts]
    return float(np.mean([float(task_loss(probe, batch)) for batch in batches]))


def untrained_layers(model: Roberta, units: BytePairs, sizes: dict[str, Any], seed: int) -> Roberta:
    """The control: layers that were never trained over all that goes into the first one of `model`."""
    control = random_encoder(units, sizes, seed)
    kept = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("blocks.")}
    control.load_state_dict(control.state_dict() | kept)
    return control


def run(job: Job, *, scale: Scale, budget: dict[str, Any], structure: bool, layers_trained: bool) -> Outcome:
    """Pretrain, probe every layer, and measure the one that is best on validation; then subspaces of it."""
    functions, programs = material(scale)
    sizes = SMALL if scale.smoke else LARGER
    units = learn_units(functions[:4000], size=1024 if scale.smoke else 8192)
    own = job._replace(progress=lambda done: job.progress(0.5 * done))
    model, facts = pretrained(functions, units, own, sizes=sizes, budget=budget, structure=structure)
    if not layers_trained:
        model = untrained_layers(model, units, sizes, job.seed + 1)
    full = sizes["width"] // 3  # of as many dimensions as the width B could only turn
    layers = range(1, sizes["layers"] + 1) if scale.smoke else range(sizes["layers"] + 1)
    counts = SMOKE_COUNTS if scale.smoke else COUNTS
    read = {split: probed(model, units, examples, counts[split]) for split, examples in programs.items()}
    labels = Labels.of([one.distances for one in read["train"][0]])
    every = {layer: {split: ProbedPrograms(many[layer], labels) for split, many in read.items()} for layer in layers}
    found = {}
    for layer, data in every.items():
        found[layer] = probe_layer(data, model.width, full, job, f"layer-{layer}", scale.smoke)
        job.progress(0.5 + 0.3 * (layer + 1) / (sizes["layers"] + 1))
    best = min(found, key=lambda layer: found[layer][1])
    profile = {
        layer: round(float(tree_scores(probe, every[layer]["test"]).mean()), 4) for layer, (probe, _) in found.items()
    }
    probe, data = found[best][0], every[best]
    scores = tree_scores(probe, data["test"])
    facts |= {"layer": best, "profile": profile, "skew": round(probe.skew(), 4), "programs": len(scores)}
    facts["membership"] = round(float(tree_scores(probe, data["test"], clipped=False).mean()), 4)
    if not scale.smoke:
        facts["dimensions"] = {
            dimensions: round(float(tree_scores(one, data["test"]).mean()), 4)
            for dimensions in DIMENSIONS
            for one, _ in [probe_layer(data, model.width, dimensions, job, f"layer-{best}", False)]
        }
    torch.manual_seed(job.seed)
    untrained = AstProbe(model.width, full, labels)
    return Outcome(
        {"F1": bootstrap.with_count(scores)}, {"F1": float(tree_scores(untrained, data["test"]).mean())}, facts
    )


@system("ast-probe", row="S182", room="understanding")
def ast_probe(scale: Scale) -> Claim:
    """Hernández López et al., "AST-Probe: Recovering abstract syntax trees from hidden representations" (ASE 2022).

    A subspace of a trained encoder's vectors holds the tree of the code; untrained layers hold less of it.
    """
    budget = scale.budget(smoke=2, laptop=4.0, paper=20)

    def arm(name: str, structure: bool, layers_trained: bool) -> Arm:
        options: dict[str, Any] = {"structure": structure, "layers_trained": layers_trained}
        return Arm(name, partial(run, scale=scale, budget=budget, **options), {**options, **LARGER})

    arms = (arm("masked units", False, True), arm("random layers", False, False), arm("data flow", True, True))
    return Claim(
        kind="trained",
        task="the syntax tree of Python functions from the vectors of one layer, the best one on validation programs",
        metrics={"F1": F1},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("a tree is in the vectors", "F1", "masked units", None, 0.4),
        budget=budget,
        data={"programs": "generated" if scale.smoke else "mined Python functions", **COUNTS, **scale.corpus()},
        launch="phloem reproduce ast-probe --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("10 points of F1 above random layers", "F1", "masked units", "random layers", 0.10),
    Clause("data flow does not take from the tree", "F1", "data flow", "masked units", -0.02),
)
