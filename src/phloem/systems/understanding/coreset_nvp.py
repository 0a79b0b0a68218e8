"""A coreset of pass sequences, and a network that says which of them to try first on a new program.

Random sequences are run on the training functions (a table that is made once and kept); the greedy coreset serves them
together; a network on program graphs learns softmax(v / tau) over its members. On functions of other packages the first
k members in the network's order are tried, against the first k of the coreset's own order, k random members, the
network that only learned each program's best member, and O2 without unrolling and vectorising.

What differs from the source: functions one by one; sequences of 4 to 12 passes; O2 in place of -Oz, which llvmlite does
not have; a smaller network. Sizes of code are geometric means of the count over the reference's. The smoke scale asks
how often the first choice of six short sequences is as good as any of them, on generated functions of four kinds: no
order that is the same for all programs is right for much more than a quarter of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from phloem.corpora import shards
from phloem.corpora.llvm_ir import compile_c
from phloem.corpora.llvm_ir_functions import compile_fragments, first, read_functions, split_functions, write_functions
from phloem.corpora.llvm_ir_generated import wasteful_functions
from phloem.learn.objectives.soft_target_cross_entropy import SoftTargetCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.pass_value_predictor import CountPredictor, GraphPredictor, PassBatch
from phloem.represent.llvm_autophase import FEATURES, autophase
from phloem.represent.llvm_module import read_module
from phloem.represent.program_graph import program_graph
from phloem.represent.program_graph_view import GraphArrays, KeyVocabulary, collate_graphs
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import corpus_of, fresh, trained
from phloem.systems.understanding.sequence_pretraining import kept_for
from phloem.tasks.pass_ordering import (
    PassTable,
    first_tried,
    log_ratios,
    pass_table,
    random_sequences,
    read_table,
    target,
    write_table,
)
from phloem.tasks.pass_ordering_coreset import lazy_greedy

SIZE = Metric(lambda sums: np.exp(sums[..., 0] / sums[..., 1]), lower_is_better=True)
TRIED = (1, 2, 5)
LARGEST = 400  # instructions of a mined function
SHORT = tuple(
    ("sroa", name)
    for name in (
        *("instruction_combine", "new_gvn", "simplify_cfg", "loop_deletion", "dead_store_elimination", "loop_rotate"),
    )
)
TEMPERATURE = {"graph": 0.002, "counts": 0.05}  # published
SPLITS = ("train", "validation", "test")
Make = Callable[[int, int], nn.Module]  # of the numbers of keys and sequences


class Sizes(NamedTuple):
    programs: tuple[int, int, int]  # of train, validation and test
    sequences: int
    longest: int  # passes of a sequence
    coreset: int
    batch: int


SIZES = {
    "smoke": Sizes((100, 16, 50), 6, 2, 6, 16),
    "laptop": Sizes((600, 100, 200), 200, 12, 50, 32),
    "paper": Sizes((100_000, 2_000, 4_683), 10_000, 45, 50, 256),
}
NETWORK = {
    "smoke": {"width": 32, "edge_width": 8, "heads": 2, "layers": 2},
    "laptop": {"width": 64, "edge_width": 16, "heads": 4, "layers": 4},
    "paper": {"width": 256, "edge_width": 64, "heads": 4, "layers": 8},
}


@dataclass(frozen=True)
class Programs:
    """The programs of a split (a `Dataset` with a target): graphs, counts, and the coreset's table."""

    graphs: list[GraphArrays]
    counts: np.ndarray
    table: PassTable
    targets: Float[np.ndarray, "programs sequences"]

    def __len__(self) -> int:
        return len(self.graphs)

    @property
    def sizes(self) -> Int[np.ndarray, " programs"]:
        return np.array([len(graph.keys) for graph in self.graphs])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PassBatch:
        graph = collate_graphs([self.graphs[int(one)] for one in index], [None] * len(index))
        dtype = torch.get_default_dtype()
        return PassBatch(
            graph, torch.from_numpy(self.counts[index]).to(dtype), torch.from_numpy(self.targets[index]).to(dtype)
        )


def _modules(scale: Scale, shared: Path, split: str, count: int, told: Callable[[float], None]) -> list[str]:
    """Textual modules of a split, one function each."""
    if scale.smoke:
        source = wasteful_functions(11 + SPLITS.index(split), count)
        return list(split_functions(compile_c(source)).values())
    path = shared / f"{split}-{count}.jsonl.gz"
    if not path.is_file():
        assert scale.data is not None
        made = compile_fragments(shards.spread(scale.data, split, ["c"]))
        small = (function for function in made if function.ir.count("\n  ") <= LARGEST)
        write_functions(first(small, count, told), path)
    return [function.ir for function in read_functions(path)]


class Material(NamedTuple):
    vocabulary: KeyVocabulary
    splits: dict[str, Programs]
    best_single: PassTable  # the test programs under the one sequence that is best on the training programs


def tables_of(
    scale: Scale, shared: Path, told: Callable[[float], None]
) -> tuple[dict[str, list[str]], dict[str, PassTable]]:
    """The modules of each split, and all sequences on them: made once and kept."""
    sizes, many, tables = SIZES[scale.name], {}, {}
    drawn = random_sequences(np.random.default_rng(0), sizes.sequences, shortest=4, longest=max(4, sizes.longest))
    sequences = SHORT if scale.smoke else drawn
    for place, (split, count) in enumerate(zip(SPLITS, sizes.programs, strict=True)):
        many[split] = _modules(scale, shared, split, count, partial(_told, told, place))
        path = shared / f"{scale.name}-{split}-{len(many[split])}-{len(sequences)}.npz"
        if not path.is_file():
            write_table(pass_table(many[split], sequences, partial(_told, told, place)), path)
        tables[split] = read_table(path)
    return many, tables


def _told(told: Callable[[float], None], split: int, done: float) -> None:
    """Progress in one of the splits, as progress in all of them."""
    told((split + done) / len(SPLITS))


def material(job: Job, scale: Scale) -> Material:
    """Programs with the table of the coreset, once a process."""
    shared = kept_for(job, corpus_of(scale, "coreset-nvp"), SIZES[scale.name]).shared
    tables_of(scale, shared, job.progress)
    return _material(scale, shared)


@cache
def _material(scale: Scale, shared: Path) -> Material:
    many, tables = tables_of(scale, shared, lambda done: None)
    sizes = SIZES[scale.name]
    chosen = lazy_greedy(tables["train"].gains, sizes.coreset)
    modules = {split: [read_module(ir) for ir in texts] for split, texts in many.items()}
    graphs = {split: [program_graph(module) for module in each] for split, each in modules.items()}
    vocabulary = KeyVocabulary.fit(graphs["train"])
    splits = {}
    for split, table in tables.items():
        own = table.only(chosen)
        arrays = [vocabulary.arrays(graph) for graph in graphs[split]]
        counts = np.stack([autophase(module) for module in modules[split]])
        splits[split] = Programs(arrays, counts, own, np.zeros(own.values.shape))
    train = tables["train"]
    single = np.log(train.best / train.reference[:, None]).mean(axis=0).argmin(keepdims=True)
    return Material(vocabulary, splits, tables["test"].only(single))


@torch.no_grad()
def order(model: nn.Module, programs: Programs) -> Int[np.ndarray, "programs sequences"]:
    """The coreset's members for each program, the most promising first."""
    index = np.arange(len(programs))
    scores = [model(programs.batch(index[at : at + 32], None)) for at in range(0, len(index), 32)]
    return np.argsort(-torch.cat(scores).numpy(), axis=1, kind="stable")


def measured(table: PassTable, orders: Int[np.ndarray, "programs sequences"]) -> dict[str, np.ndarray]:
    """Sizes over the reference after the first 1, 2 and 5 of an order, and whether the first is as good as any."""
    units = {f"size at {k}": log_ratios(first_tried(table, orders, k), table.reference) for k in TRIED}
    best = first_tried(table, orders, 1) == table.best.min(axis=1)
    return units | {"best first": with_count(best.astype(float))}


def learn(job: Job, scale: Scale, budget: dict[str, Any], make: Make, temperature: float) -> Outcome:
    """Train a network (a `temperature` of 0: on the best member alone) and try its order."""
    sizes, (vocabulary, splits, _) = SIZES[scale.name], material(job, scale)
    # nothing is colder than a hundred-thousandth: the best member alone, ties shared
    ready = {
        split: replace(programs, targets=target(programs.table.values, temperature or 1e-5))
        for split, programs in splits.items()
    }
    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=sizes.batch,
        learning_rate=3e-3 if scale.smoke else 3e-4,
        optimizer="adam",
        weight_decay=1e-6,
        warmup_steps=10 if scale.smoke else 200,
        clip=1.0,
        metric="-size",
        evaluate_every=2,
    )

    def size(net: nn.Module) -> dict[str, float]:
        programs = ready["validation"]
        units = measured(programs.table, order(net, programs))
        return {"size": float(SIZE.of(units["size at 1"].sum(axis=0)))}

    begin = partial(make, vocabulary.size, len(ready["train"].table.sequences))
    test = ready["test"]
    before = measured(test.table, order(fresh(begin, job.seed).eval(), test))
    model, facts = trained(begin, ready["train"], SoftTargetCrossEntropy(), settings, job, evaluate=size)
    units = measured(test.table, order(model.eval(), test))
    backed = np.minimum(first_tried(test.table, order(model, test), TRIED[-1]), test.table.reference)
    facts["size at 5 or the reference"] = float(SIZE.of(log_ratios(backed, test.table.reference).sum(axis=0)))
    facts["size of the best member"] = float(
        SIZE.of(log_ratios(test.table.best.min(axis=1), test.table.reference).sum(axis=0))
    )
    return Outcome(units, {"best first": float(ACCURACY.of(before["best first"].sum(axis=0)))}, facts)


def without_learning(job: Job, scale: Scale, how: str) -> Outcome:
    """The same order for all programs, a random one for each, or the reference pipeline."""
    found = material(job, scale)
    table = found.splits["test"].table
    programs, members = table.best.shape
    if how == "reference":
        none = log_ratios(table.reference, table.reference)
        return Outcome({f"size at {k}": none for k in TRIED})
    if how == "single":
        alone = log_ratios(found.best_single.best[:, 0], found.best_single.reference)
        return Outcome({f"size at {k}": alone for k in TRIED})
    orders = np.tile(np.arange(members), (programs, 1))
    if how == "random":
        orders = np.random.default_rng(job.seed).permuted(orders, axis=1)
    return Outcome(measured(table, orders))


def graph_network(keys: int, sequences: int, sizes: dict[str, int]) -> nn.Module:
    return GraphPredictor(keys, sequences, **sizes)


def count_network(keys: int, sequences: int) -> nn.Module:
    return CountPredictor(len(FEATURES), sequences)


@system("coreset-nvp", row="S116", room="understanding")
def coreset_nvp(scale: Scale) -> Claim:
    """Liang et al.: Learning Compiler Pass Orders using Coreset and Normalized Value Prediction (ICML 2023).

    Which of a few pass sequences makes a function smallest, told from its program graph; the laptop scale needs mined C
    shards (--data).
    """
    sizes, shape = SIZES[scale.name], NETWORK[scale.name]
    budget = scale.budget(smoke=14, laptop=4.0, paper=50)
    graph = partial(graph_network, sizes=shape)

    def arm(name: str, make: Make, temperature: float) -> Arm:
        run = partial(learn, scale=scale, budget=budget, make=make, temperature=temperature)
        return Arm(name, run, {**sizes._asdict(), **shape, "temperature": temperature})

    def plain(name: str, how: str) -> Arm:
        return Arm(name, partial(without_learning, scale=scale, how=how), {**sizes._asdict(), "how": how})

    arms = (
        arm("value prediction", graph, 0.02 if scale.smoke else TEMPERATURE["graph"]),
        arm("value prediction, counts", count_network, TEMPERATURE["counts"]),
        arm("cloning", graph, 0.0),
        plain("coreset's order", "fixed"),
        plain("random members", "random"),
        plain("best single sequence", "single"),
        plain("O2", "reference"),
    )
    return Claim(
        kind="trained",
        task="the number of instructions after the first 1, 2 and 5 pass sequences",
        metrics={**{f"size at {k}": SIZE for k in TRIED}, "best first": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("the first choice is a best one", "best first", "value prediction", None, 0.75),
        budget=budget,
        data={**corpus_of(scale, "coreset-nvp"), **sizes._asdict()},
        launch="phloem mine SOURCES --out shards && phloem reproduce coreset-nvp --scale paper --data shards",
    )


def _ratio(name: str, metric: str, baseline: str, margin: float) -> Clause:
    return Clause(name, metric, "value prediction", baseline, margin, form="ratio")


CLAUSES = (
    _ratio("the first choice is 0.5% below the best single sequence", "size at 1", "best single sequence", 1.005),
    _ratio("two choices are no worse than the first two", "size at 2", "coreset's order", 1.0),
    _ratio("five choices are 4% below O2", "size at 5", "O2", 1.04),
    _ratio("no worse than cloning", "size at 1", "cloning", 1.0),
)
