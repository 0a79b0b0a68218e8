"""The search page and its API: over a real index, in a real Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

pytest.importorskip("lancedb")

from chromium import Open, chromium, faint, needs_chromium, overflows, pages, serving, unnamed, until

from phloem.serve.api import create_app
from phloem.serve.search_api import colours
from phloem.serve.workspace import Workspace

NET = '''\
import time


def fetch_with_backoff(session, url, attempts=5):
    """Get a page, waiting longer after every failure."""
    for attempt in range(attempts):
        try:
            return session.get(url)
        except OSError:
            time.sleep(2 ** attempt)  # longer and longer
    raise TimeoutError(url)


class Calendar:
    """Days."""

    def parse_day(self, text):
        """Read a day of the calendar."""
        return tuple(map(int, text.split("-")))


def hostile():
    """<img src=x onerror=alert(1)> nothing but a trick of markup."""
    return "</code><script>document.title='taken'</script>"
'''
STORE = """\
public class Store {
    public boolean isEmpty() {
        return this.items.size() == 0;
    }
}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with code, indexed into a cache of its own."""
    folder = tmp_path_factory.mktemp("searched") / "shop"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "net.py").write_text(NET)
    (folder / "src" / "Store.java").write_text(STORE)
    (folder / "README.md").write_text("# Shipping\n\nParcels are weighed before they leave.\n")
    before = os.environ.get("PHLOEM_CACHE")
    os.environ["PHLOEM_CACHE"] = str(folder.parent / "cache")
    yield folder
    if before is None:
        del os.environ["PHLOEM_CACHE"]
    else:
        os.environ["PHLOEM_CACHE"] = before


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    workspace = Workspace(root, fresh=0)
    workspace.index()
    with TestClient(create_app([], workspace), base_url="http://127.0.0.1:8421") as client:
        yield client
    workspace.close()


def names(answer: Any) -> list[str]:
    return [match["qualified_name"] for match in answer.json()["matches"]]


def test_answers_with_code_and_colours(client: TestClient) -> None:
    [best, *_] = client.post("/api/search", json={"query": "wait longer after each failure"}).json()["matches"]
    assert (best["file"], best["line"], best["label"]) == ("src/net.py", 4, "Python")
    lines = NET.splitlines()[best["line"] - 1 : best["end_line"]]
    assert best["code"].split("\n") == lines
    assert set(best["snippet"]) <= set(range(best["line"], best["end_line"] + 1))
    tokens = best["tokens"]
    coloured = {
        (best["code"].encode()[start:end].decode(), kind)
        for start, end, kind in zip(tokens["start"], tokens["end"], tokens["kind"], strict=True)
    }
    assert {("def", "keyword"), ("fetch_with_backoff", "name"), ("2", "number")} <= coloured
    assert ("# longer and longer", "comment") in coloured


def test_filters(client: TestClient) -> None:
    for filters, wanted in (
        ({"language": "java", "kind": "method"}, ["Store.isEmpty"]),
        ({"kind": "method", "path": "src/*.py"}, ["Calendar.parse_day"]),
        ({"language": "markdown"}, ["README › Shipping"]),
    ):
        assert names(client.post("/api/search", json={"query": "what is it", **filters})) == wanted
    info = client.get("/api/index").json()
    assert info["folder"] == "shop"
    assert {each["name"] for each in info["languages"]} == {"python", "java", "markdown"}
    assert info["definitions"] == sum(each["definitions"] for each in info["languages"])


def test_bad_questions(client: TestClient) -> None:
    assert client.post("/api/search", json={"query": " "}).json()["matches"] == []
    for request, message in (
        ({"query": "x", "language": "klingon"}, "unknown language"),
        ({"query": "x" * 20_001}, "query: String should have at most"),
        ({"query": "x", "kind": "verb"}, "kind: Input should be"),
        ({}, "query: Field required"),
    ):
        response = client.post("/api/search", json=request)
        assert response.status_code == 422
        assert message in response.json()["detail"]


def test_a_changed_file_is_found_by_the_question_after_the_next(client: TestClient, root: Path) -> None:
    added = root / "src" / "parcels.py"
    added.write_text("def weigh_parcel(scale):\n    return scale.grams()\n")
    try:
        for _ in range(50):  # the first answers of what was there, and has the index looked after
            found = names(client.post("/api/search", json={"query": "weigh_parcel", "kind": "function"}))
            if found[:1] == ["weigh_parcel"]:
                return
        raise AssertionError(found)
    finally:
        added.unlink()


def test_without_an_index_there_is_no_search(parser_only: TestClient, client: TestClient) -> None:
    assert parser_only.get("/api/pages").json()["search"] is False
    assert parser_only.post("/api/search", json={"query": "x"}).status_code in (404, 405)
    assert client.get("/api/pages").json()["search"] is True


def test_the_command_serves_an_index(root: Path) -> None:
    command = [sys.executable, "-m", "phloem", "serve", "--index", str(root), "--port", "0", "--model", "java-names"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=dict(os.environ)) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[3]
        found = httpx.post(
            f"{address}api/search", json={"query": "is there nothing left", "kind": "method"}, timeout=60
        )
        assert names(found)[0] == "Store.isEmpty"
        server.terminate()


def test_colours_of_every_language_lie_in_the_code() -> None:
    for code, language in (
        ("function f($x) { return 'é' . $x; }", "php"),
        ("boolean isEmpty() { return this.size == 0; }", "java"),
        ("def f():\n    return 'é'  # ü", "python"),
    ):
        tokens = colours(code, language)
        assert len(tokens.start) > 3
        assert all(0 <= start < end <= len(code.encode()) for start, end in zip(tokens.start, tokens.end, strict=True))
    assert colours("Any text.", "markdown").start == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def searched(root: Path) -> Iterator[str]:
    workspace = Workspace(root, fresh=1)
    workspace.index()
    with serving(create_app([], workspace)) as address:
        yield address
    workspace.close()


@pytest.fixture
def open_page(browser: Any, searched: str) -> Iterator[Open]:
    with pages(browser, searched) as open_:
        yield open_


def ask(page: Any, text: str) -> None:
    """Type a question, and wait for its answer."""
    with page.expect_response(lambda response: asked_of(response) == text):
        page.fill("#query", text)
    until(page, "!document.getElementById('results').hasAttribute('aria-busy')")


def asked_of(response: Any) -> str | None:
    if not response.url.endswith("/api/search"):
        return None
    return str((response.request.post_data_json or {}).get("query"))


def chosen(page: Any) -> str:
    return str(page.inner_text('[role="option"][aria-selected="true"] .title code'))


@needs_chromium
@pytest.mark.browser
def test_results_come_while_one_types(open_page: Open) -> None:
    page = open_page("search")
    until(page, "document.getElementById('facts').innerText.includes('definitions in shop')")
    assert page.evaluate("document.activeElement.id") == "query"
    page.locator("#query").press_sequentially("wait longer after each failure", delay=10)
    until(page, "document.querySelector('#shown-title code')?.innerText === 'fetch_with_backoff'")
    assert "src/net.py:4–11" in page.inner_text("#shown-title")
    rows = page.locator(".row")
    assert rows.count() == 8
    assert page.locator(".row .name").inner_text() == "fetch_with_backoff"
    assert "longer and longer" in page.locator(".row .comment").inner_text()
    numbers = page.evaluate("[...document.querySelectorAll('.row [data-number]')].map((one) => one.dataset.number)")
    assert numbers == [str(line) for line in range(4, 12)]
    assert "Best: fetch_with_backoff, src/net.py, line 4" in page.inner_text("#live")
    assert "q=wait+longer" in page.url
    page.reload()
    until(page, "document.querySelector('#shown-title code')?.innerText === 'fetch_with_backoff'")


@needs_chromium
@pytest.mark.browser
def test_keyboard_alone(open_page: Open) -> None:
    page = open_page("search")
    ask(page, "calendar day")
    first = chosen(page)
    page.keyboard.press("ArrowDown")
    second = chosen(page)
    assert second != first
    assert page.get_attribute("#query", "aria-activedescendant") == "result-1"
    assert page.inner_text("#shown-title code") == second
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert chosen(page) == first
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "listing"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.press("Escape")
    assert page.input_value("#query") == ""
    until(page, "document.querySelectorAll('[role=option]').length === 0")
    page.locator("#theme").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    assert page.input_value("#query") == ""


@needs_chromium
@pytest.mark.browser
def test_filters_by_mouse_and_what_is_alike(open_page: Open) -> None:
    page = open_page("search")
    ask(page, "is it empty")
    page.select_option("#language", "java")
    until(page, "[...document.querySelectorAll('.file span + span')].every((one) => one.innerText === 'Java')")
    page.select_option("#language", "")
    page.fill("#path", "src/*.py")
    until(page, "[...document.querySelectorAll('[role=option] .file')].every((one) => one.innerText.includes('.py'))")
    page.fill("#path", "")
    ask(page, "wait longer after each failure")
    page.click("#like")
    until(page, "document.getElementById('query').value === 'src/net.py:fetch_with_backoff:4'")
    until(page, "![...document.querySelectorAll('.title code')].some((one) => one.innerText === 'fetch_with_backoff')")
    page.locator('[role="option"]').nth(1).click()
    assert page.get_attribute("#result-1", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "query"


@needs_chromium
@pytest.mark.browser
def test_hostile_text_stays_text(open_page: Open) -> None:
    page = open_page("search")
    ask(page, "hostile <b>markup</b>")
    until(page, "document.querySelector('#shown-title code')?.innerText === 'hostile'")
    assert "</code><script>" in page.inner_text("#listing")
    assert page.locator("main img, main script, main b").count() == 0
    assert page.title() != "taken"


@needs_chromium
@pytest.mark.browser
def test_errors_are_said(open_page: Open) -> None:
    page = open_page("search")
    page.route("**/api/search", lambda route: route.fulfill(status=503, json={"detail": "too many are waiting"}))
    ask(page, "anything")
    until(page, "document.querySelector('.messages .problem')?.innerText === 'too many are waiting'")
    assert page.inner_text("#live") == "too many are waiting"
    page.unroute("**/api/search")
    ask(page, "calendar")
    assert page.locator(".messages .problem").count() == 0


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everything_is_readable_and_named(open_page: Open, scheme: str, width: int) -> None:
    page = open_page("search", width=width, color_scheme=scheme)
    ask(page, "calendar day")
    until(page, "document.querySelectorAll('.row').length > 0")
    assert not overflows(page)
    assert unnamed(page) == []
    assert faint(page) == []


@needs_chromium
@pytest.mark.browser
def test_the_pages_are_linked(open_page: Open) -> None:
    page = open_page("")
    page.click("nav >> text=Search")
    page.wait_for_url("**/search*")
    assert page.get_attribute('nav [aria-current="page"]', "href") == "search"
    page.click("nav >> text=API")
    page.wait_for_selector(".operation")
    assert "/api/search" in page.inner_text("#reference")
