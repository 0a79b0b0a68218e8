"""Does a ranking of tokens find a dependent? Top-k accuracy by relation.

Shen et al. (2022): all tokens of a program are ranked for a head; an edge is found at k if one of the first k tokens is
the dependent, read in one of three ways: its `first` token, `any` token in it, its `last` one. A relation's accuracy is
the share of its edges that are found; relations are averaged with equal weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

READINGS = ("first", "any", "last")


def ranks_from_one(scores: Float[np.ndarray, "*rankings tokens"]) -> Int[np.ndarray, "*rankings tokens"]:
    """The place of each token when the best come first; of equal ones the earlier token."""
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(1, scores.shape[-1] + 1), order.shape), axis=-1)
    return ranks


def rank_of_dependent(
    ranks: Int[np.ndarray, "*rankings tokens"], first: int, last: int, reading: str
) -> Int[np.ndarray, "*rankings"]:
    """The rank at which the dependent `first` … `last` is found."""
    if reading == "any":
        return np.asarray(ranks[..., first : last + 1].min(axis=-1))
    return np.asarray(ranks[..., first if reading == "first" else last])


def accuracy(found: Int[np.ndarray, "edges contenders"], most: int) -> Float[np.ndarray, "most contenders"]:
    """The share of edges whose rank is at most k, for k from 1 to `most`; it never falls with k."""
    return np.stack([(found <= k).mean(axis=0) for k in range(1, most + 1)])


def best_by_relation(
    found: Mapping[str, Int[np.ndarray, "edges contenders"]], most: int
) -> dict[str, Float[np.ndarray, " most"]]:
    """For each relation and k the accuracy of the contender that is best at it, chosen on these very edges."""
    return {relation: accuracy(own, most).max(axis=1) for relation, own in found.items()}


def chosen_by_relation(
    choice: Mapping[str, Int[np.ndarray, "edges contenders"]],
    found: Mapping[str, Int[np.ndarray, "edges contenders"]],
    most: int,
) -> dict[str, Float[np.ndarray, " most"]]:
    """The same with the contender chosen on other edges, for the relations that are in both."""
    scores = {}
    for relation in found.keys() & choice.keys():
        best = accuracy(choice[relation], most).argmax(axis=1)
        scores[relation] = accuracy(found[relation], most)[np.arange(most), best]
    return scores


def average(scores: Mapping[str, Float[np.ndarray, " most"]], relations: Sequence[str]) -> Float[np.ndarray, " most"]:
    """The mean over relations, each with equal weight; those without an edge are left out."""
    there = [scores[relation] for relation in relations if relation in scores]
    return np.mean(there, axis=0) if there else np.zeros(0)
