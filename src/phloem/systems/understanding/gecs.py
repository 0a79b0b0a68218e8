"""GenCodeSearchNet: encoders that learned to search Python, asked for code of other kinds.

Three small encoders are pretrained as CodeBERT, CodeSage and UniXcoder are, each for half of the same budget, and learn
in the other half to match sentences with Python functions. All rank the same sets: Python of other projects, CoSQA's
docstrings, JavaScript where the mined shards hold it, and the R code of StatCodeSearch, beside BM25, tf-idf and an
encoder that was never trained. The claim is the drop from Python to R.

Each query is ranked among 99 others of its set, of which the first QUERIES are asked. The published models are a
hundred times as large; their sets of Go, Java, PHP and Ruby are not kept where the data is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from phloem.corpora import doc_code_pairs, shards
from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.errors import PhloemError
from phloem.learn.objectives.base import Objective
from phloem.learn.objectives.bimodal_contrastive import BimodalContrastive
from phloem.learn.objectives.contrastive import Contrastive
from phloem.learn.pretraining_mixture import Listed
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure import bootstrap, ranking
from phloem.nn.models.cross_encoder import UnitPairs
from phloem.nn.models.mean_bi_encoder import MeanBiEncoder
from phloem.nn.models.prefix_mode_transformer import PrefixModeTransformer, laid_out
from phloem.nn.models.text_encoder import TextEncoder
from phloem.represent.byte_pairs import END
from phloem.represent.subwords import SEP, words
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened
from phloem.systems.understanding import codebert, codesage, search_pairs, unixcoder
from phloem.systems.understanding.search_pairs import PairUnits
from phloem.systems.understanding.sequence_pretraining import TINY, Sizes, functions_of, kept_for, phase
from phloem.tasks import gen_code_search_net as task
from phloem.tasks.bm25 import BM25
from phloem.tasks.gen_code_search_net import Item

STAGE = 0.5  # of the budget, for pretraining and for contrast
QUERIES = 1000  # of a set at most
PAIRS = {"smoke": 474, "laptop": 20_000, "paper": 10**7}
MOST = 128  # units of a text
ENCODERS = ("codebert", "codesage", "unixcoder")
DROP = Metric(lambda sums: sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3])
"""Mean reciprocal rank on Python minus that on R; rows are queries of either set."""


class Contender(NamedTuple):
    """A model that embeds rows of units (`vectors`) and pairs of them (its call), and how a text becomes such a row."""

    model: Any
    rows: Callable[[str], list[int]]
    objective: Objective


class PrefixTowers(nn.Module):
    """Both sides of a pair through the mode of a UniXcoder that encodes."""

    def __init__(self, model: PrefixModeTransformer) -> None:
        super().__init__()
        self.model = model

    def vectors(self, rows: list[list[int]]) -> Float[Tensor, "rows width"]:
        """Unit vectors."""
        batch = unixcoder.sequences([laid_out(row, "encoder-only", self.model.marks, MOST) for row in rows])
        return normalize(self.model.vectors(batch.tokens, batch.lengths), dim=1)

    def forward(self, batch: UnitPairs) -> tuple[Float[Tensor, "pairs width"], Float[Tensor, "pairs width"]]:
        return self.vectors(batch.texts), self.vectors(batch.codes)


def item(one: DocumentedCode) -> Item:
    """A documented function as the benchmark has it: with its name, without its documentation."""
    return Item(search_pairs.sentence(one), search_pairs.code(one, named=True))


@cache
def sets(scale: Scale) -> dict[str, list[Item]]:
    """The items of each set that is there: Python always, and R at the laptop and paper scales."""
    found = {"python": [item(one) for one in search_pairs.functions(scale, "test", 2000)]}
    if scale.smoke:
        return found
    assert scale.data is not None
    found["r"] = task.published("statcodesearch").items
    with suppress(PhloemError):  # the file is not part of the known data sets
        found["cosqa"] = task.published("cosqa").items
    if "javascript" in shards.info(scale.data)["settings"]["languages"]:
        found["javascript"] = [item(one) for one in _documented(scale, "javascript")]
    return found


def _documented(scale: Scale, language: str) -> list[DocumentedCode]:
    """The first documented functions of a language with sentences that differ."""
    assert scale.data is not None
    found: dict[str, DocumentedCode] = {}
    for one in doc_code_pairs.read(scale.data, "test", (language,)):
        if one.doc and len(words(search_pairs.sentence(one))) >= search_pairs.FEWEST_WORDS:
            found.setdefault(search_pairs.sentence(one), one)
        if len(found) == 2 * QUERIES:
            break
    return list(found.values())


Scorer = Callable[[list[Item]], Callable[[int, np.ndarray], np.ndarray]]


def measured(scale: Scale, scorer: Scorer) -> dict[str, Float[np.ndarray, "queries parts"]]:
    """Reciprocal ranks on every set, and the addends of DROP."""
    units = {}
    for name, items in sets(scale).items():
        rank = task.ranks(name, len(items), scorer(items), queries=QUERIES)
        units[f"mrr_{name}"] = bootstrap.with_count(ranking.reciprocal(rank))
    if "mrr_r" in units:
        known, shifted = units["mrr_python"], units["mrr_r"]
        units["drop"] = np.concatenate([np.pad(known, ((0, 0), (0, 2))), np.pad(shifted, ((0, 0), (2, 0)))])
    return units


def by_vectors(contender: Contender) -> Scorer:
    """Cosines of a model's vectors."""

    @torch.inference_mode()
    def vectors(texts: Sequence[str]) -> np.ndarray:
        rows = [contender.rows(text) for text in texts]
        order = np.argsort([len(row) for row in rows], kind="stable")
        parts = [
            contender.model.vectors([rows[place] for place in order[at : at + 64]]) for at in range(0, len(order), 64)
        ]
        found = torch.cat(parts).numpy()
        back = np.empty_like(found)
        back[order] = found
        return back

    def score(items: list[Item]) -> Callable[[int, np.ndarray], np.ndarray]:
        asked, codes = vectors([one.comment for one in items[:QUERIES]]), vectors([one.code for one in items])
        return lambda query, candidates: codes[candidates] @ asked[query]

    return score


def by_bm25(items: list[Item]) -> Callable[[int, np.ndarray], np.ndarray]:
    """BM25 over the words of the codes."""
    index = BM25([words(one.code) for one in items])
    of = cache(lambda query: index.scores(words(items[query].comment)))
    return lambda query, candidates: of(query)[candidates]


def by_tf_idf(items: list[Item]) -> Callable[[int, np.ndarray], np.ndarray]:
    """Cosines of bags of words weighted by how rare they are among the codes."""
    known = {word: place for place, word in enumerate(sorted({word for one in items for word in words(one.code)}))}
    codes = [_bag(one.code, known) for one in items]
    having = np.zeros(len(known))
    for bag in codes:
        having[list(bag)] += 1
    rarity = np.log(len(items) / having)

    def weighted(bag: dict[int, int]) -> dict[int, float]:
        values = {place: count * float(rarity[place]) for place, count in bag.items()}
        norm = sum(value * value for value in values.values()) ** 0.5 or 1.0
        return {place: value / norm for place, value in values.items()}

    vectors = [weighted(bag) for bag in codes]

    def score(query: int, candidates: np.ndarray) -> np.ndarray:
        asked = weighted(_bag(items[query].comment, known))
        return np.array([sum(value * vectors[c].get(place, 0.0) for place, value in asked.items()) for c in candidates])

    return score


def _bag(text: str, known: dict[str, int]) -> dict[int, int]:
    bag: dict[int, int] = {}
    for word in words(text):
        if word in known:
            bag[known[word]] = bag.get(known[word], 0) + 1
    return bag


def as_codebert(job: Job, scale: Scale, settings: TrainingSettings, *, pretrain: bool = True) -> Contender:
    """Hidden and replaced units of pairs and of code alone."""
    sizes = codebert.SIZES[scale.name]
    pairs = search_pairs.functions(scale, "train", PAIRS[scale.name])
    units = search_pairs.vocabulary(pairs, sizes["units"])
    shape = {name: sizes[name] for name in ("width", "layers", "heads", "inner")}
    make = partial(TextEncoder, units.size, most=MOST, **shape)
    if pretrain:
        data = codebert.pretraining_data(scale, units, pairs)
        encoder, _ = codebert.pretrained(make, data, units.size, settings, job, replaced=True)
    else:
        encoder = fresh(make, job.seed)
    model = MeanBiEncoder(encoder, end=SEP, most=MOST)
    return Contender(model, lambda text: units.units(text, MOST), Contrastive())


def as_codesage(job: Job, scale: Scale, settings: TrainingSettings) -> Contender:
    """Hidden units, or all occurrences of some names; then weighted negatives."""
    world = codesage.World(scale)
    encoder = fresh(world.make, job.seed)
    encoder.load_state_dict(codesage.first_stage(world, settings, job, full=True))
    model = MeanBiEncoder(encoder, end=END, most=world.sizes["most"])
    return Contender(model, lambda text: world.units.encode(text)[:MOST], BimodalContrastive())


def as_unixcoder(job: Job, scale: Scale, settings: TrainingSettings) -> Contender:
    """Five losses of one Transformer on flattened trees and sentences."""
    functions = functions_of(scale, "gecs", train=PAIRS[scale.name], test=500)
    sizes = {"smoke": TINY, "laptop": Sizes(), "paper": unixcoder.PUBLISHED}[scale.name]
    units, samples = unixcoder.prepared(functions, sizes, kept_for(job, functions.facts()).shared)
    model = fresh(lambda: unixcoder.small_model(units, sizes), job.seed)
    asked = unixcoder.tasks_of(units, model.marks, sizes, unixcoder.LOSSES, False)
    budget = {name: getattr(settings, name) for name in ("epochs", "minutes", "clock")}
    items = Listed(samples, lambda sample: len(sample.plain))
    phase(model, items, asked, job, "pretraining", sizes=sizes, budget=budget)
    return Contender(PrefixTowers(model), lambda text: units.encode(text)[:MOST], Contrastive())


MAKERS = dict(zip(ENCODERS, (as_codebert, as_codesage, as_unixcoder), strict=True))


def run_encoder(job: Job, *, scale: Scale, budget: dict[str, Any], name: str) -> Outcome:
    """Pretrain, learn to match sentences and Python, and rank every set."""
    sets(scale)  # what is missing is told before anything is trained
    torch.manual_seed(job.seed)
    settings = TrainingSettings(
        seed=job.seed, **budget, batch_size=32, learning_rate=2e-3, schedule="cosine", warmup_steps=20, clip=1.0
    )
    contender = MAKERS[name](job, scale, replace(settings, **shortened(settings, STAGE)))
    untrained = measured(scale, by_vectors(contender)) if scale.smoke else {}
    pairs = [item(one) for one in search_pairs.functions(scale, "train", PAIRS[scale.name])]
    rows = PairUnits([contender.rows(one.comment) for one in pairs], [contender.rows(one.code) for one in pairs])
    tuning = replace(settings, learning_rate=1e-3, bucket=8, **shortened(settings, 1 - STAGE))
    history = train(
        contender.model,
        rows,
        contender.objective,
        tuning,
        folder=job.folder / "contrast",
        progress=lambda done: job.progress(STAGE + (1 - STAGE) * done.fraction),
    )
    contender.model.eval()
    facts = {"steps": history.step, "training_seconds": round(history.seconds, 1)}
    before = {metric: float(ACCURACY.of(parts.sum(axis=0))) for metric, parts in untrained.items()}
    return Outcome(measured(scale, by_vectors(contender)), before, facts)


def run_untrained(job: Job, *, scale: Scale) -> Outcome:
    """An encoder with its first weights: the floor."""
    settings = TrainingSettings(seed=job.seed, epochs=1)
    contender = as_codebert(job, scale, settings, pretrain=False)
    contender.model.eval()
    return Outcome(measured(scale, by_vectors(contender)))


def run_words(job: Job, *, scale: Scale, scorer: Scorer) -> Outcome:
    """A ranking by words."""
    return Outcome(measured(scale, scorer))


@system("gecs", row="S066", room="understanding")
def gecs(scale: Scale) -> Claim:
    """Diera et al.: GenCodeSearchNet: A Benchmark Test Suite for Evaluating Generalization in Programming Language
    Understanding (GenBench at EMNLP 2023).

    How far the search of code by encoders that learned on Python falls on R, and how far that by words does.
    """
    budget = scale.budget(smoke=16, laptop=4.0, paper=10)
    settings = {"pairs": PAIRS[scale.name], "units": MOST}
    encoders = tuple(
        Arm(name, partial(run_encoder, scale=scale, budget=budget, name=name), settings) for name in ENCODERS
    )
    others = (
        Arm("untrained", partial(run_untrained, scale=scale), settings),
        Arm("bm25", partial(run_words, scale=scale, scorer=by_bm25)),
        Arm("tf-idf", partial(run_words, scale=scale, scorer=by_tf_idf)),
    )
    return Claim(
        kind="trained",
        task="the code that a comment describes among a hundred, in Python and beyond",
        metrics={**{f"mrr_{name}": ACCURACY for name in ("python", "r", "cosqa", "javascript")}, "drop": DROP},
        arms=(encoders[1],) if scale.smoke else (*encoders, *others),
        clauses=tuple(
            clause
            for name in ENCODERS
            for clause in (
                Clause(f"{name} falls by 10 points", "drop", name, None, 0.1),
                Clause(f"bm25 falls less than {name}", "drop", name, "bm25", 0.0),
            )
        ),
        floor=Clause("Python is found by its comments", "mrr_python", "codesage", None, 0.7),
        budget=budget,
        data={"sets": "generated methods" if scale.smoke else "mined code, StatCodeSearch, CoSQA's docstrings"},
        launch="phloem reproduce gecs --scale paper --data SHARDS",
    )
