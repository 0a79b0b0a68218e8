"""`phloem lsp`: the protocol over stdio against the real command, by pygls's client and by raw bytes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pygls")

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from phloem.languages import by_name
from phloem.serve.bounded_input import LARGEST_MESSAGE, Bounded
from phloem.serve.lsp_answers import has_letters
from phloem.serve.lsp_documents import Document, uses
from phloem.serve.positions import Encoding, Lines
from phloem.serve.workspace import Workspace

PHLOEM = [sys.executable, "-m", "phloem"]
FILES = '''\
import os
import shutil


def get_size(path):
    """𝒮: not what it says."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def tidy(paths, other):
    for path in paths:
        get_size(path)
    return other.get_size()
'''
HEAD = 4  # the line of get_size, from 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose settings flag every name that the model would not choose."""
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[tool.phloem]\nthreshold = 1.0\nexclude = ["vendored/"]\n')
    (root / "files.py").write_text(FILES)
    (root / "Store.java").write_text("class Store {\n  boolean isEmpty() { return this.items.size() == 0; }\n}\n")
    return root


class Editor(LanguageClient):
    """A client that keeps what the server publishes."""

    def __init__(self) -> None:
        super().__init__("test", "1")
        self.published: list[types.PublishDiagnosticsParams] = []
        self.shown: list[str] = []

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params: types.PublishDiagnosticsParams) -> None:
            self.published.append(params)

        @self.feature(types.WINDOW_SHOW_MESSAGE)
        def show(params: types.ShowMessageParams) -> None:
            self.shown.append(params.message)

    def open(self, file: Path, text: str | None = None, language: str = "python") -> str:
        uri = file.as_uri()
        item = types.TextDocumentItem(uri, language, 1, file.read_text() if text is None else text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, version: int, text: str) -> None:
        document = types.VersionedTextDocumentIdentifier(version, uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    async def diagnostics(self, uri: str, version: int | None = 1) -> list[types.Diagnostic]:
        """What is published next for a version of a document."""
        for _ in range(1200):
            for each in self.published:
                if each.uri == uri and each.version == version:
                    return list(each.diagnostics)
            await asyncio.sleep(0.05)
        raise AssertionError(f"nothing published for {uri}: {self.published}")

    async def hover(self, uri: str, line: int, character: int = 5) -> types.Hover | None:
        where = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
        return await self.text_document_hover_async(where)

    async def actions(self, uri: str, line: int, **context: Any) -> list[types.CodeAction]:
        where = types.Range(types.Position(line, 6), types.Position(line, 6))
        about = types.CodeActionContext(**{"diagnostics": [], **context})
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, about)
        return list(await self.text_document_code_action_async(params) or [])  # type: ignore[arg-type]


def edit(project: Path | None, scenario: Callable[[Editor], Awaitable[None]]) -> None:
    """Run a scenario in an editor that has started the server."""

    async def session() -> None:
        editor = Editor()
        await editor.start_io(*PHLOEM, "lsp", env=dict(os.environ), cwd=project)
        folders = [types.WorkspaceFolder(project.as_uri(), "project")] if project else None
        capabilities = types.ClientCapabilities()
        asked = types.InitializeParams(capabilities, process_id=os.getpid(), workspace_folders=folders)
        answer = await editor.initialize_async(asked)
        assert answer.server_info is not None
        assert answer.server_info.name == "phloem"
        editor.initialized(types.InitializedParams())
        try:
            await asyncio.wait_for(scenario(editor), 120)
        finally:
            await editor.shutdown_async(None)
            editor.exit(None)
        assert editor._server is not None
        assert await asyncio.wait_for(editor._server.wait(), 20) == 0

    asyncio.run(session())


def test_an_editing_session(project: Path) -> None:
    async def scenario(editor: Editor) -> None:
        uri = editor.open(project / "files.py")
        found = {each.range.start.line: each for each in await editor.diagnostics(uri)}
        hint = found[HEAD]
        assert (hint.severity, hint.source) == (types.DiagnosticSeverity.Hint, "phloem")
        assert (hint.range.start.character, hint.range.end.character) == (4, 12)
        assert "get_size" in hint.message

        shown = await editor.hover(uri, HEAD)
        assert shown is not None
        assert isinstance(shown.contents, types.MarkupContent)
        assert "**Names by the body** `" in shown.contents.value
        assert "because of " in shown.contents.value
        assert await editor.hover(uri, HEAD + 3) is None  # in the body
        assert await editor.hover(uri, 0) is None

        actions = await editor.actions(uri, HEAD, diagnostics=[hint])
        assert actions
        action = actions[0]
        assert action.title.startswith("Rename get_size to ")
        assert "(2 places in this file)" in action.title
        assert list(action.diagnostics or []) == [hint]
        assert action.edit is not None
        edits = (action.edit.changes or {})[uri]
        assert [(each.range.start.line, each.range.start.character) for each in edits] == [(HEAD, 4), (14, 8)]
        assert await editor.actions(uri, 0) == []
        assert await editor.actions(uri, HEAD, only=[types.CodeActionKind.Refactor]) == []

        fixed = FILES.replace("get_size", edits[0].new_text)
        editor.change(uri, 2, fixed)
        lines = {each.range.start.line for each in await editor.diagnostics(uri, 2)}
        assert HEAD not in lines
        editor.change(uri, 3, FILES.replace("def get_size(path):", "def get_size(path):  # phloem: ignore"))
        assert HEAD not in {each.range.start.line for each in await editor.diagnostics(uri, 3)}
        closed = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        editor.text_document_did_close(closed)
        assert await editor.diagnostics(uri, None) == []
        assert await editor.hover(uri, HEAD) is None

    edit(project, scenario)


def test_symbols_by_name_in_open_documents_and_by_meaning_once_indexed(project: Path) -> None:
    pytest.importorskip("lancedb")

    async def scenario(editor: Editor) -> None:
        uri = editor.open(project / "files.py")

        async def ask(query: str) -> list[types.WorkspaceSymbol]:
            return list(await editor.workspace_symbol_async(types.WorkspaceSymbolParams(query)) or [])  # type: ignore

        assert await ask("") == []
        first = await ask("gtsz")
        assert [each.name for each in first] == ["get_size"]
        assert first[0].location.uri == uri
        for _ in range(600):
            by_meaning = await ask("is there nothing left in it")
            if by_meaning:
                break
            await asyncio.sleep(0.1)
        best = by_meaning[0]
        assert best.name == "Store.isEmpty"
        assert best.kind == types.SymbolKind.Method
        assert best.location.uri == (project / "Store.java").as_uri()
        assert has_letters(best.name + (best.container_name or ""), "is there nothing left in it")
        assert (await ask("isEmp"))[0].name == "Store.isEmpty"
        (project / "added.py").write_text("def weigh_parcel(scale):\n    return scale.grams()\n")
        for _ in range(600):  # a search has changed files looked for, the next one finds them
            by_name = await ask("weigh_parc")
            if by_name and by_name[0].name == "weigh_parcel":
                return
            await asyncio.sleep(0.1)
        raise AssertionError(by_name)

    edit(project, scenario)


def test_documents_that_are_not_judged(project: Path) -> None:
    many = "\n".join(f"def function_{i}(a):\n    return a + {i}\n" for i in range(1_200))

    async def scenario(editor: Editor) -> None:
        for name, text, language in (
            ("huge.py", "x = 1\n" * 700_000, "python"),  # above the largest size
            ("many.py", many, "python"),
            ("zero.py", "def f():\n    return '\0'\n", "python"),
            ("empty.py", "", "python"),
            ("broken.py", "def (((:\n" * 50, "python"),
            ("lib.go", "package a\nfunc F() int { return 1 }\n", "go"),  # no model
        ):
            uri = editor.open(project / name, text, language)
            assert await editor.diagnostics(uri) == [], name
            assert await editor.hover(uri, 0) is None
            assert await editor.actions(uri, 0) == []
        for name, language in (("notes.xyz", "plaintext"), ("vendored/a.py", "python")):
            uri = editor.open(project / name, FILES, language)
            assert await editor.hover(uri, HEAD) is None
            await asyncio.sleep(0.8)
            assert all(each.uri != uri for each in editor.published)
        uri = editor.open(project / "untitled", FILES)  # the editor says that it is Python
        assert await editor.hover(uri, HEAD) is not None

    edit(project, scenario)


def test_closed_while_it_is_looked_at(project: Path) -> None:
    async def scenario(editor: Editor) -> None:
        for i in range(5):
            uri = editor.open(project / f"a{i}.py", FILES)
            for version in range(2, 6):
                editor.change(uri, version, FILES + "\n" * version)
            await asyncio.sleep(0.61 if i % 2 else 0.02)
            editor.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        uri = editor.open(project / "files.py")
        assert await editor.diagnostics(uri)
        last = {each.uri: each for each in editor.published}
        assert all(not each.diagnostics for other, each in last.items() if other != uri)

    edit(project, scenario)


def test_wrong_settings_are_shown_and_the_rest_works(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.phloem]\nbeams = 3\n")

    async def scenario(editor: Editor) -> None:
        uri = editor.open(project / "files.py")
        assert await editor.hover(uri, HEAD) is not None
        assert any("unknown setting 'beams'" in each for each in editor.shown)
        settings = project / "pyproject.toml"
        settings.write_text("[tool.phloem]\nthreshold = 1.0\n")
        saved = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(settings.as_uri()))
        editor.published.clear()
        editor.text_document_did_save(saved)
        assert HEAD in {each.range.start.line for each in await editor.diagnostics(uri)}

    edit(project, scenario)


def start(*arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*PHLOEM, "lsp", *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=dict(os.environ))


def packed(method: str, params: Any, id: int | None = None) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params} | ({} if id is None else {"id": id}))
    return framed(body.encode())


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def answer_to(server: subprocess.Popen[bytes], id: int) -> dict[str, Any]:
    assert server.stdout is not None
    while True:
        length = 0
        while (line := server.stdout.readline().strip()) or not length:
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
        found = json.loads(server.stdout.read(length))
        if found.get("id") == id:
            return dict(found)


HELLO = {"processId": None, "rootUri": None, "capabilities": {}}


def test_garbage_is_survived_and_a_vanished_client_ends_it(project: Path) -> None:
    with start(str(project)) as server:
        assert server.stdin is not None
        garbage = (
            b"\xff\xfe no header\r\n",
            b"x" * 200_000 + b"\r\n",
            framed(b"{ not json"),
            framed(b"[1, 2"),
            framed(b"null"),
            framed(b'"text"'),
            framed(b'{"jsonrpc": "2.0"}'),
            framed(b'{"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": {"a": 1}}'),
            framed("{ }".encode("utf-16")),
            framed(b"[" * 100_000),
            b"Content-Length: 3\r\n\r\n{ too long }",
            b"Content-Length: -3\r\n\r\n{}",
            b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
        )
        for each in garbage:
            server.stdin.write(each)
        server.stdin.write(packed("initialize", HELLO, 1))
        server.stdin.flush()
        assert answer_to(server, 1)["result"]["serverInfo"]["name"] == "phloem"
        server.stdin.write(packed("initialized", {}))
        nonsense = {"textDocument": {"uri": "no:thing"}, "position": {"line": -5, "character": 10**12}}
        server.stdin.write(packed("textDocument/hover", nonsense, 2))
        server.stdin.write(packed("textDocument/didChange", {"textDocument": 3}))
        server.stdin.write(packed("textDocument/hover", {"textDocument": {"uri": 5}, "position": "x"}, 8))
        server.stdin.flush()
        assert answer_to(server, 8)["error"]["code"] == -32602
        opened = {"uri": "untitled:1", "languageId": "python", "version": 1, "text": FILES}
        server.stdin.write(packed("textDocument/didOpen", {"textDocument": opened}))
        place = {"textDocument": {"uri": "untitled:1"}, "position": {"line": HEAD, "character": 6}}
        server.stdin.write(packed("textDocument/hover", place, 3))
        server.stdin.flush()
        assert "Names by the body" in answer_to(server, 3)["result"]["contents"]["value"]
        server.stdin.close()
        assert server.wait(timeout=20) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_it_ends_with_its_editor(project: Path) -> None:
    """Though somebody else holds the pipe open."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as editor, start() as server:
        assert server.stdin is not None
        server.stdin.write(packed("initialize", HELLO | {"processId": editor.pid}, 1) + packed("initialized", {}))
        server.stdin.flush()
        answer_to(server, 1)
        assert server.poll() is None
        editor.kill()
        editor.wait()
        assert server.wait(timeout=30) == 0


def test_a_wrong_folder_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run([*PHLOEM, "lsp", str(tmp_path / "none")], capture_output=True, text=True, input="")
    assert done.returncode == 2
    assert done.stderr == f"phloem: {tmp_path / 'none'}: no such folder\n"


class Endless:
    """As many bytes as are asked for, up to a number."""

    def __init__(self, size: int) -> None:
        self.left, self.most = size, 0

    def read(self, size: int) -> bytes:
        self.most = max(self.most, size)
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


def test_no_header_makes_it_hold_more_than_it_may() -> None:
    stream = Endless(3 * LARGEST_MESSAGE)
    assert Bounded(stream).read(10**18) == b""  # type: ignore[arg-type]
    assert stream.most <= LARGEST_MESSAGE
    stream = Endless(3 * LARGEST_MESSAGE)
    assert Bounded(stream).read(2 * LARGEST_MESSAGE) == b"null"  # type: ignore[arg-type]
    assert stream.left == LARGEST_MESSAGE


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"Content-Length: 12\r\n", b"Content-Length: 12\r\n"),
        (b'{"rest": 1}Content-Length: 12\r\n', b"Content-Length: 12\r\n"),
        (b"content-length:12\n", b"Content-Length: 12\r\n"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", b"-\r\n"),
        (b"Content-Type: x\r\n", b"Content-Type: x\r\n"),
        (b"\n", b"\r\n"),
        (b"", b""),
    ],
)
def test_a_length_is_found_behind_the_rest_of_a_broken_message(line: bytes, read: bytes) -> None:
    assert Bounded(io.BytesIO(line)).readline() == read


def test_only_changed_functions_are_asked_about_again(project: Path) -> None:
    """Counted by a real model, asked through a door that counts."""
    place = Workspace(project)
    model = place.model("names", "python")
    asked: list[int] = []

    class Counting:
        def predict_files(self, files: Any, wanted: Any, **options: Any) -> Any:
            def counted(example: Any) -> bool:
                if wanted(example):
                    asked.append(example.start)
                return bool(wanted(example))

            return model.predict_files(files, wanted=counted, **options)

    place.model = lambda task, language: Counting()  # type: ignore[method-assign,assignment,return-value]
    document = Document("files.py", "python")
    first = document.flagged(FILES, place)
    assert len(asked) == 2
    moved = "# a line\n" * 40 + FILES
    again = document.flagged(FILES + "\n# the end\n", place)
    assert [each.function for each in again] == [each.function for each in first]
    assert len(asked) == 2
    document.flagged(FILES.replace("os.remove(path)", "os.unlink(path)"), place)
    assert asked[2:] == [FILES.encode().index(b"def get_size")]
    fresh = Document("files.py", "python").flagged(moved, place)
    kept = document.flagged(moved, place)
    assert [(each.function, each.prediction.line) for each in kept] == [
        (each.function, each.prediction.line) for each in fresh
    ]


@pytest.mark.parametrize(
    ("language", "code", "name", "marked"),
    [
        ("python", "def «f»(): return «f»() + x.f()\nclass A:\n    def g(self): return «f», self.f\n", "f", 0),
        ("python", "class A:\n    def «f»(self): return self.«f»(b.f, f)\n    def g(self): self.«f»()\n", "f", 0),
        ("java", "class A { int «f»() { return «f»() + this.«f»() + b.f(); } }", "f", 0),
        ("javascript", "class A { «f»() { return this.«f»() + f() + b.f; } }", "f", 0),
        ("go", "package a\nfunc «f»() int { return «f»() + b.f() }\n", "f", 0),
        ("rust", "impl A { fn «f»(&self) -> i32 { self.«f»() + b.f() } }", "f", 0),
    ],
)
def test_uses_of_a_function(language: str, code: str, name: str, marked: int) -> None:
    known = by_name(language)
    plain = code.replace("«", "").replace("»", "")
    wanted, at = [], 0
    for part in code.split("«")[0:1] + ["«" + rest for rest in code.split("«")[1:]]:
        if part.startswith("«"):
            wanted.append((at, at + len(name)))
        at += len(part.replace("«", "").replace("»", ""))
    tree = known.parse(plain.encode())
    function = next(
        each for each in Document("a", language).functions(plain.encode()) if each.name_start == wanted[marked][0]
    )
    assert uses(tree, known, function) == wanted


TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("\n\r\x0c\u2028é𝒙a"), max_size=60)


@given(text=TEXT, encoding=st.sampled_from(("utf-8", "utf-16", "utf-32")))
def test_positions_and_offsets_are_inverse(text: str, encoding: Encoding) -> None:
    source = text.encode()
    lines = Lines(source, encoding)
    codec = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}[encoding]
    offset = line = column = 0
    previous = ""
    for character in text:
        if not (previous == "\r" and character == "\n"):  # inside an end of line there is no position
            assert lines.position(offset) == (line, column)
            assert lines.offset(line, column) == offset
        offset += len(character.encode())
        column += len(character.encode(codec[0])) // codec[1]
        if character == "\n" and previous == "\r":
            column = 0
        elif character in "\r\n":
            line, column = line + 1, 0
        previous = character
    assert lines.offset(line, 10**9) == len(source)
    assert lines.offset(10**9, 0) == len(source)
    assert lines.offset(-1, 5) == 0
