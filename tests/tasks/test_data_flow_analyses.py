"""Data-flow labels against networkx and brute force (Cummins et al. 2020, section 5)."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.represent.program_graph import Edge, ProgramGraph, Vertex
from phloem.tasks.data_flow_analyses import (
    ANALYSES,
    data_dependencies,
    dominance,
    expressions,
    live_sets,
    liveness,
    questions,
    reachability,
    subexpressions,
)

INSTRUCTIONS = 7


def drawn(kinds: list[Vertex], edges: list[tuple[int, int, Edge, int]], keys: list[str] | None = None) -> ProgramGraph:
    """A graph of one function."""
    columns = np.array(edges, np.int32).reshape(-1, 4)
    return ProgramGraph(
        np.array(kinds, np.uint8),
        np.zeros(len(kinds), np.int32),
        tuple(keys or ["op"] * len(kinds)),
        ("",) * len(kinds),
        columns[:, 2].astype(np.uint8),
        columns[:, 0],
        columns[:, 1],
        columns[:, 3],
        ("f",),
    )


def flow(pairs: set[tuple[int, int]], count: int = INSTRUCTIONS) -> ProgramGraph:
    return drawn([Vertex.INSTRUCTION] * count, [(a, b, Edge.CONTROL, 0) for a, b in sorted(pairs)])


def positive(graph: ProgramGraph, root: int, analysis: str) -> set[int]:
    return set(np.flatnonzero(ANALYSES[analysis].solve(graph, root).positive).tolist())


VERTEX = st.integers(0, INSTRUCTIONS - 1)
PAIRS = st.sets(st.tuples(VERTEX, VERTEX), max_size=14)


@pytest.mark.row("S111", 2)
@settings(max_examples=60, deadline=None)
@given(PAIRS, VERTEX)
def test_reachability_is_the_descendants_and_the_root(pairs: set[tuple[int, int]], root: int) -> None:
    graph = nx.DiGraph(sorted(pairs))
    graph.add_nodes_from(range(INSTRUCTIONS))
    answer = reachability(flow(pairs), root)
    assert set(np.flatnonzero(answer.positive)) == nx.descendants(graph, root) | {root}
    distances = nx.single_source_shortest_path_length(graph, root)
    assert answer.steps == max(distances.values())


@pytest.mark.row("S111", 2)
@settings(max_examples=60, deadline=None)
@given(PAIRS, VERTEX)
def test_dominance_is_the_walk_up_the_dominator_tree(pairs: set[tuple[int, int]], root: int) -> None:
    graph = nx.DiGraph(sorted(pairs))
    graph.add_nodes_from(range(INSTRUCTIONS))
    above = dict(nx.immediate_dominators(graph, 0))
    above[0] = 0  # newer versions leave the entry out
    expected = {vertex for vertex in above if root in _walk(vertex, above)}
    assert positive(flow(pairs), root, "dominance") == expected


def _walk(vertex: int, above: dict[int, int]) -> set[int]:
    walk = {vertex}
    while vertex != 0:
        vertex = above[vertex]
        walk.add(vertex)
    return walk


@pytest.mark.row("S111", 2)
def test_dominance_behind_a_back_edge() -> None:
    graph = flow({(0, 1), (1, 2), (2, 1), (1, 3)}, count=4)
    assert positive(graph, 0, "dominance") == {0, 1, 2, 3}
    assert positive(graph, 1, "dominance") == {1, 2, 3}
    assert positive(flow({(0, 1)}, count=3), 2, "dominance") == set()  # nothing leads there


READS = st.lists(st.sets(st.integers(0, 2)), min_size=INSTRUCTIONS, max_size=INSTRUCTIONS)


@pytest.mark.row("S111", 2)
@settings(max_examples=60, deadline=None)
@given(PAIRS, READS, READS)
def test_liveness_is_a_path_to_a_use_without_a_definition(
    pairs: set[tuple[int, int]], reads: list[set[int]], writes: list[set[int]]
) -> None:
    after = [[b for a, b in sorted(pairs) if a == vertex] for vertex in range(INSTRUCTIONS)]
    found = live_sets(range(INSTRUCTIONS), after, [sorted(each) for each in reads], [sorted(each) for each in writes])

    def used_later(vertex: int, value: int) -> bool:
        seen, waiting = set(), list(after[vertex])
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            if value in reads[place]:
                return True
            if value not in writes[place]:
                waiting += after[place]
        return False

    for vertex in range(INSTRUCTIONS):
        leaving = {value for value in range(3) if found.leaving[vertex] >> value & 1}
        assert leaving == {value for value in range(3) if used_later(vertex, value)}
        union = 0
        for later in after[vertex]:
            union |= found.entering[later]
        assert found.leaving[vertex] == union
        entering = reads[vertex] | (leaving - writes[vertex])
        assert found.entering[vertex] == sum(1 << value for value in entering)


def test_liveness_of_an_endless_loop_and_of_constants() -> None:
    kinds = [Vertex.INSTRUCTION, Vertex.INSTRUCTION, Vertex.VARIABLE, Vertex.CONSTANT]
    edges = [(0, 1, Edge.CONTROL, 0), (1, 0, Edge.CONTROL, 0)]
    edges += [(0, 2, Edge.DATA, 0), (2, 1, Edge.DATA, 0), (3, 1, Edge.DATA, 1)]
    graph = drawn(kinds, edges)
    assert positive(graph, 0, "liveness") == {2, 3}
    assert np.flatnonzero(liveness(graph, 0, constants=False).positive).tolist() == [2]
    assert positive(graph, 1, "liveness") == {3}


def test_data_dependencies_walk_up_and_count_instructions_only() -> None:
    kinds = [Vertex.INSTRUCTION, Vertex.INSTRUCTION, Vertex.VARIABLE, Vertex.VARIABLE, Vertex.CONSTANT]
    edges = [(0, 2, Edge.DATA, 0), (2, 1, Edge.DATA, 0), (4, 1, Edge.DATA, 1), (1, 3, Edge.DATA, 0)]
    graph = drawn(kinds, edges)
    answer = data_dependencies(graph, 3)
    assert np.flatnonzero(answer.positive).tolist() == [0, 1]
    assert answer.steps == 3
    assert np.flatnonzero(data_dependencies(graph, 2).positive).tolist() == [0]


@pytest.mark.row("S111", 6)
def test_operands_may_be_swapped_where_the_operation_allows_it() -> None:
    keys = ["add", "add", "sub", "sub", "icmp", "icmp", "call", "call"]
    x, y = len(keys), len(keys) + 1
    edges = []
    for vertex in range(6):
        first, second = (x, y) if vertex % 2 == 0 else (y, x)
        edges += [(first, vertex, Edge.DATA, 0), (second, vertex, Edge.DATA, 1)]
    kinds = [Vertex.INSTRUCTION] * len(keys) + [Vertex.VARIABLE] * 2
    graph = drawn(kinds, edges, [*keys, "i32", "i32"])
    assert positive(graph, 0, "subexpressions") == positive(graph, 1, "subexpressions") == {0, 1}
    for vertex in (2, 3, 4, 5):
        assert positive(graph, vertex, "subexpressions") == {vertex}
    assert not subexpressions(graph, 6).positive.any()  # a call without operands
    assert all(6 not in same and 7 not in same for same in expressions(graph).values())
    assert ANALYSES["subexpressions"].roots(graph) == [0, 1]


def test_questions_keep_to_the_asked_depth() -> None:
    graph = flow({(place, place + 1) for place in range(INSTRUCTIONS - 1)})
    found = questions([graph, graph], "reachability", most_roots=2, steps=(1, 3), rng=np.random.default_rng(0))
    assert len(found) == 4
    assert {question.graph for question in found} == {0, 1}
    assert all(1 <= question.answer.steps <= 3 for question in found)
    assert dominance(graph, 0).positive.all()
