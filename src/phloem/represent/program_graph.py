"""Program graphs: instructions, variables and constants, with the control, data and call edges between them.

Cummins, Fisches, Ben-Nun, Hoefler, O'Boyle, Leather, "ProGraML: Graph-based Deep Learning for Program Optimization and
Analysis" (2020, ICML 2021, section 3), over LLVM IR:

    control   instruction -> successor, position = which successor; never from one function into another
    data      variable or constant -> instruction that reads it, position = which operand;
              instruction -> variable that it defines, position 0
    call      call -> first instruction of the function, each return -> call, position 0

Vertex 0 stands for everything outside. A variable is an SSA value or an argument, used or not; a constant is one vertex
for all its users in the module; an unknown function is one instruction that is entry and exit at once. What a model
reads of a vertex is its key: the opcode of an instruction, the TYPE of a variable or constant.

The paper and its published builder (program_graph_builder.cc) differ, and each choice here has a name:
  * the outside calls EVERY function and hears from all of its exits (builder), not only the visible ones (paper);
  * successors carry their number (paper; the builder writes 0 for all);
  * one variable a value (paper; the builder makes a new one for each use);
  * the callee of a direct call is no operand, since the call edge says it (builder); the address of a function that is
    used as data is a constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from phloem.represent.llvm_module import Function, Instruction, Module


class Vertex(IntEnum):
    INSTRUCTION = 0
    VARIABLE = 1
    CONSTANT = 2


class Edge(IntEnum):
    CONTROL = 0
    DATA = 1
    CALL = 2


ROOT = "[external]"
UNDEFINED = "; undefined function"


class ProgramGraph(NamedTuple):
    """A module. Edges are in no order that matters."""

    kind: UInt8[np.ndarray, " vertices"]  # of Vertex; the root is an instruction
    function: Int32[np.ndarray, " vertices"]  # -1 for the root and for constants
    keys: tuple[str, ...]
    texts: tuple[str, ...]  # the whole statement, the name of a variable, a constant's text
    edge_kind: UInt8[np.ndarray, " edges"]  # of Edge
    source: Int32[np.ndarray, " edges"]
    target: Int32[np.ndarray, " edges"]
    position: Int32[np.ndarray, " edges"]
    names: tuple[str, ...]  # of functions

    def edges(self, kind: Edge) -> Int32[np.ndarray, "edges 3"]:
        """Source, target and position of the edges of a kind."""
        chosen = self.edge_kind == kind
        return np.stack([self.source[chosen], self.target[chosen], self.position[chosen]], axis=1)

    def instructions(self) -> Int32[np.ndarray, " instructions"]:
        """The vertices that are instructions of a function with a body."""
        inside = np.array([key not in (ROOT, UNDEFINED) for key in self.keys])
        return np.flatnonzero((self.kind == Vertex.INSTRUCTION) & inside).astype(np.int32)


def program_graph(module: Module) -> ProgramGraph:
    """The graph of a module: the root, each function's instructions, arguments and values, then the constants."""
    return _Builder(module).build()


class _Builder:
    """Vertices and edges as they are met."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.vertices: list[tuple[int, int, str, str]] = [(Vertex.INSTRUCTION, -1, ROOT, "")]
        self.links: list[tuple[int, int, int, int]] = []
        self.constants: dict[int | str, int] = {}
        self.entries: list[int] = []
        self.exits: list[list[int]] = []
        self.calls: list[tuple[int, int]] = []

    def build(self) -> ProgramGraph:
        for number, function in enumerate(self.module.functions):
            self.add_function(number, function)
        for function_number in range(len(self.module.functions)):
            self.call(0, function_number)
        for site, callee in self.calls:
            self.call(site, callee)
        kinds, functions, keys, texts = zip(*self.vertices, strict=True)
        edges = np.array(self.links, np.int32).reshape(-1, 4)
        return ProgramGraph(
            np.array(kinds, np.uint8),
            np.array(functions, np.int32),
            keys,
            texts,
            edges[:, 0].astype(np.uint8),
            edges[:, 1],
            edges[:, 2],
            edges[:, 3],
            tuple(function.name for function in self.module.functions),
        )

    def vertex(self, kind: Vertex, function: int, key: str, text: str) -> int:
        self.vertices.append((kind, function, key, text))
        return len(self.vertices) - 1

    def call(self, site: int, callee: int) -> None:
        self.links.append((Edge.CALL, site, self.entries[callee], 0))
        self.links.extend((Edge.CALL, leave, site, 0) for leave in self.exits[callee])

    def add_function(self, number: int, function: Function) -> None:
        if function.is_declaration:
            only = self.vertex(Vertex.INSTRUCTION, number, UNDEFINED, function.name)
            self.entries.append(only)
            self.exits.append([only])
            return
        first = len(self.vertices)
        for each in function.instructions:
            self.vertex(Vertex.INSTRUCTION, number, each.opcode, each.text)
        successors = function.successors
        for place, following in enumerate(successors):
            self.links.extend((Edge.CONTROL, first + place, first + to, at) for at, to in enumerate(following))
        self.entries.append(first)
        self.exits.append([first + place for place, following in enumerate(successors) if not following])
        arguments = [
            self.vertex(Vertex.VARIABLE, number, kind, f"argument {place}")
            for place, kind in enumerate(function.arguments)
        ]
        defined = {}
        for place, each in enumerate(function.instructions):
            if each.type != "void":
                defined[place] = self.vertex(Vertex.VARIABLE, number, each.type, each.text.partition(" = ")[0])
                self.links.append((Edge.DATA, first + place, defined[place], 0))
        for place, each in enumerate(function.instructions):
            self.add_uses(first + place, each, arguments, defined)

    def add_uses(self, vertex: int, instruction: Instruction, arguments: list[int], defined: dict[int, int]) -> None:
        if instruction.callee >= 0:
            self.calls.append((vertex, instruction.callee))
        last = len(instruction.operands) - 1
        for position, operand in enumerate(instruction.operands):
            if operand.kind == "instruction":
                source = defined[operand.number]
            elif operand.kind == "argument":
                source = arguments[operand.number]
            elif operand.kind == "constant":
                source = self.constant(operand.number, *self.module.constants[operand.number])
            elif operand.kind == "function" and not (instruction.callee >= 0 and position == last):
                name = self.module.functions[operand.number].name
                source = self.constant(f"@{name}", "ptr", f"@{name}")
            else:
                continue
            self.links.append((Edge.DATA, source, vertex, position))

    def constant(self, identity: int | str, kind: str, text: str) -> int:
        if identity not in self.constants:
            self.constants[identity] = self.vertex(Vertex.CONSTANT, -1, kind, text)
        return self.constants[identity]


def to_json(graph: ProgramGraph) -> dict[str, Any]:
    """Node-link data, as networkx.node_link_graph reads it."""
    nodes = [
        {
            "id": number,
            "type": Vertex(int(graph.kind[number])).name.lower(),
            "key": graph.keys[number],
            "text": graph.texts[number],
            "function": None if graph.function[number] < 0 else graph.names[graph.function[number]],
        }
        for number in range(len(graph.keys))
    ]
    links = [
        {"source": source, "target": target, "flow": Edge(kind).name.lower(), "position": position}
        for source, target, kind, position in _edges(graph)
    ]
    return {
        "directed": True,
        "multigraph": True,
        "graph": {"functions": list(graph.names)},
        "nodes": nodes,
        "links": links,
    }


def _edges(graph: ProgramGraph) -> Iterator[tuple[int, int, int, int]]:
    columns = (graph.source, graph.target, graph.edge_kind, graph.position)
    return zip(*(column.tolist() for column in columns), strict=True)


SHAPES = {Vertex.INSTRUCTION: "box", Vertex.VARIABLE: "ellipse", Vertex.CONSTANT: "diamond"}
COLOURS = {Edge.CONTROL: "#3c5a99", Edge.DATA: "#b04030", Edge.CALL: "#3a8a4d"}


def to_dot(graph: ProgramGraph) -> str:
    """Graphviz's text: a cluster a function, colours by flow, positions at the edges of branches and operands."""
    lines = ["digraph program {", "  node [fontname=monospace fontsize=10];"]
    for number, name in enumerate([None, *graph.names], start=-1):
        inside = [f"  {_dot_vertex(graph, vertex)}" for vertex in np.flatnonzero(graph.function == number).tolist()]
        if name is not None:
            inside = [f"  subgraph cluster_{number} {{", f"    label={_quoted(name)};", *inside, "  }"]
        lines += inside
    for source, target, kind, position in _edges(graph):
        colour = COLOURS[Edge(kind)]
        lines.append(f'  v{source} -> v{target} [color="{colour}" label="{position or ""}"];')
    return "\n".join([*lines, "}"]) + "\n"


def _dot_vertex(graph: ProgramGraph, vertex: int) -> str:
    kind = Vertex(int(graph.kind[vertex]))
    label = graph.texts[vertex] if kind != Vertex.VARIABLE else f"{graph.texts[vertex]}: {graph.keys[vertex]}"
    return f"  v{vertex} [shape={SHAPES[kind]} label={_quoted(label or graph.keys[vertex])}];"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
