"""`phloem review`: places in functions that look wrong, the most probable first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.assist.changes import Lines, changed_lines, touches
from phloem.assist.review.findings import (
    DEFAULT_REVIEW_BASELINE,
    ReviewFinding,
    heeded,
    ranked,
    without_known,
    write_baseline,
)
from phloem.assist.review.reports import REVIEW_REPORTS
from phloem.assist.settings import Settings, read_settings
from phloem.assist.sources import Skipped, SourceFile
from phloem.cli.name import BaselineFile, Diff, FailOn, Format
from phloem.cli.options import (
    Exclude,
    LanguageName,
    MaxFileSize,
    Paths,
    Verbose,
    progress,
    remark,
    size_in_bytes,
    sources_of,
)
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.assist.review.review import Reviewers
    from phloem.languages.example import Example

ModelName = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|DIR", help="A detector of the package or a saved folder."),
]
Checks = Annotated[
    str | None, typer.Option("--checks", metavar="A,B", help="Only these checks, also ones that are off by default.")
]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="Report what is as probable, in place of each check's own.")
]
WriteBaseline = Annotated[
    bool,
    typer.Option("--write-baseline", help=f"Write what is found to --baseline (or {DEFAULT_REVIEW_BASELINE})."),
]


def review(
    paths: Paths,
    format: Format = None,
    checks: Checks = None,
    fail_on: FailOn = None,
    diff: Diff = None,
    model: ModelName = None,
    threshold: Threshold = None,
    baseline: BaselineFile = None,
    write: WriteBaseline = False,
    language: LanguageName = None,
    exclude: Exclude = None,
    max_file_size: MaxFileSize = None,
    verbose: Verbose = False,
) -> None:
    """Find what looks wrong in functions, by checks that were learned from code.

    variable-misuse, wrong-operator, swapped-operands, swapped-arguments, exception-type, doc-mismatch, and
    misleading-name, which are the flags of `phloem name`. Probabilities hold where every other function has a bug: in
    good code most findings are false alarms, so read them from the top. A comment `phloem: ignore` silences a line, or
    a function from its first line.

    [bold]Examples[/bold]

    phloem review src/                            everything, the most probable first

    phloem review --diff main --fail-on flagged src/    in continuous integration

    phloem review --checks variable-misuse,wrong-operator --format json lib.py
    """
    settings = read_settings().given(
        format=format,
        fail_on=fail_on,
        checks=None if checks is None else tuple(name.strip() for name in checks.split(",") if name.strip()),
        review_baseline=baseline,
        review_model=model,
        exclude=tuple(exclude or ()),
        max_file_size=size_in_bytes(max_file_size),
    )
    if checks is not None and not settings.checks:
        raise PhloemError("--checks names no check")
    if threshold is not None and not 0 <= threshold <= 1:
        raise PhloemError(f"--threshold: {threshold} is not between 0 and 1")
    changed = None if diff is None else changed_lines(diff)
    kept = settings.review_baseline
    skipped = Skipped()
    files = sources_of(paths, language, settings, skipped)
    found, reviewers = _findings(files, settings, threshold, changed)
    if write:
        file = kept or DEFAULT_REVIEW_BASELINE
        remark(f"{write_baseline(file, found)} findings written to {file}")
        return
    if kept is not None:
        found = without_known(found, kept)
    if report := REVIEW_REPORTS[settings.format](found):
        typer.echo(report)
    _close(reviewers, len(found), skipped, settings, verbose)
    if found and settings.fail_on == "flagged":
        raise typer.Exit(1)


def _findings(
    files: Iterable[SourceFile],
    settings: Settings,
    threshold: float | None,
    changed: dict[str, Lines] | None,
) -> tuple[list[ReviewFinding], Reviewers]:
    from phloem.assist.review.review import Reviewers

    reviewers = Reviewers(settings.review_model, checks=settings.checks or None, naming=settings.model)
    sources: dict[str, SourceFile] = {}

    def remembered(given: Iterable[SourceFile]) -> Iterable[SourceFile]:
        for file in given:
            if changed is None or os.path.realpath(file.path) in changed:
                sources[file.path] = file
                yield file

    findings: list[ReviewFinding] = []
    with progress() as display:
        task = display.add_task("reviewing functions", total=None)
        wanted = _touched(changed)
        for found in reviewers.review_files(remembered(files), threshold=threshold, wanted=wanted):
            for path in dict.fromkeys(each.path for each in found):
                own = [each for each in found if each.path == path]
                findings += heeded(sources[path], own, changed)
            display.update(task, completed=reviewers.functions)
    return ranked(findings), reviewers


def _touched(changed: dict[str, Lines] | None) -> Callable[[SourceFile, Example], bool] | None:
    """Whether a changed line touches a function, so that no other one is judged."""
    if changed is None:
        return None

    def wanted(file: SourceFile, example: Example) -> bool:
        lines = changed.get(os.path.realpath(file.path), [])
        first = file.source.count(b"\n", 0, example.start) + 1
        return touches(lines, first, first + example.tree.source.count(b"\n"))

    return wanted


def _close(reviewers: Reviewers, findings: int, skipped: Skipped, settings: Settings, verbose: bool) -> None:
    """What happened, on stderr."""
    for line in skipped.lines(limit=1 << 30 if verbose else 10):
        remark(line)
    for language, count in reviewers.without.items():
        files = f"{count} {language} file{'s'[: count != 1]}"
        remark(f"{files}: only names were looked at, there is no detector for {language}")
    if settings.format == "text":
        remark(f"{findings} finding{'s'[: findings != 1]} in {reviewers.functions} functions")
    if verbose:
        rate = reviewers.functions / reviewers.seconds if reviewers.seconds else 0.0
        remark(f"detectors loaded in {reviewers.load_seconds:.2f} s")
        remark(f"{reviewers.functions} functions in {reviewers.seconds:.2f} s, {rate:.0f} a second")
