"""Figures of ranked lists: mean reciprocal rank, recall at k, nDCG and average precision.

A rank counts pessimistically: 1 + the number of other candidates that score at least as much as the right one. So a
model that gives all candidates one score has the last rank and not the first (Feng et al., "CodeBERT", 2020, evaluate
so: the number of scores not below the gold's).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from phloem.measure import bootstrap


def ranks(
    scores: Float[np.ndarray, "queries candidates"], gold: Int[np.ndarray, " queries"]
) -> Int[np.ndarray, " queries"]:
    """The pessimistic rank, from 1, of candidate `gold[q]` of each query. A score that is no number is a tie."""
    of_gold = np.take_along_axis(scores, np.asarray(gold)[:, None], axis=1)
    return np.asarray((~(scores < of_gold)).sum(axis=1))


def reciprocal(rank: Int[np.ndarray, " queries"]) -> Float[np.ndarray, " queries"]:
    """One over the rank of each query; its mean is the MRR."""
    return 1.0 / np.asarray(rank, np.float64)


def mean_reciprocal_rank(
    rank: Int[np.ndarray, " queries"], *, resamples: int = 1000, seed: int = 0
) -> bootstrap.Interval:
    """The MRR with its 95% interval over queries. Raises ValueError without queries."""
    return _mean(reciprocal(rank), resamples, seed)


def recall_at(rank: Int[np.ndarray, " queries"], k: int, *, resamples: int = 1000, seed: int = 0) -> bootstrap.Interval:
    """The share of queries whose only right candidate is among the first k, with its 95% interval."""
    return _mean((np.asarray(rank) <= k).astype(np.float64), resamples, seed)


def _mean(values: Float[np.ndarray, " queries"], resamples: int, seed: int) -> bootstrap.Interval:
    return bootstrap.interval(bootstrap.with_count(values), bootstrap.mean, resamples=resamples, seed=seed)


def ndcg(gains: Float[np.ndarray, " ranked"], k: int | None = None) -> float:
    """Normalised discounted cumulative gain of the gains in ranked order, cut at k (Järvelin and Kekäläinen 2002):

    DCG = Σ_r gain_r / log2(r + 1), r from 1, over the DCG of the same gains sorted; 0 where no gain is positive.
    """
    gains = np.asarray(gains, np.float64)
    best = np.sort(gains)[::-1]
    cut = len(gains) if k is None else min(k, len(gains))
    discount = 1.0 / np.log2(np.arange(2, cut + 2))
    ideal = float(best[:cut] @ discount)
    return float(gains[:cut] @ discount) / ideal if ideal > 0 else 0.0


def average_precision(relevant: Bool[np.ndarray, " ranked"], answers: int | None = None) -> float:
    """The mean of the precision at each relevant place of a ranked list; 0 without any. With `answers`, the number of
    all that are relevant, those that the list lacks count 0 (Manning et al. 2008, section 8.4)."""
    places = np.flatnonzero(np.asarray(relevant, bool)) + 1
    if not len(places):
        return 0.0
    return float(np.sum(np.arange(1, len(places) + 1) / places)) / (len(places) if answers is None else answers)


def self_retrieval(
    scores: Float[np.ndarray, "items items"], labels: Int[np.ndarray, " items"]
) -> Float[np.ndarray, " items"]:
    """The average precision of each item as a query among the others: those of its label are relevant, itself is taken
    out of the ranking and later ones move up."""
    found = np.empty(len(scores))
    for item, row in enumerate(scores):
        order = np.argsort(-row, kind="stable")
        order = order[order != item]
        found[item] = average_precision(np.asarray(labels)[order] == labels[item])
    return found


def reciprocal_rank_fusion(
    scores: Sequence[Float[np.ndarray, "queries candidates"]], weights: Sequence[float] | None = None, k: int = 60
) -> Float[np.ndarray, "queries candidates"]:
    """Several systems' scores of the same candidates as one: Σ_s w_s / (k + rank_s).

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods"
    (SIGIR 2009). Ranks of equal scores are the pessimistic ones.
    """
    weights = [1.0] * len(scores) if weights is None else weights
    fused = np.zeros(np.shape(scores[0]))
    for weight, system in zip(weights, scores, strict=True):
        fused += weight / (k + _all_ranks(np.asarray(system)))
    return fused


def _all_ranks(scores: Float[np.ndarray, "queries candidates"]) -> Int[np.ndarray, "queries candidates"]:
    """The pessimistic rank of every candidate."""
    rank = np.empty(scores.shape, np.int64)
    for row, values in enumerate(scores):
        ordered = np.sort(values)
        rank[row] = len(values) - np.searchsorted(ordered, values, side="left")
    return rank
