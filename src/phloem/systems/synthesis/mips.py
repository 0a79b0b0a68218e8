"""MIPS: small recurrent networks, trained on algorithms, become Python programs that are verified.

For each of twenty of the paper's tasks a network is trained for at most 25 seconds, on the smallest architecture of a
short ladder that is always right (the published search tries thousands of numbers of architectures and is in
`learn.architecture_search`; its 10,000 steps of 4,096 sequences are not what a laptop has). What is left out is the
comparison with GPT-4. The plain arm looks for formulas of the same networks' hidden numbers, rounded, without normal
forms and lattices, under the same budget of expressions.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.analysis.mips_distil import distil, verified
from phloem.analysis.mips_normalise import accuracy, recurrence_of
from phloem.corpora.mips_tasks import TASKS, SequenceTask
from phloem.measure.bootstrap import with_count
from phloem.nn.models.minimal_rnn import Architecture, MinimalRNN
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system

LENGTH, BATCH, TESTS = 10, 256, 2_000
LADDER = (
    *(Architecture(1, 1, hidden) for hidden in (1, 2, 3, 4)),
    *(Architecture(1, 2, hidden, 1, 12) for hidden in (1, 2, 3)),
    *(Architecture(2, 1, hidden, 12, 1) for hidden in (1, 2)),
)
LINEAR_SHARE = 0.1  # of a task's seconds, for a rung whose networks are linear; others share what is left
CHECK_EVERY = 100
SMOKE = ("sum", "prev1", "diff_last2", "bitwise_not")


def train_network(
    task: SequenceTask, architecture: Architecture, seed: int, seconds: float, steps: int
) -> tuple[MinimalRNN, bool]:
    """Adam until every answer to the test sequences is right, or time or steps are over (processor seconds)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 10))
    x, y = task.draw(np.random.default_rng((seed, 11)), TESTS, LENGTH)
    model = MinimalRNN(architecture, task.inputs, 1)
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    began = time.process_time()
    for step in range(1, steps + 1):
        given, wanted = (torch.from_numpy(part).float() for part in task.draw(rng, BATCH, LENGTH))
        adam.zero_grad()
        error = model(given)[:, :, 0] - wanted
        (0.5 * torch.log1p(error**2)).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        over = time.process_time() - began > seconds
        if step % CHECK_EVERY == 0 or over:
            if accuracy(recurrence_of(model), x, y) == 1.0:
                return _settled(model, task, rng), True
            if over:
                break
    return model, False


def _settled(model: MinimalRNN, task: SequenceTask, rng: np.random.Generator) -> MinimalRNN:
    """Some steps of falling rates, so that weights that only have to round right come near what they mean."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    falling = torch.optim.lr_scheduler.ExponentialLR(adam, 0.985)
    for _ in range(300):
        given, wanted = (torch.from_numpy(part).float() for part in task.draw(rng, BATCH, LENGTH))
        adam.zero_grad()
        ((model(given)[:, :, 0] - wanted) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        falling.step()
    return model


def network(job: Job, name: str, seconds: float, steps: int) -> tuple[MinimalRNN, Architecture] | None:
    """The task's network, trained once for both arms; None if no rung of the ladder is always right."""
    stem = job.shared / f"{name}-{job.seed}-{seconds:g}"
    for rung, architecture in enumerate(LADDER):
        file = stem.with_name(f"{stem.name}-{rung}.safetensors")
        if file.is_file():
            model = MinimalRNN(architecture, TASKS[name].inputs, 1)
            model.load_state_dict(load_file(file))
            return model, architecture
    failed = stem.with_name(f"{stem.name}-none")
    if failed.is_file():
        return None
    left = seconds
    for rung, architecture in enumerate(LADDER):
        linear = architecture.hidden_depth == architecture.output_depth == 1
        share = LINEAR_SHARE * seconds if linear else left / 2
        began = time.process_time()
        model, right = train_network(TASKS[name], architecture, job.seed, share, steps)
        left -= time.process_time() - began
        if right:
            job.shared.mkdir(parents=True, exist_ok=True)
            save_file(model.state_dict(), stem.with_name(f"{stem.name}-{rung}.safetensors"))
            return model, architecture
        if left < 1:
            break
    job.shared.mkdir(parents=True, exist_ok=True)
    failed.touch()  # the clock could let the other arm succeed, which would then have another network
    return None


def solve(job: Job, names: tuple[str, ...], seconds: float, steps: int, plain: bool) -> Outcome:
    """Which tasks end in a program that is right on sequences four times as long."""
    solved, facts = [], {}
    for number, name in enumerate(names):
        found = network(job, name, seconds, steps)
        python, reason = None, "no network is always right"
        if found is not None:
            x, y = TASKS[name].draw(np.random.default_rng((job.seed, 12)), 300, LENGTH)
            python, reason, *_ = distil(recurrence_of(found[0]), x, y, plain=plain)
        longer = np.random.default_rng((job.seed, 13))
        right = python is not None and verified(python, TASKS[name], longer, 1000, 4 * LENGTH)
        solved.append(float(right))
        facts[name] = python if right else reason or "wrong on longer sequences"
        job.progress(number / len(names))
    untrained = 0.0  # a network that is not always right has no program
    one = with_count(np.array(solved))
    return Outcome({"solved": one, "tasks": np.array([[sum(solved), 1.0]])}, {"solved": untrained}, facts)


@system("mips", row="S010", room="synthesis")
def mips(scale: Scale) -> Claim:
    """Michaud et al.: Opening the AI black box: program synthesis via mechanistic interpretability (2024).

    The hidden states of small recurrent networks lie on lattices; read as integers, they give exact Python programs.
    """
    names = SMOKE if scale.smoke else tuple(TASKS)
    seconds, steps = (60.0, 1000) if scale.smoke else (25.0, 10_000)
    if scale.minutes:
        seconds = 60 * scale.minutes / len(names)  # a run is all tasks
    setting: dict[str, Any] = {"tasks": list(names), "seconds": seconds, "steps": steps}
    arms = tuple(
        Arm(name, partial(solve, names=names, seconds=seconds, steps=steps, plain=plain), {**setting, "plain": plain})
        for name, plain in (("lattice", False), ("raw states", True))
    )
    return Claim(
        kind="trained",
        task=f"{len(names)} algorithms on sequences of {LENGTH} steps, programs asked for {4 * LENGTH}",
        metrics={"solved": ACCURACY, "tasks": Metric(lambda sums: sums[..., 0] / sums[..., 1])},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("three of four tasks end in programs", "solved", "lattice", None, 0.75),
        budget={"seconds a task": seconds},
        data={"sequences": "generated"},
        launch="phloem reproduce mips --scale paper",
    )


CLAUSES = (
    Clause("ten tasks end in verified programs", "tasks", "lattice", None, 10.0),
    Clause("at least five fewer from raw states", "tasks", "lattice", "raw states", 5.0),
)
