"""CodeExecutor: a Transformer that writes what a program does, line by line.

UniXcoder's encoder-decoder mode over generated programs and their real traces. The loss weighs what has to be found out
ten times as much as the marks of the format. The claim gives three arms the same steps: easy to hard in three stages,
the three sets mixed from the start, and the stages without the weights; measured on programs of templates that training
never saw, decoded greedily.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from phloem.decode.greedy import greedy
from phloem.learn.curriculum import CODE_EXECUTOR, Stage, spread
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.span_corruption import Pair
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, Task, paired
from phloem.measure.trace_accuracy import addends, count, f1
from phloem.nn.models.prefix_mode_transformer import Marks, ModeState, PrefixModeTransformer
from phloem.nn.models.roberta import RobertaConfig
from phloem.represent.base import PAD
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.execution_trace import (
    EXTRA,
    MASK0,
    MODES,
    Segment,
    fitted,
    segments_of,
    source_units,
    trace_units,
)
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import Sizes, phase
from phloem.tasks.trace_programs import Traced, held_out_sets, training_sets

WEIGHT = 10.0
EASY = ("<state>", "</state>", "<dictsep>")
SMOKE = Sizes(units=560, sentinels=0, width=64, heads=4, layers=1, inner=128, code=64, target=64, rate=3e-3)
LAPTOP = Sizes(units=640, sentinels=0, width=128, heads=4, layers=2, inner=512, code=96, target=288)
PUBLISHED = Sizes(units=51_416, width=768, heads=12, layers=6, inner=3072, code=255, target=763, batch=256, rate=4e-4)


class Programs(NamedTuple):
    """Training sets from easy to hard, the test's single lines and programs, and the units."""

    train: tuple[list[Traced], ...]
    single: list[Traced]
    held: list[Traced]
    units: BytePairs


@lru_cache(maxsize=2)
def programs_of(many: int, tested: int, below: int, size: int) -> Programs:
    """Generated and run once for all arms."""
    train = training_sets(many, 0, below)
    single, held = held_out_sets(tested, 0, below)
    texts = [text for group in train for each in group for text in (each.program, repr(each.segments))]
    return Programs(train, single, held, BytePairs.fit(texts[:4000], size, sentinels=0, extra=EXTRA))


class TraceLoss:
    """The weighted cross-entropy of every unit after the leading <mask0>, which is given."""

    def __init__(self, units: BytePairs, weight: float) -> None:
        easy = (*(units.mark(mark) for mark in EASY), *units.encode(":"))
        self.loss = TokenCrossEntropy(weight, easy)

    def __call__(self, model: Any, batch: TokenBatch) -> Loss:
        behind = batch._replace(target=batch.target[:, 1:])
        return self.loss(lambda _: model(batch)[:, 1:], behind)


class Begun(nn.Module):
    """A `Decodable` whose targets begin with a given unit: it is read before anything is predicted."""

    def __init__(self, model: PrefixModeTransformer, first: int) -> None:
        super().__init__()
        self.model, self.first = model, first

    def start(self, source: Any) -> tuple[ModeState, bool]:
        state = self.model.start(source)
        _, state = self.model.next(source.lengths, state)  # the logits of the given unit itself
        return state, True

    def next(
        self, tokens: Int64[Tensor, " rows"], state: tuple[ModeState, bool]
    ) -> tuple[Float[Tensor, "rows vocabulary"], tuple[ModeState, bool]]:
        inner, begins = state
        logits, inner = self.model.next(torch.full_like(tokens, self.first) if begins else tokens, inner)
        return logits, (inner, False)

    def reorder(self, state: tuple[ModeState, bool], index: Int64[Tensor, " rows"]) -> tuple[ModeState, bool]:
        return self.model.reorder(state[0], index), state[1]

    def trace(self, state: tuple[ModeState, bool]) -> None:
        """Nothing: attention is spread over heads and blocks."""
        return None


def small_model(units: BytePairs, sizes: Sizes) -> PrefixModeTransformer:
    """UniXcoder's shape with the marks of traces."""
    config = RobertaConfig(
        vocabulary=units.size,
        width=sizes.width,
        layers=2 * sizes.layers,
        heads=sizes.heads,
        inner=sizes.inner,
        places=sizes.code + sizes.target + 8,
        pad=PAD,
    )
    one, two, three = (units.mark(mark) for mark in MODES)
    return PrefixModeTransformer(config, Marks(START, END, (one, two, three)))


def laid_out_pair(one: Traced, units: BytePairs, marks: Marks, sizes: Sizes) -> Pair:
    """<s> <encoder-decoder> </s> source <mask0> </s>, and <mask0> trace."""
    source, trace = source_units(one.program, units, one.kind), trace_units(one.segments, units)
    kept, told = fitted(len(source), len(trace), sizes.code + sizes.target + 6)
    mask0 = units.mark(MASK0)
    front = np.concatenate([marks.prefix("encoder-decoder"), source[:kept], [mask0, marks.end]])
    return Pair(front.astype(np.int32), np.concatenate([[mask0], trace[:told]]).astype(np.int32))


def stage_tasks(known: Programs, marks: Marks, sizes: Sizes, stage: Stage, weight: float) -> list[Task]:
    """The sets of a stage at its rates."""
    pairs: dict[int, list[Pair]] = {}

    def task(number: int) -> Task:
        group = known.train[number]
        pairs[number] = [laid_out_pair(one, known.units, marks, sizes) for one in group]

        def make(items: list[int], rng: np.random.Generator) -> TokenBatch:
            drawn = [pairs[number][place] for place in rng.integers(0, len(group), len(items)).tolist()]
            return paired(drawn, source=sizes.code + 5, target=sizes.target)

        return Task(f"set {number}", make, TraceLoss(known.units, weight), stage.rates[number])

    return [task(number) for number, rate in enumerate(stage.rates) if rate > 0]


def predicted(
    model: PrefixModeTransformer, known: Programs, programs: Sequence[Traced], sizes: Sizes, length: int
) -> list[list[Segment]]:
    """The greedy trace of each program."""
    model.eval()
    begun = Begun(model, known.units.mark(MASK0))
    found: list[list[Segment]] = []
    for start in range(0, len(programs), 64):
        pairs = [laid_out_pair(one, known.units, model.marks, sizes) for one in programs[start : start + 64]]
        batch = paired(pairs, source=sizes.code + 5, target=1)
        found += [segments_of(best[0].value, known.units) for best in greedy(begun, batch, length=length)]
    return found


def figures(
    model: PrefixModeTransformer, known: Programs, sizes: Sizes, most: int | None = None
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Addends on single lines and on programs of templates never seen; and of the latter `by_length`."""
    single, held = known.single[:most], known.held[:most]
    lines = predicted(model, known, single, sizes, min(sizes.target, 56))
    rows = [count(one.segments, given) for one, given in zip(single, lines, strict=True)]
    exact = np.array([[row.trace, 1] for row in rows], np.float64)
    names = addends(rows)[:, 6:]
    traces = predicted(model, known, held, sizes, sizes.target - 1)
    told = addends([count(one.segments, given) for one, given in zip(held, traces, strict=True)])
    ones = np.ones((len(told), 1))
    measured = {
        "single line": exact,
        "identifiers of a line": names,
        "trace": np.concatenate([told[:, 2:3], ones], axis=1),
        "outputs": told[:, [1, 0]],
        "line F1": told[:, 3:6],
        "identifier F1": told[:, 6:9],
    }
    return measured, by_length(held, told[:, 2])


def train_executor(job: Job, budget: dict[str, Any], sizes: Sizes, stages: tuple[Stage, ...], weight: float) -> Outcome:
    """Train through the stages and trace the test's programs."""
    known = programs_of(budget["programs"], budget["tested"], budget["below"], sizes.units)
    model = fresh(lambda: small_model(known.units, sizes), job.seed)
    untrained, _ = figures(model, known, sizes, 20)
    facts: dict[str, Any] = {"parameters": sum(each.numel() for each in model.parameters())}
    done = 0.0
    for number, stage in enumerate(stages):
        tasks = stage_tasks(known, model.marks, sizes, stage, weight)
        steps = max(1, round(budget["steps"] * stage.share))
        items = Listed(list(range(steps * sizes.batch)), lambda _: 1)
        part = done, done + stage.share
        facts[f"stage {number + 1}"] = phase(
            model, items, tasks, job, f"stage-{number + 1}", sizes=sizes, budget={"epochs": 1}, part=part
        )
        done += stage.share
    measured, lengths = figures(model, known, sizes)
    before = {name: float(METRICS[name].of(rows.sum(axis=0))) for name, rows in untrained.items()}
    return Outcome(measured, before, {**facts, "by length": lengths})


def by_length(programs: Sequence[Traced], right: Float[np.ndarray, " programs"]) -> dict[str, list[float]]:
    """By the number of steps, up to 4, up to 8 and longer: the share of programs traced right, and how many."""
    found: dict[str, list[float]] = {}
    for name, low, high in (("1-4", 1, 4), ("5-8", 5, 8), ("9-", 9, 10_000)):
        rows = [hit for one, hit in zip(programs, right.tolist(), strict=True) if low <= len(one.segments) <= high]
        found[name] = [round(float(np.mean(rows)), 4) if rows else 0.0, len(rows)]
    return found


METRICS = {
    "single line": ACCURACY,
    "identifiers of a line": Metric(f1),
    "trace": ACCURACY,
    "outputs": ACCURACY,
    "line F1": Metric(f1),
    "identifier F1": Metric(f1),
}


@system("codeexecutor", row="S122", room="understanding")
def codeexecutor(scale: Scale) -> Claim:
    """Liu, Lu, Jiang, Chen, Lu, Duan et al.: Code Execution with Pre-trained Language Models (ACL Findings 2023).

    Traces of generated programs, from easy to hard or mixed; needs the sandbox, no data.
    """
    sizes = {"smoke": SMOKE, "laptop": LAPTOP, "paper": PUBLISHED}[scale.name]
    budget = {
        "smoke": {"steps": 260, "programs": 600, "tested": 40, "below": 10},
        "laptop": {"steps": 1200, "programs": 6000, "tested": 300, "below": 100},
        "paper": {"steps": 500_000, "programs": 1_000_000, "tested": 5_000, "below": 100},
    }[scale.name]
    if scale.minutes is not None:
        budget = {**budget, "steps": max(1, round(budget["steps"] * scale.minutes / 10))}
    stages = (Stage(1.0, (1.0, 0.0, 0.0)),) if scale.smoke else CODE_EXECUTOR

    def arm(name: str, own: tuple[Stage, ...], weight: float) -> Arm:
        run = partial(train_executor, budget=budget, sizes=sizes, stages=own, weight=weight)
        return Arm(name, run, {**asdict(sizes), "stages": [list(stage) for stage in own], "weight": weight})

    arms = (
        arm("easy to hard", stages, WEIGHT),
        arm("mixed", spread(stages), WEIGHT),
        arm("easy to hard, equal weights", stages, 1.0),
    )
    return Claim(
        kind="trained",
        task="what single statements do" if scale.smoke else "traces of programs of templates never seen",
        metrics=METRICS,
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("statements are read", "identifiers of a line", "easy to hard", None, 0.15),
        budget=budget,
        data={"programs": "generated and run in the sandbox"},
        launch="phloem reproduce codeexecutor --scale paper",
    )


CLAUSES = (
    Clause("the order gains 3 points of trace accuracy", "trace", "easy to hard", "mixed", 0.03),
    Clause("80% of single lines are right", "single line", "easy to hard", None, 0.80),
)
