"""Classical data-flow analyses on program graphs, as questions: given one marked vertex, which vertices are meant?

Cummins et al., "ProGraML" (2020, ICML 2021, section 5: deep data flow, DDF). Labels are exact and reflexive: the marked
vertex counts. An answer also says how many sweeps the classical solver needs when all vertices are updated at once,
which is how far information has to travel: a network with fewer steps cannot know the answer.

    reachability        an instruction: it, and all that control can reach from it
    dominance           an instruction: it, and all instructions of its function that control reaches only through it
    data dependencies   a variable: the instructions that its value is computed by, over any number of values
    liveness            an instruction: the values that are read later without being written first (its live-out set)
    subexpressions      an instruction: all with the same opcode and the same operands

The published solver of dominance starts its sets without the vertex itself, and so misses what lies behind a back edge;
its solver of liveness starts from the exits, and finds nothing in a function that never ends. Not so here. Kept as
published: live sets contain constants (which nothing ever kills; `constants=False` leaves them out), and subexpressions
compare opcodes only, in the whole module, without regard to memory, predicates, or who is called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from phloem.represent.program_graph import Edge, ProgramGraph, Vertex

COMMUTATIVE = frozenset({"add", "fadd", "mul", "fmul", "and", "or", "xor"})


class Answer(NamedTuple):
    positive: Bool[np.ndarray, " vertices"]
    steps: int  # sweeps of the classical solver


Successors = Sequence[Sequence[int]]


def adjacency(graph: ProgramGraph, kind: Edge, *, backward: bool = False) -> list[list[int]]:
    """For every vertex those that its edges of a kind lead to, or come from."""
    following: list[list[int]] = [[] for _ in graph.keys]
    for source, target, _ in graph.edges(kind).tolist():
        if backward:
            source, target = target, source
        following[source].append(target)
    return following


def spread(following: Successors, root: int) -> tuple[Bool[np.ndarray, " vertices"], int]:
    """All that can be reached from the root, the root too, and the number of edges to the farthest."""
    seen = np.zeros(len(following), bool)
    seen[root] = True
    level, depth = [root], 0
    while True:
        nexts = {to for vertex in level for to in following[vertex] if not seen[to]}
        if not nexts:
            return seen, depth
        level, depth = sorted(nexts), depth + 1
        seen[level] = True


def reachability(graph: ProgramGraph, root: int) -> Answer:
    """The root and everything that is reachable from it over control edges."""
    return Answer(*spread(adjacency(graph, Edge.CONTROL), root))


def data_dependencies(graph: ProgramGraph, root: int) -> Answer:
    """The instructions that are met when data edges are walked backwards from a variable."""
    seen, depth = spread(adjacency(graph, Edge.DATA, backward=True), root)
    return Answer(seen & (graph.kind == Vertex.INSTRUCTION), depth)


def members(graph: ProgramGraph, root: int) -> list[int]:
    """The instructions of the root's function, its entry first."""
    inside = (graph.function == graph.function[root]) & (graph.kind == Vertex.INSTRUCTION)
    return np.flatnonzero(inside).tolist() if graph.function[root] >= 0 else [root]


def dominators(entry: int, vertices: Sequence[int], before: Successors) -> tuple[dict[int, int], int]:
    """For each vertex the set of its dominators, as the bits of a number, by vertex; and the sweeps needed.

    dom(entry) = {entry};  dom(v) = {v} with the intersection of dom(p) over predecessors p; the greatest solution,
    from full sets, all vertices updated at once. A vertex out of the entry's reach keeps all vertices.
    """
    full = sum(1 << vertex for vertex in vertices)
    sets = dict.fromkeys(vertices, full)
    sets[entry] = 1 << entry
    sweeps = 0
    while True:
        new = dict(sets)
        for vertex in vertices:
            if vertex != entry:
                common = full
                for earlier in before[vertex]:
                    common &= sets[earlier]
                new[vertex] = common | 1 << vertex
        if new == sets:
            return sets, sweeps
        sets, sweeps = new, sweeps + 1


def dominance(graph: ProgramGraph, root: int) -> Answer:
    """The root and the instructions of its function that it dominates; nothing where no path from the entry leads."""
    inside = members(graph, root)
    before = adjacency(graph, Edge.CONTROL, backward=True)
    sets, sweeps = dominators(inside[0], inside, before)
    reached, _ = spread(adjacency(graph, Edge.CONTROL), inside[0])
    positive = np.zeros(len(graph.keys), bool)
    positive[[vertex for vertex in inside if reached[vertex] and sets[vertex] >> root & 1]] = True
    return Answer(positive, sweeps)


class Liveness(NamedTuple):
    """Live-in and live-out of every instruction of a function, as the bits of a number, by vertex."""

    entering: dict[int, int]
    leaving: dict[int, int]
    sweeps: int


def live_sets(vertices: Sequence[int], after: Successors, reads: Successors, writes: Successors) -> Liveness:
    """live-in(n) = reads(n) + (live-out(n) - writes(n)), live-out(n) = union of live-in over successors.

    The least solution, from empty sets, all instructions updated at once.
    """
    used = {vertex: _bits(reads[vertex]) for vertex in vertices}
    killed = {vertex: _bits(writes[vertex]) for vertex in vertices}
    entering, leaving, sweeps = dict.fromkeys(vertices, 0), dict.fromkeys(vertices, 0), 0
    while True:
        new_leaving = dict.fromkeys(vertices, 0)
        for vertex in vertices:
            for later in after[vertex]:
                new_leaving[vertex] |= entering[later]
        new_entering = {vertex: used[vertex] | new_leaving[vertex] & ~killed[vertex] for vertex in vertices}
        if (new_entering, new_leaving) == (entering, leaving):
            return Liveness(entering, leaving, sweeps)
        entering, leaving, sweeps = new_entering, new_leaving, sweeps + 1


def _bits(members: Iterable[int]) -> int:
    total = 0
    for member in members:
        total |= 1 << member
    return total


def function_liveness(graph: ProgramGraph, root: int) -> Liveness:
    """The live sets of the root's function."""
    reads, writes = adjacency(graph, Edge.DATA, backward=True), adjacency(graph, Edge.DATA)
    return live_sets(members(graph, root), adjacency(graph, Edge.CONTROL), reads, writes)


def liveness(graph: ProgramGraph, root: int, *, constants: bool = True) -> Answer:
    """The live-out set of an instruction."""
    found = function_liveness(graph, root)
    positive = np.array([bool(found.leaving[root] >> vertex & 1) for vertex in range(len(graph.keys))])
    if not constants:
        positive &= graph.kind != Vertex.CONSTANT
    return Answer(positive, found.sweeps)


def expressions(graph: ProgramGraph) -> dict[tuple[str, tuple[int, ...]], list[int]]:
    """Instructions by opcode and operands; the operands of COMMUTATIVE opcodes sorted by vertex."""
    operands: dict[int, list[tuple[int, int]]] = defaultdict(list)
    instruction = (graph.kind == Vertex.INSTRUCTION).tolist()
    for source, target, position in graph.edges(Edge.DATA).tolist():
        if instruction[target]:
            operands[target].append((position, source))
    classes: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for vertex in sorted(operands):
        key, sources = graph.keys[vertex], [source for _, source in sorted(operands[vertex])]
        classes[key, tuple(sorted(sources) if key in COMMUTATIVE else sources)].append(vertex)
    return classes


def subexpressions(graph: ProgramGraph, root: int) -> Answer:
    """The instructions that compute what the root computes; two edges lie between any two of them."""
    positive = np.zeros(len(graph.keys), bool)
    for same in expressions(graph).values():
        if root in same:
            positive[same] = True
    return Answer(positive, 2)


def _instruction_roots(graph: ProgramGraph) -> list[int]:
    return graph.instructions().tolist()


def _dominance_roots(graph: ProgramGraph) -> list[int]:
    """Instructions that control can reach."""
    following = adjacency(graph, Edge.CONTROL)
    entries = {members(graph, root)[0] for root in _instruction_roots(graph)}
    reached = [spread(following, entry)[0] for entry in sorted(entries)]
    return [root for root in _instruction_roots(graph) if any(seen[root] for seen in reached)]


def _variable_roots(graph: ProgramGraph) -> list[int]:
    return np.flatnonzero(graph.kind == Vertex.VARIABLE).tolist()


def _liveness_roots(graph: ProgramGraph) -> list[int]:
    """Instructions with a non-empty live-out set."""
    roots = _instruction_roots(graph)
    firsts = {int(graph.function[root]): root for root in reversed(roots)}
    leaving = {number: function_liveness(graph, root).leaving for number, root in firsts.items()}
    return [root for root in roots if leaving[int(graph.function[root])][root]]


def _subexpression_roots(graph: ProgramGraph) -> list[int]:
    """Instructions that have a twin."""
    return sorted(vertex for same in expressions(graph).values() if len(same) > 1 for vertex in same)


class Analysis(NamedTuple):
    solve: Callable[[ProgramGraph, int], Answer]
    roots: Callable[[ProgramGraph], list[int]]  # what may be marked


ANALYSES: dict[str, Analysis] = {
    "reachability": Analysis(reachability, _instruction_roots),
    "dominance": Analysis(dominance, _dominance_roots),
    "data dependencies": Analysis(data_dependencies, _variable_roots),
    "liveness": Analysis(liveness, _liveness_roots),
    "subexpressions": Analysis(subexpressions, _subexpression_roots),
}


class Question(NamedTuple):
    """A marked vertex of the graph with this number, and the answer."""

    graph: int
    root: int
    answer: Answer


def questions(
    graphs: Sequence[ProgramGraph],
    analysis: str,
    *,
    most_roots: int,
    steps: tuple[int, int],
    rng: np.random.Generator,
) -> list[Question]:
    """Up to `most_roots` random roots of each graph whose solver needs from `steps[0]` to `steps[1]` sweeps."""
    chosen, found = ANALYSES[analysis], []
    for number, graph in enumerate(graphs):
        kept = 0
        roots = chosen.roots(graph)
        for place in rng.permutation(len(roots)).tolist():
            answer = chosen.solve(graph, roots[place])
            if steps[0] <= answer.steps <= steps[1]:
                found.append(Question(number, roots[place], answer))
                kept += 1
            if kept == most_roots:
                break
    return found
