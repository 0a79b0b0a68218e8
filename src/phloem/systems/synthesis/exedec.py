"""ExeDec: a list program is written step by step, each step towards a subgoal that a model proposes.

Three contenders have models of the same size, each trained as long: subgoals and lines that reach them, lines from the
task alone (no subgoals, but run step by step), and the whole program at once. They are asked for programs that are
composed as none of their training programs was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import Any

import numpy as np
import torch

from phloem.decode.base import Hypothesis
from phloem.decode.beam import Beam
from phloem.errors import PhloemError
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.example_transformer import ExampleTransformer
from phloem.represent.base import START
from phloem.synthesis import subgoals
from phloem.synthesis.languages import deepcoder
from phloem.synthesis.languages.deepcoder import SEPARATOR, Line, ListProgram
from phloem.synthesis.subgoals import Lists, ListsLeft, Subgoal
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import list_programs
from phloem.tasks.list_programs import SMALL, ListPrograms, ListTask, Model

SPLITS = ("length_generalization", "compose_new_op")
TEST_SEED = 2_000_003
LINE, WHOLE = 5, 24  # tokens of a line, and of a program


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales. `trained`: lines of a training program at most."""
    if scale.smoke:
        model = {"width": 48, "heads": 4, "layers": 1, "inner": 96, "dropout": 0.0}
        return {"model": model, "batch": 32, "epoch": 32 * 50, "trained": 1, "tests": 20, "beam": 5, "steps": 2}
    if scale.name == "laptop":
        model = {"width": 120, "heads": 4, "layers": 2, "inner": 240, "dropout": 0.0}
        return {"model": model, "batch": 32, "epoch": 32 * 50, "trained": 3, "tests": 200, "beam": 10, "steps": 5}
    model = {"width": 512, "heads": 4, "layers": 3, "inner": 1024, "dropout": 0.1}
    return {"model": model, "batch": 128, "epoch": 128 * 5_000, "trained": 4, "tests": 1_000, "beam": 10, "steps": 5}


def make(kind: Model, size: dict[str, Any]) -> ExampleTransformer:
    """A model of one kind; only subgoals have a part for each example."""
    separator = SEPARATOR if kind == "subgoal" else None
    return ExampleTransformer(deepcoder.SIZE, longest=60, separator=separator, **size["model"])


def model(
    job: Job, budget: dict[str, Any], size: dict[str, Any], split: str, kind: Model
) -> tuple[Any, dict[str, Any]]:
    """A model of one kind after training on fresh tasks of a split."""
    options = {"trained": size["trained"], "bounds": SMALL}
    data = ListPrograms(split, kind, examples=size["epoch"], seed=job.seed, **options)
    held = ListPrograms(split, kind, examples=100, seed=TEST_SEED - 1, **options)
    objective = SequenceCrossEntropy()

    def evaluate(net: torch.nn.Module) -> dict[str, float]:
        return {"loss": float(objective(net, held.batch(np.arange(100), None)).value)}

    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=size["batch"],
        learning_rate=2e-3,
        schedule="linear",
        warmup_steps=20,
        clip=1.0,
        metric="-loss",
    )
    place = job._replace(folder=job.folder / f"{split}-{kind}")
    return trained(partial(make, kind, size), data, objective, settings, place, evaluate=evaluate)


class Models:
    """`Propose` and `Write` of trained models, by beam search."""

    def __init__(self, nets: dict[Model, Any], width: int) -> None:
        self.nets, self.width = nets, width

    def propose(self, tasks: Sequence[ListsLeft]) -> list[list[tuple[Subgoal | None, float]]]:
        """Subgoals of tasks; None for each where no model proposes any."""
        if "subgoal" not in self.nets:
            return [[(None, 0.0)] for _ in tasks]
        read = [_read(task, task.outputs) for task in tasks]
        found = self._decoded("subgoal", read, 8 * len(tasks[0].states))
        return [
            [(values, each.score) for each in one if (values := _values(each.value, len(task.states))) is not None]
            for task, one in zip(tasks, found, strict=True)
        ]

    def write(self, asked: Sequence[tuple[ListsLeft, Subgoal | None]]) -> list[list[tuple[Line, float]]]:
        """Lines of tasks with subgoals, or without."""
        kind: Model = "synthesizer" if "subgoal" in self.nets else "combined"
        read = [_read(task, task.outputs if subgoal is None else subgoal) for task, subgoal in asked]
        return [
            [(line, each.score) for each in one if (line := _line(each.value, len(task.states[0]))) is not None]
            for (task, _), one in zip(asked, self._decoded(kind, read, LINE), strict=True)
        ]

    def whole(self, task: ListTask) -> ListProgram | None:
        """The likeliest whole program that gives all outputs."""
        begin = ListsLeft(task.inputs, task.outputs)
        for each in self._decoded("whole", [_read(begin, task.outputs)], WHOLE)[0]:
            program = _program(each.value, task.program.inputs)
            if program is not None and _gives(program, task):
                return program
        return None

    def _decoded(self, kind: Model, read: list[list[list[int]]], length: int) -> list[list[Hypothesis]]:
        batch = list_programs.batch_of([(one, []) for one in read])
        return Beam(self.width, forbid=(START,))(self.nets[kind], batch, length=length)


def _read(task: ListsLeft, wanted: Sequence[Any]) -> list[list[int]]:
    return [list_programs.source(state, value) for state, value in zip(task.states, wanted, strict=True)]


def _values(tokens: Sequence[int], examples: int) -> Subgoal | None:
    parts = deepcoder.decode(tokens).split("|")
    try:
        values = tuple(deepcoder.parse_value(part) for part in parts)
    except PhloemError:
        return None
    return values if len(values) == examples else None


def _line(tokens: Sequence[int], variables: int) -> Line | None:
    try:
        return deepcoder.parse_line(deepcoder.decode(tokens).split(), variables)
    except PhloemError:
        return None


def _program(tokens: Sequence[int], inputs: int) -> ListProgram | None:
    lines = []
    for number, part in enumerate(deepcoder.decode(tokens).split("|")):
        try:
            lines.append(deepcoder.parse_line(part.split(), inputs + number))
        except PhloemError:
            return None
    return ListProgram(inputs, tuple(lines))


def _gives(program: ListProgram, task: ListTask) -> bool:
    found = (deepcoder.run(program, row, bounds=SMALL) for row in task.inputs)
    return all(state is not None and state[-1] == output for state, output in zip(found, task.outputs, strict=True))


def solves(models: Models, task: ListTask, steps: int) -> bool:
    """Whether a program is found that gives all outputs."""
    if "whole" in models.nets:
        return models.whole(task) is not None
    begin = ListsLeft(task.inputs, task.outputs)
    found = subgoals.decompose(begin, Lists(SMALL), models.propose, models.write, width=models.width, steps=steps)
    return any(_gives(ListProgram(task.program.inputs, each.parts), task) for each in found)


def questions(split: str, size: dict[str, Any], *, smoke: bool) -> list[ListTask]:
    """The test tasks of a split, from a seed that no training has; in a smoke test composed as those of training."""
    drawn = list_programs.tasks(Random(TEST_SEED), split, test=not smoke, trained=size["trained"], bounds=SMALL)
    return list(islice(drawn, size["tests"]))


def contend(job: Job, scale: Scale, budget: dict[str, Any], kinds: tuple[Model, ...]) -> Outcome:
    """Train a contender's models on each split and let them solve its tests."""
    size, right = sizes(scale), list[float]()
    facts: dict[str, Any] = {}
    untrained: dict[str, float] = {}
    for split in SPLITS[:1] if scale.smoke else SPLITS:
        nets: dict[Model, Any] = {}
        some = questions(split, size, smoke=scale.smoke)
        for kind in kinds:
            nets[kind], facts[f"{split}, {kind}"] = model(job, budget, size, split, kind)
        if scale.smoke:
            blank = Models({kind: fresh(partial(make, kind, size), job.seed).eval() for kind in kinds}, size["beam"])
            untrained["solved"] = float(np.mean([solves(blank, task, size["steps"]) for task in some]))
        models = Models(nets, size["beam"])
        solved = list[float]()
        for task in some:
            solved.append(float(solves(models, task, size["steps"])))
            job.progress(len(solved) / len(some))
        facts[f"{split}, solved"] = float(np.mean(solved))
        right += solved
    return Outcome({"solved": with_count(np.array(right))}, untrained, facts)


CONTENDERS: dict[str, tuple[Model, ...]] = {
    "exedec": ("subgoal", "synthesizer"),
    "no subgoals": ("combined",),
    "whole program": ("whole",),
}


@system("exedec", row="S013", room="synthesis")
def exedec(scale: Scale) -> Claim:
    """Shi, Hong, Deng, Yin, Zaheer, Sutton: ExeDec: Execution Decomposition for Compositional Generalization in Neural
    Program Synthesis (ICLR 2024).

    List programs longer than those of training, and with an operation that training showed alone: step by step towards
    subgoals, step by step without, and at once.
    """
    budget = scale.budget(smoke=3, laptop=100 / 60, paper=100)
    chosen = {"exedec": CONTENDERS["exedec"]} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(name, partial(contend, scale=scale, budget=budget, kinds=kinds), {"models": list(kinds), **sizes(scale)})
        for name, kinds in chosen.items()
    )
    return Claim(
        kind="trained",
        task="list programs composed as in training" if scale.smoke else "list programs of " + " and ".join(SPLITS),
        metrics={"solved": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("programs of a line are written", "solved", "exedec", None, 0.1),
        budget=budget,
        data={"tasks": "sampled", "largest": SMALL.largest, "longest": SMALL.longest},
        launch="phloem reproduce exedec --scale paper",
    )


CLAUSES = (
    Clause("10 points above the whole program at once", "solved", "exedec", "whole program", 0.10),
    Clause("2 points above no subgoals", "solved", "exedec", "no subgoals", 0.02),
)
