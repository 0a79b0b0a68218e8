"""Latent program network: a program is a vector, and the vector is improved by gradient ascent when it is needed.

One network a seed, trained without search; its answers to fresh tasks by the encoder alone, after gradient ascent on
the likelihood of the given pairs, and after as many random samples.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.learn.objectives.leave_one_out import LeaveOneOut
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.latent_program import LatentProgram
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import patterns
from phloem.tasks.patterns import Method, Patterns

TEST_SEED = 4_000_037
HELD = 16  # patterns out of training, in the run that is reported beside the claim


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales."""
    if scale.smoke:
        model = {"colours": 3, "latent": 8, "width": 32, "heads": 4, "inner": 32, "layers": (1, 1)}
        data = {"canvas": 3, "size": 1, "colours": 2}
        return {"model": model, "data": data, "batch": 32, "epoch": 32 * 60, "tests": 60, "rate": 3e-3}
    if scale.name == "laptop":
        model = {"colours": 4, "latent": 16, "width": 56, "heads": 4, "inner": 56, "layers": (2, 2)}
        data = {"canvas": 4, "size": 2, "colours": 3}
        return {"model": model, "data": data, "batch": 64, "epoch": 64 * 50, "tests": 300, "rate": 2e-3}
    model = {"colours": 10, "latent": 32, "width": 96, "heads": 6, "inner": 96, "layers": (2, 2)}
    data = {"canvas": 10, "size": 4, "colours": 9}
    return {"model": model, "data": data, "batch": 128, "epoch": 128 * 1_000, "tests": 300, "rate": 4e-4}


def network(
    job: Job, budget: dict[str, Any], size: dict[str, Any], held: int, inner: int
) -> tuple[Any, dict[str, Any]]:
    """The seed's network, trained once and read by the other searches; `inner` steps of search in training."""
    canvas = size["data"]["canvas"]

    def make() -> LatentProgram:
        return LatentProgram(canvas, canvas, **size["model"])

    about = {"size": size, "budget": budget, "seed": job.seed, "held": held, "inner": inner}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    weights, facts_file = job.shared / f"{key}.safetensors", job.shared / f"{key}.json"
    if facts_file.is_file():
        ready = fresh(make, job.seed)
        ready.load_state_dict(load_file(weights))
        return ready.eval(), json.loads(facts_file.read_text())
    data = Patterns(epoch=size["epoch"], held=held, **size["data"])
    validation = data.drawn(np.random.default_rng(TEST_SEED - 1), 100)
    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=size["batch"],
        learning_rate=size["rate"],
        schedule="linear",
        warmup_steps=20,
        clip=1.0,
        metric="likelihood",
    )
    evaluate = partial(patterns.evaluate, batch=validation)
    ready, facts = trained(make, data, LeaveOneOut(steps=inner), settings, job, evaluate=evaluate)
    job.shared.mkdir(parents=True, exist_ok=True)
    save_file(ready.state_dict(), weights)
    facts_file.write_text(json.dumps(facts))
    return ready.eval(), facts


def contend(
    job: Job,
    scale: Scale,
    budget: dict[str, Any],
    steps: int,
    method: Method = "gradient",
    held: int = 0,
    inner: int = 0,
) -> Outcome:
    """Answers to fresh tasks after one search; with `held` of patterns that training never had."""
    size = sizes(scale)
    net, facts = network(job, budget, size, held, inner)
    data = Patterns(epoch=1, held=held, **size["data"])
    tests = data.drawn(np.random.default_rng((TEST_SEED, job.seed)), size["tests"], only_unseen=held > 0)
    found = patterns.fitted(net, patterns.split(tests)[0], steps=steps, method=method)
    risen = (found.score >= found.curve[0]).double().numpy()
    untrained: dict[str, float] = {}
    if scale.smoke:
        canvas = size["data"]["canvas"]
        blank = fresh(lambda: LatentProgram(canvas, canvas, **size["model"]), job.seed).eval()
        untrained["solved"] = float(patterns.hits(blank, tests, steps=steps, method=method)[:, 0].mean())
    with torch.inference_mode(False):
        solved = patterns.hits(net, tests, steps=steps, method=method)
    curve = found.curve.mean(1).tolist()
    facts = dict(facts) | {"score by step": [round(curve[i], 4) for i in sorted({0, steps // 10, steps})]}
    return Outcome({"solved": solved, "not below the start": with_count(risen)}, untrained, facts)


CONTENDERS: dict[str, dict[str, Any]] = {
    "50 steps": {"steps": 50},
    "no search": {"steps": 0},
    "5 steps": {"steps": 5},
    "100 random samples": {"steps": 100, "method": "random"},
    "50 steps, unseen patterns": {"steps": 50, "held": HELD},
}


@system("lpn", row="S008", room="synthesis")
def lpn(scale: Scale) -> Claim:
    """Macfarlane, Bonnet: Searching Latent Program Spaces (2024; NeurIPS 2025).

    Blocks of colours to be pasted at a mark: the latent program as it is encoded, after gradient ascent, and after
    random search.
    """
    budget = scale.budget(smoke=3, laptop=4.0, paper=20)
    chosen = {"50 steps": {"steps": 10}} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(name, partial(contend, scale=scale, budget=budget, **options), {**options, **sizes(scale)})
        for name, options in chosen.items()
    )
    return Claim(
        kind="trained",
        task="patterns from examples, at new places",
        metrics={"solved": ACCURACY, "not below the start": ACCURACY},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("patterns are pasted", "solved", "50 steps", None, 0.2),
        budget=budget,
        data={"patterns": "generated", **sizes(scale)["data"]},
        launch="phloem reproduce lpn --scale paper",
    )


CLAUSES = (
    Clause("50 steps 25 points above no search", "solved", "50 steps", "no search", 0.25),
    Clause("50 steps 8 points above 100 random samples", "solved", "50 steps", "100 random samples", 0.08),
    Clause("never below the start", "not below the start", "50 steps", None, 1.0),
)
