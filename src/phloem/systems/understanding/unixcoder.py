"""UniXcoder: one Transformer that embeds, completes and generates code.

Five losses on the same weights, one drawn a batch: masked units (encoder), next units (decoder), damaged spans
(encoder-decoder), two dropout masks of a text against a batch of others (encoder), and code from its description or
the description from code (encoder-decoder). With `ast`, half of the samples carry the markers of the flattened syntax
tree. The claim asks whether the vectors find renamed and reformatted functions better than those of masked units alone,
and whether the same weights still complete code as a decoder does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.functional import normalize

from phloem.languages import by_name
from phloem.languages.documentation import first_sentence
from phloem.languages.example import Example
from phloem.languages.subtokens import split as subtokens
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.causal_lm import CausalLM
from phloem.learn.objectives.contrastive import info_nce
from phloem.learn.objectives.masked_lm import choose
from phloem.learn.objectives.masked_units import hidden_units, unit_loss
from phloem.learn.objectives.span_corruption import Pair, corrupt, segmented_spans
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.pretraining_mixture import Listed, Task, paired, rows_of_units
from phloem.measure.bootstrap import with_count
from phloem.measure.ranking import ranks, reciprocal
from phloem.nn.mixers.mode_masks import Mode
from phloem.nn.models.prefix_mode_transformer import Marks, PrefixModeTransformer, Sequences, laid_out
from phloem.nn.models.roberta import RobertaConfig
from phloem.represent.base import PAD
from phloem.represent.byte_pairs import END, START, BytePairs
from phloem.represent.flat_ast import Marker, Symbol, flat_ast, without_markers
from phloem.represent.token_view import TokenBatch
from phloem.systems.claims import ACCURACY, PERPLEXITY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh
from phloem.systems.understanding.sequence_pretraining import (
    TINY,
    Functions,
    Sizes,
    functions_of,
    kept_for,
    phase,
)
from phloem.tasks.bm25 import BM25
from phloem.tasks.renamed_functions import renamed

MODE_MARKS = ("<encoder-only>", "<decoder-only>", "<encoder-decoder>")
TEMPERATURE = 0.05
LOSSES = ("masked", "next", "damaged", "contrast", "described")
AMONG = 500  # functions that are searched
MINUTES = 9.0
PUBLISHED = Sizes(
    units=51_416, width=768, heads=12, layers=12, inner=3072, code=512, text=128, target=384, batch=1024, rate=2e-4
)


class Sample(NamedTuple):
    """A function as units: its flattened tree, its leaves alone, and its description."""

    flat: np.ndarray
    plain: np.ndarray
    text: np.ndarray


def symbols_of(source: bytes, doc_span: tuple[int, int] | None, language: str) -> list[Symbol]:
    """F of a function without its documentation."""
    if doc_span is not None:
        source = source[: max(doc_span[0], 0)] + source[max(doc_span[1], 0) :]
    known = by_name(language)
    return flat_ast(known.parse(source), known)


def encode(symbols: Sequence[Symbol], units: BytePairs, most: int) -> np.ndarray:
    """Markers that the vocabulary knows as marks, leaves as the units of a blank and their text."""
    ids: list[int] = []
    for symbol in symbols:
        if isinstance(symbol, Marker):
            if (name := str(symbol)) in units.marks:
                ids.append(units.mark(name))
        else:
            ids += units.encode(" " + symbol)
        if len(ids) >= most:
            break
    return np.array(ids[:most], np.int32)


def prepared(functions: Functions, sizes: Sizes, shared: Path) -> tuple[BytePairs, list[Sample]]:
    """The vocabulary and the training samples, made once for all arms."""
    file, arrays = shared / "unixcoder.json", shared / "unixcoder.npz"
    if not file.exists():
        examples = functions.of("train")
        flats = [symbols_of(each.tree.source, each.doc_span, each.language) for each in examples]
        kinds = sorted({str(symbol) for flat in flats for symbol in flat if isinstance(symbol, Marker)})
        lines = [" " + " ".join(without_markers(flat)) for flat in flats]
        sentences = [first_sentence(each.doc) for each in examples]
        units = BytePairs.fit(
            lines + sentences, sizes.units + len(kinds), sentinels=sizes.sentinels, extra=(*MODE_MARKS, *kinds)
        )
        samples = [
            Sample(
                encode(flat, units, sizes.code),
                encode(without_markers(flat), units, sizes.code),
                np.array(units.encode(sentence)[: sizes.text], np.int32),
            )
            for flat, sentence in zip(flats, sentences, strict=True)
        ]
        shared.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {}
        for name, rows in zip(Sample._fields, zip(*samples, strict=True), strict=True):
            columns[name] = np.concatenate(rows)
            columns[f"{name}_offsets"] = np.cumsum([0, *map(len, rows)])
        np.savez(arrays, **columns)
        file.write_text(json.dumps(units.state()))
    units = BytePairs.from_state(json.loads(file.read_text()))
    with np.load(arrays) as columns:
        sides = [np.split(columns[name], columns[f"{name}_offsets"][1:-1]) for name in Sample._fields]
    return units, [Sample(*row) for row in zip(*sides, strict=True)]


def small_model(units: BytePairs, sizes: Sizes) -> PrefixModeTransformer:
    """Of RoBERTa's shape, with the vocabulary's marks."""
    config = RobertaConfig(
        vocabulary=units.size,
        width=sizes.width,
        layers=2 * sizes.layers,
        heads=sizes.heads,
        inner=sizes.inner,
        places=sizes.code + sizes.text + max(sizes.target, sizes.text) + 8,
        pad=PAD,
        dropout=0.1,
    )
    one, two, three = (units.mark(mark) for mark in MODE_MARKS)
    return PrefixModeTransformer(config, Marks(START, END, (one, two, three)))


class Masked:
    """Masked units of sequences that are laid out for the encoder; marks are never chosen."""

    def __init__(self, units: BytePairs) -> None:
        self.marks, self.size = len(units.marks), units.size

    def __call__(self, model: Any, batch: Sequences) -> Loss:
        chosen = choose(batch.tokens >= self.marks)
        states = model.states(hidden_units(batch.tokens, chosen, self.size), batch.lengths, "encoder-only")
        return Loss(unit_loss(model, states, batch.tokens, chosen), {})


class Contrast:
    """Two vectors of each text, by two dropout masks; the other texts of the batch are negatives."""

    def __call__(self, model: Any, batch: Sequences) -> Loss:
        one, two = (normalize(model.vectors(batch.tokens, batch.lengths), dim=1) for _ in range(2))
        return Loss(info_nce(one @ two.T / TEMPERATURE), {})


def sequences(rows: Sequence[Sequence[int]]) -> Sequences:
    """Rows padded to the longest."""
    tokens, lengths = rows_of_units([np.array(row, np.int64) for row in rows], max(map(len, rows)))
    return Sequences(torch.from_numpy(tokens), torch.from_numpy(np.maximum(lengths, 1)))


def tasks_of(units: BytePairs, marks: Marks, sizes: Sizes, names: Sequence[str], ast: bool) -> list[Task]:
    """The losses by name, each as likely. With `ast` a sample keeps its markers with the probability one half."""
    most = sizes.code + sizes.text

    def code(item: Sample, rng: np.random.Generator) -> np.ndarray:
        return item.flat if ast and rng.random() < 0.5 else item.plain

    def both(item: Sample, rng: np.random.Generator) -> list[int]:
        return [*item.text.tolist(), *code(item, rng).tolist()]

    def laid(units_: list[int], mode: Mode) -> np.ndarray:
        return np.array(laid_out(units_, mode, marks, most), np.int32)

    def encoder(items: list[Sample], rng: np.random.Generator) -> Sequences:
        return sequences([laid(both(item, rng), "encoder-only").tolist() for item in items])

    def decoder(items: list[Sample], rng: np.random.Generator) -> Sequences:
        return sequences([code(item, rng).tolist() or [END] for item in items])

    def damaged(items: list[Sample], rng: np.random.Generator) -> TokenBatch:
        pairs = []
        for item in items:
            ids = np.array(both(item, rng), np.int32)
            spans = segmented_spans(len(ids), rng, mean=5.0)[: units.sentinels - 1]
            pair = corrupt(ids, spans, units.sentinel)
            pairs.append(Pair(laid(pair.source.tolist(), "encoder-decoder"), pair.target))
        return paired(pairs, source=most, target=sizes.target)

    def described(items: list[Sample], rng: np.random.Generator) -> TokenBatch:
        pairs = []
        for item in [item for item in items if len(item.text)] or items:  # a code without a text describes nothing
            own = code(item, rng)
            source, target = (own, item.text) if rng.random() < 0.5 else (item.text, own)
            pairs.append(Pair(laid(source.tolist(), "encoder-decoder"), target))
        return paired(pairs, source=most, target=sizes.target)

    generate = TokenCrossEntropy()
    known = {
        "masked": Task("masked", encoder, Masked(units)),
        "next": Task("next", decoder, CausalLM()),
        "damaged": Task("damaged", damaged, generate),
        "contrast": Task("contrast", encoder, Contrast()),
        "described": Task("described", described, generate),
    }
    return [known[name] for name in names]


@torch.no_grad()
def completion(
    model: PrefixModeTransformer, codes: Sequence[np.ndarray]
) -> tuple[Float[np.ndarray, "codes 2"], Float[np.ndarray, "codes 2"]]:
    """For each code (negative log probability of its units, units) and (units that are the likeliest, units), by the
    mode that decodes."""
    model.eval()
    surprise, hits = [], []
    for start in range(0, len(codes), 32):
        batch = sequences([code.tolist() or [END] for code in codes[start : start + 32]])
        tokens, lengths, logits, first = model.causal(batch)
        counted = torch.arange(first, tokens.shape[1]) < lengths[:, None]
        log = logits[:, first - 1 : -1].log_softmax(dim=2)
        own = log.gather(2, tokens[:, first:, None])[:, :, 0]
        right = log.argmax(dim=2) == tokens[:, first:]
        surprise.append(torch.stack([-(own * counted).sum(dim=1), counted.sum(dim=1)], dim=1).double().numpy())
        hits.append(torch.stack([(right & counted).sum(dim=1), counted.sum(dim=1)], dim=1).double().numpy())
    return np.concatenate(surprise), np.concatenate(hits)


@torch.no_grad()
def vectors(model: PrefixModeTransformer, codes: Sequence[np.ndarray], most: int) -> Float[np.ndarray, "codes width"]:
    """The normalised mean states of plain codes."""
    model.eval()
    found = []
    for start in range(0, len(codes), 32):
        some = codes[start : start + 32]
        batch = sequences([laid_out(code.tolist(), "encoder-only", model.marks, most) for code in some])
        found.append(normalize(model.vectors(batch.tokens, batch.lengths), dim=1).numpy())
    return np.concatenate(found)


class Search(NamedTuple):
    """Functions, and the same ones renamed and laid out anew, which ask for them."""

    codes: list[list[str]]
    queries: list[list[str]]


def search_set(functions: Functions) -> Search:
    """Of the test's functions; names are drawn from other functions of the test."""
    examples: list[Example] = functions.of("test")[:AMONG]
    pool = sorted({each.name for each in examples})
    rng = np.random.default_rng(0)
    codes = [without_markers(symbols_of(each.tree.source, each.doc_span, each.language)) for each in examples]
    queries = [without_markers(symbols_of(renamed(each, pool, rng).encode(), None, each.language)) for each in examples]
    return Search(codes, queries)


def lexical(found: Search, weighting: str) -> Float[np.ndarray, "queries codes"]:
    """Scores by the subtokens that code and query share: BM25, or the cosine of tf-idf."""
    bags = [[[word for leaf in leaves for word in subtokens(leaf)] for leaves in side] for side in found]
    if weighting == "BM25":
        index = BM25(bags[0])
        return np.stack([index.scores(query) for query in bags[1]])
    known = {word: number for number, word in enumerate(sorted({word for bag in bags[0] for word in bag}))}
    counts = np.zeros((2, len(bags[0]), len(known)))
    for side, table in zip(bags, counts, strict=True):
        for row, bag in zip(table, side, strict=True):
            for word in bag:
                if word in known:
                    row[known[word]] += 1
    weighted = counts * np.log(len(bags[0]) / (counts[0] > 0).sum(axis=0).clip(min=1))
    weighted /= np.linalg.norm(weighted, axis=2, keepdims=True).clip(min=1e-9)
    scores: np.ndarray = weighted[1] @ weighted[0].T
    return scores


def train_unixcoder(
    job: Job, functions: Functions, budget: dict[str, Any], sizes: Sizes, losses: tuple[str, ...], ast: bool
) -> Outcome:
    """Train on the losses; search for renamed functions by the vectors, complete plain code by the decoder."""
    units, samples = prepared(functions, sizes, kept_for(job, functions.facts(), asdict(sizes)).shared)
    model = fresh(lambda: small_model(units, sizes), job.seed)
    found = search_set(functions)
    codes, queries = ([encode(leaves, units, sizes.code) for leaves in side] for side in found)
    untrained = completion(model, codes)[1].sum(axis=0)
    asked = tasks_of(units, model.marks, sizes, losses, ast)
    facts = phase(
        model, Listed(samples, lambda sample: len(sample.plain)), asked, job, "training", sizes=sizes, budget=budget
    )
    most = sizes.code + sizes.text
    scores = vectors(model, queries, most) @ vectors(model, codes, most).T
    surprise, hits = completion(model, codes)
    measured = {"mrr": _mrr(scores), "perplexity": surprise, "units completed": hits}
    return Outcome(measured, {"units completed": float(untrained[0] / untrained[1])}, facts)


def _mrr(scores: Float[np.ndarray, "queries codes"]) -> Float[np.ndarray, "queries 2"]:
    return with_count(reciprocal(ranks(scores, np.arange(len(scores)))))


def search_by_words(job: Job, functions: Functions, weighting: str) -> Outcome:
    """A baseline that is not trained."""
    return Outcome({"mrr": _mrr(lexical(search_set(functions), weighting))})


@system("unixcoder", row="S037", room="understanding")
def unixcoder(scale: Scale) -> Claim:
    """Guo, Lu, Duan, Wang, Zhou, Yin: UniXcoder: Unified Cross-Modal Pre-training for Code Representation (ACL 2022).

    One set of weights that finds renamed functions and completes code; the laptop scale needs mined shards (--data).
    """
    functions = functions_of(scale, "unixcoder", train=24_000, test=AMONG)
    sizes = {"smoke": TINY, "laptop": Sizes(), "paper": PUBLISHED}[scale.name]
    budget = scale.budget(smoke=12, laptop=MINUTES, paper=10)

    def arm(name: str, *losses: str, ast: bool = False, share: float = 1.0) -> Arm:
        own = {key: value * share if key == "minutes" else value for key, value in budget.items()}
        run = partial(train_unixcoder, functions=functions, budget=own, sizes=sizes, losses=losses, ast=ast)
        return Arm(name, run, {**asdict(sizes), "losses": list(losses), "ast": ast, "share": share})

    arms = (
        arm("five losses", *LOSSES),
        arm("five losses, syntax trees", *LOSSES, ast=True),
        arm("masked units", "masked"),
        arm("decoder", "next", share=1 / len(LOSSES)),  # the steps that the next units have among five losses
        *(Arm(name, partial(search_by_words, functions=functions, weighting=name)) for name in ("BM25", "tf-idf")),
    )
    return Claim(
        kind="trained",
        task="completion of generated functions"
        if scale.smoke
        else "functions found by themselves, renamed and laid out anew, and completed",
        metrics={"mrr": ACCURACY, "perplexity": PERPLEXITY, "units completed": ACCURACY},
        arms=arms[1:2] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("code is completed", "units completed", "five losses, syntax trees", None, 0.3),
        budget=budget,
        data=functions.facts(),
        launch="phloem mine SOURCES --out shards && phloem reproduce unixcoder --scale paper --data shards",
    )


CLAUSES = (
    Clause("renamed functions are found better by 10 points", "mrr", "five losses", "masked units", 0.10),
    Clause("markers of the syntax tree help", "mrr", "five losses, syntax trees", "five losses", 0.0),
    Clause("perplexity within 10% of a decoder's", "perplexity", "five losses", "decoder", 1 / 1.1, form="ratio"),
)
