"""Five textbook algorithms that write down their state after every step.

Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms"; the snapshots are those of Veličković et al., "The CLRS
Algorithmic Reasoning Benchmark" (ICML 2022), with their `dm-clrs` deciding every tie:

    bfs             a level a step; a node's parent is the first reached node with an edge to it
    bellman_ford    one relaxation of all edges from the distances of the step before
    dijkstra        one node leaves the queue a step; unreached nodes have distance 0
    minimum         one element compared a step
    insertion_sort  one element inserted a step; `i` points at what stood at its new place

The order of an array is told by pointers: each node points to the one before it, the first one to itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Run(NamedTuple):
    """One run of an algorithm. Hints have a leading axis of snapshots."""

    inputs: dict[str, np.ndarray]
    hints: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


class Recorder:
    """Collects snapshots of hints."""

    def __init__(self) -> None:
        self.snapshots: list[dict[str, np.ndarray]] = []

    def push(self, **hints: np.ndarray) -> None:
        self.snapshots.append({name: np.array(value, float) for name, value in hints.items()})

    def run(self, inputs: dict[str, np.ndarray], **outputs: np.ndarray) -> Run:
        hints = {name: np.stack([each[name] for each in self.snapshots]) for name in self.snapshots[0]}
        return Run(inputs, hints, {name: np.array(value, float) for name, value in outputs.items()})


def one_hot(node: int, nodes: int) -> Float[np.ndarray, " nodes"]:
    return np.eye(nodes)[node]


def positions(nodes: int) -> Float[np.ndarray, " nodes"]:
    """0, 1/n, 2/n …: tells nodes apart and orders them."""
    return np.arange(nodes) / nodes


def chain(order: Int[np.ndarray, " nodes"]) -> Int[np.ndarray, " nodes"]:
    """Each node points to the one before it in `order`, the first one to itself."""
    pointers = np.arange(len(order))
    pointers[order[1:]] = order[:-1]
    return pointers


def _graph_inputs(graph: Float[np.ndarray, "nodes nodes"], source: int) -> dict[str, np.ndarray]:
    nodes = len(graph)
    adjacent = ((graph + np.eye(nodes)) != 0).astype(float)
    return {"pos": positions(nodes), "s": one_hot(source, nodes), "A": graph.copy(), "adj": adjacent}


def bfs(graph: Float[np.ndarray, "nodes nodes"], source: int) -> Run:
    """Breadth-first search (Moore 1959): the parent of each node that can be reached, itself for others."""
    record, nodes = Recorder(), len(graph)
    reached, parent = one_hot(source, nodes), np.arange(nodes)
    while True:
        before = reached.copy()
        record.push(reach_h=before, pi_h=parent)
        for u in np.flatnonzero(before):
            for v in np.flatnonzero(graph[u] > 0):
                if parent[v] == v and v != source:
                    parent[v] = u
                reached[v] = 1
        if (reached == before).all():
            return record.run(_graph_inputs(graph, source), pi=parent)


def bellman_ford(graph: Float[np.ndarray, "nodes nodes"], source: int) -> Run:
    """Shortest paths from `source` (Bellman 1958)."""
    record, nodes = Recorder(), len(graph)
    distance, parent, known = np.zeros(nodes), np.arange(nodes), one_hot(source, nodes)
    while True:
        old, old_known = distance.copy(), known.copy()
        record.push(pi_h=parent, d=old, msk=old_known)
        for u in np.flatnonzero(old_known):
            for v in np.flatnonzero(graph[u]):
                if known[v] == 0 or old[u] + graph[u, v] < distance[v]:
                    distance[v], parent[v] = old[u] + graph[u, v], u
                known[v] = 1
        if (distance == old).all():
            return record.run(_graph_inputs(graph, source), pi=parent)


def dijkstra(graph: Float[np.ndarray, "nodes nodes"], source: int) -> Run:
    """Shortest paths from `source` (Dijkstra 1959)."""
    record, nodes = Recorder(), len(graph)
    distance, parent = np.zeros(nodes), np.arange(nodes)
    done, queued, u = np.zeros(nodes), one_hot(source, nodes), source
    record.push(pi_h=parent, d=distance, mark=done, in_queue=queued, u=one_hot(u, nodes))
    for _ in range(nodes):
        u = int(np.argsort(distance + (1.0 - queued) * 1e9)[0])
        if queued[u] == 0:
            break
        done[u], queued[u] = 1, 0
        for v in np.flatnonzero(graph[u]):
            if done[v] == 0 and (queued[v] == 0 or distance[u] + graph[u, v] < distance[v]):
                parent[v], distance[v], queued[v] = u, distance[u] + graph[u, v], 1
        record.push(pi_h=parent, d=distance, mark=done, in_queue=queued, u=one_hot(u, nodes))
    return record.run(_graph_inputs(graph, source), pi=parent)


def minimum(keys: Float[np.ndarray, " nodes"]) -> Run:
    """The place of the smallest element."""
    record, nodes, best = Recorder(), len(keys), 0
    order = chain(np.arange(nodes))
    for i in range(nodes):
        if keys[i] < keys[best]:
            best = i
        record.push(pred_h=order, min_h=one_hot(best, nodes), i=one_hot(i, nodes))
    return record.run({"pos": positions(nodes), "key": keys.copy()}, min=one_hot(best, nodes))


def insertion_sort(keys: Float[np.ndarray, " nodes"]) -> Run:
    """The sorted order of `keys`, as pointers to predecessors."""
    record, nodes = Recorder(), len(keys)
    order = np.arange(nodes)
    record.push(pred_h=chain(order), i=one_hot(0, nodes), j=one_hot(0, nodes))
    for j in range(1, nodes):
        place = j
        while place > 0 and keys[order[place - 1]] > keys[j]:
            place -= 1
        stood = order[place]
        order[place + 1 : j + 1], order[place] = order[place:j].copy(), j
        record.push(pred_h=chain(order), i=one_hot(stood, nodes), j=one_hot(j, nodes))
    return record.run({"pos": positions(nodes), "key": keys.copy()}, pred=chain(order))
