"""MoSE: an encoder whose exits at several depths are all trained, so that a shallow part of it can be used by itself.

All arms see the same windows and pairs for the same number of steps: the encoder with a loss at each exit, the same one
with the loss of the last exit alone, and shallow encoders of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from phloem.learn.objectives.multi_exit_sum import (
    MultiExitContrastive,
    MultiExitPretraining,
    PairTokens,
    depth_weights,
    last_only,
)
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.measure.ranking import ranks, reciprocal
from phloem.nn.models.multi_exit_encoder import MultiExitConfig, MultiExitEncoder
from phloem.represent.repository_windows import Window, WindowBatch, collate_windows, windows
from phloem.represent.subwords import CLS, PAD, Subwords
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import trained
from phloem.systems.understanding import search_pairs

MODEL: dict[str, Any] = {"width": 128, "heads": 4, "inner": 512, "layers": 8, "exits": (2, 4, 6, 8)}
SMALL: dict[str, Any] = {"width": 48, "heads": 4, "inner": 96, "layers": 4, "exits": (1, 2, 4)}
COUNTS = {"train": 6400, "validation": 500, "test": 2000}
UNITS, QUERY, CODE, WINDOW, BATCH = 8192, 24, 72, 192, 32
PREFIX = {"query": "represent this description", "code": "represent this python snippet"}
RR = Metric(bootstrap.mean)


class Rows(NamedTuple):
    """Pairs as units in memory (a `Dataset`); each side begins with the instruction of its task."""

    queries: list[list[int]]
    codes: list[list[int]]

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def sizes(self) -> Int[np.ndarray, " pairs"]:
        return np.array([len(code) for code in self.codes])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> PairTokens:
        sides = ([side[int(number)] for number in index] for side in (self.queries, self.codes))
        return PairTokens(*(part for side in sides for part in padded(side)))


class Windows(NamedTuple):
    """Windows in memory (a `Dataset`)."""

    many: list[Window]

    def __len__(self) -> int:
        return len(self.many)

    @property
    def sizes(self) -> Int[np.ndarray, " windows"]:
        return np.array([len(window.tokens) for window in self.many])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> WindowBatch:
        return collate_windows([self.many[int(number)] for number in index])


def padded(rows: Sequence[Sequence[int]], *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Units padded to the longest row, and which places are real."""
    time = max(map(len, rows))
    tokens = torch.full((len(rows), time), PAD)
    real = torch.zeros(len(rows), time, dtype=torch.bool)
    for number, row in enumerate(rows):
        place = slice(time - len(row), time) if left else slice(0, len(row))
        tokens[number, place], real[number, place] = torch.tensor(row), True
    return tokens, real


class Material(NamedTuple):
    subwords: Subwords
    pairs: dict[str, Rows]
    windows: Windows


@cache
def material(scale: Scale) -> Material:
    """Pairs and windows of the same functions, the same for all arms."""
    found = {split: search_pairs.functions(scale, split, count) for split, count in COUNTS.items()}
    subwords = search_pairs.vocabulary(found["train"], 600 if scale.smoke else UNITS)
    prefix = {side: [CLS, *subwords.units(text)] for side, text in PREFIX.items()}
    pairs = {
        split: Rows(
            [[*prefix["query"], *subwords.units(search_pairs.sentence(one), QUERY)] for one in many],
            [[*prefix["code"], *subwords.units(search_pairs.code(one), CODE)] for one in many],
        )
        for split, many in found.items()
    }
    train = found["train"]
    snippets = [subwords.units(search_pairs.code(one), CODE) for one in train]
    # Generated methods are all of one project; what they do (get, set, …) stands for their repository.
    names = [one.name.partition("_")[0] if scale.smoke else one.project for one in train]
    repositories = np.unique(names, return_inverse=True)[1]
    drawn = windows(
        snippets, repositories, size=96 if scale.smoke else WINDOW, count=len(train) // 2, rng=np.random.default_rng(0)
    )
    return Material(subwords, pairs, Windows(drawn))


@torch.no_grad()
def reciprocal_ranks(model: MultiExitEncoder, rows: Rows, number: int) -> Float[np.ndarray, "queries 2"]:
    """Of each query's code among all codes, with the vectors of one exit."""
    model.eval()
    sides = []
    for side in (rows.queries, rows.codes):
        parts = [model.embed(*padded(side[start : start + 64]), number) for start in range(0, len(side), 64)]
        sides.append(torch.cat(parts).numpy())
    found = reciprocal(ranks(sides[0] @ sides[1].T, np.arange(len(rows))))
    return np.stack([found, np.ones_like(found)], axis=1)


def measured(model: MultiExitEncoder, rows: Rows) -> dict[str, Any]:
    """Reciprocal ranks at each exit, by its depth."""
    return {f"MRR at {depth}": reciprocal_ranks(model, rows, k) for k, depth in enumerate(model.config.exits)}


def run(
    job: Job, *, scale: Scale, budget: dict[str, Any], layers: int, exits: tuple[int, ...], all_exits: bool
) -> Outcome:
    """Pretrain on windows, tune on pairs, and measure all exits on the test pairs."""
    found = material(scale)
    sizes = {**(SMALL if scale.smoke else MODEL), "layers": layers, "exits": exits}
    weights = depth_weights(exits, layers) if all_exits else last_only(exits)
    config = MultiExitConfig(found.subwords.size, **sizes)
    settings = TrainingSettings(seed=job.seed, **budget, batch_size=BATCH, learning_rate=1e-3, metric="mrr", clip=1.0)
    begin = partial(MultiExitEncoder, config)

    def last(model: Any) -> dict[str, float]:
        return {"mrr": float(reciprocal_ranks(model, found.pairs["validation"], len(exits) - 1)[:, 0].mean())}

    torch.manual_seed(job.seed)
    before = measured(begin(), found.pairs["test"])
    pretraining = MultiExitPretraining(weights, found.subwords.size)
    first, facts = trained(
        begin,
        found.windows,
        pretraining,
        settings,
        job._replace(folder=job.folder / "windows", progress=lambda share: job.progress(share / 2)),
        evaluate=last,
    )
    state = first.state_dict()

    def again() -> MultiExitEncoder:
        model = begin()
        model.load_state_dict(state)
        return model

    model, tuned = trained(
        again,
        found.pairs["train"],
        MultiExitContrastive(weights),
        settings,
        job._replace(progress=lambda share: job.progress(0.5 + share / 2)),
        evaluate=last,
    )
    untrained = {name: float(units[:, 0].mean()) for name, units in before.items()}
    return Outcome(measured(model, found.pairs["test"]), untrained, {**tuned, "pretraining": facts})


@system("mose", row="S078", room="understanding")
def mose(scale: Scale) -> Claim:
    """Gurioli et al., "One Model to Train them All: Hierarchical Self-Distillation for Early Layer Embeddings" (2025).

    Exits that are all trained give good shallow embeddings, and the deepest is as good as without them.
    """
    model = SMALL if scale.smoke else MODEL
    budget = {"epochs": 3 if scale.smoke else 2} if scale.minutes is None else scale.budget(smoke=3, laptop=4, paper=2)

    def arm(name: str, layers: int, exits: tuple[int, ...], all_exits: bool) -> Arm:
        options: dict[str, Any] = {"layers": layers, "exits": exits, "all_exits": all_exits}
        return Arm(name, partial(run, scale=scale, budget=budget, **options), {**model, **options})

    depth, exits = model["layers"], model["exits"]
    arms = (
        arm("all exits", depth, exits, True),
        arm("last exit", depth, exits, False),
        arm("2 layers", 2, (2,), True),
        arm("4 layers", 4, (4,), True),
    )
    return Claim(
        kind="trained",
        task="search by documentation among functions of other projects, with the vectors of each exit; equal steps",
        metrics={f"MRR at {exit}": RR for exit in exits},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("the first exit finds functions", "MRR at 1", "all exits", None, 0.3),
        budget=budget,
        data={"pairs": "generated" if scale.smoke else "documented Python functions of mined shards", **COUNTS},
        launch="phloem reproduce mose --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("exit 2 gains 8 points by its loss", "MRR at 2", "all exits", "last exit", 0.08),
    Clause("exit 4 gains 8 points by its loss", "MRR at 4", "all exits", "last exit", 0.08),
    Clause("exit 2 within 3 points of a model of 2 layers", "MRR at 2", "all exits", "2 layers", -0.03),
    Clause("exit 4 within 3 points of a model of 4 layers", "MRR at 4", "all exits", "4 layers", -0.03),
    Clause("the last exit loses at most 1 point", "MRR at 8", "all exits", "last exit", -0.01),
)
