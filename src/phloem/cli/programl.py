"""`phloem programl`: the program graph of a C file or of LLVM IR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phloem.assist.sources import MAX_FILE_SIZE
from phloem.cli.options import MaxFileSize, size_in_bytes
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.represent.program_graph import ProgramGraph


def programl(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="C (.c) or textual LLVM IR (.ll).")],
    form: Annotated[
        Literal["text", "json", "dot"],
        typer.Option("--format", help="Counts; node-link JSON, as networkx reads it; or Graphviz's text."),
    ] = "text",
    max_file_size: MaxFileSize = None,
) -> None:
    """Print a program's graph: instructions, variables and constants, with control, data and call edges.

    C is compiled without optimisation by the clang of the package ziglang; nothing is run.

    [bold]Examples[/bold]

    phloem programl sort.c

    phloem programl sort.c --format dot | dot -Tsvg > sort.svg

    phloem programl module.ll --format json > graph.json
    """
    from phloem.represent.llvm_module import read_module
    from phloem.represent.program_graph import program_graph, to_dot, to_json

    graph = program_graph(read_module(_ir(file, size_in_bytes(max_file_size) or MAX_FILE_SIZE)))
    if form == "json":
        typer.echo(json.dumps(to_json(graph), ensure_ascii=False))
    else:
        typer.echo(to_dot(graph) if form == "dot" else _summary(graph), nl=False)


def _ir(file: Path, most: int) -> str:
    """The textual IR of a file."""
    from phloem.corpora.llvm_ir import compile_c

    if file.suffix not in (".c", ".ll"):
        raise PhloemError(f"{file}: give C (.c) or textual LLVM IR (.ll)")
    try:
        if file.stat().st_size > most:
            raise PhloemError(f"{file} is larger than the largest file size")
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise PhloemError(f"{file} cannot be read: {error.strerror}") from error
    if file.suffix == ".ll":
        return text
    return compile_c(text, ("-I", str(file.resolve().parent)))


def _summary(graph: ProgramGraph) -> str:
    """Counts of the whole, and a line a function."""
    from phloem.represent.program_graph import UNDEFINED, Edge, Vertex

    vertices = {kind.name.lower(): int((graph.kind == kind).sum()) for kind in Vertex}
    edges = {kind.name.lower(): int((graph.edge_kind == kind).sum()) for kind in Edge}
    lines = [
        "vertices " + ", ".join(f"{count} {name}" for name, count in vertices.items()),
        "edges    " + ", ".join(f"{count} {name}" for name, count in edges.items()),
    ]
    undefined = {int(number) for number, key in zip(graph.function, graph.keys, strict=True) if key == UNDEFINED}
    for number, name in enumerate(graph.names):
        own = graph.function == number
        if number in undefined:
            lines.append(f"  {name}: not defined here")
            continue
        instructions = int((own & (graph.kind == Vertex.INSTRUCTION)).sum())
        lines.append(f"  {name}: {instructions} instructions, {int(own.sum()) - instructions} variables")
    return "\n".join(lines) + "\n"
