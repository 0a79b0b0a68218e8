"""The page of programs from examples and its API: real searches, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import Open, chromium, faint, needs_chromium, overflows, pages, serving, unnamed, until
from fastapi.testclient import TestClient

from phloem.serve.api import create_app
from phloem.serve.synth_api import MOST_ROWS

NAMES = [["Ada", "Lovelace"], ["Alan", "Turing"], ["Grace Brewster", "Hopper"], ["Kurt", "Gödel"]]
GIVEN = ["Lovelace, Ada", "Turing, Alan", "", None]


def test_the_program_and_what_it_fills_in(parser_only: TestClient) -> None:
    answer = parser_only.post("/api/synth", json={"inputs": NAMES, "outputs": GIVEN}).json()
    assert answer["solved"]
    assert answer["filled"] == [None, None, "Hopper, Grace Brewster", "Gödel, Kurt"]
    names: dict[str, Any] = {}
    exec(answer["python"]["text"], names)
    assert [names["result"](*row) for row in NAMES[2:]] == answer["filled"][2:]
    tokens = answer["python"]["tokens"]
    assert "keyword" in tokens["kind"]
    assert max(tokens["end"]) <= len(answer["python"]["text"].encode())
    assert "A1" in answer["excel"]
    assert "Agrees with 2 examples" in answer["note"]


def test_the_next_question_is_about_a_row_where_programs_differ(parser_only: TestClient) -> None:
    table: dict[str, Any] = {"inputs": [["ab-1"], ["cd-22"], ["efg-333"]], "outputs": ["ab", "", ""]}
    asked = parser_only.post("/api/synth", json=table).json()["ask"]
    assert len(asked["outputs"]) > 1
    assert asked["inputs"] == table["inputs"][asked["row"]]
    table["outputs"][asked["row"]] = asked["outputs"][-1]
    after = parser_only.post("/api/synth", json=table).json()
    assert after["filled"][asked["row"]] is None  # it is given now
    assert after["ask"] is None or after["ask"]["row"] != asked["row"]


def test_bad_tables(parser_only: TestClient) -> None:
    for table, message in (
        ({"inputs": [["a"], ["a"]], "outputs": ["b", "c"]}, "row 1 says 'b', row 2 says 'c'"),
        ({"inputs": [["a"], ["a", "b"]], "outputs": ["b", ""]}, "different numbers of inputs"),
        ({"inputs": [["a"]], "outputs": []}, "1 rows of inputs, 0 outputs"),
        ({"inputs": [["a" * 2_000]], "outputs": ["a"]}, "at most 1000 characters"),
        ({"inputs": [[]], "outputs": ["a"]}, "at least 1 item"),
        ({"inputs": [["a"]] * (MOST_ROWS + 1), "outputs": [""] * (MOST_ROWS + 1)}, "at most 500"),
        ({"inputs": [["a"]], "outputs": ["b"], "seconds": 1_000}, "less than or equal to 15"),
    ):
        response = parser_only.post("/api/synth", json=table)
        assert response.status_code == 422, table
        assert message in response.json()["detail"]


@pytest.mark.parametrize("table", [{"inputs": [], "outputs": []}, {"inputs": [["a"], [""]], "outputs": ["", "x"]}])
def test_without_examples_it_says_what_to_do(parser_only: TestClient, table: dict[str, Any]) -> None:
    answer = parser_only.post("/api/synth", json=table).json()
    assert not answer["solved"]
    assert answer["note"] == "Fill in the result of a row or two."


def test_out_of_time_is_said(parser_only: TestClient) -> None:
    noise = {"inputs": [["q8$"], ["zz-1"], ["m"]], "outputs": ["Xy9!aa", "77bc?", "plum"], "seconds": 0.3}
    answer = parser_only.post("/api/synth", json=noise).json()
    if not answer["solved"]:
        assert answer["note"].startswith("No program")
        assert answer["filled"] in ([], [None, None, None])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(create_app([])) as address:
        yield address


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Open]:
    with pages(browser, address) as open_:
        yield open_


def settled(page: Any) -> None:
    """Waits for the answer to what the table holds now."""
    page.wait_for_timeout(600)
    until(page, "!document.getElementById('program').hasAttribute('aria-busy')")


def results(page: Any) -> list[str]:
    """What each row shows as its result: written, else filled in."""
    shown: list[str] = page.evaluate(
        "[...document.querySelectorAll('td.result input')].map((one) => one.value || one.placeholder)"
    )
    return shown


@needs_chromium
@pytest.mark.browser
def test_writing_a_table(open_page: Open) -> None:
    page = open_page("synth")
    page.select_option("#example", label="Empty")
    settled(page)
    assert "Fill in the result" in page.inner_text("#messages")
    page.click("#wider")
    page.locator('[aria-label="A 1"]').focus()
    for first, last in NAMES:
        column = page.evaluate("document.activeElement.getAttribute('aria-label')")
        page.keyboard.type(first)
        page.keyboard.press("Tab")
        page.keyboard.type(last)
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") != column
    page.fill('[aria-label="Result 1"]', "Lovelace, Ada")
    page.fill('[aria-label="Result 2"]', "Turing, Alan")
    settled(page)
    assert results(page)[:4] == ["Lovelace, Ada", "Turing, Alan", "Hopper, Grace Brewster", "Gödel, Kurt"]
    assert "def result(" in page.inner_text("#listing")
    assert page.locator(".row .keyword").count()
    page.click("#forms >> text=Excel")
    assert page.inner_text("#listing").startswith("=")
    assert "2 results filled in" in page.inner_text("#live")
    assert "2 filled" in page.inner_text("#facts")


@needs_chromium
@pytest.mark.browser
def test_a_question_is_answered_with_a_click(open_page: Open) -> None:
    page = open_page("synth")
    page.select_option("#example", label="Empty")
    for i, text in enumerate(("ab-1", "cd-22", "efg-333"), 1):
        page.fill(f'[aria-label="A {i}"]', text)
    page.fill('[aria-label="Result 1"]', "ab")
    settled(page)
    until(page, "!document.getElementById('ask').hidden")
    row = page.locator("tr.asked")
    wanted = page.locator("#choices button").last.inner_text()
    place = row.locator("th").inner_text() if row.count() else None
    page.locator("#choices button").last.click()
    settled(page)
    written = page.evaluate("[...document.querySelectorAll('td.result input')].map((one) => one.value)")
    assert wanted in written
    if place is not None:
        assert written[int(place) - 1] == wanted


@needs_chromium
@pytest.mark.browser
def test_pasting_from_a_spreadsheet_and_copying_back(open_page: Open) -> None:
    page = open_page("synth", permissions=["clipboard-read", "clipboard-write"])
    page.select_option("#example", label="Empty")
    page.evaluate("navigator.clipboard.writeText('Ada\\tLovelace\\tLovelace, Ada\\r\\nAlan\\tTuring\\t\\r\\n')")
    page.locator('[aria-label="A 1"]').focus()
    page.keyboard.press("Control+V")
    settled(page)
    assert page.input_value('[aria-label="B 2"]') == "Turing"
    assert page.input_value('[aria-label="Result 1"]') == "Lovelace, Ada"
    page.fill('[aria-label="A 3"]', "Kurt")
    page.fill('[aria-label="B 3"]', "Gödel")
    page.fill('[aria-label="Result 2"]', "Turing, Alan")
    settled(page)
    page.click("#copy-results")
    assert page.evaluate("navigator.clipboard.readText()") == "Lovelace, Ada\nTuring, Alan\nGödel, Kurt"
    page.click("#copy")
    assert "def result(" in page.evaluate("navigator.clipboard.readText()")


@needs_chromium
@pytest.mark.browser
def test_contradictions_and_hostile_text(open_page: Open) -> None:
    page = open_page("synth")
    page.select_option("#example", label="Empty")
    page.fill('[aria-label="A 1"]', "<img src=x onerror=alert(1)>")
    page.fill('[aria-label="A 2"]', "<img src=x onerror=alert(1)>")
    page.fill('[aria-label="Result 1"]', "<b>1</b>")
    page.fill('[aria-label="Result 2"]', "2")
    settled(page)
    assert "contradict each other" in page.inner_text(".messages .problem")
    assert "row 1 says" in page.inner_text("#live")
    assert page.locator("main img, main b").count() == 0
    page.fill('[aria-label="Result 2"]', "<b>1</b>")
    settled(page)
    assert page.locator(".messages .problem").count() == 0


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everything_is_readable_and_named(open_page: Open, scheme: str, width: int) -> None:
    page = open_page("synth", width=width, color_scheme=scheme)
    settled(page)
    until(page, "document.querySelectorAll('#forms button').length > 0")
    assert not overflows(page)
    assert unnamed(page) == []
    assert faint(page) == []
