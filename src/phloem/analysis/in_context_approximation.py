"""Whether a network with the weights of a universal program looks up what its prompt says.

For the programs of Petrov et al. (NeurIPS 2024; see `synthesis.lsrl.programs`): trials in batches, whose right answers
are known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from phloem.synthesis.lsrl.programs import continuous_input, discrete_input

Tokens = tuple[int, ...]
NEAR = 0.01  # outputs that should be whole numbers


class Dictionary(NamedTuple):
    pairs: list[tuple[Tokens, Tokens]]

    @property
    def keys(self) -> list[Tokens]:
        return [key for key, _ in self.pairs]


def random_tokens(rng: np.random.Generator, length: int, vocabulary: int) -> Tokens:
    return tuple(int(token) for token in rng.integers(0, vocabulary, length))


def random_dictionary(rng: np.random.Generator, size: int, length: int, vocabulary: int) -> Dictionary:
    """Distinct random keys with random values."""
    pairs: dict[Tokens, Tokens] = {}
    while len(pairs) < size:
        pairs[random_tokens(rng, length, vocabulary)] = random_tokens(rng, length, vocabulary)
    return Dictionary(list(pairs.items()))


@torch.no_grad()
def looked_up(
    network: nn.Module, queries: Sequence[Tokens], dictionary: Dictionary
) -> Float[np.ndarray, "queries length"]:
    """The answers to queries."""
    steps = torch.tensor([list(discrete_input(query, dictionary.pairs)) for query in queries], dtype=torch.float64)
    return network(steps)[:, -len(queries[0]) :, 0].numpy()


def lookup_trials(
    network: nn.Module, rng: np.random.Generator, *, dictionaries: int, size: int, length: int, vocabulary: int
) -> Bool[np.ndarray, " trials"]:
    """Every stored key; for each dictionary absent keys, some of which share all but one token with a stored one, and
    one that is equal to a stored value: these give zeros."""
    right = []
    for _ in range(dictionaries):
        dictionary = random_dictionary(rng, size, length, vocabulary)
        keys = set(dictionary.keys)
        absent = [random_tokens(rng, length, vocabulary) for _ in range(5)]
        absent += [(*key[:-1], (key[-1] + 1) % vocabulary) for key in dictionary.keys[:5]]
        absent += [value for _, value in dictionary.pairs[:5]]
        queries = [*dictionary.keys, *(query for query in absent if query not in keys)]
        expected = [value for _, value in dictionary.pairs] + [(0,) * length] * (len(queries) - len(dictionary.pairs))
        answers = looked_up(network, queries, dictionary)
        right += list((np.abs(answers - np.array(expected)) < NEAR).all(axis=1))
    return np.array(right)


@torch.no_grad()
def approximated(
    network: nn.Module, points: Float[np.ndarray, "points inputs"], function: Callable[..., np.ndarray], cells: int
) -> Float[np.ndarray, " points"]:
    """The last outputs for these points."""
    steps = np.repeat(continuous_input(points[0], function, cells, 1)[None], len(points), axis=0)
    steps[:, 0, : points.shape[1]] = points  # the cells are the same for all
    return network(torch.tensor(steps))[:, -1, 0].numpy()


def largest_error(network: nn.Module, function: Callable[..., np.ndarray], cells: int, *, scale: int) -> float:
    """The largest error of a function of the unit square at nine points of each cell: its middle, and 2/scale within
    its sides, where the error of a constant is largest and the ramps of the steps are over."""
    sides = np.arange(cells) / cells
    places = np.concatenate([sides + 2 / scale, sides + 0.5 / cells, sides + 1 / cells - 2 / scale])
    points = np.array(list(product(places, places)))
    answers = approximated(network, points, function, cells)
    return float(np.abs(answers - np.array([float(function(point)[0]) for point in points])).max())
