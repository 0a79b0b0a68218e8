"""Options that several commands share, and how they read sizes and show progress."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phloem.assist.progress import Tell
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

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

_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def size_in_bytes(text: str | None) -> int | None:
    """
    >>> size_in_bytes("2MB"), size_in_bytes("500k"), size_in_bytes("1000")
    (2000000, 500000, 1000)
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)\s*([KMG]?)B?", text.strip().upper())
    if match is None or int(match[1]) == 0:
        raise PhloemError(f"--max-file-size: {text!r} is not a size like 2MB or 500000")
    return int(match[1]) * _UNITS[match[2]]


def stderr() -> Console:
    """Where progress and remarks go, so that stdout holds the result alone."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def remark(line: str) -> None:
    """A line on stderr."""
    typer.echo(f"phloem: {line}", err=True)


def existing_folder(path: Path) -> Path:
    """The folder, or PhloemError."""
    if not path.is_dir():
        raise PhloemError(f"{path}: no such folder" if not path.exists() else f"{path}: not a folder")
    return path


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on stderr, shown on terminals only."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True, disable=not sys.stderr.isatty()) as display:
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
