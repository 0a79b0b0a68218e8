"""`phloem explain`: why a name or a summary was suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phloem.assist.findings import replace_file
from phloem.assist.sources import MAX_FILE_SIZE, Skipped, read_sources
from phloem.cli.options import LanguageName, ModelName, remark
from phloem.errors import PhloemError


def explain(
    place: Annotated[str, typer.Argument(metavar="FILE:NAME[:LINE]", help="The function.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="OUT", help="Write a self-contained page.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Explain the summary instead of the name.")] = False,
    model: ModelName = None,
    beam: Annotated[int, typer.Option("--beam", min=1, max=100, help="How many suggestions to search for.")] = 5,
    language: LanguageName = None,
) -> None:
    """Show which paths of the syntax tree each word of a suggestion attended to.

    A path joins two ends in the code through the nodes of the tree between them; its weight is the share of attention
    that it had when the word was written.

    [bold]Examples[/bold]

    phloem explain lib.py:read

    phloem explain src/app.py:handle:120 --html why.html
    """
    from phloem.assist import explanation
    from phloem.assist.models import Models

    where = explanation.place(place)
    skipped = Skipped()
    if not where.file.is_file():
        raise PhloemError(f"{where.file}: no such file")
    file = next(read_sources([where.file], language=language, max_file_size=MAX_FILE_SIZE, skipped=skipped), None)
    if file is None:
        raise PhloemError(f"{where.file}: {skipped.files[0][1]}")
    task = "summaries" if summary else "names"
    models = Models(task, model)
    chosen = models.for_language(file.language)
    if chosen is None:
        raise PhloemError(f"no model for {task} of {file.language}; `phloem train {task}` makes one")
    found = explanation.explain(chosen, file, where.name, where.line, beam)
    typer.echo(explanation.as_text(found))
    if html is not None:
        replace_file(html, explanation.as_html(found).encode())
        remark(f"written to {html}")
