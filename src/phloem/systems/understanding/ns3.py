"""NS3: a search query becomes a network of modules, whose parts must agree on the code.

A sentence is parsed into actions; phrases find their units in the code; each action says where its second argument
should be, from the verb and the other arguments, and the product over actions of how well that fits re-ranks the first
TOP codes of a bi-encoder. A cross-encoder of the same size and time re-ranks the same codes. All begin with the
bi-encoder's weights, as in the paper all begin with a pretrained encoder. Queries without a layout keep the first order
and stay in the mean.

Training has three parts: entity discovery on weak labels, actions on the scores that they mask, and the whole on right
and wrong pairs, a wrong one having another code or another phrase in a masked place. Other than in the paper, rules in
the place of a grammar make the layouts, words in the place of static types the weak labels, and sizes are small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float, Int64
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, normalize

from phloem.learn.objectives.base import Loss, Objective
from phloem.learn.objectives.contrastive import Contrastive
from phloem.learn.objectives.matching import Matching
from phloem.learn.settings import TrainingSettings
from phloem.learn.trainer import Progress, train
from phloem.measure import bootstrap, ranking
from phloem.nn.models.cross_encoder import CrossEncoder
from phloem.nn.models.mean_bi_encoder import MeanBiEncoder
from phloem.nn.models.ns3_modules import EntityDiscovery, real_places
from phloem.nn.models.ns3_network import Layout, NeuralModuleNetwork
from phloem.nn.models.text_encoder import TextEncoder
from phloem.represent.query_parse import Action, parse, phrases
from phloem.represent.subwords import SEP, Subwords, words
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.training import fresh, shortened
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.search_pairs import PairUnits
from phloem.tasks import multi_step_reasoning as task
from phloem.tasks import reranking
from phloem.tasks.multi_step_reasoning import QueryCode

TOP = 10  # codes of the first stage that are ranked again
SHARES = {"entity": 0.3, "actions": 0.3, "pairs": 0.4}  # of the budget
FIRST_STAGE_MINUTES = 6.0
LEAST = 1e-6  # of a score under a logarithm
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"width": 32, "layers": 1, "heads": 4, "inner": 64, "units": 400, "most": 48, "text": 12},
    "laptop": {"width": 128, "layers": 4, "heads": 4, "inner": 512, "units": 8192, "most": 128, "text": 24},
    "paper": {"width": 768, "layers": 12, "heads": 12, "inner": 3072, "units": 50_000, "most": 256, "text": 40},
}
PAIRS = {"smoke": 370, "laptop": 20_000, "paper": 400_000}
ACTION_INNER = {"smoke": 96, "laptop": 2048, "paper": 2048}  # within the action modules; published: 2048
TESTED = {"smoke": 40, "laptop": 500, "paper": 1000}  # queries
POOL = {"smoke": 40, "laptop": 1000, "paper": 1000}  # codes that are searched


class Parsed(NamedTuple):
    """A pair as the network reads it: a layout, the units of the code, and the word that each unit belongs to."""

    layout: Layout
    code: list[int]
    tokens: list[str]


class Batch(NamedTuple):
    """Parsed pairs, and layouts and codes that do not belong together, as many (fewer where none are to be had)."""

    pairs: list[Parsed]
    wrong: list[tuple[Layout, list[int]]]


class ParsedPairs:
    """Parsed pairs (a `Dataset`); half of the wrong pairs have another code, half another second phrase."""

    def __init__(self, pairs: list[Parsed]) -> None:
        self.pairs = pairs
        self.said = sorted({phrase for pair in pairs for action in pair.layout for phrase in phrases(action)})

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sizes(self) -> Int64[np.ndarray, " pairs"]:
        return np.array([len(pair.code) for pair in self.pairs])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Batch:
        rng = rng or np.random.default_rng(0)
        pairs = [self.pairs[int(place)] for place in index]
        wrong = []
        for pair in pairs:
            other = self.pairs[int(rng.integers(len(self.pairs)))]
            changed = with_phrase(pair.layout, str(rng.choice(self.said)))
            # a phrase drawn again, or an action in the masked place, leaves the layout as it is, which is not wrong
            if other.code != pair.code and (changed == pair.layout or rng.random() < 0.5):
                wrong.append((pair.layout, other.code))
            elif changed != pair.layout:
                wrong.append((changed, pair.code))
        return Batch(pairs, wrong)


def with_phrase(layout: Layout, phrase: str) -> Layout:
    """The layout with another phrase in the masked place of its first action, if a phrase stands there."""
    first: Action = layout[0]
    place = min(1, len(first.arguments) - 1)
    if not isinstance(first.arguments[place].value, str):
        return layout
    arguments = list(first.arguments)
    arguments[place] = arguments[place]._replace(value=phrase)
    return (first._replace(arguments=tuple(arguments)), *layout[1:])


class EntityLabels:
    """Cross-entropy of entity discovery against weak labels, over the units of the codes."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        asked = [(phrase, pair) for pair in batch.pairs for action in pair.layout for phrase in phrases(action)]
        codes = [pair.code for _, pair in asked]
        logits = model.entity.logits([model.units(phrase) for phrase, _ in asked], codes)
        labels = torch.zeros_like(logits)
        for row, (phrase, pair) in enumerate(asked):
            labels[row, : len(pair.code)] = torch.tensor(task.relevant(phrase, pair.tokens), dtype=labels.dtype)
        real = real_places(codes, logits.shape[1])
        return Loss(binary_cross_entropy_with_logits(logits[real], labels[real]), {"said": float(labels[real].mean())})


class MaskedArgument:
    """Cross-entropy of what actions predict against the masked scores, which are cut at a half, on right pairs."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        codes = [pair.code for pair in batch.pairs]
        done = model.predictions([pair.layout for pair in batch.pairs], codes)
        real = real_places(codes, max(map(len, codes)))
        losses = [
            binary_cross_entropy(
                one.predicted[real[one.row]], (one.wanted[real[one.row]] > 0.5).to(one.wanted.dtype).detach()
            )
            for one in done
        ]
        return Loss(torch.stack(losses).mean(), {})


class PairsAsWhole:
    """Cross-entropy of the product over actions on right and wrong pairs."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        layouts = [pair.layout for pair in batch.pairs] + [layout for layout, _ in batch.wrong]
        scores = model(layouts, [pair.code for pair in batch.pairs] + [code for _, code in batch.wrong])
        target = (torch.arange(len(scores)) < len(batch.pairs)).to(scores.dtype)
        return Loss(binary_cross_entropy(scores.clamp(LEAST, 1 - LEAST), target), {})


class World:
    """The pairs of a scale, their units, and the first stage that is trained once for all arms and seeds."""

    def __init__(self, scale: Scale, job: Job) -> None:
        self.scale, self.sizes = scale, SIZES[scale.name]
        self.train = self._pairs("train", PAIRS[scale.name])
        self.test = self._pairs("test", POOL[scale.name])
        self.units = Subwords.fit((f"{one.query}\n{one.code}" for one in self.train), self.sizes["units"])
        self.longest = self.sizes["most"] - self.sizes["text"] - 3
        self.first = self._first_stage(job)

    def _pairs(self, split: str, count: int) -> list[QueryCode]:
        if self.scale.smoke:
            return task.generated(split)[:count]
        some = search_pairs.functions(self.scale, split, count)
        return [QueryCode(search_pairs.sentence(one), search_pairs.code(one)) for one in some]

    def encoder(self) -> TextEncoder:
        """A fresh encoder."""
        shape = {name: self.sizes[name] for name in ("width", "layers", "heads", "inner", "most")}
        return TextEncoder(self.units.size, **shape)

    def rows(self, pairs: Sequence[QueryCode]) -> PairUnits:
        """Units of queries and codes."""
        texts = [self.units.units(one.query, self.sizes["text"]) for one in pairs]
        return PairUnits(texts, [self.units.units(one.code, self.longest) for one in pairs])

    def parsed(self, one: QueryCode) -> Parsed | None:
        """None for a query without a layout, or code without a word."""
        layout = parse(one.query)
        tokens = [(word, unit) for word in words(one.code) for unit in self.units.units(word)][: self.longest]
        if layout is None or not tokens:
            return None
        return Parsed(layout, [unit for _, unit in tokens], [word for word, _ in tokens])

    def settings(self, seed: int, budget: dict[str, Any], rate: float = 1e-3) -> TrainingSettings:
        """Of one part of a run, before its share is taken."""
        return TrainingSettings(
            seed=seed,
            **budget,
            batch_size=20,
            learning_rate=rate,
            schedule="cosine",
            warmup_steps=20,
            clip=1.0,
            bucket=4,
        )

    def _first_stage(self, job: Job) -> dict[str, Tensor]:
        """The weights of the bi-encoder's encoder."""
        spent = self.scale.minutes or FIRST_STAGE_MINUTES
        told = crc32(repr((self.sizes, spent, self.units.tokenizer.to_str())).encode())
        file = job.shared / f"first-{told:08x}.safetensors"
        if not file.exists():
            model = MeanBiEncoder(fresh(self.encoder, 0), end=SEP, most=self.sizes["most"])
            minutes = {"epochs": 5} if self.scale.smoke else {"minutes": spent, "clock": "processor"}
            settings = replace(self.settings(0, minutes, 2e-3), batch_size=32)
            train(
                model,
                self.rows(self.train),
                Contrastive(),
                settings,
                folder=file.with_suffix(""),
                progress=lambda done: job.progress(done.fraction),
            )
            save_file(model.encoder.state_dict(), file.with_suffix(".part"))
            file.with_suffix(".part").rename(file)
        return load_file(file)

    def begun(self) -> TextEncoder:
        """An encoder with the first stage's weights."""
        encoder = self.encoder()
        encoder.load_state_dict(self.first)
        return encoder

    @torch.inference_mode()
    def cosines(self, queries: Sequence[str]) -> Float[np.ndarray, "queries codes"]:
        """The first stage's scores of the test codes."""
        model = MeanBiEncoder(self.begun(), end=SEP, most=self.sizes["most"]).eval()
        codes = self.rows(self.test).codes
        parts = [model.vectors(codes[at : at + 128]) for at in range(0, len(codes), 128)]
        asked = model.vectors([self.units.units(query, self.sizes["text"]) for query in queries])
        return normalize(asked, dim=1).numpy() @ torch.cat(parts).numpy().T

    def network(self) -> NeuralModuleNetwork:
        """A fresh network over two encoders with the first stage's weights."""
        entity = EntityDiscovery(self.begun(), most=self.sizes["most"], most_text=self.sizes["text"])
        inner = ACTION_INNER[self.scale.name]

        def units(text: str) -> list[int]:
            return self.units.units(text, self.sizes["text"])

        return NeuralModuleNetwork(entity, self.begun(), units, inner=inner)


# Of a query (its place among the test pairs, and what it says) and places of codes: logits that they match, or None.
Judge = Callable[[str, Sequence[int]], np.ndarray | None]


def measured(world: World, judge: Judge) -> dict[str, Float[np.ndarray, "queries 2"]]:
    """Reciprocal ranks after the first TOP are ranked again, and whether a code fits its query better than the swapped
    one; where that cannot be said, or not with a layout, the first stage says it."""
    asked = world.test[: TESTED[world.scale.name]]
    cosine = world.cosines([one.query for one in asked])
    first = reranking.top(cosine, TOP)
    logits = np.zeros(first.shape)
    for query, (one, places) in enumerate(zip(asked, first, strict=True)):
        said = judge(one.query, places.tolist())
        logits[query] = 0.0 if said is None else said
    ranked = ranking.ranks(reranking.reranked(cosine, TOP, lambda _: logits), np.arange(len(asked)))
    return {
        "mrr": bootstrap.with_count(ranking.reciprocal(ranked)),
        "swapped": bootstrap.with_count(told_apart(world, judge)),
    }


def told_apart(world: World, judge: Judge) -> Float[np.ndarray, " queries"]:
    """1 for each test query with two arguments that its code fits better than it fits the swapped query."""
    both = []
    for place, one in enumerate(world.test):
        layout = parse(one.query)
        other = None if layout is None else task.swapped(layout)
        if layout is not None and other is not None:
            both.append((place, task.spoken(layout), task.spoken(other)))
    both = both[: TESTED[world.scale.name]]
    cosine = world.cosines([right for _, right, _ in both] + [wrong for _, _, wrong in both])
    found = []
    for number, (place, right, wrong) in enumerate(both):
        own, others = judge(right, [place]), judge(wrong, [place])
        if own is None or others is None:
            own, others = cosine[number, [place]], cosine[len(both) + number, [place]]
        found.append(float(own[0] > others[0]))
    return np.array(found)


def by_network(world: World, model: NeuralModuleNetwork) -> Judge:
    """The logarithm of the network's product; None without a layout."""

    @torch.inference_mode()
    def judge(query: str, places: Sequence[int]) -> np.ndarray | None:
        layout = parse(query)
        codes = [world.units.units(world.test[place].code, world.longest) for place in places]
        if layout is None or not all(codes):
            return None
        return model([layout] * len(codes), codes).clamp(min=LEAST).log().numpy()

    return judge


def run_first_stage(job: Job, *, scale: Scale) -> Outcome:
    """The bi-encoder alone."""
    return Outcome(measured(World(scale, job), lambda query, places: None))


def run_cross_encoder(job: Job, *, scale: Scale, budget: dict[str, Any]) -> Outcome:
    """Another look by an encoder that reads query and code together."""
    world = World(scale, job)
    torch.manual_seed(job.seed)
    model = CrossEncoder(world.begun(), most=world.sizes["most"], most_text=world.sizes["text"])
    history = train(
        model,
        world.rows(world.train),
        Matching(),
        world.settings(job.seed, budget, 5e-4),
        folder=job.folder / "matching",
        progress=lambda done: job.progress(done.fraction),
    )

    def judge(query: str, places: Sequence[int]) -> np.ndarray:
        codes = [world.units.units(world.test[place].code, world.longest) for place in places]
        return model.scores(world.units.units(query, world.sizes["text"]), codes).numpy()

    return Outcome(measured(world, judge), {}, {"steps": history.step})


def run_network(job: Job, *, scale: Scale, budget: dict[str, Any]) -> Outcome:
    """Train the three parts in turn, and look again."""
    world = World(scale, job)
    parsed = [pair for one in world.train if (pair := world.parsed(one)) is not None]
    data, model = ParsedPairs(parsed), fresh(world.network, job.seed)
    untrained = measured(world, by_network(world, model.eval())) if scale.smoke else {}
    facts: dict[str, Any] = {"parsed": round(len(parsed) / len(world.train), 4)}
    facts["parsed_queries"] = sum(parse(one.query) is not None for one in world.test[: TESTED[scale.name]])
    settings = world.settings(job.seed, budget, 3e-3 if scale.smoke else 1e-3)
    objectives: dict[str, Objective] = {"entity": EntityLabels(), "actions": MaskedArgument(), "pairs": PairsAsWhole()}
    done = 0.0
    for name, share in SHARES.items():
        part = replace(settings, **shortened(settings, share))
        told = partial(_told, job, done, share)
        history = train(model, data, objectives[name], part, folder=job.folder / name, progress=told)
        facts[f"steps: {name}"], done = history.step, done + share
    model.eval()
    before = {name: float(ACCURACY.of(rows.sum(axis=0))) for name, rows in untrained.items()}
    return Outcome(measured(world, by_network(world, model)), before, facts)


def _told(job: Job, before: float, share: float, part: Progress) -> None:
    """Progress in a part of the run, as progress in the whole."""
    job.progress(before + share * part.fraction)


@system("ns3", row="S060", room="understanding")
def ns3(scale: Scale) -> Claim:
    """Arakelyan et al.: NS3: Neuro-Symbolic Semantic Code Search (NeurIPS 2022).

    Modules put together as a query's actions are rank the first codes of a bi-encoder again.
    """
    budget = scale.budget(smoke=30, laptop=10.0, paper=20)
    sizes = SIZES[scale.name]
    arms = (
        Arm("modules", partial(run_network, scale=scale, budget=budget), {**sizes, "shares": SHARES}),
        Arm(
            "first stage",
            partial(run_first_stage, scale=scale),
            {**sizes, "minutes": scale.minutes or FIRST_STAGE_MINUTES},
        ),
        Arm("cross-encoder", partial(run_cross_encoder, scale=scale, budget=budget), sizes),
    )
    return Claim(
        kind="trained",
        task="the function that a sentence describes, the first ten ranked again; and which of two queries a code fits",
        metrics={"mrr": ACCURACY, "swapped": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=(
            Clause("2 points of MRR above the first stage", "mrr", "modules", "first stage", 0.02),
            Clause("65% of swapped arguments are told", "swapped", "modules", None, 0.65),
        ),
        floor=Clause("swapped arguments are told", "swapped", "modules", None, 0.65),
        budget=budget,
        data={"pairs": "generated" if scale.smoke else "mined Python"},
        launch="phloem reproduce ns3 --scale paper --data SHARDS",
    )
