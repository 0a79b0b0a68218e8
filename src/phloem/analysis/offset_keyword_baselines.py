"""What a head of attention has to beat: guesses that know nothing but a distance, or a keyword.

Shen et al. (2022). An offset guess is the token so many places behind the head, 1 to 512; a keyword guess is the next
occurrence of one of Python's keywords behind it. Heads of attention are chosen for each relation, so these are, too:
for k = 1 the best guess, for larger k a set built greedily, by adding the guess that finds most edges not found so far.
"offset and keyword" is the larger of both scores for each relation and k, as released, no joint set.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from phloem.represent.syntax_edges import LabelledProgram, SyntaxEdge

MOST_OFFSET = 512
KEYWORDS = tuple(keyword.kwlist)


def finds(edge: SyntaxEdge, guess: int, reading: str) -> bool:
    """Whether a guessed token is the dependent."""
    if reading == "any":
        return edge.first <= guess <= edge.last
    return guess == (edge.first if reading == "first" else edge.last)


def offset_hits(programs: Sequence[LabelledProgram], reading: str) -> dict[str, Bool[np.ndarray, "edges offsets"]]:
    """By relation, which offsets (1 and up) find each edge."""
    found: dict[str, list[Bool[np.ndarray, " offsets"]]] = {}
    for program in programs:
        for edge in program.edges:
            low, high = {"first": (edge.first, edge.first), "last": (edge.last, edge.last)}.get(
                reading, (edge.first, edge.last)
            )
            hits = np.zeros(MOST_OFFSET, bool)
            hits[low - edge.head - 1 : high - edge.head] = True
            found.setdefault(edge.relation, []).append(hits)
    return {relation: np.stack(hits) for relation, hits in found.items()}


def keyword_hits(
    programs: Sequence[LabelledProgram], reading: str, keywords: Sequence[str] = KEYWORDS
) -> dict[str, Bool[np.ndarray, "edges keywords"]]:
    """By relation, which keywords' next occurrence finds each edge."""
    found: dict[str, list[Bool[np.ndarray, " keywords"]]] = {}
    for program in programs:
        places = {word: [i for i, token in enumerate(program.tokens) if token == word] for word in keywords}
        there = [(number, places[word]) for number, word in enumerate(keywords) if places[word]]
        for edge in program.edges:
            hits = np.zeros(len(keywords), bool)
            for number, where in there:
                following = next((place for place in where if place > edge.head), -1)
                hits[number] = finds(edge, following, reading)
            found.setdefault(edge.relation, []).append(hits)
    return {relation: np.stack(hits) for relation, hits in found.items()}


def greedy_set(hits: Bool[np.ndarray, "edges guesses"], most: int) -> list[int]:
    """`most` guesses, each the one that finds most edges that those before it do not; of equal ones the first."""
    left = np.ones(len(hits), bool)
    chosen: list[int] = []
    for _ in range(min(most, hits.shape[1])):
        gains = hits[left].sum(axis=0).astype(float)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        left &= ~hits[:, chosen[-1]]
    return chosen


def set_accuracy(
    hits: Bool[np.ndarray, "edges guesses"], chosen: Sequence[int], most: int
) -> Float[np.ndarray, " most"]:
    """The share of edges that the first k of the chosen guesses find, for k from 1 to `most`."""
    found = np.logical_or.accumulate(hits[:, list(chosen)], axis=1).mean(axis=0)
    return np.concatenate([found, np.full(most - len(found), found[-1])])


def scores(
    hits: dict[str, Bool[np.ndarray, "edges guesses"]],
    most: int,
    choice: dict[str, Bool[np.ndarray, "others guesses"]] | None = None,
) -> dict[str, Float[np.ndarray, " most"]]:
    """By relation the accuracy of the greedy sets, chosen on these very edges, or on those of `choice`."""
    return {
        relation: set_accuracy(own, greedy_set((choice or hits)[relation], most), most)
        for relation, own in hits.items()
        if relation in (choice or hits)
    }


def larger(
    one: dict[str, Float[np.ndarray, " most"]], other: dict[str, Float[np.ndarray, " most"]]
) -> dict[str, Float[np.ndarray, " most"]]:
    """For each relation and k the larger of two scores."""
    return {relation: np.maximum(one[relation], other[relation]) for relation in one.keys() & other.keys()}
