"""CodeIt: a model of programs improves itself on tasks that it cannot solve, by what its programs really do.

A sequence model reads demonstrations of a task on grids and writes a program. It starts from solved tasks and mutants
of them. Then, again and again: programs are sampled for unsolved tasks and run; each that runs is an answer to the task
of its own outputs; the model is trained on a draw from all of these. The rivals keep solutions alone, or draw
uniformly.

The source starts from CodeT5+ of 220M parameters, 400 tasks and 19,200 mutants, and has 100 iterations; here the model
has two million and is trained from scratch, and the unsolved tasks are held-out mutants of held-out tasks. 163 of the
published solutions have at most eight lines: 120 of these tasks are to begin with, and 43 are held out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.corpora import arc as corpus
from phloem.corpora.arc import ArcTask
from phloem.decode.top_p import TopP
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.transformer import Transformer
from phloem.synthesis.hindsight_replay import Buffer, relabelled, solves
from phloem.synthesis.languages import arc
from phloem.synthesis.languages.arc import ArcProgram
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import arc as tasks

Kept = Literal["all", "successes"]
DATA_SEED = 6_000_011
TEMPERATURE = 0.95
FEW = 256
Solved = list[tuple[ArcTask, ArcProgram]]


@dataclass(frozen=True)
class Sizes:
    """What differs between the scales. `initial` tasks, with `mutants` more; `targets` are unsolved."""

    width: int
    layers: int
    initial: int
    mutants: int
    targets: int
    samples: int
    iterations: int
    length: int  # tokens of a program at most
    read: int  # tokens of each side of a task
    repeat: int
    lines: int  # of the initial programs at most
    drawn: float = 0.5  # of the policy's experiences, for one training
    rate: float = 1e-3
    start: int = 1  # budgets of an iteration for the model to start from


def sizes(scale: Scale) -> Sizes:
    if scale.smoke:
        return Sizes(48, 1, 60, 0, 40, 12, 1, 6, 60, 40, 1, rate=3e-3)
    if scale.name == "laptop":
        return Sizes(128, 3, 120, 2_000, 60, 24, 4, 60, 128, 1, 8, start=4)
    return Sizes(512, 6, 300, 19_200, 400, 24, 100, 512, 512, 1, 58, drawn=1.0, start=10)


def make(size: Sizes) -> Transformer:
    return Transformer(
        tasks.SOURCE_SIZE, tasks.TARGET_SIZE, width=size.width, heads=4, layers=size.layers, inner=4 * size.width,
        dropout=0.0,
    )  # fmt: skip


@cache
def data(size: Sizes, folder: Path | None, *, smoke: bool) -> tuple[Solved, list[ArcTask]]:
    """Solved tasks to begin with, and unsolved ones. Raises PhloemError without the published solutions.

    In a smoke test the programs are sampled, and the unsolved tasks ask for programs of the same kind."""
    rng = Random(DATA_SEED)
    if smoke:
        every = list(tasks.sampled(rng, size.initial, lines=size.lines))
        again = [tasks.made(task.name, program, [tasks.random_grid(rng) for _ in range(4)]) for task, program in every]
        return every, [task for task in again if task is not None][: size.targets]
    known = corpus.solutions(folder)
    solved: Solved = []
    for task in corpus.tasks("training", folder):
        program = arc.parse(known[task.name])
        if len(program.lines) <= size.lines:
            solved.append((task, program))
    rng.shuffle(solved)
    begin, held = solved[: size.initial], solved[size.initial :]
    unsolved = [task for task, _ in tasks.mutants(rng, held, size.targets)]
    return [*begin, *tasks.mutants(rng, begin, size.mutants)], unsolved


class SelfImprovement:
    """One seed's run: the model, the buffer, and the tasks that were solved so far."""

    def __init__(self, job: Job, size: Sizes, budget: dict[str, Any], begin: Solved, unsolved: list[ArcTask]) -> None:
        self.job, self.size, self.budget = job, size, budget
        self.unsolved, self.buffer, self.solved = unsolved, Buffer(), dict[str, list[ArcProgram]]()
        for task, program in begin:
            made = relabelled(task.name, arc.print(program), program, task.train, arc.answer)
            if made is not None:
                self.buffer.add("initial", made._replace(priority=1e-19))
        self.net: Any = None

    def start(self) -> dict[str, Any]:
        """Train on the initial tasks, once a seed."""
        about = json.dumps([asdict(self.size), self.budget, self.job.seed], sort_keys=True)
        key = hashlib.sha256(about.encode()).hexdigest()[:16]
        weights, facts_file = self.job.shared / f"{key}.safetensors", self.job.shared / f"{key}.json"
        if not facts_file.is_file():
            facts = self.train(
                "start", partial(fresh, partial(make, self.size), self.job.seed), 0, True, self.size.start
            )
            self.job.shared.mkdir(parents=True, exist_ok=True)
            save_file(self.net.state_dict(), weights)
            facts_file.write_text(json.dumps(facts))
        self.net = fresh(partial(make, self.size), self.job.seed)
        self.net.load_state_dict(load_file(weights))
        self.net.eval()
        return dict(json.loads(facts_file.read_text()))

    def train(self, name: str, begin: Any, iteration: int, prioritised: bool, times: int = 1) -> dict[str, Any]:
        """On up to 90,000 experiences of the policy and 10,000 of the initial tasks.

        The policy's pool would be drawn whole here, whatever the priority; so a share of it is, but at least FEW."""
        rng = np.random.default_rng((self.job.seed, iteration))
        most = min(90_000, max(FEW, round(self.size.drawn * len(self.buffer.pools["policy"]))))
        drawn = self.buffer.draw(rng, "policy", most, prioritised=prioritised)
        drawn += self.buffer.draw(rng, "initial", 10_000)
        examples = tasks.Experiences(drawn, self.size.read, self.size.repeat)
        objective = SequenceCrossEntropy()
        held = examples.batch(rng.permutation(len(examples))[:64], None)

        def evaluate(net: torch.nn.Module) -> dict[str, float]:
            return {"loss": float(objective(net, held).value)}

        settings = TrainingSettings(
            seed=self.job.seed + 1_000 * iteration,
            **{unit: much if unit == "clock" else much * times for unit, much in self.budget.items()},
            batch_size=32,
            bucket=8,
            learning_rate=self.size.rate,
            schedule="linear",
            clip=1.0,
            metric="-loss",
        )
        place = self.job._replace(folder=self.job.folder / name)
        self.net, facts = trained(begin, examples, objective, settings, place, evaluate=evaluate)
        return facts

    def sample(self, asked: Sequence[ArcTask], iteration: int) -> list[list[ArcProgram]]:
        """Distinct programs for each task."""
        found: list[list[ArcProgram]] = []
        for start in range(0, len(asked), 8):
            part = tasks.batch([(tasks.source(task.train, self.size.read), []) for task in asked[start : start + 8]])
            search = TopP(self.size.samples, 1.0, TEMPERATURE, self.job.seed + 100 * iteration + 10_000 * start)
            for one in search(self.net, part, length=self.size.length):
                programs = [tasks.program_of(each.value) for each in one]
                found.append(list(dict.fromkeys(each for each in programs if each is not None)))
        return found

    def collect(self, iteration: int, kept: Kept) -> None:
        """Run what is sampled for the unsolved tasks; keep what runs, or what solves."""
        for task, programs in zip(self.unsolved, self.sample(self.unsolved, iteration), strict=True):
            for program in programs:
                made = relabelled(task.name, arc.print(program), program, task.train, arc.answer)
                if made is None:
                    continue
                if solves(made, len(task.train)):
                    self.solved.setdefault(task.name, []).append(program)
                if kept == "all" or solves(made, len(task.train)):
                    self.buffer.add("policy", made)

    def cumulative(self) -> np.ndarray:
        """1 for each task of which one of the three best programs so far is right on its test."""
        return np.array(
            [
                float(
                    any(tasks.shares(each, task.test) == 1 for each in tasks.top(self.solved.get(task.name, []), task))
                )
                for task in self.unsolved
            ]
        )


def contend(job: Job, scale: Scale, budget: dict[str, Any], kept: Kept, prioritised: bool) -> Outcome:
    """Improve for some iterations; what was solved after each."""
    size = sizes(scale)
    begin, unsolved = data(size, scale.data, smoke=scale.smoke)
    run = SelfImprovement(job, size, budget, begin, unsolved)
    untrained: dict[str, float] = {}
    if scale.smoke:
        run.net = fresh(partial(make, size), job.seed).eval()
        run.collect(0, kept)
        untrained["solved"] = float(run.cumulative().mean())
        run = SelfImprovement(job, size, budget, begin, unsolved)
    facts, curve = run.start(), []
    for iteration in range(1, size.iterations + 1):
        run.collect(iteration, kept)
        curve.append(run.cumulative())
        net = run.net
        facts[f"training {iteration}"] = run.train(f"training-{iteration}", lambda net=net: net, iteration, prioritised)
    run.collect(size.iterations + 1, kept)
    curve.append(run.cumulative())
    facts["solved after each iteration"] = [round(float(each.mean()), 4) for each in curve]
    facts["experiences"] = {pool: len(each) for pool, each in run.buffer.pools.items()}
    if scale.name != "smoke" and kept == "all" and prioritised:
        facts["ARC evaluation tasks solved"] = evaluation(run, scale.data)
    return Outcome({"solved": with_count(curve[-1]), "growth": with_count(curve[-1] - curve[0])}, untrained, facts)


def evaluation(run: SelfImprovement, folder: Path | None) -> dict[str, int]:
    """How many of the evaluation tasks that are here one draw of samples solves."""
    asked = list(corpus.tasks("evaluation", folder))
    right = [
        any(tasks.shares(each, task.test) == 1 for each in tasks.top(programs, task))
        for task, programs in zip(asked, run.sample(asked, 99), strict=True)
    ]
    return {"solved": sum(right), "tasks": len(asked)}


CONTENDERS: dict[str, tuple[Kept, bool]] = {
    "hindsight": ("all", True),
    "successes alone": ("successes", True),
    "uniform draw": ("all", False),
}


@system("codeit", row="S056", room="synthesis")
def codeit(scale: Scale) -> Claim:
    """Butt, Manczak, Wiggers, Rainone, Zhang, Defferrard, Cohen: CodeIt: Self-Improving Language Models with
    Prioritized Hindsight Replay (ICML 2024).

    Unsolved grid tasks that a model solves over its iterations: every program that runs is kept as an answer to what it
    does, against solutions alone; drawn by priority against uniformly.
    """
    torch.set_num_threads(1)
    size = sizes(scale)
    if not scale.smoke:
        corpus.solutions(scale.data)  # raises before anything is trained
    budget = scale.budget(smoke=1, laptop=2.0, paper=1)
    chosen = {"hindsight": CONTENDERS["hindsight"]} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(name, partial(contend, scale=scale, budget=budget, kept=kept, prioritised=prioritised), asdict(size))
        for name, (kept, prioritised) in chosen.items()
    )
    return Claim(
        kind="trained",
        task="held-out mutants of tasks on grids",
        metrics={"solved": ACCURACY, "growth": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("tasks are solved", "solved", "hindsight", None, 0.1),
        budget=budget,
        data={"grids": "random" if scale.smoke else "ARC-AGI-1 training", "programs": size.initial},
        launch="phloem reproduce codeit --scale paper --data FOLDER",
    )


CLAUSES = (
    Clause("solved tasks grow over the iterations", "growth", "hindsight", None, 0.01),
    Clause("half as many more as with successes alone", "solved", "hindsight", "successes alone", 1.5, form="ratio"),
)
