"""`phloem lsp`: names, summaries and search by meaning in any editor that speaks the Language Server Protocol (3.17).

- Diagnostics (hints) mark names that are improbable for their bodies, a moment after one stops typing.
- Code actions rename a marked function in its document, and mend what a review found.
- Opening and saving a document reviews it: variables, operators, operands, arguments that look wrong.
- Hover on the head of a function shows a summary, names, and what they rest on.
- Workspace symbols are found by name and by meaning, once there is an index; until then, in open documents by name.

One thread does the work, another one reviews; what nobody waits for any more ends early. Settings are `[tool.phloem]`
of the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from phloem import __version__
from phloem.assist.checks import Check
from phloem.errors import MissingExtra, PhloemError

try:
    from lsprotocol import types
    from pygls import uris
    from pygls.exceptions import JsonRpcException
    from pygls.lsp.server import LanguageServer
    from pygls.protocol import LanguageServerProtocol
except ImportError as missing:
    raise MissingExtra("lsp", missing.name or "pygls") from missing

from phloem.assist.reports import RULE
from phloem.assist.settings import Settings
from phloem.languages import LANGUAGES
from phloem.serve.bounded_input import Bounded
from phloem.serve.lsp_answers import diagnostic, has_letters, span, symbol
from phloem.serve.lsp_documents import SHOWN, Document, Judged, Named, language_for
from phloem.serve.lsp_review import Reviewed, review, review_actions, review_diagnostics
from phloem.serve.positions import Encoding, Lines
from phloem.serve.worker import Busy, Worker
from phloem.serve.workspace import Workspace

QUIET = 0.6  # seconds without a key before a document is looked at
SECONDS = 30.0  # for one answer
INDEX_SECONDS = 3600.0  # for an index that is brought up to date
WAITING = 64  # requests
PATIENCE = 3.0  # seconds that a search waits for an index to be opened, and for open documents to be read
SYMBOLS = 60
PARENT_EVERY = 5.0  # seconds between two looks whether the editor is still there
SETTINGS_FILES = ("pyproject.toml", "phloem.toml")
logger = logging.getLogger("phloem.lsp")
Result = TypeVar("Result")


class Protocol(LanguageServerProtocol):
    """Answers requests whose parameters cannot be read, on which pygls leaves a client to wait for ever."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and isinstance(data.get("id"), int | str):
                self._send_response(data["id"], error=error.to_response_error())
            raise


class Server(LanguageServer):
    """A language server over one folder, or over single documents where there is none."""

    def __init__(self, root: str | None = None, *, quiet: float = QUIET) -> None:
        # Whole texts: pygls would count lines at form feeds too, and apply changes in the wrong place.
        whole = types.TextDocumentSyncKind.Full
        super().__init__("phloem", __version__, protocol_cls=Protocol, text_document_sync_kind=whole)
        self.given, self.quiet = root, quiet
        self.place: Workspace | None = None
        self.indexed = False  # whether the folder is one to index
        self.worker = Worker(SECONDS, WAITING)
        self.reviewing = Worker(SECONDS, WAITING)  # apart, for its network takes seconds to load
        self.documents: dict[str, Document] = {}
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.marked: dict[str, list[types.Diagnostic]] = {}
        self.reviewed: dict[str, Reviewed] = {}
        self.reviews: set[asyncio.Task[None]] = set()
        self.opening: asyncio.Task[bool] | None = None  # of the index
        self.refreshing: asyncio.Task[None] | None = None

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What a client sends wrong goes to the log, not into the editor's window."""
        logger.error("%s: %s", type(error).__name__, " ".join(str(error).split())[:500])

    # The folder

    def enter(self, root: str | None) -> None:
        """Settle on a folder: the one of the command line, else the client's, else none."""
        chosen = self.given or root
        self.indexed = chosen is not None and Path(chosen).is_dir()
        folder = chosen if self.indexed and chosen else os.curdir
        try:
            self.place = Workspace(folder)
        except PhloemError as error:
            self.place = Workspace(folder, settings=Settings())
            self.tell(f"phloem: {error}")

    def tell(self, text: str) -> None:
        """A line in the editor's window."""
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, text))

    async def work(
        self, job: Callable[[Workspace, Check], Result], seconds: float | None = None, worker: Worker | None = None
    ) -> Result | None:
        """The job's result; None, with a line in the log, where a person could mend what it raised."""
        place = self.place
        if place is None:
            return None
        try:
            return await (worker or self.worker).run(lambda check: job(place, check), seconds)
        except Busy as error:
            logger.info("%s", error)
        except PhloemError as error:
            logger.warning("%s", error)
        return None

    # Documents

    def opened(self, document: types.TextDocumentItem) -> None:
        path = uris.to_fs_path(document.uri) or document.uri
        language = language_for(document.language_id, path, list(LANGUAGES))
        if language is not None and not self.left_out(path):
            self.documents[document.uri] = Document(os.path.basename(path), language)
            self.schedule(document.uri)
            self.review(document.uri, self.quiet)

    def left_out(self, path: str) -> bool:
        """Whether the settings' `exclude` names a file."""
        from pathspec import GitIgnoreSpec

        place = self.place
        if place is None or not place.settings.exclude:
            return False
        here = os.path.relpath(path, place.root).replace(os.sep, "/")
        return GitIgnoreSpec.from_lines(place.settings.exclude).match_file(here)

    def closed(self, uri: str) -> None:
        if self.documents.pop(uri, None) is None:
            return
        if task := self.waiting.pop(uri, None):
            task.cancel()
        self.reviewed.pop(uri, None)
        self.publish(uri, [], None)

    def review(self, uri: str, wait: float = 0.0) -> None:
        """Review a document that was opened or saved."""
        if uri in self.documents:
            task = asyncio.create_task(review(self, uri, wait))
            self.reviews.add(task)
            task.add_done_callback(self.reviews.discard)

    def schedule(self, uri: str) -> None:
        """Look at a document when its text has rested; a look that is under way is given up."""
        if uri not in self.documents:
            return
        if task := self.waiting.pop(uri, None):
            task.cancel()
        self.waiting[uri] = asyncio.create_task(self.look(uri))

    async def look(self, uri: str) -> None:
        await asyncio.sleep(self.quiet)
        document, text, version = self.current(uri)
        if document is None:
            return
        judged = await self.work(lambda place, check: document.flagged(text, place, check))
        now, _, latest = self.current(uri)
        if now is document and latest == version:  # neither closed nor changed while it was looked at
            lines = self.lines(text)
            self.publish(uri, [diagnostic(each, lines) for each in judged or []], version)

    def current(self, uri: str) -> tuple[Document | None, str, int | None]:
        """An open document, its text, and which version that is."""
        document, held = self.documents.get(uri), self.workspace.text_documents.get(uri)
        if document is None or held is None:
            return None, "", None
        return document, held.source, held.version

    def publish(self, uri: str, found: list[types.Diagnostic], version: int | None) -> None:
        self.marked[uri] = found
        shown = [*found, *review_diagnostics(self, uri, self.current(uri)[1])]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, version))

    def lines(self, text: str) -> Lines:
        agreed = self.server_capabilities.position_encoding or types.PositionEncodingKind.Utf16
        return Lines(text.encode("utf-8", "replace"), cast(Encoding, getattr(agreed, "value", agreed)))

    # Symbols

    async def symbols(self, query: str) -> list[types.WorkspaceSymbol]:
        """By name and by meaning over the index; by name in open documents while there is none."""
        if not query.strip():
            return []
        if await self.ready():
            found = await self.work(lambda place, check: place.symbols(query, limit=SYMBOLS))
            if self.refreshing is None or self.refreshing.done():
                self.refreshing = asyncio.create_task(self.refresh())
            if found is not None and self.place is not None:
                return [symbol(each, self.place.root, query) for each in found]
        return await self.open_symbols(query)

    async def refresh(self) -> None:
        """Look for changed files, for the next search."""
        await self.work(lambda place, check: place.index() and None, INDEX_SECONDS)

    async def ready(self) -> bool:
        """Whether the index can be searched now; where it is not there yet, another process begins to make it."""
        place = self.place
        if place is None or not self.indexed:
            return False
        if self.opening is None:
            self.opening = asyncio.create_task(self.open_index(place))
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.opening), PATIENCE)
        return False

    async def open_index(self, place: Workspace) -> bool:
        """Open the index, made by another process first where there is none."""
        if not await asyncio.to_thread(place.is_indexed):
            await self.make_index(place.root)
        return await self.work(lambda place, check: place.index(refresh=False), INDEX_SECONDS) is not None

    async def make_index(self, root: Path) -> None:
        """`phloem index` beside this process, so that typing goes on while it works."""
        quiet = asyncio.subprocess.DEVNULL
        command = (sys.executable, "-P", "-m", "phloem", "index", str(root))  # -P: no modules of the folder's
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=quiet, stderr=asyncio.subprocess.PIPE, cwd=root
        )
        try:
            _, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode:
            logger.warning("%s", errors.decode("utf-8", "replace").strip()[-500:])

    async def open_symbols(self, query: str) -> list[types.WorkspaceSymbol]:
        """The functions of open documents whose names have the query's letters in this order."""
        found = []
        for uri in list(self.documents):
            document, text, _ = self.current(uri)
            if document is None:
                continue
            functions = await self.work(partial(_functions, document, text), PATIENCE)
            lines = self.lines(text)
            for each in functions or []:
                if has_letters(each.name, query):
                    where = types.Location(uri, span(lines, each.name_start, each.name_end))
                    found.append(types.WorkspaceSymbol(where, each.name, types.SymbolKind.Function))
        return sorted(found, key=lambda each: len(each.name))[:SYMBOLS]

    async def watch_parent(self) -> None:
        """End when the editor is gone without a word."""
        while self.process_id and os.name == "posix":
            try:
                os.kill(self.process_id, 0)
            except ProcessLookupError:
                logger.info("the editor is gone")
                os._exit(0)
            except PermissionError:
                return
            await asyncio.sleep(PARENT_EVERY)


def _functions(document: Document, text: str, place: Workspace, check: Check) -> list[Named]:
    return document.functions(place.text(text, document.language, document.path).source)


async def rename_actions(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Renamings of the marked functions whose names the range touches."""
    wanted = params.context.only
    if wanted and not any(types.CodeActionKind.QuickFix.startswith(kind.rstrip(".")) for kind in wanted):
        return []
    uri = params.text_document.uri
    document, text, _ = server.current(uri)
    if document is None:
        return []
    lines = server.lines(text)
    first = lines.offset(params.range.start.line, params.range.start.character)
    last = lines.offset(params.range.end.line, params.range.end.character)

    def job(place: Workspace, check: Check) -> list[tuple[Judged, list[tuple[int, int]]]]:
        found = document.flagged(text, place, check)
        touched = [each for each in found if each.function.start <= last and first <= each.function.header_end]
        return [(each, document.rename(text, each.function)) for each in touched]

    actions = []
    for judged, places in await server.work(job) or []:
        marked = [each for each in params.context.diagnostics if each.code == RULE]
        own = span(lines, judged.function.name_start, judged.function.name_end)
        for suggestion in judged.prediction.suggestions[:SHOWN]:
            edits = [types.TextEdit(span(lines, start, end), suggestion.text) for start, end in places]
            count = f" ({len(places)} places in this file)" if len(places) > 1 else ""
            actions.append(
                types.CodeAction(
                    title=f"Rename {judged.function.name} to {suggestion.text}{count}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[each for each in marked if each.range == own] or None,
                    edit=types.WorkspaceEdit(changes={uri: edits}),
                )
            )
    return actions


async def hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    """What models say of the function whose head is at the position."""
    document, text, _ = server.current(params.text_document.uri)
    if document is None:
        return None
    lines = server.lines(text)
    offset = lines.offset(params.position.line, params.position.character)
    found = await server.work(lambda place, check: document.hover(text, offset, place, check))
    if found is None:
        return None
    function, shown = found
    content = types.MarkupContent(types.MarkupKind.Markdown, shown)
    return types.Hover(content, span(lines, function.name_start, function.name_end))


def root_of(params: types.InitializeParams) -> str | None:
    """The folder that a client has open: of several the first."""
    folders = params.workspace_folders or []
    uri = folders[0].uri if folders else params.root_uri
    return uris.to_fs_path(uri) if uri else params.root_path


def create_server(root: str | None = None, *, quiet: float = QUIET) -> Server:
    """The server with its features; `quiet` is how many seconds a text has to rest before it is looked at."""
    server = Server(root, quiet=quiet)

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.enter(root_of(params))

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        place = server.place
        if place is not None and await asyncio.to_thread(place.is_indexed):
            await server.ready()  # so that the first search need not wait
        await server.watch_parent()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.opened(params.text_document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.schedule(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.review(params.text_document.uri)
        if os.path.basename(uris.to_fs_path(params.text_document.uri) or "") in SETTINGS_FILES and server.place:
            server.enter(str(server.place.root) if server.indexed else None)
            for uri in server.documents:
                server.schedule(uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        """Settings are the folder's, not the editor's."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def on_hover(params: types.HoverParams) -> types.Hover | None:
        return await hover(server, params)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    async def on_code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        return [*review_actions(server, params), *await rename_actions(server, params)]

    @server.feature(types.WORKSPACE_SYMBOL)
    async def on_symbols(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        return await server.symbols(params.query)

    return server


def run(root: str | None = None) -> None:
    """Serve over stdin and stdout until the client ends it or is gone. `root` wins over the client's folder."""
    logging.basicConfig(level=logging.WARNING, format="phloem: %(message)s", stream=sys.stderr)
    create_server(root).start_io(stdin=Bounded(sys.stdin.buffer))  # type: ignore[arg-type]
