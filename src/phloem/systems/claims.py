"""What a paper claims, as something that a machine decides.

A claim has arms (contenders that are trained, each once a seed) and clauses (comparisons of two arms, or of one arm
with a number). An arm measures addends of its test units (functions, programs, sentences), so that a figure of the
whole can be computed of any resample. A clause's interval comes from a bootstrap over seeds and test units at once, the
same units for both arms (Efron and Tibshirani 1993, chapters 6 and 8). Its verdict follows by rule:

    confirmed       the whole interval lies at or above the margin
    not confirmed   the whole interval lies below it
    inconclusive    the margin lies inside

and a claim's verdict is its worst clause's. Margins are written down before anything is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from jaxtyping import Float

from phloem.errors import PhloemError
from phloem.measure import bootstrap, subtoken_f1

Verdict = Literal["confirmed", "inconclusive", "not confirmed"]
VERDICTS: tuple[Verdict, ...] = ("not confirmed", "inconclusive", "confirmed")  # the worst first
RESAMPLES = 2000
LEVEL = 0.95


ScaleName = Literal["smoke", "laptop", "paper"]
SEEDS: dict[str, tuple[int, ...]] = {"smoke": (0,), "laptop": (0, 1, 2), "paper": (0, 1, 2)}


@dataclass(frozen=True)
class Scale:
    """How much is spent on a claim: what was asked for, from which each claim makes its budget."""

    name: ScaleName
    seeds: tuple[int, ...]
    minutes: float | None = None  # of training each run, in place of the claim's own
    data: Path | None = None  # what `--data` named

    @property
    def smoke(self) -> bool:
        return self.name == "smoke"

    def corpus(self) -> dict[str, str]:
        """What tells the mined corpora of `--data` from others, for a claim's `data`; nothing at the smoke scale."""
        if self.smoke or self.data is None:
            return {}
        told = hashlib.sha256()
        for file in sorted([*self.data.glob("corpus.json"), *self.data.glob("*/corpus.json")]):
            told.update(file.read_bytes())
        return {"corpus": told.hexdigest()[:16]}

    def budget(self, *, smoke: int, laptop: float, paper: int) -> dict[str, Any]:
        """Of training each run: minutes of the processor; at the smoke and paper scales epochs, so that a slow machine
        does the same."""
        if self.minutes is not None or self.name == "laptop":
            return {"minutes": self.minutes or laptop, "clock": "processor"}
        return {"epochs": smoke if self.smoke else paper}


def scale_of(
    name: str, *, minutes: float | None = None, seeds: Sequence[int] | None = None, data: Path | None = None
) -> Scale:
    """The scale `name`, with another budget a run or other seeds where they are given. Raises PhloemError."""
    if name not in SEEDS:
        raise PhloemError(f"unknown scale {name!r}: take one of {', '.join(SEEDS)}")
    if minutes is not None and minutes <= 0:
        raise PhloemError(f"a run of {minutes:g} minutes is no run")
    return Scale(cast(ScaleName, name), tuple(seeds) if seeds else SEEDS[name], minutes, data)


class Metric(NamedTuple):
    """A figure of a corpus as a function of sums over its units; works on any leading axes."""

    of: bootstrap.Figure
    lower_is_better: bool = False


@dataclass
class Outcome:
    """What one run measured: for each metric the parts of each test unit (one row for a figure that has no units)."""

    units: dict[str, Float[np.ndarray, "units parts"]]
    untrained: dict[str, float] = field(default_factory=dict)  # the same metrics before training
    facts: dict[str, Any] = field(default_factory=dict)  # steps, parameters, seconds of training …


class Job(NamedTuple):
    """One run: an arm at a seed, a folder of its own for checkpoints and logs, and one that all runs share for data."""

    seed: int
    folder: Path
    shared: Path
    progress: Callable[[float], None]  # is told the fraction done


class Arm(NamedTuple):
    """A contender. `settings` say all that defines it: a changed setting makes earlier results void."""

    name: str
    run: Callable[[Job], Outcome]
    settings: Mapping[str, Any] = {}


class Clause(NamedTuple):
    """How much better `candidate` is than `baseline`, or than nothing (the figure itself).

    "difference" is candidate - baseline, the other way round where lower is better; "ratio" likewise. Over seeds
    the figures are averaged, or with `across="every seed"` the worst pair of equal seeds counts.
    """

    name: str
    metric: str
    candidate: str
    baseline: str | None
    margin: float
    form: Literal["difference", "ratio"] = "difference"
    across: Literal["mean", "every seed"] = "mean"


class Further(NamedTuple):
    """Arms that are run only if a clause is not confirmed, to show what becomes of it: no clause, only figures."""

    unless: str  # the clause's name
    arms: tuple[Arm, ...]


class Claim(NamedTuple):
    """A paper's claim at one scale.

    `floor` is what an untrained model can't reach: the one clause of the smoke scale. `launch` is the command that
    a bigger machine runs.
    """

    kind: Literal["trained", "exact", "table"]
    task: str
    metrics: Mapping[str, Metric]
    arms: tuple[Arm, ...]
    clauses: tuple[Clause, ...]
    floor: Clause
    budget: Mapping[str, Any] = {}  # of each run
    data: Mapping[str, Any] = {}
    further: Further | None = None
    launch: str = ""


class Decision(NamedTuple):
    """A clause's figures and verdict. `values` are those of each arm, a seed each."""

    clause: Clause
    values: dict[str, list[float]]
    value: float
    interval: tuple[float, float]
    verdict: Verdict


def verdict_of(interval: tuple[float, float], margin: float) -> Verdict:
    """The rule. An interval that isn't a number decides nothing."""
    if interval[0] >= margin:
        return "confirmed"
    if interval[1] < margin:
        return "not confirmed"
    return "inconclusive"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """A claim is as good as its worst clause."""
    return min(verdicts, key=VERDICTS.index)


def decide(
    clause: Clause, metric: Metric, outcomes: Mapping[str, Sequence[Outcome]], resamples: int = RESAMPLES
) -> Decision:
    """Measure a clause on the outcomes of its arms, one a seed in the same order.

    The resampling is the same for the same data (seed 0).
    """
    names = [clause.candidate] if clause.baseline is None else [clause.candidate, clause.baseline]
    units = [[np.asarray(one.units[clause.metric], float) for one in outcomes[name]] for name in names]
    counts = [len(seed) for seed in units[0]]
    if any([len(seed) for seed in arm] != counts for arm in units):
        raise PhloemError(f"{clause.name}: the arms were measured on different test units; remove their runs")
    rng = np.random.default_rng(0)
    # The same units are drawn for all seeds where all were measured on as many, else each seed's for itself.
    drawn_of = {count: _weights(count, resamples, rng) for count in dict.fromkeys(counts)}
    whole = [metric.of(np.stack([seed.sum(axis=0) for seed in arm])) for arm in units]
    drawn = [np.stack([metric.of(drawn_of[len(seed)] @ seed) for seed in arm], axis=1) for arm in units]
    value = float(_compare(clause, metric, [figures[None] for figures in whole])[0])
    figures = drawn
    if clause.across == "mean":
        figures = [np.take_along_axis(one, rng.integers(0, one.shape[1], one.shape), axis=1) for one in figures]
    interval = _interval(_compare(clause, metric, figures))
    values = {name: one.tolist() for name, one in zip(names, whole, strict=True)}
    return Decision(clause, values, value, interval, verdict_of(interval, clause.margin))


def _interval(resampled: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """The quantiles at both ends. A ratio to 0 is infinite, and 0 / 0 may be anything: the least and the greatest."""
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    if np.isfinite(resampled).all():
        low, high = np.quantile(resampled, ends)
    else:
        low = np.quantile(np.nan_to_num(resampled, nan=-np.inf, posinf=np.inf, neginf=-np.inf), ends[0], method="lower")
        high = np.quantile(
            np.nan_to_num(resampled, nan=np.inf, posinf=np.inf, neginf=-np.inf), ends[1], method="higher"
        )
    return float(low), float(high)


def _weights(count: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `count` units is drawn; a single unit cannot be resampled."""
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples) if count > 1 else np.ones((resamples, 1))


def _compare(
    clause: Clause, metric: Metric, figures: list[Float[np.ndarray, "resamples seeds"]]
) -> Float[np.ndarray, resamples]:
    """The clause's quantity, from the figures of the candidate and, if there is one, of the baseline."""
    over_seeds: Callable[..., np.ndarray] = np.mean
    if clause.across == "every seed":
        over_seeds = np.max if len(figures) == 1 and metric.lower_is_better else np.min
    if len(figures) == 1:
        return over_seeds(figures[0], axis=1)
    better, worse = reversed(figures) if metric.lower_is_better else figures
    if clause.across == "mean":
        better, worse = better.mean(axis=1, keepdims=True), worse.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # a baseline may be 0
        compared = better - worse if clause.form == "difference" else better / worse
    return over_seeds(compared, axis=1)


# Metrics that several systems share


F1 = Metric(subtoken_f1.f1)
"""Micro-averaged over subtokens, from true positives, false positives and false negatives."""

ACCURACY = Metric(bootstrap.mean)
"""From hits and trials."""

PERPLEXITY = Metric(lambda sums: np.exp(sums[..., 0] / sums[..., 1]), lower_is_better=True)
"""From negative log probabilities and words."""

FEWEST = Metric(lambda sums: sums[..., 0], lower_is_better=True)
"""A count that should be small."""
