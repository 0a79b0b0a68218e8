"""ProGraML: a network on program graphs that imitates classical data-flow analyses.

Functions of LLVM IR become graphs (represent/program_graph); one vertex is marked, and the network (nn/models/
graph_vertex_classifier) says of every vertex whether it belongs to the answer. Only questions whose classical solver
needs at most T sweeps are asked of a network with T steps: farther than T edges nothing is heard.

What differs from the source: functions one by one, not whole programs; 12 steps, not 30; five minutes of a processor
for each network, so that three seeds of all arms take about two hours; live sets hold constants, as published. The
smoke scale learns reachability on generated functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from phloem.corpora import shards
from phloem.corpora.llvm_ir import compile_c
from phloem.corpora.llvm_ir_functions import compile_fragments, first, read_functions, split_functions, write_functions
from phloem.corpora.llvm_ir_generated import random_functions
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.nn.models.graph_vertex_classifier import GraphVertexClassifier, VertexLstm
from phloem.represent.llvm_module import read_module
from phloem.represent.program_graph import ProgramGraph, program_graph
from phloem.represent.program_graph_view import GraphArrays, KeyVocabulary
from phloem.systems.claims import F1, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import corpus_of, fresh, trained
from phloem.systems.understanding.sequence_pretraining import kept_for
from phloem.tasks.data_flow_analyses import questions
from phloem.tasks.data_flow_analyses_data import LabelledGraphs, always_true, counts, evaluate

Make = Callable[[int, int], nn.Module]  # of the numbers of keys and steps


class Sizes(NamedTuple):
    train: int  # functions
    validation: int
    test: int
    vertices: int  # of a function at most
    roots: int  # marked vertices of a function at most
    steps: int
    batch: int  # questions


SIZES = {
    "smoke": Sizes(100, 10, 40, 90, 4, 4, 16),
    "laptop": Sizes(1400, 200, 400, 150, 5, 12, 32),
    "paper": Sizes(150_000, 5_000, 10_000, 5_000, 10, 30, 16),
}
SPLITS = ("train", "validation", "test")


class Graphs(NamedTuple):
    """Functions of a split as graphs, and as arrays with the training functions' keys."""

    graphs: list[ProgramGraph]
    arrays: list[GraphArrays]


def _modules(scale: Scale, shared: Path, split: str, told: Callable[[float], None] = lambda done: None) -> list[str]:
    """Textual modules of a split: generated ones at the smoke scale, else mined functions that compile alone."""
    count = getattr(SIZES[scale.name], split)
    if scale.smoke:
        seed = {"train": 1, "validation": 2, "test": 3}[split]
        return list(split_functions(compile_c(random_functions(seed, count, statements=(1, 3), depth=1))).values())
    path = shared / f"{split}-{count}.jsonl.gz"
    if not path.is_file():
        assert scale.data is not None
        # twice as many as are asked for, since some are too large
        write_functions(first(compile_fragments(shards.spread(scale.data, split, ["c"])), 2 * count, told), path)
    return [function.ir for function in read_functions(path)]


@cache
def material(scale: Scale, shared: Path) -> tuple[KeyVocabulary, dict[str, Graphs]]:
    """The graphs of each split, small enough ones only; the vocabulary is the training functions'."""
    sizes, found = SIZES[scale.name], {}
    for split in SPLITS:
        made = (program_graph(read_module(ir)) for ir in _modules(scale, shared, split))
        small = (graph for graph in made if len(graph.keys) <= sizes.vertices)
        found[split] = list(islice(small, getattr(sizes, split)))
    vocabulary = KeyVocabulary.fit(found["train"])
    return vocabulary, {
        split: Graphs(graphs, [vocabulary.arrays(graph) for graph in graphs]) for split, graphs in found.items()
    }


def asked(graphs: Graphs, analysis: str, sizes: Sizes, steps: tuple[int, int], seed: int) -> LabelledGraphs:
    rng = np.random.default_rng((seed, steps[1]))
    return LabelledGraphs(
        graphs.arrays, questions(graphs.graphs, analysis, most_roots=sizes.roots, steps=steps, rng=rng)
    )


def contend(job: Job, scale: Scale, budget: dict[str, Any], analysis: str, make: Make) -> Outcome:
    """Train one network on one analysis; F1 on test functions within T sweeps, and from T + 1 to 2 T with 2 T steps."""
    sizes = SIZES[scale.name]
    shared = kept_for(job, corpus_of(scale, "programl")).shared
    for split in () if scale.smoke else SPLITS:  # made here once, so that progress is seen
        _modules(scale, shared, split, job.progress)
    vocabulary, graphs = material(scale, shared)
    near, far = (0, sizes.steps), (sizes.steps + 1, 2 * sizes.steps)
    train, validation, test = (
        asked(graphs[split], analysis, sizes, near, seed) for seed, split in enumerate(("train", "validation", "test"))
    )
    distant = asked(graphs["test"], analysis, sizes, far, 2)
    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=sizes.batch,
        learning_rate=5e-3 if scale.smoke else 2.5e-3,
        schedule="linear",
        warmup_steps=20,
        clip=1.0,
        metric="f1",
        evaluate_every=1 if not scale.smoke else 4,
    )
    begin = partial(make, vocabulary.size, sizes.steps)
    untrained = evaluate(fresh(begin, job.seed), test)["f1"]
    model, facts = trained(begin, train, CrossEntropy(), settings, job, evaluate=lambda net: evaluate(net, validation))
    model.eval()
    units = {"f1": counts(model, test), "distant f1": counts(model, distant, steps=2 * sizes.steps)}
    facts["always true"] = {"f1": round(always_true(test), 4), "distant f1": round(always_true(distant), 4)}
    facts["by sweeps"] = by_sweeps(units["f1"], test) | by_sweeps(units["distant f1"], distant)
    return Outcome({name: part.astype(float) for name, part in units.items() if len(part)}, {"f1": untrained}, facts)


def by_sweeps(units: np.ndarray, data: LabelledGraphs) -> dict[str, float]:
    """F1 of the questions of each depth."""
    depth = np.array([question.answer.steps for question in data.asked])
    return {
        str(each): round(float(F1.of(units[depth == each].sum(axis=0).astype(float))), 4) for each in np.unique(depth)
    }


def network(keys: int, steps: int, **options: Any) -> nn.Module:
    return GraphVertexClassifier(keys, steps=steps, **options)


def lstm(keys: int, steps: int) -> nn.Module:
    return VertexLstm(keys)


CONTENDERS: dict[str, tuple[str, Make]] = {
    "reachability": ("reachability", network),
    "reachability, LSTM": ("reachability", lstm),
    "data dependencies": ("data dependencies", network),
    "data dependencies, forward only": ("data dependencies", partial(network, backward=False)),
    "subexpressions": ("subexpressions", network),
    "subexpressions, no positions": ("subexpressions", partial(network, gate=None)),
    "liveness": ("liveness", network),
}


@system("programl", row="S111", room="understanding")
def programl(scale: Scale) -> Claim:
    """Cummins, Fisches, Ben-Nun, Hoefler, O'Boyle, Leather: ProGraML (2020; ICML 2021).

    Data-flow analyses imitated on program graphs, with and without positions and backward edges; the laptop scale needs
    mined C shards (--data).
    """
    sizes = SIZES[scale.name]
    budget = scale.budget(smoke=14, laptop=5.0, paper=20)
    chosen = {"reachability": CONTENDERS["reachability"]} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(
            name,
            partial(contend, scale=scale, budget=budget, analysis=analysis, make=make),
            {**sizes._asdict(), "analysis": analysis, **getattr(make, "keywords", {})},
        )
        for name, (analysis, make) in chosen.items()
    )
    return Claim(
        kind="trained",
        task="data-flow analyses of " + ("generated functions" if scale.smoke else "C functions of unseen packages"),
        metrics={"f1": F1, "distant f1": F1},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("reachability is learned", "f1", "reachability", None, 0.8),
        budget=budget,
        data={**corpus_of(scale, "programl"), **sizes._asdict()},
        launch="phloem mine SOURCES --out shards && phloem reproduce programl --scale paper --data shards",
    )


CLAUSES = (
    Clause("reachability", "f1", "reachability", None, 0.95),
    Clause("data dependencies", "f1", "data dependencies", None, 0.95),
    Clause("reachability at twice the steps", "distant f1", "reachability", None, 0.85),
    Clause("data dependencies at twice the steps", "distant f1", "data dependencies", None, 0.85),
    Clause("positions give 5 points", "f1", "subexpressions", "subexpressions, no positions", 0.05),
    Clause("backward edges give 10 points", "f1", "data dependencies", "data dependencies, forward only", 0.10),
    Clause("above an LSTM", "f1", "reachability", "reachability, LSTM", 0.0),
)
