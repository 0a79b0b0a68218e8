"""Programming by example with a model that is taught by variations of a few programs, and adapts itself to new tasks.

A sequence model learns to write list functions in a subset of Python from their examples; its training programs are
mutants of some seeds. It is asked for programs of the same kind, and for longer ones on longer lists. For the latter it
adapts itself once: what it solved of them by their shown examples becomes the seeds of further training. The rival
spends the same time on the data that it had.

The source's models are code language models of 7B and 33B parameters and its generator is a language model, here a
small Transformer and mutation; one round of adaptation stands for several.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.analysis import success_predictors
from phloem.decode.top_p import TopP
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.example_transformer import ExampleTransformer
from phloem.synthesis.languages import deepcoder
from phloem.synthesis.languages.deepcoder import ListProgram, ListValue, State, type_of
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import list_pbe
from phloem.tasks.list_pbe import LONGER, WIDE, Asked, Kind, Programs, Shown

TEST_SEED = 5_000_011
LENGTH = 24  # tokens of a program at most
REGAINED = Metric(lambda sums: sums[..., 0] / np.where(sums[..., 1] == 0, np.nan, sums[..., 1]))
"""What adaptation adds, as a share of what the tasks in distribution have more."""


@dataclass(frozen=True)
class Sizes:
    """What differs between the scales. `share` is adaptation's budget as a part of the first training's."""

    width: int
    layers: int
    seeds: int
    programs: int
    tests: int
    samples: int
    kind: Kind
    batch: int = 32
    rate: float = 2e-3
    repeat: int = 1
    share: float = 0.5


def sizes(scale: Scale) -> Sizes:
    if scale.smoke:
        return Sizes(48, 1, 10, 400, 20, 20, Kind(1, 3, 1, 1), repeat=150)
    if scale.name == "laptop":
        return Sizes(128, 4, 30, 4_000, 100, 50, Kind())
    return Sizes(512, 6, 50, 100_000, 500, 200, Kind())


def make(size: Sizes) -> ExampleTransformer:
    return ExampleTransformer(
        deepcoder.SIZE, longest=60, separator=None, width=size.width, heads=4, layers=size.layers,
        inner=4 * size.width, dropout=0.0,
    )  # fmt: skip


@cache
def data(size: Sizes, *, smoke: bool) -> tuple[list[ListProgram], list[Asked], list[Asked]]:
    """Training programs, tasks of their kind, and longer ones; the same for every arm and seed of training.

    A smoke test asks for programs that were trained, on new lists: there are too few of one line to hold any back."""
    rng = Random(TEST_SEED)
    first = list_pbe.seeds(rng, size.seeds, size.kind)
    programs = list_pbe.generated(rng, first, size.programs, size.kind)
    rng.shuffle(programs)
    held, rest = programs[: 3 * size.tests], programs[3 * size.tests :]
    if smoke:
        return programs, list_pbe.asked(rng, programs[: size.tests], size.kind), []
    inside = list_pbe.asked(rng, held, size.kind)[: size.tests]
    further = list_pbe.seeds(rng, 4 * size.tests, LONGER)
    outside = list_pbe.asked(rng, further, LONGER)[: size.tests]
    return list_pbe.clean(rest, [*inside, *outside]), inside, outside


def settings_of(size: Sizes, budget: dict[str, Any], seed: int, part: float = 1.0) -> TrainingSettings:
    known = dict(budget)
    if part != 1.0:
        known = {name: value * part if name == "minutes" else value for name, value in known.items()}
        known = {name: max(1, round(value * part)) if name == "epochs" else value for name, value in known.items()}
    return TrainingSettings(
        seed=seed, **known, batch_size=size.batch, learning_rate=size.rate, schedule="linear", warmup_steps=20,
        clip=1.0, metric="-loss",
    )  # fmt: skip


def fitted(job: Job, name: str, begin: Any, examples: Programs, size: Sizes, settings: TrainingSettings) -> Any:
    """A model trained from `begin` on, once a seed and name; with the facts of its training."""
    about = json.dumps([name, repr(size), settings.fixed(), settings.minutes, settings.epochs], sort_keys=True)
    key = hashlib.sha256(about.encode()).hexdigest()[:16]
    weights, facts_file = job.shared / f"{key}.safetensors", job.shared / f"{key}.json"
    if not facts_file.is_file():
        objective = SequenceCrossEntropy()
        held = examples.batch(np.random.default_rng(0).permutation(len(examples))[:100], None)

        def evaluate(net: torch.nn.Module) -> dict[str, float]:
            return {"loss": float(objective(net, held).value)}

        place = job._replace(folder=job.folder / name)
        ready, facts = trained(begin, examples, objective, settings, place, evaluate=evaluate)
        job.shared.mkdir(parents=True, exist_ok=True)
        save_file(ready.state_dict(), weights)
        facts_file.write_text(json.dumps(facts))
    ready = fresh(partial(make, size), job.seed)
    ready.load_state_dict(load_file(weights))
    return ready.eval(), json.loads(facts_file.read_text())


def sampled(net: Any, tasks: Sequence[Shown], size: Sizes, seed: int) -> list[list[ListProgram | None]]:
    """Programs from the model for each task, in the order in which they were drawn."""
    found: list[list[ListProgram | None]] = []
    for start in range(0, len(tasks), 8):
        batch = list_pbe.batch([(shown, None) for shown in tasks[start : start + 8]])
        search = TopP(size.samples, p=1.0, seed=seed + start)
        found += [[list_pbe.program_of(each.value) for each in one] for one in search(net, batch, length=LENGTH)]
    return found


def answers(net: Any, tasks: Sequence[Shown], size: Sizes, seed: int) -> list[ListProgram | None]:
    """Of each task the first sample that gives what is shown."""
    chosen = []
    for shown, samples in zip(tasks, sampled(net, tasks, size, seed), strict=True):
        first = list_pbe.first_passing(samples, shown)
        chosen.append(None if first is None else samples[first])
    return chosen


def scored(found: Sequence[ListProgram | None], tests: Sequence[Asked]) -> np.ndarray:
    """1 for each task whose answer is right on held-back inputs too. (What was shown passed in a sandbox.)"""
    return np.array(
        [
            float(program is not None and list_pbe.agrees(program, test.pairs, WIDE))
            for program, test in zip(found, tests, strict=True)
        ]
    )


def adapted(
    job: Job, base: Any, shown: Sequence[Shown], start: Sequence[ListProgram], size: Sizes, budget: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """One round: sample for the tasks, take what passes as seeds, train on what comes of them. Sees pairs alone."""
    passed = [each for each in answers(base, shown, size, TEST_SEED + job.seed) if each is not None]
    new = list(start)
    if passed:
        new = list_pbe.generated(Random(job.seed), list(dict.fromkeys(passed)), size.programs // 4, LONGER, tries=5)
    near: list[State] = [row for each in shown for row, _ in each.pairs]
    examples = Programs(new, LONGER, repeat=size.repeat, near=near)
    ready, facts = fitted(job, "adapted", lambda: base, examples, size, settings_of(size, budget, job.seed, size.share))
    return ready, facts | {"verified": len(passed), "programs of adaptation": len(new)}


def contend(job: Job, scale: Scale, budget: dict[str, Any], name: str) -> Outcome:
    """An arm: train as it says, and answer its tasks."""
    size = sizes(scale)
    programs, inside, outside = data(size, smoke=scale.smoke)
    begin = partial(fresh, partial(make, size), job.seed)
    examples = Programs(programs, size.kind, repeat=size.repeat)
    base, facts = fitted(job, "base", begin, examples, size, settings_of(size, budget, job.seed))
    tests = inside if name == "in distribution" else outside
    shown = [test.shown for test in tests]
    net = base
    if name == "adapted":
        net, facts = adapted(job, base, shown, programs, size, budget)
    elif name == "more of the same":
        more = settings_of(size, budget, job.seed, size.share)
        net, facts = fitted(job, "more", lambda: base, examples, size, more)
    started = time.monotonic()
    found = answers(net, shown, size, TEST_SEED)
    right = scored(found, tests)
    seconds = (time.monotonic() - started) / max(len(tests), 1)
    facts = dict(facts) | {"training programs": len(programs), "seconds a task": round(seconds, 3)}
    untrained: dict[str, float] = {}
    units = {"solved": with_count(right)}
    if scale.smoke:
        untrained["solved"] = float(scored(answers(begin().eval(), shown, size, TEST_SEED), tests).mean())
    elif name == "adapted":
        fresh_base, _ = fitted(job, "base", begin, examples, size, settings_of(size, budget, job.seed))
        before = scored(answers(fresh_base, shown, size, TEST_SEED), tests)
        there = scored(answers(fresh_base, [test.shown for test in inside], size, TEST_SEED), inside)
        units["regained"] = np.stack([right - before, there - before], axis=1)
    elif net is base:
        by_search = [enumerated(test.shown, seconds) for test in tests]
        facts["solved by enumeration in the same time"] = float(scored(by_search, tests).mean())
        facts["what predicts success (AUC)"] = predictors(base, programs, tests, right)
    return Outcome(units, untrained, facts)


def predictors(
    net: Any, programs: Sequence[ListProgram], tests: Sequence[Asked], right: np.ndarray
) -> dict[str, float]:
    """How well figures of a task tell whether it was solved; these look at the test programs, after the fact."""
    prior = success_predictors.UnigramPrior(map(list_pbe.tokens_of, programs), deepcoder.SIZE)
    objective, posterior = SequenceCrossEntropy(), []
    with torch.inference_mode():
        for test in tests:
            posterior.append(-float(objective(net, list_pbe.batch([(test.shown, test.program)])).value))
    values = {
        "log posterior": posterior,
        "log prior": [prior(list_pbe.tokens_of(test.program)) for test in tests],
        "minus program length": [-float(len(test.program.lines)) for test in tests],
        "minus output length": [-float(sum(len(str(output)) for _, output in test.shown.pairs)) for test in tests],
    }
    found = success_predictors.areas(values, list(right > 0.5))
    return {name: round(value, 3) for name, value in found.items() if not np.isnan(value)}


def enumerated(shown: Shown, seconds: float) -> ListProgram | None:
    """The first program that gives what is shown, shortest first, one of each behaviour, until the time is over."""
    until = time.monotonic() + seconds
    inputs = [row for row, _ in shown.pairs]
    wanted = tuple(output for _, output in shown.pairs)
    level: list[tuple[ListProgram, list[State]]] = [(ListProgram(1, ()), list(inputs))]
    seen: set[tuple[ListValue, ...]] = set()
    while level:
        following = []
        for program, states in level:
            for line in deepcoder.lines([type_of(value) for value in states[0]]):
                if time.monotonic() > until:
                    return None
                values = [deepcoder.step(line, state, WIDE) for state in states]
                known = tuple(value for value in values if value is not None)
                if len(known) < len(values) or known in seen:
                    continue
                longer = program._replace(lines=(*program.lines, line))
                if known == wanted:
                    return longer
                seen.add(known)
                following.append((longer, [(*s, v) for s, v in zip(states, known, strict=True)]))
        level = following
    return None


ARMS = ("in distribution", "longer", "adapted", "more of the same")


@system("pbe-llm", row="S135", room="synthesis")
def pbe_llm(scale: Scale) -> Claim:
    """Li, Ellis: Is Programming by Example Solved by LLMs? (NeurIPS 2024).

    List functions from examples: of the kind that was trained, longer ones, and longer ones after one round of
    adaptation to their shown examples against the same time on the old data.
    """
    torch.set_num_threads(1)
    budget = scale.budget(smoke=1, laptop=4.0, paper=20)
    names = ARMS[:1] if scale.smoke else ARMS
    settings = json.loads(json.dumps(sizes(scale).__dict__))
    arms = tuple(Arm(name, partial(contend, scale=scale, budget=budget, name=name), settings) for name in names)
    return Claim(
        kind="trained",
        task="list functions from examples",
        metrics={"solved": ACCURACY, "regained": REGAINED},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("functions are written", "solved", "in distribution", None, 0.1),
        budget=budget,
        data={"programs": "mutants of seeds", "inside": list(sizes(scale).kind), "outside": list(LONGER)},
        launch="phloem reproduce pbe-llm --scale paper",
    )


CLAUSES = (
    Clause("20 points more than on longer ones", "solved", "in distribution", "longer", 0.20),
    Clause("adaptation regains a fifth of the gap", "regained", "adapted", None, 0.20),
    Clause("more than the same time on the old data", "solved", "adapted", "more of the same", 0.01),
)
