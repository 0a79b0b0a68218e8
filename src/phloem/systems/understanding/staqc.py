"""StaQC: does a code block of an answer stand alone as a solution, by a network with two views of it?

BiV-HNN reads the code with the question's title, and the text around; Text-HNN and Code-HNN have one view each. Beside
them stand the rules "the first block" and "every block", and a logistic regression on marked words and pairs of words,
which is the honest bar: whether a network or it wins is in the results. All have the released split; as that shares
questions between its parts, the figures on test questions that training and validation lack are reported, too.

Other than in the paper word vectors start at random, as the released ones are not kept where the data is; words that
training blocks have less than twice share one vector.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64

from phloem.corpora import staqc as corpus
from phloem.corpora.staqc import Block
from phloem.learn.objectives.cross_entropy import CrossEntropy
from phloem.learn.settings import TrainingSettings
from phloem.measure import subtoken_f1
from phloem.nn.models.bi_view import BiViewNetwork, Views
from phloem.nn.models.staqc_linear import fit
from phloem.represent.code_snippet_views import SnippetRows, SnippetView, TfIdf, grams
from phloem.systems.claims import F1, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, trained
from phloem.tasks import snippet_mining as task

SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"embedding": 24, "width": 16, "block_width": 16, "dropout": 0.0},
    "laptop": {"embedding": 150, "width": 64, "block_width": 128},
    "paper": {"embedding": 150, "width": 64, "block_width": 128},
}
DROPOUT = {"python": 0.5, "sql": 0.3, "generated": 0.0}
EPOCHS, PATIENCE = 70, 5  # published
SMOKE_EPOCHS = 12
MINUTES = 10.0  # at most, of a run at the laptop scale
STRENGTHS = (1.0, 10.0, 100.0)  # of the regression, chosen on validation
RULES = {"first": task.select_first, "all": task.select_all}
Data = dict[str, list[Block]]


def material(language: str, folder: Path | None) -> Data:
    """The blocks of each split; the released ones are in the data folder, unless another is named."""
    if language == "generated":
        return {split: task.generated(split) for split in corpus.SPLITS}
    return {split: corpus.load(language, split, folder) for split in corpus.SPLITS}


@torch.inference_mode()
def accepted(model: BiViewNetwork, rows: SnippetRows) -> Bool[np.ndarray, " blocks"]:
    """Which blocks the network says stand alone."""
    parts = [np.arange(at, min(at + 100, len(rows))) for at in range(0, len(rows), 100)]
    return torch.cat([model(rows.batch(part, None)).argmax(dim=1) == 1 for part in parts]).numpy()


def measured(predicted: Bool[np.ndarray, " blocks"], data: Data) -> dict[str, Int64[np.ndarray, "blocks 3"]]:
    """Counts on all test blocks, on those of no training question, and on those of no training or validation one."""
    test = data["test"]
    counts = task.counts(predicted, task.labels_of(test))
    apart = {"f1_train_apart": (data["train"],), "f1_apart": (data["train"], data["valid"])}
    return {"f1": counts, **{name: counts[corpus.disjoint(test, *others)] for name, others in apart.items()}}


def minutes_of(scale: Scale) -> dict[str, float | None]:
    """The most that a run may take; only the laptop scale has such a bound of its own."""
    return {"minutes": scale.minutes or (MINUTES if scale.name == "laptop" else None)}


def run_network(job: Job, scale: Scale, language: str, views: Views) -> Outcome:
    """Train one network and judge the test blocks."""
    data = material(language, scale.data)
    view = SnippetView(data["train"])
    sizes = {**SIZES[scale.name], "dropout": DROPOUT[language]}
    rows = {split: SnippetRows(view, blocks) for split, blocks in data.items()}
    valid = task.labels_of(data["valid"])
    settings = TrainingSettings(
        seed=job.seed,
        epochs=SMOKE_EPOCHS if scale.smoke else EPOCHS,
        minutes=minutes_of(scale)["minutes"],
        clock="processor",
        batch_size=32 if scale.smoke else 100,
        learning_rate=1e-2 if scale.smoke else 1e-3,
        bucket=4,
        clip=None,
        patience=PATIENCE,
    )

    def f1(model: Any) -> dict[str, float]:
        sums = task.counts(accepted(model, rows["valid"]), valid).sum(axis=0)
        return {"f1": float(subtoken_f1.f1(sums.astype(np.float64)))}

    make = partial(BiViewNetwork, len(view.text), len(view.code), views=views, **sizes)
    untrained = measured(accepted(fresh(make, job.seed).eval(), rows["test"]), data)
    model, facts = trained(make, rows["train"], CrossEntropy(), settings, job, evaluate=f1)
    return Outcome(measured(accepted(model, rows["test"]), data), _figures(untrained), facts)


def _figures(units: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(subtoken_f1.f1(counts.sum(axis=0).astype(np.float64))) for name, counts in units.items()}


def run_rule(job: Job, *, scale: Scale, language: str, rule: str) -> Outcome:
    """A rule that looks at nothing but the block's place."""
    data = material(language, scale.data)
    return Outcome(measured(RULES[rule](data["test"]), data))


def run_regression(job: Job, *, scale: Scale, language: str, code: bool) -> Outcome:
    """Logistic regression on marked words and pairs of words; without `code`, of the text around alone."""
    data = material(language, scale.data)
    bags = {split: [grams(block, code=code) for block in blocks] for split, blocks in data.items()}
    features = TfIdf(bags["train"])
    rows = {split: features(bag) for split, bag in bags.items()}
    target = torch.from_numpy(task.labels_of(data["train"]).astype(np.int64))
    tried = {}
    for strength in STRENGTHS:
        model = fit(rows["train"], target, len(features), strength)
        counts = task.counts((model(rows["valid"]) > 0).numpy(), task.labels_of(data["valid"]))
        tried[strength] = (float(F1.of(counts.sum(axis=0).astype(np.float64))), model)
    best = max(STRENGTHS, key=lambda strength: tried[strength][0])
    facts = {"features": len(features), "strength": best, "validation": round(tried[best][0], 4)}
    return Outcome(measured((tried[best][1](rows["test"]) > 0).numpy(), data), {}, facts)


def _arms(scale: Scale, language: str) -> tuple[Arm, ...]:
    names: dict[str, Views] = {"BiV-HNN": "both", "Text-HNN": "text", "Code-HNN": "code"}
    networks = [
        Arm(
            f"{name}, {language}",
            partial(run_network, scale=scale, language=language, views=views),
            {**SIZES[scale.name], "views": views, "dropout": DROPOUT[language], "epochs": EPOCHS, "patience": PATIENCE},
        )
        for name, views in names.items()
    ]
    rules = [Arm(f"{rule}, {language}", partial(run_rule, scale=scale, language=language, rule=rule)) for rule in RULES]
    regressions = [
        Arm(
            f"regression{'' if code else ' on text'}, {language}",
            partial(run_regression, scale=scale, language=language, code=code),
        )
        for code in (True, False)
    ]
    return (*networks, *rules, *regressions)


@system("staqc", row="S152", room="understanding")
def staqc(scale: Scale) -> Claim:
    """Yao et al.: StaQC: A Systematically Mined Question-Code Dataset from Stack Overflow (WWW 2018).

    A network with two views says which code blocks of an answer stand alone as a solution.
    """
    languages = ("generated",) if scale.smoke else corpus.LANGUAGES
    arms = tuple(arm for language in languages for arm in _arms(scale, language))
    clauses = tuple(
        Clause(f"{text}, {language}", "f1", f"BiV-HNN, {language}", f"{baseline}, {language}", margin)
        for language in languages
        for text, baseline, margin in (
            ("12 points of F1 above every block", "all", 0.12),
            ("above the text alone", "Text-HNN", 0.0),
            ("above the code alone", "Code-HNN", 0.0),
        )
    )
    return Claim(
        kind="trained",
        task="which code blocks of an answer stand alone as a solution",
        metrics={"f1": F1, "f1_train_apart": F1, "f1_apart": F1},
        arms=arms[:1] if scale.smoke else arms,
        clauses=clauses,
        floor=Clause("both views are used", "f1", f"BiV-HNN, {languages[0]}", None, 0.8),
        budget={"epochs": SMOKE_EPOCHS if scale.smoke else EPOCHS, "patience": PATIENCE, **minutes_of(scale)},
        data={"blocks": "generated" if scale.smoke else corpus.ORIGIN},
        launch="phloem reproduce staqc --scale paper --data DIR  # DIR/staqc/{python,sql}/{train,valid,test}",
    )
