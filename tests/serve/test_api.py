"""The JSON API: what it answers, what it refuses, and that offsets and paths fit the source and the tree."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

import phloem
from phloem.assist.checks import Check
from phloem.assist.predictions import Prediction
from phloem.errors import PhloemError
from phloem.languages import LANGUAGES, by_name
from phloem.languages.tree import depths
from phloem.serve.answer import PathFinder, answer, tree_arrays, well_formed
from phloem.serve.api import create_app, listen
from phloem.serve.detect import detect
from phloem.serve.examples import examples
from phloem.serve.guard import trusted
from phloem.serve.schema import ExampleCode, PredictRequest, TreeArrays

GETTER = 'class A:\n    def f(self):\n        """Ünïcode."""\n        return self.name\n'
PREDICT = "/api/predict"


def test_predicts_names_and_summaries_with_reasons(client: TestClient) -> None:
    response = client.post(PREDICT, json={"source": GETTER, "filename": "a.py", "beam": 4, "paths": 3})
    assert response.status_code == 200, response.text
    reply = response.json()
    assert (reply["language"], reply["detected"], reply["syntax_errors"], reply["messages"]) == ("python", False, 0, [])
    (function,) = reply["functions"]
    source = GETTER.encode()
    assert source[function["name_start"] : function["name_end"]] == b"f"
    assert source[function["start"] : function["end"]].startswith(b"def f")
    assert (function["line"], function["end_line"]) == (2, 4)
    for task in ("names", "summaries"):
        suggestions = function[task]["suggestions"]
        assert 1 <= len(suggestions) <= 4
        probabilities = [one["probability"] for one in suggestions]
        assert probabilities == sorted(probabilities, reverse=True)
        assert all(0 < each <= 1 for each in probabilities)
        assert task == "summaries" or sum(probabilities) <= 1 + 1e-6
        for one in suggestions:
            assert len(one["attention"]) == len(one["words"]) > 0
            assert all(1 <= len(word) <= 3 for word in one["attention"])
    assert function["names"]["suggestions"][0]["text"] == "get_name"


def test_attended_paths_are_paths_of_the_tree(client: TestClient) -> None:
    reply = client.post(PREDICT, json={"source": GETTER, "language": "python"}).json()
    function = reply["functions"][0]
    tree = function["tree"]
    found = 0
    for suggestion in function["names"]["suggestions"]:
        for path in (path for word in suggestion["attention"] for path in word):
            nodes, top = path["nodes"], path["top"]
            assert len(nodes) == len(path["labels"])
            for end, node in ((path["left"], nodes[0]), (path["right"], nodes[-1])):
                assert (tree["start"][node], tree["end"][node]) == (end["start"], end["end"])
            kinds = [tree["kinds"][tree["kind"][node]] for node in nodes]
            assert all(label.startswith(kind) for label, kind in zip(path["labels"], kinds, strict=True))
            assert all(tree["parent"][a] == b for a, b in pairwise(nodes[: top + 1]))
            assert all(tree["parent"][b] == a for a, b in pairwise(nodes[top:]))
            found += 1
    assert found >= 3


def test_one_task_only(client: TestClient) -> None:
    function = client.post(PREDICT, json={"source": GETTER, "task": "names"}).json()["functions"][0]
    assert function["names"]
    assert function["summaries"] is None


def test_no_model_for_a_language_still_gives_trees(client: TestClient, example_source: Callable[[str], str]) -> None:
    reply = client.post(PREDICT, json={"source": example_source("go"), "language": "go"}).json()
    assert [message["kind"] for message in reply["messages"]] == ["no-model"]
    assert "Go" in reply["messages"][0]["text"]
    (function,) = reply["functions"]
    assert function["names"] is None
    assert len(function["tree"]["kind"]) > 20


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"tsx"}))
def test_every_language_has_an_example_with_a_function_and_is_detected(parser_only: TestClient, language: str) -> None:
    own = [example for example in parser_only.get("/api/examples").json() if example["language"] == language]
    assert own
    for example in own:
        reply = parser_only.post(PREDICT, json={"source": example["source"]}).json()
        assert (reply["language"], reply["detected"], reply["syntax_errors"]) == (language, True, 0), example["title"]
        assert reply["functions"]
        tokens = reply["tokens"]
        source = example["source"].encode()
        kinds = {source[a:b]: kind for a, b, kind in zip(tokens["start"], tokens["end"], tokens["kind"], strict=True)}
        assert kinds[reply["functions"][-1]["name"].encode()] == "name"
        assert "keyword" in kinds.values()
        assert tokens["start"] == sorted(tokens["start"])


def test_languages_and_models_are_listed(client: TestClient) -> None:
    languages = {language["name"]: language for language in client.get("/api/languages").json()}
    assert set(languages) == set(LANGUAGES)
    assert languages["python"]["names"]
    assert languages["python"]["summaries"]
    assert not languages["rust"]["names"]
    assert languages["csharp"]["label"] == "C#"
    assert {model["task"] for model in client.get("/api/models").json()} == {"names", "summaries"}


def test_syntax_errors_are_counted_and_the_rest_is_read(parser_only: TestClient) -> None:
    source = "def f(x):\n    return x\n\ndef ((:\n\ndef g(y):\n    return y\n"
    reply = parser_only.post(PREDICT, json={"source": source, "language": "python"}).json()
    assert reply["syntax_errors"] >= 1
    assert "f" in [function["name"] for function in reply["functions"]]
    assert any(message["kind"] == "syntax-errors" for message in reply["messages"])


@pytest.mark.parametrize(("source", "kind"), [("", "empty"), (" \n\t\n", "empty"), ("x = 1\n", "no-function")])
def test_without_a_function_the_reason_is_said(parser_only: TestClient, source: str, kind: str) -> None:
    reply = parser_only.post(PREDICT, json={"source": source, "language": "python"}).json()
    assert [message["kind"] for message in reply["messages"]] == [kind]
    assert reply["functions"] == []


def test_too_many_functions_are_not_named(client: TestClient) -> None:
    source = "".join(f"def f{i}(): pass\n" for i in range(301))
    reply = client.post(PREDICT, json={"source": source, "language": "python"}).json()
    assert [message["kind"] for message in reply["messages"]] == ["too-many"]
    assert len(reply["functions"]) == 301
    assert reply["functions"][0]["names"] is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"source": "x", "language": "klingon"}, "klingon"),
        ({"source": "x", "filename": "x.klingon"}, "x.klingon"),
        ({"source": "x", "beam": 0}, "beam"),
        ({"source": "x", "beam": 10_000}, "beam"),
        ({"source": "x", "task": "poems"}, "task"),
        ({"source": "x", "sauce": 1}, "sauce"),
        ({"source": 5}, "source"),
        ({}, "source"),
        ([], ""),
    ],
)
def test_bad_input_gets_one_line(parser_only: TestClient, body: object, says: str) -> None:
    response = parser_only.post(PREDICT, json=body)
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert says in detail
    assert "\n" not in detail


def test_what_is_not_json_is_refused(parser_only: TestClient) -> None:
    response = parser_only.post(PREDICT, content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json() == {"detail": "the body is not JSON, at character 1"}
    response = parser_only.post(PREDICT, content=b'{"source": "x"}', headers={"content-type": "text/plain"})
    assert response.status_code == 422
    assert "content-type: application/json" in response.json()["detail"]
    response = parser_only.post(PREDICT, content=b"\xff\xfe", headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)


def test_a_large_request_is_refused_declared_or_not(parser_only: TestClient) -> None:
    body = json.dumps({"source": "x" * 300_000}).encode()
    headers = {"content-type": "application/json"}
    assert parser_only.post(PREDICT, content=body, headers=headers).status_code == 413

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    response = parser_only.post(PREDICT, content=pieces(), headers=headers)
    assert response.status_code == 413
    assert "256 KiB" in response.json()["detail"]
    just = json.dumps({"source": "x" * 200_000, "language": "python"}).encode()
    assert parser_only.post(PREDICT, content=just, headers=headers).status_code == 200


def test_hostile_sources_are_answered(parser_only: TestClient) -> None:
    deep = ("(" * 10_000, "def f(" * 5_000, "if x:\n" * 3_000)
    for source in (*deep, "\x00\x01\x02", "\ud800 = 1", "\ufeffdef f(): pass"):
        body = json.dumps({"source": source, "language": "python"})  # escapes the lone surrogate
        response = parser_only.post(PREDICT, content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200, source[:20]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8421", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8421", 200),
        ("192.168.1.7", 200),
        ("LOCALHOST", 200),
        ("evil.example", 400),
        ("localhost.evil.example:8421", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
        ("[", 400),
    ],
)
def test_only_own_names_are_answered(parser_only: TestClient, host: str, status: int) -> None:
    assert parser_only.get("/api/models", headers={"host": host}).status_code == status


def test_the_name_that_was_bound_is_trusted() -> None:
    with TestClient(create_app([], host="Box.Lan"), base_url="http://box.lan:8421") as client:
        assert client.get("/api/models").status_code == 200
    assert not trusted("box.lan", frozenset())


def test_other_sites_pages_are_refused(parser_only: TestClient) -> None:
    body = {"source": "def f(): pass"}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:8421"):
        assert parser_only.post(PREDICT, json=body, headers={"origin": origin}).status_code == 403
    assert parser_only.post(PREDICT, json=body, headers={"origin": "http://127.0.0.1:8421"}).status_code == 200


def test_every_answer_carries_the_security_headers(parser_only: TestClient) -> None:
    for path in ("/", "/main.js", "/docs", "/api/models", "/nothing", "/openapi.json"):
        headers = parser_only.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../api.py",
        "/%2e%2e/api.py",
        "/..%2fapi.py",
        "/..%5capi.py",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/web/../../api.py",
        "/.%00./api.py",
    ],
)
def test_nothing_outside_the_page_is_served(parser_only: TestClient, path: str) -> None:
    response = parser_only.get(path)
    assert response.status_code in (400, 404)
    assert "root:" not in response.text
    assert "import" not in response.text


def test_openapi_and_its_page_are_local(parser_only: TestClient) -> None:
    api = parser_only.get("/openapi.json").json()
    assert set(api["paths"]) == {PREDICT, "/api/languages", "/api/models", "/api/examples", "/api/synth"}
    page = parser_only.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert parser_only.get("/docs.js").headers["content-type"].startswith("text/javascript")
    response = parser_only.post(PREDICT, json=api["components"]["schemas"]["PredictRequest"]["example"])
    assert response.status_code == 200


class Stuck:
    """A model that answers when it is let go."""

    name, task, languages = "stuck", "names", ("python",)

    def __init__(self) -> None:
        self.go = threading.Event()

    def predict(self, source: str | bytes, **_: object) -> list[Prediction]:
        assert self.go.wait(30)
        return []


def test_time_and_queue_are_bounded() -> None:
    stuck = Stuck()
    body = {"source": "def f(): pass", "language": "python"}
    with TestClient(create_app([stuck], seconds=0.3, waiting=1), base_url="http://localhost") as client:
        with ThreadPoolExecutor(6) as threads:
            replies = list(threads.map(lambda _: client.post(PREDICT, json=body), range(6)))
        assert {reply.status_code for reply in replies} == {503}
        details = {reply.json()["detail"] for reply in replies}
        assert any("waiting" in detail for detail in details)
        assert any("0.3 seconds" in detail for detail in details)
        assert client.get("/api/models").status_code == 200  # what needs no work is still answered
        stuck.go.set()
        for _ in range(200):
            reply = client.post(PREDICT, json=body)
            if reply.status_code == 200:
                break
        assert reply.status_code == 200


class Endless:
    """A model that never has an answer, step after step."""

    name, task, languages = "endless", "names", ("python",)

    def __init__(self) -> None:
        self.ended = threading.Event()

    def predict(self, source: str | bytes, *, check: Check, **_: object) -> list[Prediction]:
        try:
            while True:
                check()
                self.ended.wait(0.01)
        finally:
            self.ended.set()


def test_work_that_nobody_waits_for_ends() -> None:
    endless = Endless()
    body = {"source": "def f(): pass", "language": "python"}
    with TestClient(create_app([endless], seconds=0.3), base_url="http://localhost") as client:
        assert client.post(PREDICT, json=body).status_code == 503
        assert endless.ended.wait(30)
        assert client.post(PREDICT, json={**body, "task": "summaries"}).status_code == 200  # the worker is free again


def test_a_model_is_stopped_between_two_steps(trained: list[phloem.assist.models.Model]) -> None:
    steps: list[int] = []

    def check() -> None:
        steps.append(len(steps))
        if len(steps) == 4:
            raise PhloemError("enough")

    request = PredictRequest(source=GETTER, language="python")
    with pytest.raises(PhloemError, match="enough"):
        answer(request, trained, check)
    assert len(steps) == 4
    assert len(answer(request, trained).functions) == 1


def test_an_address_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PhloemError, match=rf"127\.0\.0\.1:{port}.*in use"):
            listen("127.0.0.1", port)
    with pytest.raises(PhloemError, match="70000"):
        listen("127.0.0.1", 70_000)
    with pytest.raises(PhloemError, match=r"no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 0)
    with listen("127.0.0.1", 0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_it_serves_until_interrupted() -> None:
    code = "from phloem.serve.api import run; run(port=0, models=[])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "http://127.0.0.1:" in line
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        request = f"GET /api/models HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request.encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
        assert server.returncode == 0
        assert errors == ""


def test_a_missing_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from phloem.errors import MissingExtra\n"
        "try:\n    import phloem.serve.api\nexcept MissingExtra as error:\n    print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "fastapi is not installed: pip install 'phloem[serve]'\n"


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"{example.language} {example.title}")
def test_tree_arrays_are_the_named_nodes(example: ExampleCode) -> None:
    language = by_name(example.language)
    tree = language.parse(example.source.encode())
    for function in language.functions(tree):
        arrays = tree_arrays(tree, function.node, function.stop, language)
        assert arrays.parent[0] == -1
        assert all(0 <= above < i for i, above in enumerate(arrays.parent[1:], 1))
        for i, above in enumerate(arrays.parent[1:], 1):
            assert arrays.start[above] <= arrays.start[i] <= arrays.end[i] <= arrays.end[above]
        # the same nodes in preorder, walked by tree-sitter's own interface
        walked, todo = [], [language.parser.parse(example.source.encode()).root_node]
        while todo:
            walked.append(todo.pop())
            todo += reversed(walked[-1].children)
        named = [
            (one.type, one.start_byte, one.end_byte)
            for one in walked[function.node : function.stop]
            if one.is_named and one.type not in language.comment_kinds
        ]
        kinds = [arrays.kinds[kind] for kind in arrays.kind]
        assert list(zip(kinds, arrays.start, arrays.end, strict=True)) == named


@st.composite
def random_trees(draw: st.DrawFn) -> TreeArrays:
    """Preorder parents of a random tree; the spans are distinct."""
    parent = [-1]
    spine = [0]
    for node in range(1, draw(st.integers(2, 60))):
        keep = draw(st.integers(1, len(spine)))
        del spine[keep:]
        parent.append(spine[-1])
        spine.append(node)
    size = len(parent)
    return TreeArrays(kinds=["a"], kind=[0] * size, parent=parent, start=list(range(size)), end=[size] * size)


@given(random_trees(), st.data())
@settings(max_examples=200, deadline=None)
def test_between_is_the_shortest_path(tree: TreeArrays, data: st.DataObject) -> None:
    pick = st.integers(0, len(tree.parent) - 1)
    left, right = data.draw(pick), data.draw(pick)
    nodes, top = PathFinder(tree, 0).between(left, right)

    def ancestors(node: int) -> list[int]:
        chain = [node]
        while tree.parent[chain[-1]] >= 0:
            chain.append(tree.parent[chain[-1]])
        return chain

    common = next(node for node in ancestors(left) if node in set(ancestors(right)))
    depth = depths(np.array(tree.parent, np.int32))
    assert nodes[top] == common
    assert len(nodes) == depth[left] + depth[right] - 2 * depth[common] + 1
    assert (nodes[0], nodes[-1]) == (left, right)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    reply = answer(PredictRequest(source=text, language="python"), [])
    size = len(well_formed(text))
    assert all(0 <= start < end <= size for start, end in zip(reply.tokens.start, reply.tokens.end, strict=True))


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("def f(x):\n    return x\n", "python"),
        ("public int add(int a, int b) { return a + b; }", "java"),
        ("const f = (a) => a + 1;", "javascript"),
        ("function f(a: string): number { return a.length }", "typescript"),
        ("func f(a int) int { return a }", "go"),
        ("fn f(a: u8) -> u8 { a }", "rust"),
        ("def f(x)\n  x.map { |y| y }\nend\n", "ruby"),
        ("<?php function f($x) { return $x; }", "php"),
        ('#include <stdio.h>\nint main(void) { printf("%d", 1); return 0; }', "c"),
        ("#include <vector>\nint f(std::vector<int>& v) { return v.size(); }", "cpp"),
    ],
)
def test_languages_are_told_apart(source: str, language: str) -> None:
    assert detect(source.encode()).name == language
