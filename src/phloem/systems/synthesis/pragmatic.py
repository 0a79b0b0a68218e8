"""Pragmatic examples: listeners that learn from examples which a speaker chose to be understood.

A literal listener and a literal speaker are trained on random specifications. In each round of self-play targets get
specifications whose every example leaves the fewest of the listener's own hypotheses (synthesis/rsa.py), and the
listener learns from these; the speaker stays the literal one, which the source trains on them too. The listener is
compared with itself before the rounds, and with one that had as many further random specifications, when a simulated
user explains expressions with few examples.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import numpy as np
import torch

from phloem.decode.beam import Beam
from phloem.decode.top_p import TopP
from phloem.errors import PhloemError
from phloem.learn.objectives.sequence_cross_entropy import SequenceCrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure.bootstrap import with_count
from phloem.nn.models.transformer import Transformer
from phloem.represent.base import START
from phloem.synthesis import rsa
from phloem.synthesis.languages import pragmatic_regex
from phloem.synthesis.languages.pragmatic_regex import Example, Specification, consistent, equivalent
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.tasks import regex_examples
from phloem.tasks.regex_examples import VOCABULARY, Pair, RegexPairs, Role

LONGEST, EXAMPLE = 24, 16  # characters that are written
SPACE_SEED, TEST_SEED = 7, 3_000_017
FURTHER = 0.5  # of the training: the part that differs between the contenders


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales. `samples`: of each listener and speaker, for an example of self-play."""
    if scale.smoke:
        model = {"width": 48, "heads": 4, "layers": 1, "inner": 96}
        return {"model": model, "space": 24, "rounds": 1, "targets": 8, "samples": 8, "tests": 24, "spec": 2}
    if scale.name == "laptop":
        model = {"width": 128, "heads": 4, "layers": 2, "inner": 512}
        return {"model": model, "space": 400, "rounds": 3, "targets": 256, "samples": 16, "tests": 200, "spec": 3}
    model = {"width": 512, "heads": 8, "layers": 6, "inner": 2048}
    return {"model": model, "space": 3_000, "rounds": 10, "targets": 1_024, "samples": 250, "tests": 300, "spec": 10}


def make(size: dict[str, Any]) -> Transformer:
    """A listener or a speaker: the same model over characters."""
    return Transformer(VOCABULARY, VOCABULARY, dropout=0.0, **size["model"])


def learn(
    net: torch.nn.Module, data: RegexPairs, job: Job, share: float, name: str, budget: dict[str, Any], turn: int = 0
) -> int:
    """Train for a share of the budget; returns the steps. Each `turn` draws its own examples."""
    end: dict[str, Any] = {"clock": budget.get("clock", "wall")}
    if "minutes" in budget:
        end["minutes"] = budget["minutes"] * share
    else:
        end["epochs"] = max(1, round(budget["epochs"] * share))
    settings = TrainingSettings(
        seed=1_000 * job.seed + turn, **end, batch_size=32, learning_rate=1e-3, clip=1.0, warmup_steps=20
    )
    history = train(net, data, SequenceCrossEntropy(), settings, folder=job.folder / name)
    return history.step


class SelfPlay:
    """The listener that is trained, the frozen literal one, and the literal speaker."""

    def __init__(
        self, listener: Any, literal: Any, speaker: Any, space: Sequence[str], samples: int, seed: int
    ) -> None:
        self.listeners, self.speaker, self.space = (listener, literal), speaker, space
        self.samples, self.seed = samples, seed

    def hypotheses(self, context: Specification) -> list[str]:
        """Samples of both listeners, and expressions of the space, that agree with the examples."""
        batch = regex_examples.batch_of([(regex_examples.listener_source(context), [])])
        self.seed += 1
        found = dict.fromkeys(self.space)
        for net in self.listeners:
            for each in TopP(self.samples, seed=self.seed)(net, batch, length=LONGEST)[0]:
                found.setdefault(regex_examples.text_of(each.value))
        return [regex for regex in found if agrees(regex, context)]

    def examples(self, target: str, context: Specification) -> list[Example]:
        """Samples of the speaker, and random examples, so that there is always one."""
        batch = regex_examples.batch_of([(regex_examples.speaker_source(target, context), [])])
        self.seed += 1
        written = TopP(self.samples, seed=self.seed)(self.speaker, batch, length=EXAMPLE)[0]
        found = [regex_examples.example_of(each.value) for each in written]
        drawn = pragmatic_regex.sample_specification(Random(self.seed), target, self.samples)
        return [each for each in (*found, *drawn) if each is not None]

    def specification(self, target: str, length: int) -> Specification:
        """A pragmatic specification of a target."""
        return rsa.informative_specification(target, self.hypotheses, self.examples, length)


def agrees(regex: str, context: Specification) -> bool:
    """Whether it is an expression that agrees with the examples."""
    try:
        return consistent(regex, context)
    except PhloemError:
        return False


def success(listener: Any, tests: Sequence[Pair], width: int = 10) -> list[float]:
    """For each test whether the likeliest expression that agrees with the examples means the hidden one."""
    right = []
    for pair in tests:
        batch = regex_examples.batch_of([(regex_examples.listener_source(pair.examples), [])])
        found = Beam(width, forbid=(START,))(listener, batch, length=LONGEST)[0]
        texts = (regex_examples.text_of(each.value) for each in found)
        answer = next((text for text in texts if agrees(text, pair.examples)), None)
        right.append(float(answer is not None and equivalent(answer, pair.regex)))
    return right


def contend(job: Job, scale: Scale, budget: dict[str, Any], further: str) -> Outcome:
    """Train a listener: `further` says what of, after the literal training that all share."""
    size = sizes(scale)
    space = regex_examples.space(size["space"], SPACE_SEED)
    rng = Random(TEST_SEED)
    targets = rng.sample(space, min(len(space), size["tests"]))
    tests = [Pair(each, regex_examples.simulated_user(each, space, rng, size["spec"])) for each in targets]
    roles: dict[Role, Any] = {"listener": None, "speaker": None}
    epoch = 32 * (60 if scale.smoke else 200)
    for role in roles:
        roles[role] = fresh(partial(make, size), job.seed)
        data = RegexPairs(role, epoch=epoch, seed=job.seed, regexes=space, most=size["spec"] + 1)
        learn(roles[role], data, job, (1 - FURTHER), f"literal {role}", budget)
    literal = copy.deepcopy(roles["listener"]).eval()
    untrained = {"success": float(np.mean(success(fresh(partial(make, size), job.seed).eval(), tests)))}
    facts: dict[str, Any] = {"literal success": float(np.mean(success(literal, tests)))}
    listener, made = roles["listener"], list[Pair]()
    for number in range(size["rounds"]):
        if further == "nothing":
            data = RegexPairs("listener", epoch=epoch, seed=job.seed + 1, regexes=space, most=size["spec"] + 1)
        else:
            some = Random(job.seed * 1_000 + number).choices(space, k=size["targets"])
            begin = (1_000 * job.seed + number) << 20
            play = SelfPlay(listener.eval(), literal, roles["speaker"].eval(), space, size["samples"], begin)
            drawn = Random(job.seed * 1_000 + number + 500)
            for target in some:
                spec = (
                    play.specification(target, size["spec"])
                    if further == "pragmatic"
                    else pragmatic_regex.sample_specification(drawn, target, size["spec"])
                )
                made.append(Pair(target, spec))
            data = RegexPairs("listener", pairs=made)
        facts[f"round {number + 1}, steps"] = learn(
            listener, data, job, FURTHER / size["rounds"], f"round {number + 1}", budget, number + 1
        )
        job.progress((number + 1) / size["rounds"])
    return Outcome({"success": with_count(np.array(success(listener.eval(), tests)))}, untrained, facts)


@system("pragmatic-pbe", row="S007", room="synthesis")
def pragmatic(scale: Scale) -> Claim:
    """Vaduguru, Fried, Pu: Generating Pragmatic Examples to Train Neural Program Synthesizers (ICLR 2024).

    Expressions that a simulated user explains by three examples, found by a listener that learned from pragmatic
    specifications, from random ones alone, and from as many more random ones.
    """
    budget = scale.budget(smoke=4, laptop=3.0, paper=100)
    kinds = {"pragmatic": "pragmatic", "literal": "nothing", "more random examples": "random"}
    arms = tuple(
        Arm(name, partial(contend, scale=scale, budget=budget, further=further), {"further": further, **sizes(scale)})
        for name, further in kinds.items()
    )
    return Claim(
        kind="trained",
        task="regular expressions from a simulated user's examples",
        metrics={"success": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("explained expressions are found", "success", "pragmatic", None, 0.1),
        budget=budget,
        data={"expressions": "sampled"},
        launch="phloem reproduce pragmatic-pbe --scale paper",
    )


CLAUSES = (
    Clause("8 points above the literal listener", "success", "pragmatic", "literal", 0.08),
    Clause("5 points above more random examples", "success", "pragmatic", "more random examples", 0.05),
)
