"""`phloem name`: functions whose names disagree with their bodies, and better names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.assist.changes import changed_lines
from phloem.assist.findings import DEFAULT_BASELINE, Baseline, Finding, findings_of
from phloem.assist.reports import REPORTS
from phloem.assist.settings import Settings, read_settings
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

if TYPE_CHECKING:
    from phloem.assist.models import Models


Format = Annotated[str | None, typer.Option("--format", metavar="text|json|sarif|github", help="How to print.")]
FailOn = Annotated[str | None, typer.Option("--fail-on", metavar="flagged|none", help="Exit 1 with findings.")]
Diff = Annotated[str | None, typer.Option("--diff", metavar="REV", help="Only functions changed since REV.")]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", help="Flag names less probable a word than this (default: the model's)."),
]
BaselineFile = Annotated[str | None, typer.Option("--baseline", metavar="FILE", help="Do not flag what FILE lists.")]
WriteBaseline = Annotated[
    bool, typer.Option("--write-baseline", help=f"Write what is flagged to --baseline (or {DEFAULT_BASELINE}).")
]


def name(
    paths: Paths,
    all_functions: Annotated[bool, typer.Option("--all", help="Every function, not only the flagged ones.")] = False,
    format: Format = None,
    fail_on: FailOn = None,
    diff: Diff = None,
    model: ModelName = None,
    beam: Beam = None,
    threshold: Threshold = None,
    baseline: BaselineFile = None,
    write_baseline: WriteBaseline = False,
    language: LanguageName = None,
    exclude: Exclude = None,
    max_file_size: MaxFileSize = None,
    verbose: Verbose = False,
) -> None:
    """List functions whose name disagrees with their body, with better names.

    A name is flagged when the model gives its words a probability under a threshold set for a precision of 0.8.
    Names that are called by their spelling (__init__, setUp, main, tests, overrides) are never flagged. A comment
    `phloem: ignore` on the line of the name, or above the function, silences a finding.

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
    files = sources_of(paths, language, settings, skipped)
    findings, models = _findings(files, settings, changed, suggest_all=all_functions)
    if write_baseline:
        file = settings.baseline or DEFAULT_BASELINE
        remark_on(models, skipped, verbose)
        remark(f"{Baseline().write(file, findings)} findings written to {file}")
        return
    if kept is not None and settings.baseline:
        findings = kept.silence(findings, settings.baseline)
    flagged = sum(finding.prediction.flagged for finding in findings)
    shown = findings if all_functions else [finding for finding in findings if finding.prediction.flagged]
    if report := REPORTS[settings.format](shown):
        typer.echo(report)
    _close(models, len(findings), flagged, skipped, settings, verbose)
    if flagged and settings.fail_on == "flagged":
        raise typer.Exit(1)


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
    remark_on(models, skipped, verbose)
    if settings.format == "text":
        remark(f"{flagged} of {functions} functions have a name that disagrees with the body")
    if verbose:
        rate = functions / models.seconds if models.seconds else 0.0
        remark(f"models loaded in {models.load_seconds:.2f} s")
        remark(f"{functions} functions in {models.seconds:.2f} s, {rate:.0f} a second")
