"""Options that several commands share, and how they read sizes and show progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from phloem.assist.progress import Tell
from phloem.assist.settings import Settings
from phloem.assist.sources import Skipped, SourceFile, bytes_of, read_sources, source_of_stdin
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from phloem.assist.models import Models

Paths = Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders; - reads from stdin.")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|DIR", help="A model of the package or a saved folder. Default: by language."),
]
Beam = Annotated[
    int | None, typer.Option("--beam", metavar="N", help="How many suggestions to search for (default 5).")
]
LanguageName = Annotated[
    str | None, typer.Option("--language", metavar="NAME", help="The language of stdin and of files that do not tell.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Leave out what matches, as in .gitignore; may be repeated."),
]
MaxFileSize = Annotated[
    str | None, typer.Option("--max-file-size", metavar="SIZE", help="Skip larger files (default 2MB).")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Report loading time, throughput and every skipped file.")]


def size_in_bytes(text: str | None) -> int | None:
    """The size that --max-file-size gives; None without one."""
    return None if text is None else bytes_of(text, "--max-file-size")


def stderr() -> Console:
    """Where progress and remarks go, so that stdout holds the result alone."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def remark(line: str) -> None:
    """A line on stderr."""
    typer.echo(f"phloem: {line}", err=True)


def sources_of(paths: list[str], language: str | None, settings: Settings, skipped: Skipped) -> Iterator[SourceFile]:
    """The source files of PATH arguments, or stdin."""
    if paths == ["-"]:
        if language is None:
            raise PhloemError("- needs --language")
        return iter([source_of_stdin(sys.stdin.buffer, language, settings.max_file_size)])
    return read_sources(
        paths, exclude=settings.exclude, max_file_size=settings.max_file_size, language=language, skipped=skipped
    )


def remark_on(models: Models, skipped: Skipped, verbose: bool) -> None:
    """Which files were left out, and why."""
    for line in skipped.lines(limit=1 << 30 if verbose else 10):
        remark(line)
    for language, count in models.without.items():
        files = f"{count} {language} file{'s'[: count != 1]}"
        remark(f"{files} skipped: no model for {models.task} in {language}; `phloem train {models.task}` makes one")


def existing_folder(path: Path) -> Path:
    """The folder, or PhloemError."""
    if not path.is_dir():
        raise PhloemError(f"{path}: no such folder" if not path.exists() else f"{path}: not a folder")
    return path


class Unseen:
    """The part of a progress display that commands use, where nobody looks."""

    def add_task(self, description: str, *, total: float | None = None) -> TaskID:
        return cast("TaskID", 0)

    def update(self, task: TaskID, **fields: Any) -> None: ...

    def advance(self, task: TaskID, advance: float = 1) -> None: ...


@contextmanager
def progress() -> Iterator[Progress | Unseen]:
    """A progress display on stderr, shown on terminals only."""
    if not sys.stderr.isatty():
        yield Unseen()
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as display:
        yield display


@contextmanager
def telling() -> Iterator[Tell]:
    """What `Tell` says as a progress bar; each beginning (a share of 0) is a line that stays."""
    with progress() as display:
        bar = display.add_task("", total=1000)

        def tell(text: str, fraction: float) -> None:
            if fraction == 0:
                remark(text)
            display.update(bar, description=text, completed=int(1000 * fraction))

        yield tell
