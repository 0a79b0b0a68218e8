"""CodeT5: an encoder-decoder that is told which of its units are identifiers.

Three tasks of pretraining, one drawn a batch with equal probability: spans of whole words are recovered (MSP),
identifiers are tagged (IT), and names are recovered that are hidden wherever they occur (MIP). The claim asks what the
last two add to the first one at the same number of functions read: for naming methods and for summaries after
fine-tuning, and for recovering the identifiers of unseen packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from phloem.languages.subtokens import split
from phloem.learn.objectives.dual_generation import to_text
from phloem.learn.objectives.identifier_deobfuscation import choose_names, hide_names, names_of
from phloem.learn.objectives.identifier_tagging import IdentifierTagging, Tagged, identifier_labels
from phloem.learn.objectives.span_corruption import Pair, corrupt, whole_word_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Subset, Task, paired, rows_of_units
from phloem.measure.subtoken_f1 import count_all
from phloem.measure.text import bleu, bleu_addends
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.marked_code import MarkedCodeDataset, MarkedFunction, unit_text
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, F1, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    answers,
    functions_of,
    marked,
    name_hidden,
    phase,
    small_t5,
)

EXTRA = ("<en>",)
RECOVERED = 400  # functions whose names are recovered in the test
PUBLISHED = Sizes(
    units=32_000, width=768, heads=12, layers=12, inner=3072, code=512, text=256, target=256, batch=1024, rate=2e-4
)
NAME_LENGTH, SENTENCE_LENGTH = 16, 32  # units


def pretraining_tasks(units: BytePairs, sizes: Sizes, names: Sequence[str] = ("spans", "tags", "names")) -> list[Task]:
    """The tasks of the first stage by name, at equal rates."""
    generate = TokenCrossEntropy()

    def spans(items: list[MarkedFunction], rng: np.random.Generator) -> TokenBatch:
        pairs = [
            corrupt(item.code.ids, whole_word_spans(item.code.word, rng)[: units.sentinels - 1], units.sentinel)
            for item in items
        ]
        return paired(pairs, source=sizes.code, target=sizes.target)

    def hidden(items: list[MarkedFunction], rng: np.random.Generator) -> TokenBatch:
        pairs = [hide_names(item.code, choose_names(item.code, rng, most=units.sentinels), units) for item in items]
        return paired(pairs, source=sizes.code, target=sizes.target)

    known = {
        "spans": Task("spans", spans, generate),
        "tags": Task("tags", lambda items, _: tagged(items, sizes), IdentifierTagging()),
        "names": Task("names", hidden, generate),
    }
    return [known[name] for name in names]


def tagged(items: Sequence[MarkedFunction], sizes: Sizes) -> Tagged:
    """Codes with the label of each unit."""
    import torch

    rows, lengths = rows_of_units([item.code.ids for item in items], sizes.code)
    labels, _ = rows_of_units([np.array(identifier_labels(item.code), np.int64) for item in items], sizes.code)
    count = torch.from_numpy(lengths)
    counted = torch.arange(rows.shape[1]) < count[:, None]
    return Tagged(torch.from_numpy(rows), count.clamp(min=1), torch.from_numpy(labels).bool(), counted)


def all_hidden(item: MarkedFunction, units: BytePairs) -> Pair:
    """Every name of a function hidden."""
    return hide_names(item.code, np.arange(min(len(item.code.names), units.sentinels)), units)


def recovery(
    model: Any, items: Sequence[MarkedFunction], units: BytePairs, sizes: Sizes
) -> Float[np.ndarray, "items 2"]:
    """For each function with all its names hidden (names that are recovered exactly, names)."""
    given = answers(model, items, lambda item: all_hidden(item, units), sizes=sizes, length=sizes.target)
    rows = []
    for item, output in zip(items, given, strict=True):
        found, wanted = names_of(np.array(output, np.int64), units), item.code.names[: units.sentinels]
        rows.append([sum(found.get(number) == name for number, name in enumerate(wanted)), len(wanted)])
    return np.array(rows, np.float64)


def fine_tuned_name(item: MarkedFunction, output: list[int], units: BytePairs) -> tuple[list[str], list[str]]:
    """The subtokens of the function's name, and those that were written."""
    return split(item.name), unit_text(units, output).split()


def train_codet5(
    job: Job, functions: Functions, budget: dict[str, Any], sizes: Sizes, tasks: tuple[str, ...]
) -> Outcome:
    """Pretrain; measure the recovery of names; fine-tune two copies, one to name and one to summarize."""
    view, data = marked(functions, sizes, job, EXTRA)
    units, test = view.units, data["test"]
    model = fresh(lambda: small_t5(units.size, sizes), job.seed)
    some = test.items(np.arange(min(len(test), RECOVERED)))
    untrained = recovery(model, some, units, sizes).sum(axis=0)
    asked = pretraining_tasks(units, sizes, tasks)
    facts: dict[str, Any] = {"parameters": sum(each.numel() for each in model.parameters())}
    alone = "naming" not in budget
    facts["pretraining"] = phase(
        model,
        data["train"],
        asked,
        job,
        "pretraining",
        sizes=sizes,
        budget=budget["pretraining"],
        part=(0.0, 1.0 if alone else 0.6),
    )
    measured = {"names recovered": recovery(model, some, units, sizes)}
    before = {"names recovered": float(untrained[0] / untrained[1])}
    if alone:
        return Outcome(measured, before, facts)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    facts["naming"], measured["f1"] = _naming(model, data, units, job, sizes, budget["naming"])
    model.load_state_dict(weights)
    facts["summaries"], measured["bleu"] = _summaries(model, data, units, job, sizes, budget["summaries"])
    return Outcome(measured, before, facts)


def _naming(
    model: Any, data: dict[str, MarkedCodeDataset], units: BytePairs, job: Job, sizes: Sizes, budget: dict[str, Any]
) -> tuple[dict[str, Any], np.ndarray]:
    def make(items: list[MarkedFunction], _: np.random.Generator) -> TokenBatch:
        return paired([name_hidden(item, units) for item in items], source=sizes.code, target=NAME_LENGTH)

    task = Task("naming", make, TokenCrossEntropy())
    facts = phase(model, data["train"], [task], job, "naming", sizes=sizes, budget=budget, part=(0.6, 0.8))
    items = data["test"].items(np.arange(len(data["test"])))
    given = answers(model, items, lambda item: name_hidden(item, units), sizes=sizes, length=NAME_LENGTH)
    pairs = [fine_tuned_name(item, output, units) for item, output in zip(items, given, strict=True)]
    return facts, count_all([wanted for wanted, _ in pairs], [found for _, found in pairs]).astype(float)


def _summaries(
    model: Any, data: dict[str, MarkedCodeDataset], units: BytePairs, job: Job, sizes: Sizes, budget: dict[str, Any]
) -> tuple[dict[str, Any], np.ndarray]:
    mark = units.mark("<en>")

    def make(items: list[MarkedFunction], _: np.random.Generator) -> TokenBatch:
        pairs = [to_text(item.text, item.code.ids, mark) for item in items]
        return paired(pairs, source=sizes.code, target=sizes.text)

    described = Subset(data["train"], data["train"].documented())
    task = Task("summaries", make, TokenCrossEntropy())
    facts = phase(model, described, [task], job, "summaries", sizes=sizes, budget=budget, part=(0.8, 1.0))
    items = data["test"].items(data["test"].documented())
    given = answers(
        model, items, lambda item: to_text(item.text, item.code.ids, mark), sizes=sizes, length=SENTENCE_LENGTH
    )
    wanted = [unit_text(units, item.text.tolist()) for item in items]
    return facts, bleu_addends(wanted, [unit_text(units, output) for output in given])


@system("codet5", row="S117", room="understanding")
def codet5(scale: Scale) -> Claim:
    """Wang, Wang, Joty, Hoi: CodeT5: Identifier-aware Unified Pre-trained Encoder-Decoder Models (EMNLP 2021).

    What tagging and recovering identifiers add to the recovery of spans; the laptop scale needs mined shards (--data).
    """
    functions = functions_of(scale, "codet5", train=24_000)
    sizes = {"smoke": TINY, "laptop": Sizes(), "paper": PUBLISHED}[scale.name]
    budget = budgets(scale)

    def arm(name: str, *tasks: str) -> Arm:
        run = partial(train_codet5, functions=functions, budget=budget, sizes=sizes, tasks=tasks)
        return Arm(name, run, {**asdict(sizes), "tasks": list(tasks)})

    arms = arm("identifier-aware", "spans", "tags", "names"), arm("spans only", "spans")
    return Claim(
        kind="trained",
        task="names recovered in functions that were never seen"
        + ("" if scale.smoke else "; names of methods and summaries after fine-tuning"),
        metrics={"names recovered": ACCURACY, "f1": F1, "bleu": Metric(bleu)},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("names are recovered", "names recovered", "identifier-aware", None, 0.25),
        budget=budget,
        data=functions.facts(),
        launch="phloem mine SOURCES --out shards && phloem reproduce codet5 --scale paper --data shards",
    )


def budgets(scale: Scale) -> dict[str, Any]:
    """Of the phases. Pretraining counts functions, so that both arms read the same number of them: the laptop's
    epoch of 24,000 takes about six minutes on a core; `--minutes` divides minutes instead, 60% of them to it."""
    if scale.smoke:
        return {"pretraining": {"epochs": 20}}
    if scale.minutes is not None:
        shares = {"pretraining": 0.6, "naming": 0.2, "summaries": 0.2}
        return {name: {"minutes": scale.minutes * share, "clock": "processor"} for name, share in shares.items()}
    if scale.name == "paper":
        return {"pretraining": {"epochs": 100}, "naming": {"epochs": 10}, "summaries": {"epochs": 10}}
    tuning = {"minutes": 2.0, "clock": "processor"}
    return {"pretraining": {"epochs": 1}, "naming": tuning, "summaries": tuning}


CLAUSES = (
    Clause("naming gains 1.5 points of F1", "f1", "identifier-aware", "spans only", 0.015),
    Clause("10 points more names are recovered", "names recovered", "identifier-aware", "spans only", 0.10),
    Clause("summaries are no worse", "bleu", "identifier-aware", "spans only", 0.0),
)
