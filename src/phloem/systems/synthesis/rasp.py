"""RASP: transformers of the size that a program's analysis predicts learn its task, smaller ones don't.

Taggers are trained on random strings, each with the layers and heads that the analysis counts; one has a layer fewer,
and one has its attention supervised by the program's selectors. The programs are compiled to weights too, which must
agree with the interpreter on every short input.
"""

from __future__ import annotations

import json
import string
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from phloem.analysis.rasp_compile import agreement, compile_rasp, every_input
from phloem.learn.objectives.attention_supervision import AttentionSupervision
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.tagger import Tagger
from phloem.synthesis.rasp import Session
from phloem.systems.claims import ACCURACY, FEWEST, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import rasp_programs
from phloem.tasks.rasp_programs import ProgramStrings

GOAL = 0.95  # of the tokens
SUPERVISION = 10.0  # weight of the attention's mean square, which is some hundredths at the start
EVERY = 50  # steps between evaluations
NEVER = 10**9  # steps
WIDTH, BATCH = 64, 64
COMPILED, SHORT = ("reverse", "hist"), 6  # checked on all strings over three letters


def train_tagger(
    job: Job, scale: Scale, budget: dict[str, Any], program: str, fewer: int = 0, supervised: bool = False
) -> Outcome:
    """Train one tagger, count its right tokens and the steps until the goal.

    Steps are those of the first evaluation on validation strings that reaches the goal. Without one a plain run has
    needed all of its steps at least, and a supervised one, which makes fewer in its time, was not the faster: NEVER.
    """
    predicted = rasp_programs.predicted(program)
    letters, longest = (string.ascii_lowercase[:4], 8) if scale.smoke else (string.ascii_lowercase, 24)
    many: dict[str, Any] = {"alphabet": letters, "longest": longest}
    batch = BATCH // 2 if scale.smoke else BATCH
    data = ProgramStrings(program, **many, examples=180 * batch, seed=0, patterns=supervised)
    validation, test = (ProgramStrings(program, **many, examples=500, seed=seed) for seed in (1, 2))

    def make() -> Tagger:
        return Tagger(
            len(data.symbols),
            len(data.classes),
            width=WIDTH,
            layers=len(predicted.layers) - fewer,
            heads=predicted.heads,
            longest=data.places,
        )

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=batch,
        learning_rate=2e-3,
        warmup_steps=100,
        metric="accuracy",
        evaluate_every=EVERY,
        evaluate_unit="steps",
    )
    untrained = rasp_programs.evaluate(fresh(make, job.seed), test)["accuracy"]
    objective = AttentionSupervision(SUPERVISION if supervised else 0.0)
    evaluate = partial(rasp_programs.evaluate, dataset=validation)
    model, facts = trained(make, data, objective, settings, job, evaluate=evaluate)
    reached = goal_reached(job.folder / "training" / "log.jsonl")
    steps = reached or (NEVER if supervised else facts["steps"])
    facts |= {"layers": len(predicted.layers) - fewer, "heads": predicted.heads, "reached": reached is not None}
    units = {"accuracy": rasp_programs.hits(model, test), "steps": np.array([[steps]], float)}
    return Outcome(units, {"accuracy": untrained}, facts)


def goal_reached(log: Path) -> int | None:
    """The step of the first evaluation that reached the goal, in a training log (which a resumed run goes on with)."""
    for line in log.read_text().splitlines():
        one = json.loads(line)
        if one.get("evaluation", {}).get("accuracy", 0.0) >= GOAL:
            return int(one["step"])
    return None


def check_compiled(job: Job) -> Outcome:
    """The share of all short strings on which compiled programs agree with the interpreter."""
    session, right, facts = Session(), [], {}
    inputs = list(every_input("abc", SHORT))
    for name in COMPILED:
        one = compile_rasp(session.node(name), "abc", SHORT)
        found = agreement(one, inputs)
        right += [0.0] * found.wrong + [1.0] * (found.trials - found.wrong)
        facts[name] = {
            "width": one.model.net.width,
            "layers": len(one.plan.schedule.layers),
            "heads": one.plan.schedule.heads,
            "largest_error": found.largest_error,
        }
    return Outcome({"agreement": with_count(np.array(right))}, facts=facts)


@system("rasp", row="S018", room="synthesis")
def rasp(scale: Scale) -> Claim:
    """Weiss, Goldberg, Yahav: Thinking Like Transformers (ICML 2021).

    The layers and heads that a RASP program needs suffice a trained transformer, a layer fewer does not for reversal,
    and supervised attention is learned in fewer steps.
    """
    budget = scale.budget(smoke=2, laptop=1.5, paper=100)

    def arm(name: str, **options: Any) -> Arm:
        run = partial(train_tagger, scale=scale, budget=budget, **options)
        return Arm(name, run, {"width": WIDTH, "batch": BATCH, **options})

    trained_arms = (
        arm("hist", program="hist"),
        arm("reverse", program="reverse"),
        arm("sort", program="sort"),
        arm("reverse, one layer fewer", program="reverse", fewer=1),
        arm("reverse, attention supervised", program="reverse", supervised=True),
    )
    return Claim(
        kind="trained",
        task="what a RASP program answers at each place of a random string"
        + (" of up to 8 tokens" if scale.smoke else " of up to 24 tokens"),
        metrics={"accuracy": ACCURACY, "steps": FEWEST, "agreement": ACCURACY},
        arms=trained_arms[:1] if scale.smoke else (*trained_arms, Arm("compiled", check_compiled, {"longest": SHORT})),
        clauses=CLAUSES,
        floor=Clause("one head of one layer counts", "accuracy", "hist", None, 0.85),
        budget=budget,
        data={"strings": "generated"},
        launch="phloem reproduce rasp --scale paper",
    )


CLAUSES = (
    Clause("reverse reaches 95% with the predicted size", "accuracy", "reverse", None, GOAL),
    Clause("hist reaches 95% with the predicted size", "accuracy", "hist", None, GOAL),
    Clause("sort reaches 95% with the predicted size", "accuracy", "sort", None, GOAL),
    Clause("reverse loses 20 points with one layer fewer", "accuracy", "reverse", "reverse, one layer fewer", 0.20),
    Clause(
        "supervised attention halves the steps to 95%",
        "steps",
        "reverse, attention supervised",
        "reverse",
        2.0,
        form="ratio",
    ),
    Clause("compiled programs agree with the interpreter", "agreement", "compiled", None, 1.0),
)
