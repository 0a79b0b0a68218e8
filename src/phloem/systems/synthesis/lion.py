"""Lion: an optimiser that was found by searching programs, against AdamW; and the search itself, small.

Both optimisers train the same character model of source code, each with a rate chosen of three; Lion's are lower and
its decay is higher, so that rate times decay agrees. The search starts from gradient descent on a proxy and its best
program is compared with a tuned start on digits that no selection has seen.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from phloem.learn import optim
from phloem.learn.settings import TrainingSettings
from phloem.measure import bootstrap
from phloem.nn.models.decoder_lm import DecoderLM
from phloem.synthesis.evolution import EvolutionSettings, Found, evolve, funnel, simplified
from phloem.synthesis.optimizer_dsl import as_text, sgd
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import character_lm
from phloem.tasks.character_lm import UNITS, CharacterWindows, NextUnit
from phloem.tasks.digit_proxy import Proxy

RATES = {"lion": (1e-4, 3e-4, 1e-3), "adam": (6e-4, 2e-3, 6e-3)}
DECAY = {"lion": 0.6, "adam": 0.1}  # times the rate alike
SMALL, LARGE = {"width": 64, "layers": 1, "heads": 2}, {"width": 160, "layers": 3, "heads": 4}
LENGTH = 128
RATE = 0.3  # of the proxy's programs; constants in them change it
GAIN = 0.95  # of the loss of the tuned start
FINALISTS = (20, 5, 1)


def train_lm(job: Job, scale: Scale, budget: dict[str, Any], optimizer: str) -> Outcome:
    """Train the character model with one optimiser; nats and hits on the test files."""
    sizes, windows = (SMALL, 1000) if scale.smoke else (LARGE, 4000)
    data = CharacterWindows("train", length=LENGTH, examples=windows)
    validation, test = (CharacterWindows(split, length=LENGTH, examples=100) for split in ("validation", "test"))

    def make() -> DecoderLM:
        return DecoderLM(UNITS, **sizes)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=16,
        optimizer=optimizer,
        learning_rate=RATES[optimizer][-1],
        weight_decay=DECAY[optimizer],
        schedule="cosine",
        clip=1.0,
        warmup_steps=20,
        metric="-loss",
        evaluate_every=200,
        evaluate_unit="steps",
    )
    untrained = character_lm.evaluate(fresh(make, job.seed), test)
    model, facts = trained(
        make,
        data,
        NextUnit(),
        settings,
        job,
        evaluate=lambda model: character_lm.evaluate(model, validation),
        rates=() if scale.smoke else RATES[optimizer],
    )
    parts = character_lm.losses(model, test)
    units = {"loss": parts[:, [0, 2]], "accuracy": parts[:, [1, 2]]}
    return Outcome(units, untrained, facts | {"state": _state_tensors(make(), optimizer)})


def _state_tensors(model: DecoderLM, name: str) -> float:
    """Tensors of the optimiser's state for each parameter, counters left out."""
    parameters = list(model.parameters())
    made = optim.optimizer(name, parameters, 1e-3, 0.0)
    for parameter in parameters:
        parameter.grad = parameter.detach().clone()
    made.step()
    held = [tensor for tensor in optim.state_tensors(made).values() if tensor.dim()]
    return len(held) / len(parameters)


def search(job: Job, minutes: float) -> Outcome:
    """Evolve from gradient descent, select among the best on larger proxies, and compare with the tuned start."""
    end, rng = time.process_time() + 60 * minutes, np.random.default_rng(job.seed)
    proxy = Proxy(seed=10 * job.seed + 1, lr=RATE)
    settings = EvolutionSettings()

    def finished(found: Found) -> bool:
        job.progress(max(0.0, 1 - (end - time.process_time()) / (60 * minutes)))
        return time.process_time() >= end

    found = evolve(sgd(), proxy, rng, finished, settings)
    stages = [
        Proxy(seed=10 * job.seed + 2, lr=RATE, starts=(0, 1)),
        Proxy(seed=10 * job.seed + 3, lr=RATE, starts=(2, 3)),
    ]
    stages.append(Proxy(seed=10 * job.seed + 4, lr=RATE, digits=2000, starts=(4, 5, 6)))
    best = simplified(funnel(found.leaders(50), stages, FINALISTS), stages[-1], tolerance=1e-3)
    rates = np.geomspace(0.01, 10, settings.population)  # as many evaluations as a generation has
    tuned = min(rates, key=lambda rate: Proxy(seed=10 * job.seed + 1, lr=float(rate))(sgd()))
    many = {"seed": 10 * job.seed + 5, "digits": 2000, "starts": tuple(range(10, 20))}
    program, start = Proxy(**many, lr=RATE)(best), Proxy(**many, lr=float(tuned))(sgd())  # type: ignore[arg-type]
    facts = {
        "program": as_text(best).splitlines(),
        "loss": program,
        "tuned start": start,
        "rate": float(tuned),
        "children": found.children,
        "different": len(found.scores),
        "restarts": found.restarts,
    }
    return Outcome({"won": np.array([[float(program <= GAIN * start), 1.0]])}, facts=facts)


@system("lion", row="S052", room="synthesis")
def lion(scale: Scale) -> Claim:
    """Chen et al.: Symbolic Discovery of Optimization Algorithms (NeurIPS 2023).

    Lion trains a character model of code as well as AdamW with half of its state; evolution finds an optimiser that is
    better than the one it starts from.
    """
    budget = scale.budget(smoke=1, laptop=2.0, paper=60)
    arms = [
        Arm(name, partial(train_lm, scale=scale, budget=budget, optimizer=key), {"rates": RATES[key], **LARGE})
        for name, key in (("lion", "lion"), ("adamw", "adam"))
    ]
    minutes = scale.minutes or 3.0
    arms.append(Arm("evolution", partial(search, minutes=minutes), {"minutes": minutes}))
    return Claim(
        kind="trained",
        task="the next character of Python's standard library; a proxy of drawn digits for the search",
        metrics={"loss": Metric(bootstrap.mean, lower_is_better=True), "accuracy": ACCURACY, "won": ACCURACY},
        arms=tuple(arms[:1] if scale.smoke else arms),
        clauses=CLAUSES,
        floor=Clause("characters are predicted", "accuracy", "lion", None, 0.2),
        budget=budget,
        data={"text": "Python's standard library", "digits": "drawn"},
        launch="phloem reproduce lion --scale paper",
    )


CLAUSES = (
    Clause("Lion's loss is within 0.02 nats of AdamW's or better", "loss", "lion", "adamw", -0.02),
    Clause("the program found beats its tuned start by 5% in 2 of 3 seeds", "won", "evolution", None, 2 / 3),
)
