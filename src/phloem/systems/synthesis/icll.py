"""In-context language learning: which models continue strings of a regular language that only the prompt tells.

A transformer, a gated recurrent unit, linear attention, and linear attention with 1- and 2-gram heads read sequences of
strings of random machines, in the same order, and are scored on machines of their own by the distance of their
predictions to the truth; so are 3-grams of the prompt. Then linear attention with and without heads models the
characters of the standard library. Against the paper: machines of up to 6 states over 8 symbols in place of 12 over
18, strings of up to 20 symbols in place of 49, two layers of width 64, minutes in place of 200 epochs, and no other
mixers than these.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from phloem.corpora.probabilistic_automata import UNITS, Draw, splits
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import mean
from phloem.nn.models.induction_ngram import InductionLM
from phloem.systems.claims import Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import character_lm, icll
from phloem.tasks.icll_references import ngram_predictions

SMALL = Draw(states=(4, 6), symbols=(4, 8), alphabet=8, longest=20)
MODELS: dict[str, dict[str, Any]] = {
    "transformer": {"kind": "transformer"},
    "GRU": {"kind": "gru"},
    "linear attention": {"kind": "linear attention"},
    "linear attention, heads": {"kind": "linear attention", "grams": (1, 2)},
}
LINEAR, HEADS, HALFWAY = "linear attention", "linear attention, heads", "halfway to the transformer"
CHARACTERS = 256  # of a window


def sizes(scale: Scale) -> dict[str, Any]:
    """What differs between the scales."""
    if scale.smoke:
        machines, model = {"train": 1_200, "validation": 20, "test": 60}, {"width": 32, "layers": 1}
        return {"draw": SMALL._replace(longest=8), "machines": machines, "model": model, "batch": 8, "rate": 1e-2}
    if scale.name == "laptop":
        machines, model = {"train": 2_000, "validation": 50, "test": 250}, {"width": 64, "layers": 2}
        return {"draw": SMALL, "machines": machines, "model": model, "batch": 16, "rate": 3e-3}
    machines, model = {"train": 5_000, "validation": 250, "test": 250}, {"width": 128, "layers": 8}
    return {"draw": Draw(), "machines": machines, "model": model, "batch": 32, "rate": 5e-4}


def prompts(job: Job, size: dict[str, Any]) -> dict[str, icll.LanguagePrompts]:
    made = splits(job.seed, size["machines"], size["draw"])
    return {name: icll.LanguagePrompts(many, seed=job.seed, draw=size["draw"]) for name, many in made.items()}


def learn_languages(job: Job, scale: Scale, budget: dict[str, Any], name: str) -> Outcome:
    """Train one model and score it on machines that it has not seen."""
    size = sizes(scale)
    data = prompts(job, size)

    def make() -> InductionLM:
        return InductionLM(UNITS, **MODELS[name], **size["model"])

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=size["batch"],
        learning_rate=size["rate"],
        schedule="cosine",
        warmup_steps=20,
        weight_decay=0.1,
        clip=1.0,
        metric="-variation",
        evaluate_every=75,
        evaluate_unit="steps",
    )
    untrained = _units(icll.model_scores(fresh(make, job.seed), data["test"]))
    model, facts = trained(
        make,
        data["train"],
        icll.NextSymbol(),
        settings,
        job,
        evaluate=lambda model: icll.evaluate(model, data["validation"]),
    )
    units = icll.model_scores(model, data["test"])
    job.shared.mkdir(parents=True, exist_ok=True)
    np.save(_kept(job, name), units)
    return Outcome(_units(units), {key: float(mean(one.sum(axis=0))) for key, one in untrained.items()}, facts)


def _kept(job: Job, name: str) -> Any:
    return job.shared / f"{name.replace(' ', '-')}-{job.seed}.npy"


def _units(scores: np.ndarray) -> dict[str, np.ndarray]:
    variation, legal, count = scores.T
    columns = {"distance": variation, "legal": legal, "overlap": count - variation}
    return {name: np.stack([column, count], axis=1) for name, column in columns.items()}


def halfway(job: Job, scale: Scale, budget: dict[str, Any]) -> Outcome:
    """The mean of the distances of linear attention and of the transformer: what closes half of their gap."""
    both = []
    for name in (LINEAR, "transformer"):
        if not _kept(job, name).is_file():
            learn_languages(job._replace(folder=job.folder / name.replace(" ", "-")), scale, budget, name)
        both.append(np.load(_kept(job, name)))
    return Outcome(_units(np.mean(both, axis=0)))


def count_grams(job: Job, scale: Scale) -> Outcome:
    """3-grams of the prompt, which learn nothing before it."""
    test, rows = prompts(job, sizes(scale))["test"], []
    for number in range(len(test)):
        batch = test.batch(np.array([number]), None)
        predicted = torch.from_numpy(ngram_predictions(batch.tokens[0].tolist(), 3))[None]
        rows.append(icll.scores(predicted, batch))
    return Outcome(_units(np.concatenate(rows)))


def model_characters(job: Job, budget: dict[str, Any], name: str) -> Outcome:
    """Bits a character of the standard library."""
    data = character_lm.CharacterWindows("train", length=CHARACTERS, examples=20_000)
    validation = character_lm.CharacterWindows("validation", length=CHARACTERS, examples=40)
    test = character_lm.CharacterWindows("test", length=CHARACTERS, examples=200)

    def make() -> InductionLM:
        return InductionLM(character_lm.UNITS, **MODELS[name], width=64, layers=2)

    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=16,
        learning_rate=3e-3,
        schedule="cosine",
        warmup_steps=20,
        clip=1.0,
        metric="-loss",
        evaluate_every=75,
        evaluate_unit="steps",
    )
    model, facts = trained(
        make,
        data,
        character_lm.NextUnit(),
        settings,
        job,
        evaluate=lambda model: character_lm.evaluate(model, validation),
    )
    nats, _, count = character_lm.losses(model, test).T
    return Outcome({"bits": np.stack([nats / np.log(2), count], axis=1)}, facts=facts)


@system("icll", row="S126", room="synthesis")
def icll_claim(scale: Scale) -> Claim:
    """Akyürek et al.: In-Context Language Learning: Architectures and Algorithms (ICML 2024).

    Transformers continue strings of unknown regular languages better than recurrent models, since they count n-grams;
    heads that count them by construction close the gap and help models of real text.
    """
    budget = scale.budget(smoke=1, laptop=1.5, paper=200)
    languages = {
        name: Arm(name, partial(learn_languages, scale=scale, budget=budget, name=name), {**options, **sizes(scale)})
        for name, options in MODELS.items()
    }
    others = (
        Arm(HALFWAY, partial(halfway, scale=scale, budget=budget), sizes(scale)),
        Arm("3-grams of the prompt", partial(count_grams, scale=scale), sizes(scale)),
        *(
            Arm(f"characters, {name}", partial(model_characters, budget=budget, name=name), MODELS[name])
            for name in (LINEAR, HEADS)
        ),
    )
    lower, plain = Metric(mean, lower_is_better=True), Metric(mean)
    return Claim(
        kind="trained",
        task="strings of random machines from a prompt, and characters of the standard library",
        metrics={"distance": lower, "bits": lower, "legal": plain, "overlap": plain},
        arms=(languages[HEADS],) if scale.smoke else (*languages.values(), *others),
        clauses=CLAUSES,
        floor=Clause("two fifths of the truth's mass are predicted", "overlap", HEADS, None, 0.4),
        budget=budget,
        data={"machines": "generated", "text": "the standard library's source"},
        launch="phloem reproduce icll --scale paper",
    )


CLAUSES = (
    Clause("transformer nearer than GRU", "distance", "transformer", "GRU", 0.0),
    Clause("transformer 0.05 nearer than linear attention", "distance", "transformer", LINEAR, 0.05),
    Clause("heads close half of the gap", "distance", HEADS, HALFWAY, 0.0),
    Clause(
        "heads lower bits a character by 2%",
        "bits",
        f"characters, {HEADS}",
        f"characters, {LINEAR}",
        1 / 0.98,
        form="ratio",
    ),
)
