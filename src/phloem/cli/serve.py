"""`phloem serve`: the local page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from phloem.cli.options import telling
from phloem.errors import PhloemError

if TYPE_CHECKING:
    from phloem.serve.workspace import Workspace

REFRESHED = 10.0  # seconds, between two looks for changed files while somebody searches


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback can be reached from outside.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8421,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME|DIR", help="Only these models; may be repeated.")
    ] = None,
    index: Annotated[
        str | None, typer.Option("--index", metavar="PATH", help="Search this folder too, as with phloem search.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve a local page: paste code, see names, summaries and the paths they rest on as you type.

    Further pages find the program behind a few examples and, with --index, search the functions, classes and documents
    of a folder. The JSON API is described at /docs. Nothing leaves the machine.

    [bold]Examples[/bold]

    phloem serve --open

    phloem serve --index ~/work/project --open

    phloem serve --port 0 --model models/mine
    """
    if not 0 <= port <= 65535:
        raise PhloemError(f"--port {port} is not between 0 and 65535")
    from phloem.serve.api import run

    run(host=host, port=port, models=model, open_browser=open_browser, workspace=_indexed(index))


def _indexed(path: str | None) -> Workspace | None:
    """The folder with its index brought up to date, so that the first question is answered at once."""
    if path is None:
        return None
    from phloem.serve.workspace import Workspace

    workspace = Workspace(path, fresh=REFRESHED)
    with telling() as tell:
        workspace.index(tell)
    return workspace
