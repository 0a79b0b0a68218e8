"""Tree diffusion: drawing programs found by editing, against programs written from the left.

All arms have the same network, the same minutes of training and the same number of programs looked at. They differ in
what they learn: the first step of an edit path, the inverse of the last mutation, or the whole program.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import numpy as np
import torch

from phloem.learn.objectives.edit_likelihood import EditLikelihood
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure.bootstrap import with_count
from phloem.nn.models.tree_edit_policy import EditPolicy
from phloem.synthesis.tree_diffusion import Domain, EditExamples, Targets, beam_search, best_of, csg_domain
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh

EXPANSIONS, IMAGES = 300, 100
EPOCH = 3200  # examples; the supply is endless, an epoch only counts them
PATH, MUTATION, WHOLE = "edits, path targets", "edits, last-mutation targets", "autoregressive, best of 300"


def hits(model: EditPolicy, held_out: EditExamples, count: int) -> np.ndarray:
    """For each predicted token of held-out edits whether it is the likeliest, no grammar helping."""
    batch = held_out.batch(np.arange(count), None)
    with torch.no_grad():
        logits, _ = model(batch)
    right = logits[:, :-1].argmax(2) == batch.tokens[:, 1:]
    return right[batch.predicted[:, 1:]].double().numpy()


def solved(model: EditPolicy, domain: Domain, data: EditExamples, targets: Targets, job: Job) -> np.ndarray:
    """For each test image whether it was drawn within EXPANSIONS programs."""
    rng = Random("test")
    found = []
    for number in range(IMAGES):
        wanted = domain.draw(domain.sample(rng))
        search = best_of if targets == "whole program" else beam_search
        found.append(search(model, data.codes, wanted, seed=number, most=EXPANSIONS).program is not None)
        job.progress(0.5 + 0.5 * (number + 1) / IMAGES)
    return np.array(found, float)


def learn(job: Job, scale: Scale, budget: dict[str, Any], targets: Targets) -> Outcome:
    if scale.smoke:
        domain, size = csg_domain(primitives=(1, 2), pixels=16), {"width": 32, "layers": 1, "heads": 2}
    else:
        domain, size = csg_domain(), {"width": 128, "layers": 3, "heads": 8}
    data = EditExamples(domain, 640 if scale.smoke else EPOCH, targets, job.seed)
    held_out = EditExamples(domain, 200, targets, 10_000 + job.seed)
    make = partial(EditPolicy, len(data.codes.names), domain.longest, **size)
    settings = TrainingSettings(
        seed=job.seed, **budget, batch_size=32, learning_rate=3e-3 if scale.smoke else 3e-4, clip=1.0, threads=1
    )
    untrained = hits(fresh(make, job.seed).eval(), held_out, 100)
    model = fresh(make, job.seed)
    history = train(
        model,
        data,
        EditLikelihood(),
        settings,
        folder=job.folder / "training",
        progress=lambda done: job.progress(done.fraction / (1 if scale.smoke else 2)),
    )
    known = hits(model, held_out, 100)
    units = {"tokens": with_count(known)}
    if not scale.smoke:
        units["solved"] = with_count(solved(model, domain, data, targets, job))
    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": history.step,
        "training_seconds": round(history.seconds, 1),
        "token accuracy": round(float(known.mean()), 4),
    }
    return Outcome(units, {"tokens": float(untrained.mean())}, facts)


@system("tree-diffusion", row="S049", room="synthesis")
def tree_diffusion(scale: Scale) -> Claim:
    """Kapur, Jenner, Russell: Diffusion On Syntax Trees For Program Synthesis (2024).

    Pictures of circles and rectangles: a beam of edited programs against programs sampled from the left.
    """
    budget = scale.budget(smoke=3, laptop=5.0, paper=2000)

    def arm(name: str, targets: Targets) -> Arm:
        run = partial(learn, scale=scale, budget=budget, targets=targets)
        return Arm(name, run, {"targets": targets, "programs looked at": EXPANSIONS, "images": IMAGES})

    arms = (arm(PATH, "path"), arm(MUTATION, "last mutation"), arm(WHOLE, "whole program"))
    metrics = {"tokens": ACCURACY} if scale.smoke else {"tokens": ACCURACY, "solved": ACCURACY}
    return Claim(
        kind="trained",
        task="programs of CSG2D that draw a picture, 2-3 shapes, 8 levels, 32 x 32 pixels"
        if not scale.smoke
        else "the next edit of CSG2D programs of 1-2 shapes",
        metrics=metrics,
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("edits of held-out programs are predicted", "tokens", PATH, None, 0.3),
        budget=budget,
        data={"programs": "generated"},
        launch="phloem reproduce tree-diffusion --scale paper",
    )


CLAUSES = (
    Clause("15 points above the best of 300 samples", "solved", PATH, WHOLE, 0.15),
    Clause("path targets 5 points above last-mutation targets", "solved", PATH, MUTATION, 0.05),
)
