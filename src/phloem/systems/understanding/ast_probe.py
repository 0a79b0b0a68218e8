"""AST-Probe: how much of the syntax tree can be read off each layer of an encoder, by a linear probe.

The control is the same encoder with its trained table of units under layers that were never trained. Every layer and
every model has the same budget; the layer is chosen on validation programs. A probe sees 2,000 programs ten times, a
hundredth of the published steps, so its steps are smaller (8 programs) and longer (3e-3 along a cosine) than the
published ones (32; 1e-3, a tenth after each epoch without progress).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
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


def probed(model: Roberta, units: BytePairs, examples: Sequence[Example], layer: int, most: int) -> list[Probed]:
    """The first `most` programs with a tree that the model can read, with their vectors at a layer."""
    found: list[Probed] = []
    for example in examples:
        if len(found) == most:
            break
        tokens, tree = token_texts(example), syntax_tree(example)
        if tree is None or sum(len(units.encode(" " + token)) for token in tokens) + 2 > model.config.places:
            continue
        found.append(Probed(token_vectors(model, units, tokens, layer), to_distances(tree)))
    return found


def probe_layer(
    model: Roberta, units: BytePairs, programs: Programs, layer: int, dimensions: int, job: Job, smoke: bool
) -> tuple[AstProbe, dict[str, ProbedPrograms], float]:
    """A trained probe of a layer, its data, and its loss on the validation programs."""
    counts = SMOKE_COUNTS if smoke else COUNTS
    many = {split: probed(model, units, examples, layer, counts[split]) for split, examples in programs.items()}
    labels = Labels.of([one.distances for one in many["train"]])
    data = {split: ProbedPrograms(own, labels) for split, own in many.items()}
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
        partial(AstProbe, model.width, dimensions, labels),
        data["train"],
        ProbeObjective(),
        settings,
        job._replace(folder=job.folder / f"layer-{layer}-{dimensions}", progress=lambda done: None),
        evaluate=lambda net: {"loss": _loss(net, data["validation"])},
    )
    return probe, data, float(facts["validation"])


@torch.no_grad()
def _loss(probe: Any, data: ProbedPrograms) -> float:
    starts = range(0, len(data), 32)
    batches = [data.batch(np.arange(start, min(start + 32, len(data))), None) for start in starts]
    return float(np.mean([float(task_loss(probe, batch)) for batch in batches]))


def run(job: Job, *, scale: Scale, budget: dict[str, Any], structure: bool, layers_trained: bool) -> Outcome:
    """Pretrain, probe every layer, and measure the one that is best on validation; then subspaces of it."""
    functions, programs = material(scale)
    sizes = SMALL if scale.smoke else LARGER
    units = learn_units(functions[:4000], size=1024 if scale.smoke else 8192)
    model, facts = pretrained(functions, units, job, sizes=sizes, budget=budget, structure=structure)
    if not layers_trained:
        control = random_encoder(units, sizes, job.seed + 1)
        control.table.load_state_dict(model.table.state_dict())
        model = control
    full = sizes["width"] // 3  # of as many dimensions as the width B could only turn
    layers = range(1, sizes["layers"] + 1) if scale.smoke else range(sizes["layers"] + 1)
    found = {}
    for layer in layers:
        found[layer] = probe_layer(model, units, programs, layer, full, job, scale.smoke)
        job.progress(0.5 + 0.4 * (layer + 1) / (sizes["layers"] + 1))
    best = min(found, key=lambda layer: found[layer][2])
    profile = {
        layer: round(float(tree_scores(probe, data["test"]).mean()), 4) for layer, (probe, data, _) in found.items()
    }
    probe, data, _ = found[best]
    scores = tree_scores(probe, data["test"])
    facts |= {"layer": best, "profile": profile, "skew": round(probe.skew(), 4), "programs": len(scores)}
    facts["membership"] = round(float(tree_scores(probe, data["test"], clipped=False).mean()), 4)
    if not scale.smoke:
        facts["dimensions"] = {
            dimensions: round(float(tree_scores(one[0], one[1]["test"]).mean()), 4)
            for dimensions in DIMENSIONS
            for one in [probe_layer(model, units, programs, best, dimensions, job, False)]
        }
    torch.manual_seed(job.seed)
    untrained = AstProbe(model.width, full, data["train"].labels)
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
        data={"programs": "generated" if scale.smoke else "mined Python functions", **COUNTS},
        launch="phloem reproduce ast-probe --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("10 points of F1 above random layers", "F1", "masked units", "random layers", 0.10),
    Clause("data flow does not take from the tree", "F1", "data flow", "masked units", -0.02),
)
