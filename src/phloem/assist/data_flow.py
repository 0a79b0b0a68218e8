"""Where the values in a function come from, for people: the data flow graph with lines and columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from phloem.assist.sources import SourceFile
from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.data_flow_graph import data_flow

LONGEST = 40  # characters of a string that are shown


class Occurrence(NamedTuple):
    """A variable or a literal at a place; line and column count from 1, columns in characters."""

    text: str
    line: int
    column: int
    sources: tuple[int, ...]  # occurrences by number
    computed: bool  # an assignment makes its value of theirs; else it is the value of one of them


class DataFlow(NamedTuple):
    path: str
    name: str  # of the function; "" for the whole file
    line: int
    occurrences: tuple[Occurrence, ...]  # in order of the source


def data_flow_of(file: SourceFile, name: str = "", line: int | None = None, *, released: bool = False) -> DataFlow:
    """The graph of one function, or of a whole file where no name is given.

    `released` gives the edges that models are trained on, in place of the careful reading. Raises PhloemError where no
    function or more than one is meant, and for a language without data flow.
    """
    example = _function(file, name, line) if name else _whole(file)
    graph = data_flow(example, careful=not released)
    nodes = graph.tokens[graph.nodes]
    starts = (example.tree.start[nodes] + example.start).tolist()
    newlines = np.flatnonzero(np.frombuffer(file.source, np.uint8) == ord("\n"))
    sources: list[list[int]] = [[] for _ in starts]
    computed = [False] * len(starts)
    for (reader, source), made in zip(graph.edges.tolist(), graph.computed.tolist(), strict=True):
        sources[reader].append(source)
        computed[reader] |= made
    found = []
    for number, (node, start) in enumerate(zip(nodes.tolist(), starts, strict=True)):
        before = int(np.searchsorted(newlines, start))
        begin = int(newlines[before - 1]) + 1 if before else 0
        column = len(file.source[begin:start].decode("utf-8", "replace")) + 1
        found.append(Occurrence(example.tree.text(node), before + 1, column, tuple(sources[number]), computed[number]))
    return DataFlow(file.path, name, example.line if name else 1, tuple(found))


def _whole(file: SourceFile) -> Example:
    return Example(file.language, file.path, "", "", "", by_name(file.language).parse(file.source), name_node=-1)


def _function(file: SourceFile, name: str, line: int | None) -> Example:
    examples = examples_of(file.source, by_name(file.language), file.path)
    named = [example for example in examples if example.name == name]
    wanted = [
        example
        for example in named
        if line is None or example.line <= line <= example.line + example.tree.source.count(b"\n")
    ]
    if not named:
        there = ", ".join(dict.fromkeys(example.name for example in examples)) or "none"
        raise PhloemError(f"{file.path} has no function {name}; it has {there[:300]}")
    if line is not None and not wanted:
        raise PhloemError(f"{file.path} has no {name} on line {line}; it has it on {_lines(named)}")
    if len(wanted) > 1 and line is None:
        raise PhloemError(f"{file.path} has {name} on lines {_lines(wanted)}: say which as {file.path}:{name}:LINE")
    return wanted[-1]  # the innermost


def _lines(examples: list[Example]) -> str:
    return ", ".join(str(example.line) for example in examples)


def as_text(flow: DataFlow) -> str:
    """A line for each value that comes from somewhere: where it stands, what it is, and its sources with their lines.

    `=` stands before what an assignment makes the value of, `<-` before where a value that is read was set.
    """
    rows = [one for one in flow.occurrences if one.sources]
    if not rows:
        return "no value comes from another"
    width = max(len(_short(one.text)) for one in rows)
    places = [f"{one.line}:{one.column}" for one in rows]
    margin = max(map(len, places))
    lines = []
    for place, one in zip(places, rows, strict=True):
        sources = dict.fromkeys(_source(one, flow.occurrences[source]) for source in one.sources)
        arrow = "= " if one.computed else "<-"
        lines.append(f"{place:>{margin}}  {_short(one.text):{width}} {arrow} {', '.join(sources)}")
    return "\n".join(lines)


def _source(reader: Occurrence, source: Occurrence) -> str:
    """A source with its line, which is left out of what stands beside the value that it makes."""
    beside = reader.computed and source.line == reader.line and source is not reader
    return _short(source.text) + ("" if beside else f" (line {source.line})")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def as_json(flow: DataFlow) -> dict[str, Any]:
    """Nodes in order of the source, and edges from each value to those that it comes from."""
    return {
        "path": flow.path,
        "function": flow.name or None,
        "line": flow.line,
        "nodes": [
            {"id": number, "text": one.text, "line": one.line, "column": one.column}
            for number, one in enumerate(flow.occurrences)
        ],
        "edges": [
            {"to": number, "from": source, "computed": one.computed}
            for number, one in enumerate(flow.occurrences)
            for source in one.sources
        ],
    }


def as_dot(flow: DataFlow) -> str:
    """The graph for Graphviz: arrows go the way of the value."""
    lines = ["digraph dataflow {", '  node [shape=box, fontname="monospace"];']
    for number, one in enumerate(flow.occurrences):
        label = f"{_short(one.text)}\nline {one.line}".replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'  n{number} [label="{label}"];')
    for number, one in enumerate(flow.occurrences):
        style = "" if one.computed else " [style=dashed]"
        lines += [f"  n{source} -> n{number}{style};" for source in one.sources]
    return "\n".join([*lines, "}"])
