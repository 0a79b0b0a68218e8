"""Stream of search: a model that has read searches with their dead ends solves more than one that has read solutions.

Two decoders of the same size read equally many units about the same games of Countdown, one the searches and one the
straight paths; both are asked for games whose targets training never has, and their text is checked line by line. From
the model of searches three go on for the same number of steps: on its own right searches (STaR, one round), on the same
data as before, and by aligning the policy with the advantage of its samples (APA).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from phloem.decode.top_p import TopP
from phloem.learn.objectives.advantage_alignment import AdvantageAlignment, Rated
from phloem.learn.settings import TrainingSettings
from phloem.measure.bootstrap import with_count
from phloem.nn.models.prompted_decoder import PromptedDecoder
from phloem.represent.completions import Pair, completions, prompts
from phloem.synthesis.languages.countdown import Problem
from phloem.synthesis.languages.countdown_check import path_is_right, rating
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system
from phloem.systems.synthesis.sequence_training import (
    Sizes,
    completed,
    decoder,
    train_writer,
    unit_accuracy,
    untrained,
)
from phloem.systems.training import trained
from phloem.tasks import countdown as task
from phloem.tasks.countdown import SYMBOLS, Splits

Further = Literal["", "star", "more", "apa"]
MINUTES = 4.0  # that the laptop scale's steps take, about


@dataclass(frozen=True)
class Game:
    """The games and how many of them; `longest`: units of a trace. `samples` a game are drawn to improve the model."""

    numbers: int
    most: int
    targets: tuple[int, int]
    problems: int
    tests: int
    longest: int
    sampled: int  # training games that samples are drawn of
    samples: int = 4
    temperature: float = 0.8
    alignment: float = 0.1  # APA's weight of staying near the supervised policy


SMOKE = Sizes(width=48, layers=1, heads=4, units=1000, steps=200, rate=1e-2), Game(3, 9, (10, 20), 450, 15, 150, 8)
LAPTOP = (
    Sizes(width=128, layers=4, heads=4, units=3000, steps=400, rate=2e-3),
    Game(3, 50, (10, 50), 6000, 100, 512, 512),
)
PAPER = (
    Sizes(width=1024, layers=16, heads=16, units=100_000, steps=50_000, rate=1e-4),
    Game(4, 99, (10, 100), 500_000, 1000, 4096, 100_000),
)


@cache
def games(game: Game, seed: int) -> Splits:
    """The splits, made once for all arms."""
    return task.splits(
        seed=seed,
        count=game.problems,
        tests=game.tests,
        numbers=game.numbers,
        most=game.most,
        targets=game.targets,
    )


def drawn(pairs: Sequence[Pair]) -> Any:
    """One of the pairs a call."""
    return lambda rng: pairs[int(rng.integers(len(pairs)))]


def supervised(job: Job, sizes: Sizes, game: Game, search: bool) -> tuple[PromptedDecoder, dict[str, Any]]:
    """The model that has read searches or paths; trained once a seed and kept for those that go on from it."""
    written = task.written(games(game, job.seed).train, search=search, longest=game.longest, seed=job.seed)
    about = json.dumps([asdict(sizes), asdict(game), search, job.seed], sort_keys=True)
    key = hashlib.sha256(about.encode()).hexdigest()[:16]
    weights, facts_file = job.shared / f"{key}.safetensors", job.shared / f"{key}.json"
    if facts_file.is_file():
        model = decoder(len(SYMBOLS), sizes)
        model.load_state_dict(load_file(weights))
        return model.eval(), json.loads(facts_file.read_text())
    held_out = task.written(games(game, job.seed).validation, search=search, longest=game.longest, seed=job.seed)
    model, facts = train_writer(job, len(SYMBOLS), drawn(written.pairs), sizes, held_out.pairs)
    facts |= {"traces": len(written.pairs), "left out": written.left_out}
    job.shared.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), weights)
    facts_file.write_text(json.dumps(facts))
    return model, facts


def searches(model: PromptedDecoder, problems: Sequence[Problem], game: Game) -> list[str]:
    """The model's greedy search of each game."""
    asked = [task.prompt(problem) for problem in problems]
    written = completed(model, asked, length=game.longest)
    return [task.text_of([*start, *rest]) for start, rest in zip(asked, written, strict=True)]


def solved(problems: Sequence[Problem], texts: Sequence[str]) -> np.ndarray:
    """For each game (1 where the search reaches the target by a right path, 1)."""
    found = [path_is_right(problem, text) for problem, text in zip(problems, texts, strict=True)]
    return with_count(np.array(found, np.float64))


def samples(model: PromptedDecoder, problems: Sequence[Problem], game: Game, seed: int) -> list[tuple[Problem, Pair]]:
    """What the model writes about each game, drawn at the temperature; what did not end is left out."""
    found, rows = list[tuple[Problem, Pair]](), 64
    for start in range(0, len(problems), rows):
        some = problems[start : start + rows]
        asked = [task.prompt(problem) for problem in some]
        search = TopP(game.samples, p=1.0, temperature=game.temperature, seed=seed + start)
        for problem, prompt, several in zip(
            some, asked, search(model, prompts(asked), length=game.longest), strict=True
        ):
            found += [(problem, (prompt, list(one.value))) for one in several]
    return found


def rated(found: Sequence[tuple[Problem, Pair]]) -> np.ndarray:
    """How right and how short each sample is."""
    return np.array([rating(problem, task.text_of([*pair[0], *pair[1]])) for problem, pair in found])


def go_on(
    job: Job, model: PromptedDecoder, sizes: Sizes, game: Game, way: Further
) -> tuple[PromptedDecoder, dict[str, Any]]:
    """Half as many steps more, from the supervised model and with a fresh optimiser."""
    splits, shorter = games(game, job.seed), replace(sizes, steps=max(1, sizes.steps // 2), rate=sizes.rate / 4)
    if way == "more":
        pairs = task.written(splits.train, search=True, longest=game.longest, seed=job.seed).pairs
        return train_writer(job, len(SYMBOLS), drawn(pairs), shorter, pairs[:50], name=way, start=model)
    found = samples(model, splits.train[: game.sampled], game, job.seed)
    ratings = rated(found)
    facts = {"samples": len(found), "right samples": int((ratings > 0).sum())}
    if not facts["right samples"]:
        return model, facts
    if way == "star":
        pairs = [pair for (_, pair), value in zip(found, ratings, strict=True) if value > 0]
        better, more = train_writer(job, len(SYMBOLS), drawn(pairs), shorter, pairs[:50], name=way, start=model)
        return better, more | facts
    better, more = align(job, model, shorter, game, found, ratings)
    return better, more | facts


@dataclass(frozen=True)
class Samples:
    """Samples with their advantages as a `Dataset`, `count` an epoch, drawn with replacement."""

    pairs: Sequence[Pair]
    advantages: np.ndarray
    count: int

    def __len__(self) -> int:
        return self.count

    @property
    def sizes(self) -> np.ndarray:
        return np.ones(len(self), np.int64)

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> Rated:
        """As many as `index` has."""
        source = np.random.default_rng(0) if rng is None else rng
        chosen = source.integers(0, len(self.pairs), len(index)).tolist()
        advantage = torch.tensor(self.advantages[chosen], dtype=torch.float32)
        return Rated(*completions([self.pairs[number] for number in chosen]), advantage)


def align(
    job: Job,
    model: PromptedDecoder,
    sizes: Sizes,
    game: Game,
    found: Sequence[tuple[Problem, Pair]],
    ratings: np.ndarray,
) -> tuple[PromptedDecoder, dict[str, Any]]:
    """One round of APA. A sample's advantage is its rating less the mean rating of the game's samples: the return less
    a value that is estimated from the samples, in place of the paper's learned value."""
    of = {problem: number for number, problem in enumerate(dict.fromkeys(problem for problem, _ in found))}
    group = np.array([of[problem] for problem, _ in found])
    means = np.bincount(group, ratings) / np.bincount(group)
    advantages = ratings - means[group]
    batch = max(1, round(sizes.units / np.mean([len(one) + len(rest) + 1 for _, (one, rest) in found])))
    data = Samples([pair for _, pair in found], advantages, batch * sizes.steps)
    settings = TrainingSettings(
        seed=job.seed,
        epochs=1,
        batch_size=batch,
        learning_rate=sizes.rate / 4,
        schedule="cosine",
        clip=1.0,
        metric="step",
        evaluate_every=sizes.steps,
        evaluate_unit="steps",
    )

    def make() -> PromptedDecoder:
        fresh = decoder(len(SYMBOLS), sizes)
        fresh.load_state_dict(model.state_dict())
        return fresh

    own = job._replace(folder=job.folder / "apa")
    objective = AdvantageAlignment(model, game.alignment)
    return trained(make, data, objective, settings, own, evaluate=lambda model: {"step": 0.0})


def contend(job: Job, sizes: Sizes, game: Game, search: bool, way: Further = "") -> Outcome:
    """Read searches or paths, perhaps go on, and play games of held targets and of known ones."""
    model, facts = supervised(job, sizes, game, search)
    if way:
        model, more = go_on(job, model, sizes, game, way)
        facts = facts | {way: more}
    splits = games(game, job.seed)
    held = task.written(splits.held, search=search, longest=game.longest, seed=job.seed)
    texts = searches(model, splits.held, game)
    facts |= {"likeness": {name: round(share, 3) for name, share in task.likeness(splits.held, texts).items()}}
    units = {
        "held targets": solved(splits.held, texts),
        "known targets": solved(splits.validation, searches(model, splits.validation, game)),
        "units": unit_accuracy(model, held.pairs),
    }
    before = unit_accuracy(untrained(job, len(SYMBOLS), sizes), held.pairs)
    return Outcome(units, {"units": float(before[:, 0].mean())}, facts)


CONTENDERS: dict[str, dict[str, Any]] = {
    "searches": {"search": True},
    "paths": {"search": False},
    "searches, then STaR": {"search": True, "way": "star"},
    "searches, then more": {"search": True, "way": "more"},
    "searches, then APA": {"search": True, "way": "apa"},
}


@system("sos", row="S176", room="synthesis")
def sos(scale: Scale) -> Claim:
    """Gandhi et al.: Stream of Search (SoS): Learning to Search in Language (COLM 2024).

    Countdown with three numbers (the paper: four), from scratch, numbers as units; what further training brings is
    reported and no clause.
    """
    sizes, game = {"smoke": SMOKE, "laptop": LAPTOP, "paper": PAPER}[scale.name]
    sizes = sizes.for_minutes(scale, MINUTES)
    chosen = {"searches": CONTENDERS["searches"]} if scale.smoke else CONTENDERS
    arms = tuple(
        Arm(name, partial(contend, sizes=sizes, game=game, **options), {**options, **asdict(sizes), **asdict(game)})
        for name, options in chosen.items()
    )
    return Claim(
        kind="trained",
        task="games of Countdown whose targets training never has",
        metrics={"held targets": ACCURACY, "known targets": ACCURACY, "units": ACCURACY},
        arms=arms,
        clauses=(Clause("10 points above paths on held targets", "held targets", "searches", "paths", 0.10),),
        floor=Clause("units of searches are foreseen", "units", "searches", None, 0.5),
        budget={"units": sizes.units * sizes.steps},
        data={"games": "generated", **asdict(game)},
        launch="phloem reproduce sos --scale paper",
    )
