"""CodeBERT: an encoder of pairs of text and code, pretrained by hidden and by replaced units, and the cross-encoder of
code search that stands on it.

Feng et al., Findings of EMNLP 2020. Hidden units are predicted on pairs alone, replaced ones are found on pairs and on
code without text, too; the replacing units come from two n-gram models of both directions, one of text and one of code,
that are fixed. Search reads each query together with each code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from phloem.analysis import cloze_probe
from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.masked_lm import MaskedLM
from phloem.learn.objectives.matching import Matching
from phloem.learn.objectives.replaced_token_detection import ReplacedTokenDetection
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.models.cross_encoder import CrossEncoder, UnitPairs
from phloem.nn.models.ngram_generator import BidirectionalNgram
from phloem.nn.models.text_encoder import TextEncoder, TextPairs, text_pairs
from phloem.represent.subwords import Subwords
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.search_pairs import PairUnits

PRETRAINING, FINE_TUNING = 5 / 8, 3 / 8  # of the budget
ABOVE_CHANCE = Metric(lambda sums: (sums[..., 0] - sums[..., 1]) / sums[..., 2])
"""From right answers, the chance of each and their number."""

SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"width": 48, "layers": 1, "heads": 4, "inner": 96, "units": 700, "pairs": 474, "bare": 200},
    "laptop": {"width": 128, "layers": 4, "heads": 4, "inner": 512, "units": 8192, "pairs": 20_000, "bare": 10_000},
    "paper": {"width": 768, "layers": 12, "heads": 12, "inner": 3072, "units": 50_000, "pairs": 10**7, "bare": 10**7},
}
FINE_TUNED_ON = {"smoke": 474, "laptop": 5000, "paper": 10**7}
TESTED = {"smoke": (80, 40), "laptop": (300, 100), "paper": (1000, 999)}  # queries, and other codes for each
MOST = {"smoke": 40, "laptop": 128, "paper": 200}  # units of a pair; a quarter of them text
RATE = {"smoke": 5e-3, "laptop": 1e-3, "paper": 5e-4}  # of pretraining; fine-tuning has 5e-4
WORDS: dict[str, Sequence[Sequence[str]]] = {
    "text": (
        ("return", "store", "say", "forget", "tell", "put"),
        ("min", "max"),
        ("first", "last"),
        ("read", "write"),
        ("start", "end"),
        ("true", "false"),
    ),
    "code": (("if", "for", "while", "return"), ("true", "false"), ("and", "or"), ("min", "max"), ("append", "len")),
}
"""Candidates of the cloze probe; a group with a word that is not one unit, or never there, is not asked for."""


class Pretraining:
    """The sum of the objectives (CodeBERT, equation 9), on pairs and on code alone."""

    def __init__(self, units: int, text: Any = None, code: Any = None) -> None:
        self.parts: list[Any] = [MaskedLM(units, bimodal_only=True)]
        if text is not None:
            self.parts.append(ReplacedTokenDetection(text, code))

    def __call__(self, model: Any, batch: TextPairs) -> Loss:
        losses = [part(model, batch) for part in self.parts]
        return Loss(
            torch.stack([loss.value for loss in losses]).sum(), {k: v for loss in losses for k, v in loss.logs.items()}
        )


def pretraining_data(scale: Scale, units: Subwords, pairs: list[DocumentedCode]) -> PairUnits:
    """The pairs, and as much code without text as the scale has."""
    most = MOST[scale.name]
    data = PairUnits.of(units, pairs, most, most // 4)
    alone = search_pairs.undocumented(scale, "train", SIZES[scale.name]["bare"])
    codes = [units.units(search_pairs.code(one), most) for one in alone]
    return PairUnits(data.texts + [[] for _ in codes], data.codes + codes, partial(_sequences, most=most))


def _sequences(batch: UnitPairs, most: int) -> TextPairs:
    return text_pairs(batch.texts, batch.codes, most=most, most_text=most // 4)


def pretrained(
    make: Callable[[], TextEncoder],
    data: PairUnits,
    size: int,
    settings: TrainingSettings,
    job: Job,
    *,
    replaced: bool,
) -> tuple[TextEncoder, dict[str, Any]]:
    """An encoder pretrained by hidden units, and with `replaced` by replaced ones, too."""
    generators = [BidirectionalNgram(size).fit(rows) for rows in (data.texts, data.codes)] if replaced else []
    model: TextEncoder = fresh(make, job.seed)
    history = train(
        model,
        data,
        Pretraining(size, *generators),
        settings,
        folder=job.folder / "pretraining",
        progress=lambda done: job.progress(done.fraction * PRETRAINING),
    )
    return model, {"pretraining_steps": history.step, "pretraining_seconds": round(history.seconds, 1)}


def run_arm(
    job: Job, scale: Scale, budget: dict[str, Any], *, pretrain: bool, replaced: bool = True, whole: bool = False
) -> Outcome:
    """Pretrain (or not), fine-tune on pairs, and rank the test pairs; `whole` gives fine-tuning the whole budget."""
    sizes, most = SIZES[scale.name], MOST[scale.name]
    pairs = search_pairs.functions(scale, "train", sizes["pairs"])
    units = search_pairs.vocabulary(pairs, sizes["units"])
    test = PairUnits.of(units, search_pairs.functions(scale, "test", 2000), most, most // 4)
    shape = {name: sizes[name] for name in ("width", "layers", "heads", "inner")}
    make = partial(TextEncoder, units.size, most=most, **shape)
    settings = TrainingSettings(
        seed=job.seed,
        **budget,
        batch_size=32,
        learning_rate=RATE[scale.name],
        schedule="cosine",
        warmup_steps=50,
        clip=1.0,
    )
    facts: dict[str, Any] = {"parameters": sum(each.numel() for each in make().parameters())}
    encoder = fresh(make, job.seed)
    outcome = Outcome({}, {}, facts)
    if pretrain:
        data = pretraining_data(scale, units, pairs)
        share = replace(settings, **shortened(settings, PRETRAINING))
        encoder, done = pretrained(make, data, units.size, share, job, replaced=replaced)
        facts |= done
        outcome.units["cloze"] = cloze(encoder, units, test, most)
        if scale.smoke:
            sums = cloze(fresh(make, job.seed).eval(), units, test, most).sum(axis=0)
            outcome.untrained["cloze"] = float(ABOVE_CHANCE.of(sums))
    torch.manual_seed(job.seed)
    model = CrossEncoder(encoder, most=most, most_text=most // 4)
    if scale.smoke:
        outcome.untrained["mrr"] = float(ACCURACY.of(ranked(model.eval(), test, scale).sum(axis=0)))
    tuning = replace(settings, learning_rate=5e-4, **(shortened(settings, FINE_TUNING) if not whole else {}))
    fine = PairUnits.of(units, pairs[: FINE_TUNED_ON[scale.name]], most, most // 4)
    begun = PRETRAINING if pretrain else 0.0
    history = train(
        model,
        fine,
        Matching(),
        tuning,
        folder=job.folder / "fine-tuning",
        progress=lambda done: job.progress(begun + done.fraction * (1 - begun)),
    )
    facts |= {"fine_tuning_steps": history.step, "fine_tuning_seconds": round(history.seconds, 1)}
    outcome.units["mrr"] = ranked(model, test, scale)
    return outcome


def ranked(model: CrossEncoder, test: PairUnits, scale: Scale) -> np.ndarray:
    """Reciprocal ranks of the first test queries."""
    queries, others = TESTED[scale.name]

    def score(query: int, candidates: np.ndarray) -> np.ndarray:
        return model.scores(test.texts[query], [test.codes[place] for place in candidates.tolist()]).numpy()

    return search_pairs.reciprocal_ranks(score, len(test), queries=queries, distractors=others)


def cloze(encoder: TextEncoder, units: Subwords, test: PairUnits, most: int) -> np.ndarray:
    """For each question: whether it was answered right, the chance to guess it, and 1."""
    batch = text_pairs(test.texts, test.codes, most=most, most_text=most // 4)
    rows = []
    for side, groups in WORDS.items():
        ids = [[units.units(word) for word in group] for group in groups]
        single = [[one[0] for one in group] for group in ids if all(len(one) == 1 for one in group)]
        asked = cloze_probe.questions(batch, single, side)
        right = cloze_probe.answers(encoder, batch, asked)
        rows += [[float(hit), 1 / len(one.candidates), 1.0] for hit, one in zip(right, asked, strict=True)]
    return np.array(rows) if rows else np.zeros((1, 3))


def run_bm25(job: Job, scale: Scale) -> Outcome:
    """The words alone."""
    queries, others = TESTED[scale.name]
    test = search_pairs.functions(scale, "test", 2000)
    return Outcome({"mrr": search_pairs.bm25_ranks(test, queries=queries, distractors=others)}, {}, {})


@system("codebert", row="S086", room="understanding")
def codebert(scale: Scale) -> Claim:
    """Feng et al.: CodeBERT: A Pre-Trained Model for Programming and Natural Languages (Findings of EMNLP 2020).

    Code search by a cross-encoder whose encoder was pretrained by hidden and replaced units, or not.
    """
    budget = scale.budget(smoke=16, laptop=8.0, paper=50)
    sizes = SIZES[scale.name]

    def arm(name: str, **options: Any) -> Arm:
        return Arm(name, partial(run_arm, scale=scale, budget=budget, **options), {**sizes, **options})

    whole = arm("mlm + rtd", pretrain=True)
    arms = (
        whole,
        arm("mlm", pretrain=True, replaced=False),
        arm("not pretrained", pretrain=False),
        arm("not pretrained, equal time", pretrain=False, whole=True),
        Arm("bm25", partial(run_bm25, scale=scale), {}),
    )
    return Claim(
        kind="trained",
        task="the code that a sentence describes, among others, from projects that were not seen; names left out",
        metrics={"mrr": ACCURACY, "cloze": ABOVE_CHANCE},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("units are predicted from both sides", "cloze", "mlm + rtd", None, 0.3),
        budget=budget,
        data={"pairs": "generated methods" if scale.smoke else "mined Python", **scale.corpus()},
        launch="phloem reproduce codebert --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("8 points of MRR above no pretraining", "mrr", "mlm + rtd", "not pretrained", 0.08),
    Clause("not 2 points below hidden units alone", "mrr", "mlm + rtd", "mlm", -0.02),
    Clause("the cloze probe 15 points above chance", "cloze", "mlm + rtd", None, 0.15),
)
