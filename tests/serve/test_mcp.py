"""`phloem mcp`: the tools by the SDK's own client, in process and over stdio against the real command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

pytest.importorskip("mcp")
pytest.importorskip("lancedb")

from mcp import Client
from mcp.client.stdio import StdioServerParameters

from phloem.serve.mcp import create_server
from phloem.serve.mcp_answers import LONGEST

NET = '''\
import time


class Client:
    """Talks to the server."""

    def fetch(self, url, attempts=5):
        """Get a page, waiting longer after every failure."""
        for attempt in range(attempts):
            try:
                return self.session.get(url)
            except OSError:
                time.sleep(2 ** attempt)
        raise TimeoutError(url)


def parse_date(text):
    """Read a day of the calendar."""
    year, month, day = text.split("-")
    return int(year), int(month), int(day)
'''
STORE = """\
public class Store {
    public boolean isEmpty() {
        return this.items.size() == 0;
    }
}
"""
TOOLS = {"search", "similar", "clones", "name", "explain", "summarize", "synth", "review"}
PHLOEM = [sys.executable, "-m", "phloem"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code, and a cache of its own."""
    monkeypatch.setenv("PHLOEM_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "net.py").write_text(NET)
    (root / "src" / "Store.java").write_text(STORE)
    (root / "README.md").write_text("# Shipping\n\nParcels are weighed before they leave.\n")
    (tmp_path / "secret.py").write_text("def launch_code():\n    return 'opensesame' + chr(4)\n")
    return root


Asked = Callable[..., Awaitable[Any]]


def ask(server: Any, scenario: Callable[[Client, Asked], Awaitable[Any]]) -> Any:
    """Run a scenario with a client and a way to call a tool."""

    async def session() -> Any:
        async with Client(server, read_timeout_seconds=120) as client:

            async def call(tool: str, **arguments: Any) -> Any:
                return await client.call_tool(tool, arguments)

            return await scenario(client, call)

    return asyncio.run(session())


def text_of(result: Any) -> str:
    return "".join(part.text for part in result.content)


def test_over_stdio(project: Path) -> None:
    """The real command: tools with schemas, progress, answers that fit the schemas, files that change."""
    command = StdioServerParameters(
        command=PHLOEM[0], args=[*PHLOEM[1:], "mcp", str(project)], env=dict(os.environ), cwd=project
    )

    async def scenario(client: Client, call: Asked) -> None:
        assert client.server_info is not None
        assert client.server_info.name == "phloem"
        assert client.instructions is not None
        assert "before grepping" in client.instructions
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        progress: list[tuple[float, float | None, str | None]] = []

        async def hear(done: float, total: float | None, message: str | None) -> None:
            progress.append((done, total, message))

        asked = {"query": "wait longer after each failure", "kind": "method"}
        result = await client.call_tool("search", asked, progress_callback=hear)
        assert not result.is_error
        best = result.structured_content["matches"][0]
        assert (best["file"], best["name"], best["line"]) == ("src/net.py", "Client.fetch", 7)
        assert "time.sleep(2 ** attempt)" in best["code"]
        assert text_of(result).startswith("src/net.py:7-14  Client.fetch  (method, python)")
        assert progress
        assert progress == sorted(progress)
        assert all(total == 1 and message for _, total, message in progress)
        for tool, arguments in (
            ("search", {"query": "is there nothing left"}),
            ("similar", {"file": "src/net.py", "name": "parse_date"}),
            ("clones", {"least_lines": 1}),
            ("name", {"file": "src/net.py"}),
            ("synth", {"examples": [{"inputs": ["ab"], "output": "b"}, {"inputs": ["cd"], "output": "d"}]}),
        ):
            result = await call(tool, **arguments)
            assert not result.is_error, text_of(result)
            jsonschema.validate(result.structured_content, tools[tool].output_schema)
            jsonschema.validate(arguments, tools[tool].input_schema)
        (project / "src" / "net.py").write_text(NET.replace("parse_date", "weekday_of"))
        await asyncio.sleep(2.1)  # so long files are taken to be what they were
        result = await call("search", query="read a day of the calendar", kind="function")
        assert [each["name"] for each in result.structured_content["matches"]] == ["weekday_of"]

    ask(command, scenario)


def test_schemas_say_what_is_meant(project: Path) -> None:
    async def scenario(client: Client, call: Asked) -> list[Any]:
        return (await client.list_tools()).tools

    for tool in ask(create_server(project), scenario):
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert len(tool.description) > 80
        assert tool.annotations.read_only_hint
        for name, field in tool.input_schema["properties"].items():
            assert field.get("description"), f"{tool.name}.{name}"


def test_filters_and_whole_definitions(project: Path) -> None:
    async def scenario(client: Client, call: Asked) -> None:
        for filters, wanted in (
            ({"language": "java", "kind": "method"}, {"src/Store.java"}),
            ({"path": "src/*.py"}, {"src/net.py"}),
            ({"path": "src"}, {"src/net.py", "src/Store.java"}),
            ({"kind": "section"}, {"README.md"}),
        ):
            result = await call("search", query="what is empty", **filters)
            assert {each["file"] for each in result.structured_content["matches"]} == wanted
        result = await call("search", query="calendar day", kind="function", full=True, limit=1)
        [best] = result.structured_content["matches"]
        lines = NET.splitlines()
        assert best["code"].split("\n") == [lines[number - 1] for number in best["lines"]]
        assert best["lines"] == list(range(best["line"], best["end_line"] + 1))
        result = await call("search", query="src/net.py:parse_date")
        assert "parse_date" not in {each["name"] for each in result.structured_content["matches"]}

    ask(create_server(project), scenario)


def test_nothing_outside_the_folder(project: Path) -> None:
    (project / "link.py").symlink_to(project.parent / "secret.py")
    (project / "folder").symlink_to(project.parent)
    outside = ("../secret.py", str(project.parent / "secret.py"), "link.py", "folder/secret.py", "src/../../secret.py")

    async def scenario(client: Client, call: Asked) -> None:
        for file in outside:
            for tool, arguments in (
                ("similar", {"name": "launch_code"}),
                ("name", {}),
                ("summarize", {}),
                ("explain", {"name": "launch_code"}),
            ):
                result = await call(tool, file=file, **arguments)
                assert result.is_error
                assert "is outside" in text_of(result)
                assert "opensesame" not in text_of(result)
            result = await call("search", query=f"{file}:launch_code")
            assert "opensesame" not in text_of(result)
            assert not any("secret" in each["file"] for each in result.structured_content["matches"])

    ask(create_server(project), scenario)


def test_errors_are_one_clear_line(project: Path) -> None:
    pair = {"inputs": ["a"], "output": "b"}
    wrong = (
        ("search", {"query": ""}, "query: String should have at least 1 character"),
        ("search", {"query": " \n "}, "the query is empty"),
        ("search", {"query": "x", "limit": 1000}, "limit: Input should be less than or equal to 50"),
        ("search", {"query": "x", "language": "klingon"}, "unknown language 'klingon'"),
        ("search", {}, "query: Field required"),
        ("similar", {"file": "src/none.py", "name": "f"}, "no such file"),
        ("similar", {"file": "src/net.py", "name": "nothing"}, "it has Client, Client.fetch, parse_date"),
        ("similar", {"file": "a\0b", "name": "f"}, "is no path"),
        ("name", {}, "give either `file` or `code`"),
        ("name", {"code": "def f(): pass"}, "say which `language`"),
        ("name", {"file": "README.md"}, "not a source file"),
        ("name", {"file": "src/net.py", "function": "nothing"}, "has no function nothing; it has fetch, parse_date"),
        ("summarize", {"file": "src/Store.java"}, "there is no model for summaries of java functions"),
        ("explain", {"file": "src/net.py", "name": "nothing"}, "has no function nothing"),
        ("synth", {"examples": []}, "examples: List should have at least 1 item"),
        ("synth", {"examples": [pair, {"inputs": ["a"], "output": "c"}]}, "contradict each other"),
        ("synth", {"examples": [pair, {"inputs": ["a", "b"], "output": "c"}]}, "example 2 has 2 inputs"),
        ("synth", {"examples": [pair], "rows": [["a", "b"]]}, "row 1 has 2 inputs"),
        ("nothing", {}, "Unknown tool: nothing"),
    )

    async def scenario(client: Client, call: Asked) -> None:
        for tool, arguments, message in wrong:
            result = await call(tool, **arguments)
            assert result.is_error, (tool, arguments)
            assert message in text_of(result)
            assert "\n" not in text_of(result)
        assert not (await call("search", query="calendar")).is_error  # and it goes on

    ask(create_server(project), scenario)


def test_a_damaged_index_is_named_with_what_to_do(project: Path) -> None:
    async def scenario(client: Client, call: Asked) -> None:
        assert not (await call("search", query="calendar")).is_error
        [about] = (project.parent / "cache").rglob("index.json")
        about.write_text("{")
        result = await call("search", query="calendar")
        assert result.is_error
        assert "phloem index --rebuild" in text_of(result)

    ask(create_server(project, fresh=0), scenario)


def test_answers_are_bounded(project: Path) -> None:
    body = "\n".join(f"    total += weigh_parcel({i}, 'x' * {i})" for i in range(2_000))
    for i in range(20):
        (project / f"big{i}.py").write_text(f"def weigh_everything_{i}(total):\n{body}\n    return total\n")

    async def scenario(client: Client, call: Asked) -> None:
        result = await call("search", query="weigh parcels", limit=50, full=True)
        code = sum(len(each["code"]) for each in result.structured_content["matches"])
        assert 0 < code <= LONGEST
        assert "cut to" in result.structured_content["note"]
        assert "more matches" in result.structured_content["note"]
        assert len(text_of(result)) < 2 * LONGEST

    ask(create_server(project), scenario)


def test_names_flags_and_summaries(project: Path) -> None:
    code = (
        "def frobnicate(items):\n    for item in items:\n        print(item)\n\n\ndef total(xs):\n    return sum(xs)\n"
    )

    async def scenario(client: Client, call: Asked) -> None:
        every = (await call("name", code=code, language="python")).structured_content
        assert [each["name"] for each in every["functions"]] == ["frobnicate", "total"]
        assert all(each["suggestions"] for each in every["functions"])
        flagged = (await call("name", code=code, language="python", flagged_only=True)).structured_content
        assert [each["name"] for each in flagged["functions"]] == [
            each["name"] for each in every["functions"] if each["flagged"]
        ]
        one = (await call("name", file="src/Store.java", function="isEmpty")).structured_content
        assert one["file"] == "src/Store.java"
        assert one["total"] == 1
        limited = (await call("name", code=code, language="python", limit=1)).structured_content
        assert (len(limited["functions"]), limited["total"]) == (1, 2)
        assert "1 more" in limited["note"]
        sentence = (await call("summarize", file="src/net.py", function="parse_date")).structured_content
        assert sentence["functions"][0]["doc"] == "Read a day of the calendar."
        assert sentence["functions"][0]["suggestions"][0]["text"].endswith(".")
        reasons = (await call("explain", file="src/net.py", name="parse_date", reasons=2)).structured_content
        assert reasons["line"] == 17
        assert all(1 <= len(word["because_of"]) <= 2 for word in reasons["words"])

    ask(create_server(project), scenario)


def test_a_program_from_examples(project: Path) -> None:
    examples = [
        {"inputs": ["Ada", "Lovelace"], "output": "LOVELACE, Ada"},
        {"inputs": ["Alan", "Turing"], "output": "TURING, Alan"},
        {"inputs": ["Grace Brewster", "Hopper"], "output": "HOPPER, Grace Brewster"},
    ]
    rows = [["Barbara", "Liskov"], ["Edsger", "Dijkstra"]]

    async def scenario(client: Client, call: Asked) -> Any:
        return (await call("synth", examples=examples, rows=rows, seconds=20)).structured_content

    answer = ask(create_server(project, prepare=False), scenario)
    assert answer["solved"]
    assert answer["filled"] == ["LISKOV, Barbara", "DIJKSTRA, Edsger"]
    names: dict[str, Any] = {}
    exec(answer["python"], names)
    assert [names["output"](*row) for row in rows] == answer["filled"]


def message(id: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode() + b"\n"


HELLO = message(
    1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "test", "version": "1"}
)


def start(project: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*PHLOEM, "mcp", str(project)], stdin=pipe, stdout=pipe, stderr=pipe, env=dict(os.environ))


def test_garbage_is_survived_and_a_vanished_client_ends_it(project: Path) -> None:
    with start(project) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b"no json\n\xff\xfe\n[1, 2\n{}\n" + b"x" * 1_000_000 + b"\n" + HELLO)
        server.stdin.flush()
        answer = {}
        while answer.get("id") != 1:
            answer = json.loads(server.stdout.readline())
        assert answer["result"]["serverInfo"]["name"] == "phloem"
        server.stdin.close()
        assert server.wait(timeout=20) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_it(project: Path) -> None:
    with start(project) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(HELLO)
        server.stdin.flush()
        assert server.stdout.readline()
        time.sleep(0.2)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 130
        server.stdin.close()


def test_a_wrong_folder_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PHLOEM, "mcp", str(tmp_path / "none")], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert done.stderr == f"phloem: {tmp_path / 'none'}: no such folder\n"
