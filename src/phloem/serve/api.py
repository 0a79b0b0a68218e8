"""`phloem serve`: a local page and JSON API over loaded models.

One thread does all the work, since parsers are not to be shared between threads and torch already uses every core for
one request. Requests queue for it up to a bound; beyond that, and past the time limit, the answer is 503 at once. Work
that nobody waits for any more ends before the model's next step.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import webbrowser
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from phloem import __version__
from phloem.errors import MissingExtra, PhloemError

try:
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse, JSONResponse, Response
    from fastapi.staticfiles import StaticFiles
except ImportError as missing:
    raise MissingExtra("serve", missing.name or "fastapi") from missing

from phloem.languages import LANGUAGES
from phloem.serve.answer import LABELS, Predictor, answer
from phloem.serve.examples import examples
from phloem.serve.guard import Guard
from phloem.serve.schema import (
    ExampleCode,
    LanguageInfo,
    ModelInfo,
    PredictRequest,
    PredictResponse,
    Problem,
)
from phloem.serve.search_api import Pages, add_search
from phloem.serve.synth_api import add_synth
from phloem.serve.worker import Busy, Worker
from phloem.serve.workspace import Workspace

WEB = Path(__file__).parent / "web"
DEFAULT_PORT = 8421
MAX_BYTES = 256 * 1024  # of a request
SECONDS = 20.0  # for a request, waiting included
MAX_WAITING = 16  # requests; more would only time out
PROBLEMS: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "Asked by another site's page"},
    413: {"model": Problem, "description": "The request is too large"},
    422: {"model": Problem, "description": "Bad input, or an unknown language"},
    503: {"model": Problem, "description": "Busy, or out of time"},
}


def create_app(
    models: Sequence[Predictor],
    workspace: Workspace | None = None,
    *,
    host: str = "127.0.0.1",
    max_bytes: int = MAX_BYTES,
    seconds: float = SECONDS,
    waiting: int = MAX_WAITING,
) -> FastAPI:
    """The application over loaded `models`; of several for one task and language the first answers.

    With a workspace, its index is searched. `host` is a further name that the server answers to, beside localhost and
    addresses.
    """
    worker = Worker(seconds, waiting)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        worker.close()

    app = FastAPI(
        title="phloem",
        version=__version__,
        summary="Names and summaries for functions, with the paths of the syntax tree that each word attended to.",
        description="Everything runs on this machine. Offsets are bytes of the UTF-8 source.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(Guard, own_hosts=frozenset({host.lower()}), max_bytes=max_bytes)
    _add_errors(app)
    _add_routes(app, worker, list(models))
    _add_pages(app, workspace is not None)
    if workspace is not None:
        add_search(app, worker, workspace, PROBLEMS)
    add_synth(app, worker, PROBLEMS)
    app.mount("/", StaticFiles(directory=WEB, html=True), name="page")
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(PhloemError)
    async def mendable(_: Request, error: PhloemError) -> Response:
        return JSONResponse({"detail": str(error)}, 503 if isinstance(error, Busy) else 422)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        said = f"{where}: {first['msg']}" if where else str(first["msg"])
        if first["type"] == "json_invalid":
            said = f"the body is not JSON, at character {where}"
        elif first["loc"] == ("body",):
            said = "the body is a JSON object, with the header content-type: application/json"
        return JSONResponse({"detail": said}, 422)


def _add_routes(app: FastAPI, worker: Worker, models: list[Predictor]) -> None:
    @app.post("/api/predict", response_model=PredictResponse, responses=PROBLEMS, summary="Names and summaries")
    async def predict(request: PredictRequest) -> Response:
        """Functions of a piece of code with suggestions, probabilities, attended paths and syntax trees."""
        response = await worker.run(functools.partial(answer, request, models))
        return Response(response.model_dump_json(), media_type="application/json")

    @app.get("/api/languages", summary="Languages and what can be asked of each")
    async def languages() -> list[LanguageInfo]:
        known = {task: {name for model in models if model.task == task for name in model.languages}
                 for task in ("names", "summaries")}  # fmt: skip
        return [
            LanguageInfo(
                name=language.name,
                label=LABELS[language.name],
                extensions=list(language.extensions),
                names=language.name in known["names"],
                summaries=language.name in known["summaries"],
            )
            for language in sorted(LANGUAGES.values(), key=lambda language: LABELS[language.name].lower())
        ]

    @app.get("/api/models", summary="Models that are loaded")
    async def loaded() -> list[ModelInfo]:
        return [ModelInfo(name=model.name, task=model.task, languages=list(model.languages)) for model in models]

    @app.get("/api/examples", summary="Code to start from")
    async def code() -> list[ExampleCode]:
        return examples()


def _add_pages(app: FastAPI, search: bool) -> None:
    @app.get("/api/pages", include_in_schema=False)
    async def pages() -> Pages:
        return Pages(search=search)

    @app.get("/docs", include_in_schema=False)
    async def reference() -> FileResponse:
        return FileResponse(WEB / "docs.html")

    @app.get("/search", include_in_schema=False)
    async def searching() -> FileResponse:
        return FileResponse(WEB / "search.html")

    @app.get("/synth", include_in_schema=False)
    async def programs() -> FileResponse:
        return FileResponse(WEB / "synth.html")


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; PhloemError when it is taken or not ours. Port 0 takes a free one."""
    if not 0 <= port <= 65535:
        raise PhloemError(f"port {port} is not between 0 and 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise PhloemError(f"no such address: {host}:{port}") from error
    bound = socket.socket(found[0], socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(found[4])
        bound.listen()
    except OSError as error:
        bound.close()
        reason = (error.strerror or str(error)).lower()
        raise PhloemError(f"cannot listen on {host}:{port}: {reason}; choose another with --port") from error
    return bound


def run(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    models: Sequence[str] | None = None,
    open_browser: bool = False,
    workspace: Workspace | None = None,
) -> None:
    """Serve until interrupted. `models` are names or folders as `phloem.load` takes them (default: all in the package).
    With a workspace there is a page that searches its index.

    Raises PhloemError when the address cannot be had or a model cannot be loaded.
    """
    bound = listen(host, port)
    with contextlib.closing(bound):
        app = create_app(_load(models), workspace, host=host)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{bound.getsockname()[1]}/"
        print(f"phloem is at {address} (API at {address}docs); Ctrl+C ends it", flush=True)
        if open_browser:
            webbrowser.open(address)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, server_header=False, ws="none")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def _load(names: Sequence[str] | None) -> list[Predictor]:
    from phloem.assist.library import facts_of, pretrained
    from phloem.assist.models import TASKS, load

    if names is None:
        names = [name for name in pretrained() if facts_of(name).get("task") in TASKS]
    return [load(name) for name in names]
