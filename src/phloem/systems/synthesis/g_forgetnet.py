"""G-ForgetNet: what an algorithm does next depends on where it stands, so a network may forget its own history.

Three networks execute five algorithms and differ in one place: the states of the step before are read as they are,
never, or through a gate that pays for being open. Each is trained on inputs of up to 12 nodes and asked on 24. The
samples and the number of steps are the same for all; every algorithm has a network of its own.

Bohde et al. train Triplet-GMPNNs of width 128 on CLRS-30, 10,000 steps on up to 16 nodes, and ask on 64. Here the
processor has no triplets, its width is 64, and sorted orders are read as plain pointers. The price of the gate is a
choice made before any run: the published one is not known.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phloem.corpora import clrs
from phloem.learn.objectives.hint_loss import HintLoss
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.clrs_network import ClrsNetwork
from phloem.nn.models.forget_net import Memory
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import clrs_reasoning

ALGORITHMS = ("bfs", "bellman_ford", "dijkstra", "minimum", "insertion_sort")  # fixed before the first run
PRICE = 0.1
SHARE = 1 / 3  # of training: the gate is open there, if anywhere


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales; `epoch` samples are one epoch of the budget."""
    if scale.smoke:
        some = {"algorithms": ["minimum", "bfs"], "width": 24, "train": [4, 5, 6], "test": 8}
        return {**some, "each": 60, "epoch": 32 * 20, "tests": 40, "rate": 5e-3, "triplets": False}
    if scale.name == "laptop":
        some = {"algorithms": list(ALGORITHMS), "width": 64, "train": list(range(4, 13)), "test": 24}
        return {**some, "each": 200, "epoch": 32 * 50, "tests": 64, "rate": 1e-3, "triplets": False}
    some = {"algorithms": list(ALGORITHMS), "width": 128, "train": list(range(4, 17)), "test": 64}
    return {**some, "each": 1000, "epoch": 32 * 100, "tests": 32, "rate": 1e-3, "triplets": True}


def gates(log: Path) -> list[float]:
    """The mean openness of the gates over training, as the trainer wrote it down."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["gate"] for line in lines if "gate" in line]


def _part_done(job: Job, before: int, parts: int, done: float) -> None:
    """One algorithm's share of the whole."""
    job.progress((before + done) / parts)


def contend(job: Job, size: dict[str, Any], budget: dict[str, Any], memory: Memory) -> Outcome:
    """Train and test a network for each algorithm."""
    right, untrained, facts, closes = [], [], dict[str, Any](), []
    for number, name in enumerate(size["algorithms"]):
        data = clrs_reasoning.Executions(
            name, size["train"], each=size["each"], epoch=size["epoch"], seed=10 * job.seed + 1
        )
        probes, validation = clrs_reasoning.readable(name, clrs.draw(name, 32, size["train"][-1], 10 * job.seed + 2))
        _, tests = clrs_reasoning.readable(name, clrs.draw(name, size["tests"], size["test"], 10 * job.seed + 3))
        own = job._replace(folder=job.folder / name, progress=partial(_part_done, job, number, len(size["algorithms"])))
        settings = TrainingSettings(
            seed=job.seed, **budget, batch_size=32, learning_rate=size["rate"], clip=1.0, log_every=10
        )
        make = partial(ClrsNetwork, probes, size["width"], memory, triplets=size["triplets"])
        untrained.append(clrs_reasoning.scores(fresh(make, job.seed).eval(), probes, tests)[:, 0].mean())
        model, facts[name] = trained(
            make,
            data,
            HintLoss(PRICE),
            settings,
            own,
            evaluate=partial(clrs_reasoning.evaluate, probes=probes, samples=validation),
        )
        right.append(clrs_reasoning.scores(model, probes, tests))
        facts[name]["f1"] = round(float(right[-1][:, 0].mean()), 4)
        if memory == "gated":
            course = gates(own.folder / "training" / "log.jsonl")
            facts[name]["gate"] = [round(each, 4) for each in course[:: max(1, len(course) // 10)]]
            closes.append(float(course[-1] < max(course[: max(1, round(SHARE * len(course)))])))
    units = {"f1": np.concatenate(right)}
    if closes:
        units["gate closes"] = with_count(np.array(closes))
    return Outcome(units, {"f1": float(np.mean(untrained))}, facts)


@system("g-forgetnet", row="S191", room="synthesis")
def g_forgetnet(scale: Scale) -> Claim:
    """Bohde, Liu, Saxton, Ji: On the Markov Property of Neural Algorithmic Reasoning (ICLR 2024).

    Five algorithms executed on inputs twice as large as in training: with states of the step before, without them,
    and with a gate before them.
    """
    size = sizes(scale)
    # equal steps, not equal minutes: an arm must not win by being fast
    budget: dict[str, Any] = {"epochs": {"smoke": 4, "laptop": 12, "paper": 100}[scale.name]}
    if scale.minutes is not None:
        budget = {"minutes": scale.minutes / len(size["algorithms"]), "clock": "processor"}

    def arm(name: str, memory: Memory) -> Arm:
        return Arm(name, partial(contend, size=size, budget=budget, memory=memory), {"memory": memory, **size})

    arms = (arm("G-ForgetNet", "gated"), arm("ungated", "kept"), arm("ForgetNet", "forgotten"))
    return Claim(
        kind="trained",
        task="CLRS algorithms on larger inputs than in training",
        metrics={"f1": ACCURACY, "gate closes": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("algorithms are executed", "f1", "G-ForgetNet", None, 0.6),
        budget=budget,
        data={"samples": "generated as by dm-clrs", "price of the gate": PRICE, **size},
        launch="phloem reproduce g-forgetnet --scale paper",
    )


CLAUSES = (
    Clause("2 points above the ungated network", "f1", "G-ForgetNet", "ungated", 0.02),
    Clause("the gate ends below its early maximum", "gate closes", "G-ForgetNet", None, 1.0),
)
