"""`phloem summarize`: first sentences of documentation, printed or written into the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.assist.reports import percent
from phloem.assist.settings import read_settings
from phloem.assist.sources import Skipped, SourceFile
from phloem.cli.options import (
    Beam,
    Exclude,
    LanguageName,
    MaxFileSize,
    ModelName,
    Paths,
    Verbose,
    progress,
    remark,
    remark_on,
    size_in_bytes,
    sources_of,
)
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.assist.summaries import Summary

    Found = list[tuple[SourceFile, list[Summary]]]


def summarize(
    paths: Paths,
    write: Annotated[bool, typer.Option("--write", help="Insert them where there is no documentation.")] = False,
    all_functions: Annotated[bool, typer.Option("--all", help="Documented functions too (never written).")] = False,
    least: Annotated[
        float | None,
        typer.Option(
            "--min-probability",
            metavar="P",
            help="Leave out sentences of which the model expects a smaller share of the words to be right "
            "(default: the model's own, where half of them are; 0 shows all).",
        ),
    ] = None,
    format: Annotated[str | None, typer.Option("--format", metavar="text|json", help="How to print.")] = None,
    model: ModelName = None,
    beam: Beam = None,
    language: LanguageName = None,
    exclude: Exclude = None,
    max_file_size: MaxFileSize = None,
    verbose: Verbose = False,
) -> None:
    """Suggest a first sentence of documentation for every function that has none.

    With --write it is inserted as a docstring (Python) or Javadoc comment (Java). Formatting is kept; the new source is
    parsed again before the file is replaced, and where it would not be the same program the file is left as it is.

    [bold]Examples[/bold]

    phloem summarize lib.py

    phloem summarize src/ --write --min-probability 0.6
    """
    if format not in (None, "text", "json"):
        raise PhloemError(f"--format: {format!r} is not text or json")
    if write and paths == ["-"]:
        raise PhloemError("--write needs files, not stdin")
    settings = read_settings().given(
        model=None,  # the settings' model is for names
        beam=beam,
        exclude=tuple(exclude or ()),
        max_file_size=size_in_bytes(max_file_size),
    )
    from phloem.assist.models import Models
    from phloem.assist.summaries import summaries_of

    skipped = Skipped()
    models = Models("summaries", model)
    files = sources_of(paths, language, settings, skipped)
    found: Found = []
    silent = 0
    with progress() as display:
        task = display.add_task("summarizing functions", total=None)
        for file, predictions in models.predict_files(files, beam=settings.beam):
            model_for = models.for_language(file.language)
            limit = least if least is not None else model_for.ranking.least if model_for else 0.0
            shown = summaries_of(predictions, least=limit, documented=all_functions)
            silent += len(summaries_of(predictions, documented=all_functions)) - len(shown)
            found.append((file, shown))
            display.advance(task, len(predictions))
    if write:
        _write(found, skipped)
    else:
        if report := _json(found) if format == "json" else _text(found):
            typer.echo(report)
    if silent:
        remark(
            f"{silent} functions left out, too little of their sentences would be right: --min-probability 0 shows all"
        )
    remark_on(models, skipped, verbose)
    if verbose:
        functions = sum(len(summaries) for _, summaries in found)
        remark(f"models loaded in {models.load_seconds:.2f} s; {functions} summaries in {models.seconds:.2f} s")


def _write(found: Found, skipped: Skipped) -> None:
    from phloem.assist.summaries import write_summaries

    for file, summaries in found:
        count, problem = write_summaries(Path(file.path), file, summaries)
        if problem:
            skipped.add(file.path, problem)
        if count:
            typer.echo(f"{file.path}: {count} written")


def _text(found: Found) -> str:
    lines: list[str] = []
    for file, summaries in found:
        if summaries:
            lines += [""] * bool(lines) + [file.path]
        for each in summaries:
            lines.append(f"{each.line:6}  {each.name}: {each.text} ({percent(each.probability)})")
    return "\n".join(lines)


def _json(found: Found) -> str:
    rows = [
        {"path": file.path, "line": each.line, "name": each.name, "summary": each.text, "probability": each.probability}
        for file, summaries in found
        for each in summaries
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)
