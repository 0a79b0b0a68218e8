"""`phloem serve`: the local page."""

from __future__ import annotations

from typing import Annotated

import typer

from phloem.errors import PhloemError


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback can be reached from outside.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8421,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME|DIR", help="Only these models; may be repeated.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve a local page: paste code, see names, summaries and the paths they rest on as you type.

    The JSON API is described at /docs. Nothing leaves the machine.

    [bold]Examples[/bold]

    phloem serve --open

    phloem serve --port 0 --model models/mine
    """
    if not 0 <= port <= 65535:
        raise PhloemError(f"--port {port} is not between 0 and 65535")
    from phloem.serve.api import run

    run(host=host, port=port, models=model, open_browser=open_browser)
