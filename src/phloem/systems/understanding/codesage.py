"""CodeSage: an encoder of code trained in two stages, by hidden units and names first, then by contrast with text.

Zhang et al., ICLR 2024. The first stage hides a sixth of the units, always by masks, or all occurrences of some names;
the second learns pairs of documentation and code with weighted negatives, the code without its signature and returns.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Bool, Int64
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.languages import by_name
from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.bimodal_contrastive import BimodalContrastive
from phloem.learn.objectives.masked_identifiers import hidden_identifiers, made_names, masked
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import train
from phloem.nn.models.mean_bi_encoder import MeanBiEncoder
from phloem.nn.models.text_encoder import TextEncoder
from phloem.represent.body_only import body_only
from phloem.represent.byte_pairs import END, MASK, PAD, SPECIALS, BytePairs
from phloem.represent.identifier_occurrences import MarkedTokens, marked_tokens
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.search_pairs import PairUnits

STAGE = 0.5  # of the budget, for each
SHARE = 0.15
FEWEST_CHARACTERS = 12  # of a body: `pass` is found by nothing
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"width": 48, "layers": 1, "heads": 4, "inner": 96, "units": 420, "pairs": 474, "most": 48},
    "laptop": {"width": 128, "layers": 4, "heads": 4, "inner": 512, "units": 8192, "pairs": 30_000, "most": 128},
    "paper": {"width": 1024, "layers": 6, "heads": 8, "inner": 4096, "units": 49_152, "pairs": 10**7, "most": 1024},
}
TESTED = {"smoke": (60, 50), "laptop": (1000, 999), "paper": (1000, 999)}  # queries, and other codes for each


class Hidden(NamedTuple):
    """Sequences with units hidden, and what stood at the `chosen` places."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    chosen: Bool[Tensor, "batch time"]
    original: Int64[Tensor, "batch time"]


class Corruptions:
    """Codes with units or names hidden (a `Dataset`), each sequence one of the two, as likely."""

    def __init__(self, codes: list[MarkedTokens], names: list[frozenset[str]], size: int, *, full: bool = True) -> None:
        self.codes, self.names, self.size, self.full = codes, names, size, full

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> Int64[np.ndarray, " codes"]:
        return np.array([len(code.ids) for code in self.codes])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Hidden:
        rng = rng or np.random.default_rng(0)
        rows = []
        for place in index.tolist():
            code = self.codes[place]
            hidden = np.zeros(len(code.ids), bool)
            if rng.random() < 0.5:
                hidden = hidden_identifiers(code, rng, self.names[place])
            by_names = bool(hidden.any())
            if not by_names:
                hidden = rng.random(len(code.ids)) < SHARE
            rows.append((np.append(code.ids, END), np.append(hidden, False), by_names))
        lengths = torch.tensor([len(ids) for ids, _, _ in rows])
        shape = len(rows), int(lengths.max())
        original, chosen = np.full(shape, PAD, np.int64), np.zeros(shape, bool)
        for row, (ids, hidden, _) in enumerate(rows):
            original[row, : len(ids)], chosen[row, : len(ids)] = ids, hidden
        tokens = torch.from_numpy(masked(original, chosen, MASK))
        if not self.full:
            units = torch.tensor([not by_names for _, _, by_names in rows])[:, None]
            tokens = torch.where(units, torch.from_numpy(replaced(original, chosen, self.size, rng)), tokens)
        return Hidden(tokens, lengths, torch.from_numpy(chosen), torch.from_numpy(original))


def replaced(
    original: Int64[np.ndarray, "batch time"],
    chosen: Bool[np.ndarray, "batch time"],
    size: int,
    rng: np.random.Generator,
) -> Int64[np.ndarray, "batch time"]:
    """The units with the chosen ones hidden as BERT does: 80% by masks, 10% by any unit, 10% left. Batches are made in
    a thread of their own, so that torch's generator is not theirs to draw from."""
    draw, other = rng.random(original.shape), rng.integers(len(SPECIALS), size, original.shape)
    corrupted = np.where(chosen & (draw < 0.8), MASK, original)
    return np.where(chosen & (draw >= 0.8) & (draw < 0.9), other, corrupted)


class Denoising:
    """The cross-entropy of what was hidden."""

    def __call__(self, model: Any, batch: Hidden) -> Loss:
        states = model(batch.tokens, batch.lengths)
        if not batch.chosen.any():
            return Loss(states.sum() * 0.0, {"hidden": 0.0})
        value = cross_entropy(model.words(states[batch.chosen]), batch.original[batch.chosen])
        return Loss(value, {"hidden": float(batch.chosen.sum())})


class World:
    """The data of a scale as units."""

    def __init__(self, scale: Scale) -> None:
        self.scale, self.sizes = scale, SIZES[scale.name]
        self.train = _with_bodies(search_pairs.functions(scale, "train", self.sizes["pairs"]))
        self.test = _with_bodies(search_pairs.functions(scale, "test", 2000))
        texts = (f"{search_pairs.sentence(one)}\n{search_pairs.code(one, named=True)}" for one in self.train)
        self.units = BytePairs.fit(texts, self.sizes["units"], sentinels=0)
        self._paired: dict[tuple[str, bool], PairUnits] = {}
        shape = {name: self.sizes[name] for name in ("width", "layers", "heads", "inner")}
        self.make = partial(TextEncoder, self.units.size, most=self.sizes["most"], **shape)

    def corruptions(self, *, full: bool) -> Corruptions:
        """The training codes for the first stage."""
        language, codes, names = by_name("python"), [], []
        for one in self.train:
            tree = language.parse(one.source)
            marked = marked_tokens(tree, language, self.units, without=one.doc_span)
            cut = self.sizes["most"] - 1
            codes.append(MarkedTokens(marked.ids[:cut], marked.word[:cut], marked.name[:cut], marked.names))
            names.append(made_names(tree, language))
        return Corruptions(codes, names, self.units.size, full=full)

    def pairs(self, split: Literal["train", "test"], *, body: bool) -> PairUnits:
        """Sentences with the code's body without returns, or with the whole code; made once for all runs."""
        if (split, body) not in self._paired:
            some, most = self.train if split == "train" else self.test, self.sizes["most"]
            texts = [self.units.encode(search_pairs.sentence(one))[: most // 2] for one in some]
            bodies = (_body(one) if body else search_pairs.code(one, named=True) for one in some)
            self._paired[split, body] = PairUnits(texts, [self.units.encode(text)[:most] for text in bodies])
        return self._paired[split, body]


@lru_cache(maxsize=1)
def world_of(scale: Scale) -> World:
    """Made once for all runs."""
    return World(scale)


def _with_bodies(some: list[DocumentedCode]) -> list[DocumentedCode]:
    """Those of which something is left without signature and returns."""
    return [one for one in some if len(_body(one)) >= FEWEST_CHARACTERS]


def _body(one: DocumentedCode) -> str:
    return body_only(by_name("python").parse(one.source), without=one.doc_span)


def first_stage(world: World, settings: TrainingSettings, job: Job, *, full: bool) -> dict[str, Tensor]:
    """The weights of an encoder that learned to fill in; made once for all arms of a seed."""
    key = crc32(repr((world.sizes, settings, full, world.units.state())).encode())
    file = job.shared / f"stage-{key:08x}.safetensors"
    if not file.exists():
        model = fresh(world.make, job.seed)
        train(
            model,
            world.corruptions(full=full),
            Denoising(),
            settings,
            folder=_folder(job, f"stage-{key:08x}"),
            progress=lambda done: job.progress(STAGE * done.fraction),
        )
        save_file(model.state_dict(), file.with_suffix(".part"))
        file.with_suffix(".part").rename(file)
    return load_file(file)


def _folder(job: Job, name: str) -> Path:
    folder = job.shared / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_arm(
    job: Job,
    scale: Scale,
    budget: dict[str, Any],
    *,
    stages: int = 2,
    full: bool = True,
    weighting: bool = True,
    whole: bool = False,
) -> Outcome:
    """Train both stages, or the second alone for its share or for the `whole` budget, and rank the test pairs."""
    world = world_of(scale)
    settings = TrainingSettings(
        seed=job.seed, **budget, batch_size=32, learning_rate=2e-3, schedule="cosine", warmup_steps=20, clip=1.0
    )
    share = replace(settings, **shortened(settings, STAGE))
    encoder = fresh(world.make, job.seed)
    model = MeanBiEncoder(encoder, end=END, most=world.sizes["most"])
    untrained = ranked(model.eval(), world, body=True)
    if stages == 2:
        encoder.load_state_dict(first_stage(world, share, job, full=full))
    begun = STAGE if stages == 2 else 0.0
    history = train(
        model,
        world.pairs("train", body=True),
        BimodalContrastive(weighting=weighting),
        settings if whole else share,
        folder=job.folder / "contrast",
        progress=lambda done: job.progress(begun + (1 - begun) * done.fraction),
    )
    units = {"mrr": ranked(model, world, body=True), "mrr_named": ranked(model, world, body=False)}
    facts = {"steps": history.step, "training_seconds": round(history.seconds, 1)}
    return Outcome(units, {"mrr": float(ACCURACY.of(untrained.sum(axis=0)))}, facts)


@torch.inference_mode()
def ranked(model: MeanBiEncoder, world: World, *, body: bool) -> np.ndarray:
    """Reciprocal ranks of the test queries."""
    data = world.pairs("test", body=body)
    queries, others = TESTED[world.scale.name]

    def vectors(rows: list[list[int]]) -> np.ndarray:
        return torch.cat([model.vectors(rows[at : at + 128]) for at in range(0, len(rows), 128)]).numpy()

    asked, codes = vectors(data.texts[:queries]), vectors(data.codes)
    return search_pairs.reciprocal_ranks(
        lambda query, candidates: codes[candidates] @ asked[query], len(data), queries=queries, distractors=others
    )


def run_words(job: Job, scale: Scale, *, method: str) -> Outcome:
    """BM25 and the cosine of tf-idf, over the bodies and over the codes with their names."""
    test = _with_bodies(search_pairs.functions(scale, "test", 2000))
    queries, others = TESTED[scale.name]
    bodies = [_body(one) for one in test]
    named = [search_pairs.code(one, named=True) for one in test]
    texts = [search_pairs.sentence(one) for one in test]
    rank = search_pairs.bm25_text_ranks if method == "bm25" else search_pairs.tf_idf_ranks
    return Outcome(
        {
            "mrr": rank(texts, bodies, queries=queries, distractors=others),
            "mrr_named": rank(texts, named, queries=queries, distractors=others),
        },
        {},
        {},
    )


@system("codesage", row="S017", room="understanding")
def codesage(scale: Scale) -> Claim:
    """Zhang et al.: Code Representation Learning At Scale (ICLR 2024).

    Two stages of training an encoder of code, against the second alone, plain negatives and random replacements.
    """
    budget = scale.budget(smoke=24, laptop=8.0, paper=5)
    sizes = SIZES[scale.name]

    def arm(name: str, **options: Any) -> Arm:
        return Arm(name, partial(run_arm, scale=scale, budget=budget, **options), {**sizes, **options})

    arms = (
        arm("two stages"),
        arm("second stage", stages=1),
        arm("second stage, equal time", stages=1, whole=True),
        arm("two stages, plain negatives", weighting=False),
        arm("two stages, 80-10-10", full=False),
        Arm("bm25", partial(run_words, scale=scale, method="bm25"), {}),
        Arm("tf-idf", partial(run_words, scale=scale, method="tf-idf"), {}),
    )
    return Claim(
        kind="trained",
        task="the function that a sentence describes, by its body without signature and returns, among others",
        metrics={"mrr": ACCURACY, "mrr_named": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("bodies are found by their sentences", "mrr", "two stages", None, 0.6),
        budget=budget,
        data={"pairs": "generated methods" if scale.smoke else "mined Python", **scale.corpus()},
        launch="phloem reproduce codesage --scale paper --data SHARDS",
    )


CLAUSES = (
    Clause("3 points of MRR above the second stage alone", "mrr", "two stages", "second stage", 0.03),
    Clause("not a point below plain negatives", "mrr", "two stages", "two stages, plain negatives", -0.01),
    Clause("not a point below 80-10-10", "mrr", "two stages", "two stages, 80-10-10", -0.01),
)
