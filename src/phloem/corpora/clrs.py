"""Algorithms as data: inputs, the state after every step (hints), and outputs of five CLRS-30 algorithms.

Veličković et al., "The CLRS Algorithmic Reasoning Benchmark" (ICML 2022). An algorithm's run is told by probes. A probe
has a stage (input, hint, output), stands at nodes or edges, and has a kind:

    scalar    a number
    mask      0 or 1
    mask one  1 at exactly one node
    pointer   for each node the number of a node

Hints are snapshots: the first one is the state before the first step and follows from the inputs alone. Samples are
drawn as in the released samplers (`dm-clrs`): one `RandomState`, for each sample the input, then the run; the same seed
gives the same arrays. Graphs are undirected Erdős–Rényi graphs with p = 1/2: an edge is drawn in both directions and
kept if both are there; a weight is the square root of the product of two uniform numbers (plus 1e-3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phloem.corpora import clrs_algorithms as algorithms
from phloem.corpora.clrs_algorithms import Run
from phloem.errors import PhloemError

Stage = Literal["input", "hint", "output"]
Place = Literal["node", "edge"]
Kind = Literal["scalar", "mask", "mask one", "pointer"]


class Probe(NamedTuple):
    stage: Stage
    place: Place
    kind: Kind


class Samples(NamedTuple):
    """Runs of one algorithm on inputs of one size; hints are zero after a run's length."""

    inputs: dict[str, Float[np.ndarray, "samples ..."]]
    hints: dict[str, Float[np.ndarray, "steps samples ..."]]
    outputs: dict[str, Float[np.ndarray, "samples ..."]]
    lengths: Int[np.ndarray, " samples"]  # snapshots of hints of each run


_GRAPH = {
    "pos": Probe("input", "node", "scalar"),
    "s": Probe("input", "node", "mask one"),
    "A": Probe("input", "edge", "scalar"),
    "adj": Probe("input", "edge", "mask"),
    "pi": Probe("output", "node", "pointer"),
    "pi_h": Probe("hint", "node", "pointer"),
}
_ARRAY = {
    "pos": Probe("input", "node", "scalar"),
    "key": Probe("input", "node", "scalar"),
    "pred_h": Probe("hint", "node", "pointer"),
    "i": Probe("hint", "node", "mask one"),
}
SPECS: dict[str, dict[str, Probe]] = {
    "bfs": {**_GRAPH, "reach_h": Probe("hint", "node", "mask")},
    "bellman_ford": {**_GRAPH, "d": Probe("hint", "node", "scalar"), "msk": Probe("hint", "node", "mask")},
    "dijkstra": {
        **_GRAPH,
        "d": Probe("hint", "node", "scalar"),
        "mark": Probe("hint", "node", "mask"),
        "in_queue": Probe("hint", "node", "mask"),
        "u": Probe("hint", "node", "mask one"),
    },
    "minimum": {
        **_ARRAY,
        "min_h": Probe("hint", "node", "mask one"),
        "min": Probe("output", "node", "mask one"),
    },
    "insertion_sort": {
        **_ARRAY,
        "j": Probe("hint", "node", "mask one"),
        "pred": Probe("output", "node", "pointer"),
    },
}
NAMES = tuple(SPECS)


def random_graph(rng: np.random.RandomState, nodes: int, *, weighted: bool) -> Float[np.ndarray, "nodes nodes"]:
    """An undirected graph with edges of probability 1/4 (both directions of 1/2 must be drawn)."""
    p = rng.choice((0.5,))
    drawn = rng.binomial(1, p, size=(nodes, nodes))
    edges = (drawn * drawn.T).astype(float)
    if weighted:
        weights = rng.uniform(size=(nodes, nodes))
        edges *= np.sqrt(weights * weights.T + 1e-3)
    return edges


def _search(rng: np.random.RandomState, nodes: int) -> Run:
    graph = random_graph(rng, nodes, weighted=False)
    return algorithms.bfs(graph, int(rng.choice(nodes)))


def _shortest(run: Callable[[np.ndarray, int], Run]) -> Callable[[np.random.RandomState, int], Run]:
    def draw(rng: np.random.RandomState, nodes: int) -> Run:
        graph = random_graph(rng, nodes, weighted=True)
        return run(graph, int(rng.choice(nodes)))

    return draw


def _array(run: Callable[[np.ndarray], Run]) -> Callable[[np.random.RandomState, int], Run]:
    return lambda rng, nodes: run(rng.uniform(size=nodes))


_DRAW: dict[str, Callable[[np.random.RandomState, int], Run]] = {
    "bfs": _search,
    "bellman_ford": _shortest(algorithms.bellman_ford),
    "dijkstra": _shortest(algorithms.dijkstra),
    "minimum": _array(algorithms.minimum),
    "insertion_sort": _array(algorithms.insertion_sort),
}


def draw(name: str, count: int, nodes: int, seed: int) -> Samples:
    """`count` runs of the algorithm `name` on random inputs of `nodes` nodes.

    Raises PhloemError for an unknown algorithm, or for inputs of fewer than two nodes.
    """
    if name not in SPECS:
        raise PhloemError(f"unknown algorithm {name!r}; known: {', '.join(NAMES)}")
    if count < 1 or nodes < 2:
        raise PhloemError(f"{count} samples of {nodes} nodes: there must be one of two nodes at least")
    rng = np.random.RandomState(seed)  # the released samplers' generator
    return batch([_DRAW[name](rng, nodes) for _ in range(count)])


def batch(runs: list[Run]) -> Samples:
    """Runs of one size side by side, their hints padded with zeros to the longest."""
    lengths = np.array([len(next(iter(run.hints.values()))) for run in runs])
    hints = {}
    for name, first in runs[0].hints.items():
        hints[name] = np.zeros((lengths.max(), len(runs), *first.shape[1:]))
        for number, run in enumerate(runs):
            hints[name][: lengths[number], number] = run.hints[name]
    inputs = {name: np.stack([run.inputs[name] for run in runs]) for name in runs[0].inputs}
    outputs = {name: np.stack([run.outputs[name] for run in runs]) for name in runs[0].outputs}
    return Samples(inputs, hints, outputs, lengths)
