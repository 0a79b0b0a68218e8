"""SGPT: one small decoder of code as a bi-encoder and as a cross-encoder of search.

Muennighoff 2022. The bi-encoder's vectors are position-weighted means, trained by contrast from query to code, all
weights or the biases alone; the cross-encoder ranks by the likelihood of the query after the code, untrained.

The published runs take equal steps an arm; here every arm has equal processor time, in which the biases alone make a
few steps more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.decode import query_likelihood
from phloem.learn.bitfit import only_biases, share_trained
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import next_unit_loss
from phloem.learn.objectives.hard_negatives import hard_negative_loss
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.measure import bootstrap, ranking
from phloem.nn.models.cross_encoder import UnitPairs
from phloem.nn.models.decoder_bi_encoder import Brackets, DecoderBiEncoder, Pooling
from phloem.nn.models.gpt2 import Gpt2, Gpt2Config
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.subwords import words
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Metric, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened, trained
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.search_pairs import PairUnits
from phloem.tasks.bm25 import BM25

SCALE = 20.0  # of cosines, the published temperature 0.05
PRETRAINING = 0.5  # of an arm's budget, spent once for all arms
RATES = (3e-4, 1e-3, 3e-3)  # tried by each trained arm
RERANKED = 20  # of BM25's list
VALIDATED = 200  # functions that the mixture's weight is chosen by
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.5)  # of the likelihood in the mixture, chosen on validation
GAIN = Metric(bootstrap.mean)
"""Reciprocal rank above that of the same decoder untrained."""

SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"width": 48, "layers": 1, "heads": 4, "inner": 96, "units": 420, "pairs": 474, "most": 32},
    "laptop": {"width": 128, "layers": 4, "heads": 4, "inner": 512, "units": 8192, "pairs": 20_000, "most": 96},
    "paper": {"width": 768, "layers": 12, "heads": 12, "inner": 3072, "units": 50_000, "pairs": 500_000, "most": 300},
}
TESTED = {"smoke": (80, 99), "laptop": (500, 499), "paper": (1000, 999)}  # queries, and other codes for each


def brackets(units: BytePairs) -> Brackets:
    """The ids of the four brackets, which are units of one byte."""
    opened, closed, begun, ended = (units.encode(mark)[0] for mark in "[]{}")
    return Brackets((opened, closed), (begun, ended))


class CausalRows:
    """The objective of a decoder on `UnitPairs` as one sequence each: begin, code, a line with its sentence, end."""

    def __init__(self, most: int, between: list[int]) -> None:
        self.most, self.between = most, between

    def __call__(self, model: Any, batch: UnitPairs) -> Loss:
        rows = [
            [START, *code[: self.most], *self.between, *text[: self.most], END]
            for text, code in zip(batch.texts, batch.codes, strict=True)
        ]
        lengths = torch.tensor([len(row) for row in rows])
        tokens = torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows])
        value = next_unit_loss(model.logits(model(tokens, lengths=lengths)), tokens, lengths)
        return Loss(value, {"unit_loss": float(value.detach())})


class QueryToDocument:
    """In-batch contrast in one direction, by cosines times SCALE."""

    def __call__(self, model: Any, batch: UnitPairs) -> Loss:
        queries, documents = model(batch)
        return Loss(hard_negative_loss(queries, documents, scale=SCALE), {})


class World:
    """The data of a scale and its decoder, trained once for all arms and seeds for a `share` of the budget."""

    def __init__(self, scale: Scale, budget: dict[str, Any], job: Job, share: float = PRETRAINING) -> None:
        self.share = share
        self.scale, self.sizes = scale, SIZES[scale.name]
        self.test = search_pairs.functions(scale, "test", 2000)
        self.validation = search_pairs.functions(scale, "validation", 500)
        self.units, self.data = _read(scale)
        frame = len(self.units.encode(query_likelihood.prompt("")))
        self.places = frame + 4 * self.sizes["most"]  # of the decoder: a prompt with a document and a query
        self.decoder = partial(_decoder, self._lm(job, budget))

    def rows(self, some: list[DocumentedCode]) -> PairUnits:
        """The units of functions."""
        return _rows(self.units, some, self.sizes["most"])

    def _lm(self, job: Job, budget: dict[str, Any]) -> tuple[Gpt2Config, Path]:
        sizes = {name: self.sizes[name] for name in ("width", "layers", "heads", "inner")}
        config = Gpt2Config(vocabulary=self.units.size, places=self.places, begin=START, end=END, **sizes)
        key = crc32(repr((config, budget, self.sizes, self.share, self.scale.corpus())).encode())
        file = job.shared / f"decoder-{key:08x}.safetensors"
        if not file.exists():
            model = fresh(lambda: Gpt2(config), 0)
            objective = CausalRows(self.sizes["most"], self.units.encode("\n# "))
            settings = settings_of(0, budget, 2e-3)
            settings = replace(settings, **shortened(settings, self.share))
            folder = job.shared / f"decoder-{key:08x}"
            train(
                model, self.data, objective, settings, folder=folder, progress=lambda done: job.progress(done.fraction)
            )
            save_file(model.state_dict(), file.with_suffix(".part"))
            file.with_suffix(".part").rename(file)
        return config, file


@lru_cache(maxsize=1)
def _read(scale: Scale) -> tuple[BytePairs, PairUnits]:
    """The units, and the training pairs in them; made once for all runs."""
    sizes = SIZES[scale.name]
    some = search_pairs.functions(scale, "train", sizes["pairs"])
    texts = (f"{search_pairs.sentence(one)}\n{search_pairs.code(one, named=True)}" for one in some)
    units = BytePairs.fit(texts, sizes["units"], sentinels=0)
    return units, _rows(units, some, sizes["most"])


def _rows(units: BytePairs, some: list[DocumentedCode], most: int) -> PairUnits:
    texts = [units.encode(search_pairs.sentence(one))[: most // 2] for one in some]
    return PairUnits(texts, [units.encode(search_pairs.code(one))[:most] for one in some])


def _decoder(kept: tuple[Gpt2Config, Path]) -> Gpt2:
    model = Gpt2(kept[0])
    model.load_state_dict(load_file(kept[1]))
    return model


def settings_of(seed: int, budget: dict[str, Any], rate: float) -> TrainingSettings:
    return TrainingSettings(
        seed=seed,
        **budget,
        batch_size=32,
        learning_rate=rate,
        schedule="cosine",
        warmup_steps=20,
        clip=1.0,
        weight_decay=0.01,
        metric="mrr",
        evaluate_every=1000,
    )


def run_bi_encoder(
    job: Job, scale: Scale, budget: dict[str, Any], *, pooling: Pooling, biases_only: bool = False
) -> Outcome:
    """Train by contrast and rank the test pairs; the gain is over the same decoder before."""
    world = World(scale, budget, job)

    def make() -> DecoderBiEncoder:
        model = DecoderBiEncoder(world.decoder(), brackets(world.units), pooling=pooling, most=world.sizes["most"])
        if biases_only:
            only_biases(model)
        return model

    validation, test = world.rows(world.validation), world.rows(world.test)

    def evaluate(model: Any) -> dict[str, float]:
        return {"mrr": float(ranked(model, validation, 100, min(99, len(validation) - 1))[:, 0].mean())}

    before = ranked(make().eval(), test, *TESTED[scale.name])
    rates = RATES if scale.name == "laptop" else (3e-3,)
    model, facts = trained(
        make,
        world.data,
        QueryToDocument(),
        settings_of(job.seed, budget, rates[0]),
        job,
        evaluate=evaluate,
        rates=rates,
    )
    after = ranked(model, test, *TESTED[scale.name])
    gain = np.stack([after[:, 0] - before[:, 0], after[:, 1]], axis=1)
    facts |= {"trained_share": round(share_trained(model), 5), "untrained_mrr": round(float(before[:, 0].mean()), 5)}
    return Outcome({"mrr": after, "gain": gain}, {"mrr": float(ACCURACY.of(before.sum(axis=0)))}, facts)


@torch.inference_mode()
def ranked(model: DecoderBiEncoder, data: PairUnits, queries: int, others: int) -> np.ndarray:
    """Reciprocal ranks of the first queries."""
    vectors = []
    for rows, side in ((data.texts[:queries], "query"), (data.codes, "document")):
        parts = [rows[at : at + 128] for at in range(0, len(rows), 128)]
        vectors.append(torch.cat([model.vectors(part, side) for part in parts]).numpy())  # type: ignore[arg-type]
    asked, codes = vectors
    return search_pairs.reciprocal_ranks(
        lambda query, candidates: codes[candidates] @ asked[query], len(data), queries=queries, distractors=others
    )


def run_cross_encoder(job: Job, scale: Scale, budget: dict[str, Any], *, order: str) -> Outcome:
    """BM25's first RERANKED codes in another order: "random", "bm25", "likelihood" or "mixture" of the last two. The
    right code is put into the list where BM25 misses it, at its end."""
    rng = np.random.default_rng(job.seed)
    if order in ("random", "bm25"):
        tests = search_pairs.functions(scale, "test", 2000)
        score: Callable[[int, np.ndarray, np.ndarray], np.ndarray] = (
            (lambda query, listed, scores: rng.random(len(listed)))
            if order == "random"
            else (lambda query, listed, scores: scores)
        )
        return Outcome({"reranked": reranked(tests, scale, score)}, {}, {})
    world = World(scale, budget, job)
    model, most = world.decoder().eval(), world.places

    def likelihoods(some: list[DocumentedCode]) -> Callable[[int, np.ndarray], np.ndarray]:
        @cache
        def of(query: int, listed: tuple[int, ...]) -> np.ndarray:
            codes = [search_pairs.code(some[place]) for place in listed]
            asked = search_pairs.sentence(some[query])
            return query_likelihood.scores(model, world.units, asked, codes, most=most).numpy()

        return lambda query, listed: of(query, tuple(listed.tolist()))

    if order == "likelihood":
        alone = likelihoods(world.test)
        return Outcome({"reranked": reranked(world.test, scale, lambda query, listed, _: alone(query, listed))}, {}, {})

    def mixed(some: list[DocumentedCode], of: Callable[[int, np.ndarray], np.ndarray], weight: float) -> np.ndarray:
        return reranked(some, scale, lambda query, listed, scores: scores + weight * of(query, listed))

    chosen_by = world.validation[:VALIDATED]
    known = likelihoods(chosen_by)
    tried = {weight: float(mixed(chosen_by, known, weight)[:, 0].mean()) for weight in WEIGHTS}
    best = max(tried, key=lambda weight: tried[weight])
    facts = {"weight": best, "tried_weights": {f"{weight:g}": round(mrr, 5) for weight, mrr in tried.items()}}
    return Outcome({"reranked": mixed(world.test, likelihoods(world.test), best)}, {}, facts)


def reranked(
    some: list[DocumentedCode], scale: Scale, score: Callable[[int, np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Reciprocal ranks within each query's list; `score(query, listed, their BM25 scores)`."""
    index = BM25([words(search_pairs.code(one)) for one in some])
    found = []
    for query in range(min(RERANKED if scale.smoke else TESTED[scale.name][0], len(some))):
        scores = index.scores(words(search_pairs.sentence(some[query])))
        listed = np.argsort(-scores, kind="stable")[:RERANKED]
        if query not in listed:
            listed[-1] = query
        gold = np.flatnonzero(listed == query)
        found.append(int(ranking.ranks(score(query, listed, scores[listed])[None], gold)[0]))
    return bootstrap.with_count(ranking.reciprocal(np.array(found)))


@system("sgpt", row="S106", room="understanding")
def sgpt(scale: Scale) -> Claim:
    """Muennighoff: SGPT: GPT Sentence Embeddings for Semantic Search (2022).

    One small decoder of code searches by weighted means of its states, and re-ranks by the likelihood of the query.
    """
    budget = scale.budget(smoke=20, laptop=10.0, paper=10)
    sizes = SIZES[scale.name]

    def bi_encoder(name: str, **options: Any) -> Arm:
        return Arm(name, partial(run_bi_encoder, scale=scale, budget=budget, **options), {**sizes, **options})

    def re_ranker(order: str) -> Arm:
        return Arm(
            order, partial(run_cross_encoder, scale=scale, budget=budget, order=order), {**sizes, "of": RERANKED}
        )

    arms = (
        bi_encoder("weighted mean", pooling="weighted"),
        bi_encoder("mean", pooling="mean"),
        bi_encoder("last unit", pooling="last"),
        bi_encoder("weighted mean, biases alone", pooling="weighted", biases_only=True),
        *map(re_ranker, ("likelihood", "random", "mixture", "bm25")),
    )
    return Claim(
        kind="trained",
        task="the code that a sentence describes, among others, from projects that were not seen; names left out",
        metrics={"mrr": ACCURACY, "gain": GAIN, "reranked": ACCURACY},
        arms=(arms[0], arms[4]) if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("a decoder learns to search", "mrr", "weighted mean", None, 0.3),
        budget=budget,
        data={"pairs": "generated methods" if scale.smoke else "mined Python", **scale.corpus()},
        launch="phloem reproduce sgpt --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("2 points of MRR above the last unit", "mrr", "weighted mean", "last unit", 0.02),
    Clause("not half a point below the plain mean", "mrr", "weighted mean", "mean", -0.005),
    Clause("biases alone keep 60% of the gain", "gain", "weighted mean, biases alone", "weighted mean", 0.6, "ratio"),
    Clause("the likelihood 10 points above a random order", "reranked", "likelihood", "random", 0.1),
    Clause("the mixture not below BM25", "reranked", "mixture", "bm25", 0.0),
)
