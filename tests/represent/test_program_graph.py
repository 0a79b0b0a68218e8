"""Program graphs of LLVM IR (Cummins et al. 2020) against a count by hand."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from phloem.represent.llvm_module import read_module
from phloem.represent.program_graph import ROOT, UNDEFINED, Edge, ProgramGraph, Vertex, program_graph, to_dot, to_json
from phloem.represent.program_graph_view import UNKNOWN, KeyVocabulary, collate_graphs

FUNCTION = """
define i32 @f(i32 %n, i32 %x) {
entry:
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %next ]
  %c = icmp slt i32 %i, %n
  br i1 %c, label %body, label %done
body:
  %d = icmp eq i32 %i, %x
  br i1 %d, label %then, label %next
then:
  %r = call i32 @g(i32 %i, i32 1)
  br label %next
next:
  %j = add i32 %i, 1
  br label %loop
done:
  %s = sub i32 %n, %x
  ret i32 %s
}
declare i32 @g(i32, i32)
"""


@pytest.fixture(scope="module")
def graph() -> ProgramGraph:
    return program_graph(read_module(FUNCTION))


@pytest.mark.row("S111", 1)
def test_vertices_are_those_counted_by_hand(graph: ProgramGraph) -> None:
    assert Counter(graph.kind.tolist()) == {Vertex.INSTRUCTION: 1 + 12 + 1, Vertex.VARIABLE: 2 + 6, Vertex.CONSTANT: 2}
    instructions = [key for key, kind in zip(graph.keys, graph.kind, strict=True) if kind == Vertex.INSTRUCTION]
    assert Counter(instructions) == {
        **{ROOT: 1, UNDEFINED: 1, "br": 5, "phi": 1, "icmp": 2},
        **{"call": 1, "add": 1, "sub": 1, "ret": 1},
    }
    variables = [key for key, kind in zip(graph.keys, graph.kind, strict=True) if kind == Vertex.VARIABLE]
    assert Counter(variables) == {"i32": 6, "i1": 2}


@pytest.mark.row("S111", 1)
def test_edges_are_those_counted_by_hand(graph: ProgramGraph) -> None:
    found = Counter(zip(graph.edge_kind.tolist(), graph.position.tolist(), strict=True))
    assert found == {
        (Edge.CONTROL, 0): 11,
        (Edge.CONTROL, 1): 2,
        (Edge.DATA, 0): 6 + 9,  # definitions and first operands
        (Edge.DATA, 1): 6,
        (Edge.CALL, 0): 6,
    }


@pytest.mark.row("S111", 1)
def test_every_value_operand_has_its_edge_and_blocks_have_none() -> None:
    module = read_module(FUNCTION)
    graph = program_graph(module)
    uses = {(target, at): source for source, target, at in graph.edges(Edge.DATA).tolist() if graph.kind[target] == 0}
    expected = set()
    for number, instruction in enumerate(module.functions[0].instructions):
        for position, operand in enumerate(instruction.operands):
            if operand.kind in ("instruction", "argument", "constant"):
                expected.add((1 + number, position))
                assert graph.keys[uses[1 + number, position]] == operand.type
    assert set(uses) == expected
    one = {source for (target, at), source in uses.items() if at == 1 and graph.keys[target] in ("call", "add")}
    assert len(one) == 1
    assert graph.texts[one.pop()] == "i32 1"


def test_true_comes_before_false(graph: ProgramGraph) -> None:
    places = {text: number for number, text in enumerate(graph.texts)}
    branch = places["br i1 %c, label %body, label %done"]
    after = {position: target for source, target, position in graph.edges(Edge.CONTROL).tolist() if source == branch}
    assert graph.texts[after[0]].startswith("%d =")
    assert graph.texts[after[1]].startswith("%s =")


def test_the_address_of_a_function_that_is_passed_on_is_a_constant() -> None:
    graph = program_graph(
        read_module("declare void @run(ptr)\ndefine void @f() {\n  call void @run(ptr @f)\n  ret void\n}\n")
    )
    constants = [text for text, kind in zip(graph.texts, graph.kind, strict=True) if kind == Vertex.CONSTANT]
    assert constants == ["@f"]


def test_json_and_dot_tell_all(graph: ProgramGraph) -> None:
    told = to_json(graph)
    assert len(told["nodes"]) == len(graph.keys)
    assert len(told["links"]) == len(graph.source)
    assert told["nodes"][1] == {"id": 1, "type": "instruction", "key": "br", "text": "br label %loop", "function": "f"}
    dot = to_dot(graph)
    assert dot.count("->") == len(graph.source)
    assert 'label="f"' in dot


def test_batches_number_vertices_through(graph: ProgramGraph) -> None:
    vocabulary = KeyVocabulary.fit([graph], most=3)
    arrays = vocabulary.arrays(graph)
    assert vocabulary.size == 4
    assert vocabulary.keys[:2] == ["i32", "br"]
    assert (arrays.keys == UNKNOWN).any()
    batch = collate_graphs([arrays, arrays], [3, None])
    count = len(graph.keys)
    assert batch.root.nonzero()[:, 0].tolist() == [3]
    assert batch.graph.tolist() == [0] * count + [1] * count
    half = len(graph.source)
    assert np.array_equal(batch.source[half:].numpy(), batch.source[:half].numpy() + count)
    assert np.array_equal(batch.kind[half:].numpy(), batch.kind[:half].numpy())
