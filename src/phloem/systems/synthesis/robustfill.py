"""RobustFill: string programs written by a network that reads examples, searched with and without running them.

Every decoder has the weights of the same training run. A task counts when the answer, the best-scored program that
gives all observed outputs, gives the held-out ones too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.torch import load_file, save_file

from phloem.decode.base import Hypothesis
from phloem.decode.beam import Beam
from phloem.decode.execution_guided_beam import ExecutionGuidedBeam
from phloem.errors import PhloemError
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.measure.generalisation import Verdict, first_consistent, judge
from phloem.nn.models.robustfill import RobustFill, Variant
from phloem.represent.base import START
from phloem.synthesis.languages import robustfill_tokens
from phloem.synthesis.partial_concat import PartialConcat
from phloem.synthesis.program import Program, run
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import string_programs
from phloem.tasks.string_programs import CHARACTER_IDS, TOKENS, VOCABULARY, StringPrograms, StringTask

EXPRESSION = 6  # tokens of the longest: Compose ToCase case GetToken class index
TEST_SEED = 1_000_003
AT_ONCE = 10  # tasks that are decoded at once
RATES = (1e-3, 3e-3)
CHARACTERS = {number: character for character, number in CHARACTER_IDS.items()}


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales."""
    if scale.smoke:
        return {"embedding": 24, "width": 48, "batch": 32, "most": 1, "tests": 60, "held": 3, "epoch": 32 * 60}
    if scale.name == "laptop":
        return {"embedding": 48, "width": 112, "batch": 32, "most": 3, "tests": 300, "held": 6, "epoch": 32 * 100}
    return {"embedding": 128, "width": 512, "batch": 128, "most": 10, "tests": 1_000, "held": 6, "epoch": 128 * 5_000}


def model(job: Job, scale: Scale, budget: dict[str, Any], contender: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The contender's network after training on fresh tasks: made once a seed, read by its other decoders."""
    size = sizes(scale)
    induction, noise = contender.get("induction", False), contender.get("noise", 0)
    variant: Variant = contender.get("variant", "B")

    def make() -> RobustFill:
        return RobustFill(
            VOCABULARY,
            VOCABULARY if induction else TOKENS,
            variant=variant,
            induction=induction,
            embedding=size["embedding"],
            width=size["width"],
        )

    about = {"contender": contender, "size": size, "budget": budget, "seed": job.seed}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    weights, facts_file = job.shared / f"{key}.safetensors", job.shared / f"{key}.json"
    if facts_file.is_file():
        ready = fresh(make, job.seed)
        ready.load_state_dict(load_file(weights))
        return ready.eval(), json.loads(facts_file.read_text())
    options = {"most": size["most"], "noise": noise, "induction": induction}
    data = StringPrograms(examples=size["epoch"], seed=job.seed, **options)
    held = StringPrograms(examples=100, seed=TEST_SEED - 1, **options)
    objective = SequenceCrossEntropy()
    settings = TrainingSettings(
        seed=job.seed,
        **{name: value for name, value in budget.items() if name in ("minutes", "epochs", "clock")},
        batch_size=size["batch"],
        schedule="linear",
        clip=1.0,
        metric="-loss",
        evaluate_every=1,
    )
    rates = budget.get("rates", (3e-3,))
    evaluate = partial(string_programs.mean_loss, dataset=held, objective=objective)
    ready, facts = trained(make, data, objective, settings, job, evaluate=evaluate, rates=tuple(rates))
    job.shared.mkdir(parents=True, exist_ok=True)
    save_file(ready.state_dict(), weights)
    facts_file.write_text(json.dumps(facts))
    return ready.eval(), facts


def tasks(scale: Scale, noise: int = 0) -> list[StringTask]:
    """The test tasks: drawn from a seed that no training has."""
    size = sizes(scale)
    return StringPrograms(
        examples=size["tests"], seed=TEST_SEED, held=size["held"], most=size["most"], noise=noise
    ).fixed


Decoder = Callable[[Any, Sequence[StringTask]], list[list[Hypothesis]]]


def plain(width: int, most: int) -> Decoder:
    """Beam search by probability alone, for programs of at most `most` expressions."""

    def decode(net: Any, some: Sequence[StringTask]) -> list[list[Hypothesis]]:
        return Beam(width, forbid=(START,))(net, string_programs.batch_of(some), length=EXPRESSION * most)

    return decode


def guided(width: int, most: int) -> Decoder:
    """DP-Beam, for programs of at most `most` expressions."""

    def decode(net: Any, some: Sequence[StringTask]) -> list[list[Hypothesis]]:
        execution = PartialConcat([each.observed[0] for each in some], [each.observed[1] for each in some])
        search = ExecutionGuidedBeam(width)
        return search(net, string_programs.batch_of(some), execution, length=EXPRESSION * most)

    return decode


def answered(
    net: Any, test: Sequence[StringTask], decode: Decoder, progress: Callable[[float], None] = lambda done: None
) -> list[Verdict]:
    """The verdict on the answer to each task."""
    verdicts: list[Verdict] = []
    for some in string_programs.batches(test, AT_ONCE):
        for each, hypotheses in zip(some, decode(net, some), strict=True):
            programs = [found for found in map(_program, hypotheses) if found is not None]
            answer = first_consistent(programs, lambda program, text: run(program, (text,)), each.observed)
            give = None if answer is None else partial(_run, answer)
            verdicts.append(judge(give, (each.inputs[: len(each.shown)], each.outputs[: len(each.shown)]), each.held))
        progress(len(verdicts) / len(test))
    return verdicts


def _run(program: Program, text: str) -> object:
    return run(program, (text,))


def _program(hypothesis: Hypothesis) -> Program | None:
    try:
        return robustfill_tokens.decode(hypothesis.value)
    except PhloemError:
        return None


def induced(net: Any, test: Sequence[StringTask], progress: Callable[[float], None]) -> list[Verdict]:
    """The induction network's outputs for each held-out input, greedily written."""
    verdicts: list[Verdict] = []
    for each in test:
        rows = [
            each._replace(inputs=(*each.observed[0], text), outputs=(*each.observed[1], output))
            for text, output in zip(*each.held, strict=True)
        ]
        found = Beam(1, forbid=(START,))(net, string_programs.batch_of(rows, induction=True), length=80)
        written = ["".join(CHARACTERS.get(c, "\0") for c in best[0].value) for best in found]
        right = [text == output for text, output in zip(written, each.held[1], strict=True)]
        verdicts.append(Verdict(True, all(right), sum(right) / len(right)))
        progress(len(verdicts) / len(test))
    return verdicts


def measured(verdicts: Sequence[Verdict]) -> dict[str, Float[np.ndarray, "tasks 2"]]:
    """The units of a test."""
    return {
        "generalises": with_count(np.array([each.generalises for each in verdicts], float)),
        "held right": with_count(np.array([each.held_right for each in verdicts], float)),
        "consistent": with_count(np.array([each.consistent for each in verdicts], float)),
    }


def contend(
    job: Job, scale: Scale, budget: dict[str, Any], decoder: str = "beam", width: int = 50, **contender: Any
) -> Outcome:
    """Train or read a network and answer the test tasks by one decoder."""
    net, facts = model(job, scale, budget, contender)
    test = tasks(scale)
    if contender.get("induction"):
        return Outcome(measured(induced(net, test, job.progress)), {}, dict(facts))
    decode = (guided if decoder == "dp" else plain)(width, sizes(scale)["most"])
    untrained: dict[str, float] = {}
    if scale.smoke:
        blank = fresh(lambda: RobustFill(VOCABULARY, TOKENS, embedding=24, width=48), job.seed).eval()
        of_none = measured(answered(blank, test, decode))
        untrained = {name: float(units[:, 0].mean()) for name, units in of_none.items()}
    return Outcome(measured(answered(net, test, decode, job.progress)), untrained, dict(facts))


def under_noise(job: Job, scale: Scale, budget: dict[str, Any], noise: int, counts: float) -> Outcome:
    """What one typing error in the observed outputs costs a network, times `counts`: right without it less right with
    it, the same programs and inputs in both."""
    net, facts = model(job, scale, budget, {"noise": noise} if noise else {})
    clean, noisy = (
        np.array(
            [each.generalises for each in answered(net, tasks(scale, errors), plain(50, sizes(scale)["most"]))], float
        )
        for errors in (0, 1)
    )
    return Outcome({"lost to noise": with_count(counts * (clean - noisy))}, {}, dict(facts))


CONTENDERS: dict[str, dict[str, Any]] = {
    "greedy": {"width": 1},
    "beam 10": {"width": 10},
    "beam 50": {"width": 50},
    "DP-beam 10": {"decoder": "dp", "width": 10},
    "DP-beam 50": {"decoder": "dp", "width": 50},
    "basic, beam 50": {"variant": "basic"},
    "induction": {"induction": True},
}
NOISY: dict[str, dict[str, Any]] = {
    "half the loss of noise-free training": {"noise": 0, "counts": 0.5},
    "trained with noise": {"noise": 1, "counts": 1.0},
}


@system("robustfill", row="S002", room="synthesis")
def robustfill(scale: Scale) -> Claim:
    """Devlin, Uesato, Bhupatiraju, Singh, Mohamed, Kohli: RobustFill: Neural Program Learning under Noisy I/O (ICML
    2017).

    Generalisation accuracy of decoders with the same weights; attention against none; training with typing errors.
    """
    budget = scale.budget(smoke=4, laptop=4.0, paper=400)
    if scale.name == "laptop":
        budget["rates"] = RATES
    chosen = {"DP-beam 10": CONTENDERS["DP-beam 10"]} if scale.smoke else CONTENDERS
    kinds: list[tuple[Callable[..., Outcome], dict[str, dict[str, Any]]]] = [
        (contend, chosen),
        (under_noise, {} if scale.smoke else NOISY),
    ]
    arms = tuple(
        Arm(name, partial(measure, scale=scale, budget=budget, **options), {**options, **sizes(scale)})
        for measure, group in kinds
        for name, options in group.items()
    )
    return Claim(
        kind="trained",
        task="string programs from four examples: held-out examples right",
        metrics={"generalises": ACCURACY, "held right": ACCURACY, "consistent": ACCURACY, "lost to noise": LOST},
        arms=arms,
        clauses=CLAUSES,
        floor=Clause("programs of one expression are written", "generalises", "DP-beam 10", None, 0.3),
        budget=budget,
        data={"tasks": "sampled"},
        launch="phloem reproduce robustfill --scale paper",
    )


LOST = Metric(ACCURACY.of, lower_is_better=True)

CLAUSES = (
    Clause("DP-beam 50 above beam 50 by 8 points", "generalises", "DP-beam 50", "beam 50", 0.08),
    Clause("DP-beam 50 above greedy by 30 points", "generalises", "DP-beam 50", "greedy", 0.30),
    Clause("DP-beam 10 not below beam 50", "generalises", "DP-beam 10", "beam 50", 0.0),
    Clause("attention above none by 10 points", "generalises", "beam 50", "basic, beam 50", 0.10),
    Clause(
        "training with noise loses less than half as much",
        "lost to noise",
        "trained with noise",
        "half the loss of noise-free training",
        0.0,
    ),
)
