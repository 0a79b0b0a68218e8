"""Next-token predictors as universal learners: a chain makes hard functions of easy steps.

A linear predictor is trained on parities of 16 bits with the chain of running parities and ANDs, and on the answers
alone: no linear map of 16 bits is closer to their parity than a coin. A perceptron is trained on products of numbers
of two digits with and without their steps; pairs of factors are held out. The inputs, their number and the time of
training are the same with and without a chain. A linear model of the standard library's characters is reported
beside, without a claim. The paper's large models of text and of products of four digits are not rebuilt.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from phloem.analysis.linear_ar_circuits import compiled, count_parity, running_parity
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import mean, with_count
from phloem.nn.models.linear_ar import MLPAR, LinearAR, LinearLM, generate
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import character_lm
from phloem.tasks.chain_of_thought_numbers import DIGITS, ChainStrings, EachStep, exact, parity_strings, product_strings

BITS, STRINGS, TESTS = 16, 10_000, 5_000
HELD_PAIRS = 2_000  # of 10,000 pairs of factors; 500 more choose the checkpoint
WIDTH, LAYERS = 256, 4
CHARACTERS, WINDOW = 128, 32


def parity(job: Job, *, chain: bool, epochs: int) -> Outcome:
    """Train on 10,000 of the 65,536 inputs, and ask 5,000 others."""
    rng = np.random.default_rng((job.seed, 1))
    numbers = rng.permutation(1 << BITS)[: STRINGS + TESTS]
    strings = parity_strings(numbers[:, None] >> np.arange(BITS) & 1, chain=chain)
    data, test = ChainStrings(strings[:STRINGS], BITS), strings[STRINGS:]

    def make() -> LinearAR:
        return LinearAR(2, BITS, strings.shape[1] - BITS)

    settings = TrainingSettings(
        seed=job.seed,
        epochs=epochs,
        batch_size=64,
        optimizer="sgd",
        learning_rate=4.0 * (strings.shape[1] - BITS),  # of a mean over outputs, so that each learns as fast
        clip=None,
        metric="right",
        evaluate_every=epochs,
    )

    def evaluate(model: Any) -> dict[str, float]:
        return {"right": float(exact(model, strings[:1000], 1).mean())}

    untrained = exact(fresh(make, job.seed), test, 1).mean()
    model, facts = trained(make, data, EachStep(), settings, job, evaluate=evaluate)
    return _outcome(exact(model, test, 1), float(untrained), facts)


def product(job: Job, budget: dict[str, Any], chain: bool) -> Outcome:
    """All pairs of factors below 100 but those held out."""
    order = np.random.default_rng((job.seed, 2)).permutation(10_000)
    strings = product_strings(order // 100, order % 100, chain=chain)
    test, validation, training = np.split(strings, [HELD_PAIRS, HELD_PAIRS + 500])

    def make() -> MLPAR:
        return MLPAR(10, 4, strings.shape[1] - 4, width=WIDTH, layers=LAYERS)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=64,
        learning_rate=1e-3,
        schedule="linear",
        warmup_steps=50,
        metric="right",
        evaluate_every=500,
        evaluate_unit="steps",
    )

    def evaluate(model: Any) -> dict[str, float]:
        return {"right": float(exact(model, validation, DIGITS).mean())}

    untrained = exact(fresh(make, job.seed), test, DIGITS).mean()
    model, facts = trained(make, ChainStrings(training, 4), EachStep(), settings, job, evaluate=evaluate)
    return _outcome(exact(model, test, DIGITS), float(untrained), facts)


def text(job: Job, budget: dict[str, Any]) -> Outcome:
    """Bits a character of the standard library under a linear model: the floor that any language model must beat."""
    data = character_lm.CharacterWindows("train", length=CHARACTERS, examples=20_000)
    validation = character_lm.CharacterWindows("validation", length=CHARACTERS, examples=40)
    test = character_lm.CharacterWindows("test", length=CHARACTERS, examples=200)

    def make() -> LinearLM:
        return LinearLM(character_lm.UNITS, width=WIDTH, window=WINDOW)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=32,
        learning_rate=3e-3,
        schedule="linear",
        warmup_steps=50,
        metric="-loss",
        evaluate_every=200,
        evaluate_unit="steps",
    )

    def evaluate(model: Any) -> dict[str, float]:
        return character_lm.evaluate(model, validation)

    model, facts = trained(make, data, character_lm.NextUnit(), settings, job, evaluate=evaluate)
    nats, _, count = character_lm.losses(model, test).T
    return Outcome({"bits": np.stack([nats / np.log(2), count], axis=1)}, facts=facts)


def by_hand(job: Job) -> Outcome:
    """Both hand-set chains on all 4,096 inputs of 12 bits."""
    bits = np.arange(1 << 12)[:, None] >> np.arange(12) & 1
    right, facts = [], {}
    for name, circuit in {"running parity": running_parity(12), "binary count": count_parity(12)}.items():
        made = generate(compiled(circuit), torch.from_numpy(bits)).numpy()
        right.append(made[:, -1] == bits.sum(axis=1) % 2)
        facts[f"tokens of the {name}"] = made.shape[1]
    return _outcome(np.concatenate(right).astype(float), 0.0, facts)


def _outcome(right: np.ndarray, untrained: float, facts: dict[str, Any]) -> Outcome:
    units = with_count(right)
    return Outcome({"exact": units, "near a coin": units, "wrong": with_count(1 - right)}, {"exact": untrained}, facts)


@system("ar-universal", row="S079", room="synthesis")
def ar_universal(scale: Scale) -> Claim:
    """Malach: Auto-Regressive Next-Token Predictors are Universal Learners (ICML 2024).

    Linear next-token predictors learn parities, and perceptrons products, from strings that show the steps, and do not
    from the answers alone.
    """
    budget = scale.budget(smoke=1, laptop=4.0, paper=200)
    epochs = 4 if scale.smoke else 10
    parities = tuple(
        Arm(f"parity, {name}", partial(parity, chain=chain, epochs=epochs), {"chain": chain, "epochs": epochs})
        for name, chain in (("chain", True), ("answer alone", False))
    )
    products = tuple(
        Arm(f"product, {name}", partial(product, budget=budget, chain=chain), {"chain": chain, "width": WIDTH})
        for name, chain in (("chain", True), ("answer alone", False))
    )
    others = (Arm("hand-set parity", by_hand), Arm("text, linear", partial(text, budget=budget), {"window": WINDOW}))
    coin = Metric(lambda sums: 1 - np.abs(mean(sums) - 0.5))
    return Claim(
        kind="trained",
        task=f"the parity of {BITS} bits and products of two-digit numbers, on inputs held out",
        metrics={"exact": ACCURACY, "wrong": ACCURACY, "near a coin": coin, "bits": Metric(mean, True)},
        arms=parities[:1] if scale.smoke else (*parities, *products, *others),
        clauses=CLAUSES,
        floor=Clause("parities are learned with a chain", "exact", "parity, chain", None, 1.0),
        budget=budget,
        data={"strings": "generated", "training": [STRINGS, 10_000 - HELD_PAIRS - 500], "tests": [TESTS, HELD_PAIRS]},
        launch="phloem reproduce ar-universal --scale paper",
    )


CLAUSES = (
    Clause("parity with a chain is always right", "exact", "parity, chain", None, 1.0, across="every seed"),
    Clause("parity without is within 3 points of a coin", "near a coin", "parity, answer alone", None, 0.97),
    Clause("products with a chain are 90% exact", "exact", "product, chain", None, 0.9),
    Clause("products without are 60% wrong", "wrong", "product, answer alone", None, 0.6),
    Clause("hand-set chains are exact", "exact", "hand-set parity", None, 1.0),
)
