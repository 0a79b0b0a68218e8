"""`phloem dataflow`: where the values in a function come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from phloem.assist.places import place
from phloem.assist.sources import MAX_FILE_SIZE, Skipped, read_sources
from phloem.cli.options import LanguageName, MaxFileSize, size_in_bytes
from phloem.errors import PhloemError


def dataflow(
    where: Annotated[
        str, typer.Argument(metavar="FILE[:NAME[:LINE]]", help="A file, or a function of it; Python, Java or C.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print nodes and edges as JSON.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph for Graphviz.")] = False,
    released: Annotated[
        bool,
        typer.Option("--released", help="The edges that models are trained on: those of GraphCodeBERT's extractor."),
    ] = False,
    language: LanguageName = None,
    max_file_size: MaxFileSize = None,
) -> None:
    """Say of each value where it comes from: the assignments that may have made it, on which lines.

    Branches, loops, handlers and cases count: a value that may come from several places shows them all.

    `=` is followed by what an assignment makes a value of, `<-` by where a value that is read was set.

    [bold]Examples[/bold]

    phloem dataflow lib.py:read

    phloem dataflow src/Main.java:run:120

    phloem dataflow driver.c:probe --dot | dot -Tsvg > probe.svg
    """
    from phloem.assist import data_flow

    if as_json and dot:
        raise PhloemError("--json and --dot are two ways to print: take one")
    file, name, line = (Path(where), "", None) if Path(where).is_file() else _place(where)
    skipped = Skipped()
    size = size_in_bytes(max_file_size) or MAX_FILE_SIZE
    found = next(read_sources([file], language=language, max_file_size=size, skipped=skipped), None)
    if found is None:
        raise PhloemError(f"{file}: {skipped.files[0][1]}" if skipped.files else f"{file} cannot be read")
    flow = data_flow.data_flow_of(found, name, line, released=released)
    if as_json:
        typer.echo(json.dumps(data_flow.as_json(flow), indent=2, ensure_ascii=False))
    else:
        typer.echo(data_flow.as_dot(flow) if dot else data_flow.as_text(flow))


def _place(where: str) -> tuple[Path, str, int | None]:
    """What FILE:NAME and FILE:NAME:LINE mean. Raises PhloemError where the file is not there."""
    if ":" not in where:
        path = Path(where)
        raise PhloemError(f"{path}: a folder; name one file" if path.is_dir() else f"{path}: no such file")
    found = place(where)
    if not found.file.is_file():
        raise PhloemError(f"{found.file}: no such file")
    return found.file, found.name, found.line
