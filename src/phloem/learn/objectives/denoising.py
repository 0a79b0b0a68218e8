"""Denoising: a damaged sequence goes in, the whole one comes out.

Lewis et al., "BART" (ACL 2020, section 2.2), as released and as PLBART trains (Ahmad et al., "Unified Pre-training for
Program Understanding and Generation", NAACL 2021). Of n units b = ceil(0.3 n) are to go. Lengths are drawn from
Poisson(3.5) until they sum to b or more, and the last one is shortened so that they sum to b exactly. A span of length
above 0 gives way to ONE mask; a length of 0 takes nothing away and puts a mask between two units. With the probability
0.1 a random unit stands where the mask would.

Where spans lie:

- "disjoint": no two overlap, all ways to place them as likely, so that exactly b units go;
- "fairseq", the released code's: starts are drawn without replacement and a span runs to the right of its start. Spans
  may overlap, a start inside an earlier span vanishes, and a span may stop at the end: of 100 units some 27 go.

The paper also lists token masking and token deletion; both are flags here and off, as in the released run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from phloem.learn.objectives.span_corruption import Ids, Pair

SHARE, MEAN, RANDOM = 0.3, 3.5, 0.1


class Damage(NamedTuple):
    """What noise did: the units that are read, which of the original places are kept in them, and how many marks stand
    for spans and for nothing. `random` of the marks are units drawn at random."""

    ids: Ids
    kept: Int[np.ndarray, " kept"]
    span_marks: int
    empty_marks: int
    random: int


@dataclass(frozen=True)
class Noise:
    """`mask` stands for what is missing; random units have ids from `first` to below `units`."""

    mask: int
    first: int
    units: int
    share: float = SHARE
    mean: float = MEAN
    random: float = RANDOM
    placement: Literal["disjoint", "fairseq"] = "disjoint"
    masked: float = 0.0  # token masking: the share of the kept units that become the mask
    deleted: float = 0.0  # token deletion: the share of the kept units that go without a trace

    def __call__(self, ids: Ids, rng: np.random.Generator) -> Damage:
        """Damage a sequence without its marks of beginning, end and language: those are never touched."""
        lengths = span_lengths(math.ceil(self.share * len(ids)), rng, self.mean)
        spans = lengths[lengths > 0]
        starts, gone = (disjoint if self.placement == "disjoint" else overlapping)(len(ids), spans, rng)
        marks = np.full(len(ids), -1, np.int64)
        marks[starts] = self._marks(len(starts), rng)
        places = np.flatnonzero(~gone | (marks >= 0))
        read = np.where(marks[places] >= 0, marks[places], ids[places])
        empty = int((lengths == 0).sum())
        inserted = self._marks(empty, rng)
        read = np.insert(read, rng.integers(0, len(read) + 1, empty), inserted)
        drawn = int((marks[starts] != self.mask).sum() + (inserted != self.mask).sum())
        damage = Damage(read.astype(ids.dtype), np.flatnonzero(~gone), len(starts), empty, drawn)
        return damage if self.masked == self.deleted == 0.0 else self._further(damage, ids, rng)

    def _marks(self, count: int, rng: np.random.Generator) -> Int[np.ndarray, " marks"]:
        other = rng.integers(self.first, self.units, count)
        return np.where(rng.random(count) < self.random, other, self.mask)

    def _further(self, damage: Damage, ids: Ids, rng: np.random.Generator) -> Damage:
        """Token masking and deletion of units that the spans left; random units may be hit, too."""
        open_ = damage.ids != self.mask
        read = np.where(open_ & (rng.random(len(open_)) < self.masked), self.mask, damage.ids)
        stays = ~(open_ & (rng.random(len(open_)) < self.deleted))
        return damage._replace(ids=read[stays].astype(ids.dtype))


def untrimmed_lengths(budget: int, rng: np.random.Generator, mean: float = MEAN) -> Int[np.ndarray, " spans"]:
    """Poisson lengths, drawn until their sum reaches the budget."""
    drawn = np.zeros(0, np.int64)
    while drawn.sum() < budget:
        drawn = np.concatenate([drawn, rng.poisson(mean, max(4, math.ceil(budget / max(mean, 0.1))))])
    enough = int(np.searchsorted(np.cumsum(drawn), budget)) + 1 if budget > 0 else 0
    return drawn[:enough]


def span_lengths(budget: int, rng: np.random.Generator, mean: float = MEAN) -> Int[np.ndarray, " spans"]:
    """Lengths that sum to the budget exactly: the last of the drawn ones is shortened."""
    lengths = untrimmed_lengths(budget, rng, mean)
    if len(lengths):
        lengths[-1] -= lengths.sum() - budget
    return lengths


def disjoint(
    count: int, lengths: Int[np.ndarray, " spans"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " marks"], Bool[np.ndarray, " units"]]:
    """Where the marks of spans that do not overlap stand, and which units go. Spans are shuffled among kept units."""
    kept = count - int(lengths.sum())
    is_span = np.zeros(kept + len(lengths), bool)
    is_span[rng.choice(len(is_span), len(lengths), replace=False)] = True
    sizes = np.ones(len(is_span), np.int64)
    sizes[is_span] = lengths
    starts = (np.cumsum(sizes) - sizes)[is_span]
    return starts, np.repeat(is_span, sizes)


def overlapping(
    count: int, lengths: Int[np.ndarray, " spans"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " marks"], Bool[np.ndarray, " units"]]:
    """The same by the released code: starts without replacement, spans to the right of them."""
    starts = rng.permutation(count)[: len(lengths)]
    gone, inside = np.zeros(count, bool), np.zeros(count, bool)
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=False):
        gone[start : start + length] = True
        inside[start + 1 : start + length] = True
    return np.sort(starts[~inside[starts]]), gone


def denoising_pair(ids: Ids, language: int, noise: Noise, rng: np.random.Generator) -> Pair:
    """The damaged sequence with its language's mark behind it, and the whole one, which the decoder begins with the
    same mark (`phloem.nn.models.plbart.language_shifted`)."""
    return Pair(np.concatenate([noise(ids, rng).ids, [language]]).astype(ids.dtype), ids)
