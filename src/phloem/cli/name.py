"""`phloem name`: functions whose names disagree with their bodies, and better names."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.assist.changes import changed_lines
from phloem.assist.findings import DEFAULT_BASELINE, Baseline, Finding, findings_of
from phloem.assist.reports import REPORTS
from phloem.assist.settings import Settings, read_settings
from phloem.assist.sources import Skipped, SourceFile, read_sources, source_of_stdin
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
    size_in_bytes,
)
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.assist.models import Models


def name(
    paths: Paths,
    all_functions: Annotated[bool, typer.Option("--all", help="Every function, not only the flagged ones.")] = False,
    format: Annotated[
        str | None, typer.Option("--format", metavar="text|json|sarif|github", help="How to print.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", metavar="flagged|none", help="Exit 1 with findings.")
    ] = None,
    diff: Annotated[str | None, typer.Option("--diff", metavar="REV", help="Only functions changed since REV.")] = None,
    model: ModelName = None,
    beam: Beam = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Flag names less probable a word than this (default: the model's)."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="FILE", help="Do not flag what FILE lists.")
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help=f"Write what is flagged to --baseline (or {DEFAULT_BASELINE}).")
    ] = False,
    language: LanguageName = None,
    exclude: Exclude = None,
    max_file_size: MaxFileSize = None,
    verbose: Verbose = False,
) -> None:
    """List functions whose name disagrees with their body, with better names.

    A name is flagged when the model gives its words a probability under a threshold set for a precision of 0.8.
    Names that are called by their spelling (__init__, setUp, main, tests, overrides) are never flagged. A comment
    `phloem: ignore` on the line of the name silences a finding.

    [bold]Examples[/bold]

    phloem name src/                          what looks wrong in a project

    phloem name --all lib.py                  suggestions for every function

    phloem name --diff main --fail-on flagged src/   in continuous integration

    cat lib.py | phloem name - --language python --format json
    """
    settings = read_settings().given(
        model=model,
        beam=beam,
        format=format,
        fail_on=fail_on,
        threshold=threshold,
        baseline=baseline,
        exclude=tuple(exclude or ()),
        max_file_size=size_in_bytes(max_file_size),
    )
    changed = None if diff is None else changed_lines(diff)
    kept = Baseline.read(settings.baseline) if settings.baseline and not write_baseline else None
    skipped = Skipped()
    files = _files(paths, settings, language, skipped)
    findings, models = _findings(files, settings, changed, suggest_all=all_functions)
    if write_baseline:
        file = settings.baseline or DEFAULT_BASELINE
        remark(f"{Baseline().write(file, findings)} findings written to {file}")
        return
    if kept is not None and settings.baseline:
        findings = kept.silence(findings, settings.baseline)
    flagged = sum(finding.prediction.flagged for finding in findings)
    shown = findings if all_functions else [finding for finding in findings if finding.prediction.flagged]
    report = REPORTS[settings.format](shown)
    if report:
        typer.echo(report)
    _close(models, len(findings), flagged, skipped, settings, verbose)
    if flagged and settings.fail_on == "flagged":
        raise typer.Exit(1)


def _files(paths: list[str], settings: Settings, language: str | None, skipped: Skipped) -> Iterator[SourceFile]:
    if paths == ["-"]:
        if language is None:
            raise PhloemError("- needs --language")
        return iter([source_of_stdin(sys.stdin.buffer, language, settings.max_file_size)])
    return read_sources(
        paths, exclude=settings.exclude, max_file_size=settings.max_file_size, language=language, skipped=skipped
    )


def _findings(
    files: Iterable[SourceFile],
    settings: Settings,
    changed: dict[str, list[tuple[int, int]]] | None,
    *,
    suggest_all: bool,
) -> tuple[list[Finding], Models]:
    from phloem.assist.models import Models

    models = Models("names", settings.model)
    findings: list[Finding] = []
    with progress() as display:
        task = display.add_task("naming functions", total=None)
        if changed is not None:
            files = (file for file in files if _real(file) in changed)
        for file, predictions in models.predict_files(
            files, beam=settings.beam, threshold=settings.threshold, suggest="all" if suggest_all else "flagged"
        ):
            findings += findings_of(file, predictions, changed)
            display.update(task, completed=len(findings))
    return findings, models


def _real(file: SourceFile) -> str:
    import os

    return os.path.realpath(file.path)


def _close(models: Models, functions: int, flagged: int, skipped: Skipped, settings: Settings, verbose: bool) -> None:
    """What happened, on stderr: counts, skipped files, languages without a model, times."""
    for line in skipped.lines(limit=1 << 30 if verbose else 10):
        remark(line)
    for language, count in models.without.items():
        files = f"{count} {language} file{'s'[: count != 1]}"
        remark(f"{files} skipped: no model for names in {language}; `phloem train names` makes one")
    if settings.format == "text":
        remark(f"{flagged} of {functions} functions have a name that disagrees with the body")
    if verbose:
        rate = functions / models.seconds if models.seconds else 0.0
        remark(f"models loaded in {models.load_seconds:.2f} s")
        remark(f"{functions} functions in {models.seconds:.2f} s, {rate:.0f} a second")
