"""`phloem mcp` and `phloem lsp`: servers that a coding assistant or an editor starts and talks to over stdio."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from phloem.cli.options import existing_folder, remark

Root = Annotated[str, typer.Argument(metavar="PATH", help="The folder; nothing outside it is answered for.")]


def mcp(path: Root = ".") -> None:
    """Give coding assistants search by meaning, names and programs over a folder (MCP over stdio).

    An assistant starts this itself; how it is told to stands in docs/editors.md. Tools: search, similar, clones, name,
    explain, summarize, review, synth. The index is made at the first start and follows the files. Nothing leaves this
    machine.

    [bold]Examples[/bold]

    phloem mcp ~/work/project

    claude mcp add phloem -- phloem mcp .
    """
    existing_folder(Path(path))  # before anything slow is imported
    from phloem.serve.mcp import run

    _until_closed(lambda: run(path))


def lsp(
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="The folder (default: the one that the editor has open).")
    ] = None,
) -> None:
    """Give editors names, summaries and search by meaning (Language Server Protocol over stdio).

    An editor starts this itself; how it is told to stands in docs/editors.md. Hover on a function shows a summary and
    names with their reasons, improbable names are marked and can be renamed, workspace symbols are found by meaning.
    Settings: `tool.phloem` in pyproject.toml. Nothing leaves this machine.

    [bold]Examples[/bold]

    phloem lsp

    phloem lsp ~/work/project
    """
    if path is not None:
        existing_folder(Path(path))
    from phloem.serve.lsp import run

    _until_closed(lambda: run(path))


def _until_closed(serve: Callable[[], None]) -> None:
    """Serve, and end at once when the client is gone: what a thread still computes is for nobody.

    What is killed so is safe: an index goes on where it was.
    """
    if sys.stdin.isatty():
        remark("this talks to a program, over stdin and stdout; Ctrl-C ends it")
    # KeyboardInterrupt would wait for the thread that reads stdin, which waits for the client
    signal.signal(signal.SIGINT, lambda number, frame: _end(130))
    serve()
    _end(0)


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
