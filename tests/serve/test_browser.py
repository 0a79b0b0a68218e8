"""The page in a real Chromium: what a person sees, by mouse, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from chromium import Open, chromium, needs_chromium, pages, until

from phloem.serve.api import WEB

playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]
GETTER = "class A:\n    def f(self):\n        return self.owner\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Open]:
    """Opens the page, and waits for the first names on it."""
    with pages(browser, address) as opened:

        def open_(path: str = "", **options: Any) -> Any:
            page = opened(path, **options)
            if not path:
                page.wait_for_selector(".words.names button")
            return page

        yield open_


def write(page: Any, text: str) -> None:
    """Replace the code as a person does, and wait for the answer to it."""
    page.select_option("#language", "")
    with page.expect_response(lambda response: asked_of(response) == text):  # an earlier question may be on its way
        page.fill("#source", text)
    until(page, "!document.getElementById('answers').hasAttribute('aria-busy')")


def asked_of(response: Any) -> str | None:
    """The code that a response is about."""
    if not response.url.endswith("/api/predict"):
        return None
    return str((response.request.post_data_json or {}).get("source"))


def overlaps(page: Any) -> int:
    """How many pairs of the drawn tree's nodes lie over each other."""
    found: int = page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll(".tree .node")].map((node) => node.getBBox());
          const before = (a, b) => a.x + a.width <= b.x || a.y + a.height <= b.y;
          const apart = (a, b) => before(a, b) || before(b, a);
          return boxes.reduce((sum, a, i) => sum + boxes.slice(i + 1).filter((b) => !apart(a, b)).length, 0);
        }"""
    )
    return found


def words(page: Any, task: str = "names") -> list[str]:
    return page.locator(f".words.{task} button").all_inner_texts()


def test_typing_shows_a_name_and_a_summary(open_page: Open) -> None:
    page = open_page()
    page.select_option("#language", "python")
    page.fill("#source", "")
    page.wait_for_selector(".messages .empty")
    page.locator("#source").press_sequentially("class A:\ndef f(self):\nreturn self.owner", delay=5)
    until(page, "document.querySelector('.words.names')?.innerText.replace(/\\s+/g, ' ').includes('get')")
    assert page.input_value("#source") == "class A:\n    def f(self):\n        return self.owner"
    assert words(page) == ["get", "owner"]
    assert words(page, "summaries")
    assert "Suggested name: get owner" in page.inner_text("#live")
    assert "Python" in page.inner_text("#facts")


def test_answers_to_older_text_are_not_shown(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/api/predict", lambda route: held.append(route))
    page.fill("#source", "def first(self):\n    return self.name\n")
    page.wait_for_timeout(500)
    page.fill("#source", GETTER)
    page.wait_for_timeout(500)
    assert len(held) == 2
    held[1].continue_()
    until(page, "document.querySelector('.present code')?.innerText === 'f'")
    assert words(page) == ["get", "owner"]
    assert held[0].request.failure  # the page itself had given it up


def test_a_word_draws_its_paths_over_code_and_tree(open_page: Open) -> None:
    page = open_page()
    write(page, GETTER)
    drawings = []
    for i in range(2):
        button = page.locator(".words.names button").nth(i)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".words [aria-pressed=true]").count() == 1
        assert words(page)[i] in page.inner_text("#paths-title")
        rows = page.locator("#table tbody tr").count()
        assert 1 <= rows <= 10
        assert page.locator(".tree .arc").count() == rows
        assert page.locator(".tree .flow path").count() >= 2
        assert page.locator(".over .sap").count() == rows
        assert page.locator(".under .end").count() >= 2
        drawings.append(page.inner_text("#table"))
    assert drawings[0] != drawings[1]
    # A mark lies where the text of its end is: over the last "owner" of the code.
    spot = page.evaluate(
        """() => {
          const ink = document.querySelector(".ink");
          const walk = document.createTreeWalker(ink, NodeFilter.SHOW_TEXT);
          for (let node; (node = walk.nextNode()); ) {
            const at = node.data.indexOf("owner");
            if (at >= 0) {
              const range = document.createRange();
              range.setStart(node, at); range.setEnd(node, at + 5);
              const box = range.getBoundingClientRect();
              return [box.left, box.top, box.right, box.bottom];
            }
          }
        }"""
    )
    marks = page.evaluate(
        "[...document.querySelectorAll('.under .end')].map((mark) => mark.getBoundingClientRect().toJSON())"
    )
    assert any(abs(mark["left"] + 2 - spot[0]) < 1.5 and abs(mark["top"] - spot[1]) < 1.5 for mark in marks)


def test_the_text_lies_exactly_over_its_coloured_copy(open_page: Open) -> None:
    page = open_page()
    write(page, "def f(text):\n\treturn 'é漢字\U0001f600' + text.name  # ünïcode\n")
    looks = ["fontSize", "lineHeight", "fontFamily", "tabSize", "whiteSpace", "letterSpacing"]
    style = "([one, looks]) => looks.map((look) => getComputedStyle(document.querySelector(one))[look])"
    assert page.evaluate(style, ["#source", looks]) == page.evaluate(style, [".ink", looks])
    assert page.evaluate("document.querySelector('.ink').textContent") == page.input_value("#source") + "\n"
    assert page.locator(".ink .name").inner_text() == "f"
    assert page.locator(".ink .comment").inner_text() == "# ünïcode"
    assert page.locator(".ink .string").first.inner_text() == "'é漢字\U0001f600'"


def test_one_path_can_be_kept_alone(open_page: Open) -> None:
    page = open_page()
    write(page, GETTER)
    rows = page.locator("#table tbody tr").count()
    assert rows > 1
    button = page.locator("#table tbody button").nth(1)
    button.click()
    assert page.locator("#table [aria-pressed=true]").count() == 1
    page.mouse.move(0, 0)
    assert page.locator(".arc:not(.faint)").count() == 1
    assert page.locator(".over .sap:not(.faint)").count() == 1
    page.locator("#table [aria-pressed=true]").click()
    page.mouse.move(0, 0)
    assert page.locator(".arc:not(.faint)").count() == rows


def test_alternatives_have_probabilities_and_can_be_chosen(open_page: Open) -> None:
    page = open_page()
    write(page, GETTER)
    rows = page.locator("[data-task=names] .alternative")
    assert rows.count() >= 2
    for text in rows.locator(".share").all_inner_texts():
        assert re.fullmatch(r"(<0\.1|\d\.\d|\d+)%", text)
    other = rows.nth(1).locator(".text").inner_text()
    rows.nth(1).click()
    assert "_".join(words(page)) == other
    assert page.locator("[data-task=names] input:checked").get_attribute("value") == "1"


def test_the_present_name_is_judged(open_page: Open) -> None:
    page = open_page()
    write(page, GETTER)
    present = " ".join(page.inner_text(".present").split())
    assert "Now called f" in present
    assert re.search(r"(disagrees with the body|not flagged)$", present)


def test_keyboard_alone_reaches_everything(open_page: Open) -> None:
    page = open_page()
    seen: list[str] = []
    active = "(({ id, dataset, name, className }) => id || dataset.word || name || className)(document.activeElement)"
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(active))
        if seen[-1] == "weight":
            break
    for stop in ("skip", "theme", "example", "language", "source", "0", "names-suggestion", "drawing", "weight"):
        assert stop in seen, (stop, seen)
    order = [seen.index(stop) for stop in ("skip", "theme", "example", "source", "0", "drawing", "weight")]
    assert order == sorted(order)

    write(page, GETTER)
    page.focus(".words.names [aria-pressed=true]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.word") == "1"
    assert "owner" in page.inner_text("#paths-title")
    page.keyboard.press("Home")
    assert "get" in page.inner_text("#paths-title")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.word") == "0"

    page.focus("[data-task=names] input:checked")
    page.keyboard.press("ArrowDown")
    assert page.locator("[data-task=names] input:checked").get_attribute("value") == "1"
    assert page.evaluate("document.activeElement.value") == "1"

    page.focus("#drawing")
    before = page.locator(".tree").get_attribute("width")
    page.keyboard.press("+")
    assert float(page.locator(".tree").get_attribute("width")) > float(before)


def test_tab_indents_only_while_typing(open_page: Open) -> None:
    page = open_page()
    page.focus("#language")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "source"
    text = page.input_value("#source")
    page.keyboard.press("Tab")  # came by keyboard and goes on
    assert page.evaluate("document.activeElement.id") != "source"
    assert page.input_value("#source") == text
    page.focus("#source")
    page.keyboard.press("Control+End")
    page.keyboard.type("x")
    page.keyboard.press("Tab")
    assert page.input_value("#source") == text + "x    "
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "source"


def test_several_functions_can_be_picked_from_the_list_and_in_the_code(open_page: Open) -> None:
    page = open_page()
    page.select_option("#example", label="Python: A small class")
    page.wait_for_selector("#functions button")
    names = page.locator("#functions .name").all_inner_texts()
    assert names == ["__init__", "load", "get_name", "is_empty", "update"]
    page.locator("#functions button").nth(2).click()
    assert "get_name" in page.inner_text(".present")
    assert page.locator(".gutter .here").get_attribute("data-lines") == "3"
    page.focus("#functions [aria-pressed=true]")
    page.keyboard.press("ArrowRight")
    assert "is_empty" in page.inner_text(".present")
    page.focus("#source")
    page.evaluate(
        "(() => { const area = document.activeElement; const at = area.value.indexOf('key in');"
        " area.setSelectionRange(at, at) })()"
    )
    until(page, "document.querySelector('.present').innerText.includes('update')")


def test_every_language_shows_a_tree(open_page: Open) -> None:
    page = open_page()
    values = page.evaluate("[...document.querySelectorAll('#example option')].map((o) => [o.value, o.textContent])")
    assert len({text.split(":")[0] for _, text in values}) == 11
    for value, text in values:
        with page.expect_response("**/api/predict"):
            page.select_option("#example", value)
        until(page, "!document.getElementById('answers').hasAttribute('aria-busy')")
        page.wait_for_selector(".tree .token")
        assert overlaps(page) == 0, text
        if not text.startswith("Python"):
            assert "no model" in page.inner_text("#messages")
            assert page.locator("#how-much").is_hidden()
    page.select_option("#example", values[0][0])
    page.wait_for_selector("#how-much:not([hidden])")
    few = page.locator(".tree .node").count()
    page.click("#show-tree")
    assert page.locator(".tree .node").count() > few
    assert page.locator("#show-tree").get_attribute("aria-pressed") == "true"
    assert overlaps(page) == 0


def test_messages_say_what_is_wrong(open_page: Open) -> None:
    page = open_page()
    write(page, "def f(x):\n    return (x\n")
    assert "syntax error" in page.inner_text("#messages")
    page.select_option("#language", "python")
    page.fill("#source", "x = 1\n")
    page.wait_for_selector(".messages .no-function")
    assert page.locator("#paths").is_hidden()
    page.select_option("#language", "")
    page.evaluate(  # at once: filling in so much takes Chromium long
        "(text) => { const area = document.getElementById('source'); area.value = text;"
        " area.dispatchEvent(new Event('input')) }",
        ("// " + "c" * 997 + "\n") * 300,
    )
    page.wait_for_selector(".messages .problem")
    assert "256 KiB" in page.inner_text("#messages")


def test_hostile_text_stays_text(open_page: Open) -> None:
    page = open_page()
    write(page, "def f(x):\n    return '<img src=x onerror=alert(1)><script>alert(2)</script>' + x.owner\n")
    page.click("#show-tree")
    assert page.locator("main img, main script").count() == 0


def test_dark_by_system_and_by_button(open_page: Open) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_page(color_scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(ground) != dark.evaluate(ground)
    assert dark.locator("#theme").get_attribute("aria-pressed") == "true"
    night = dark.evaluate(ground)
    light.click("#theme")
    assert light.evaluate(ground) == night
    light.reload()
    light.wait_for_selector(".words.names button")
    assert light.evaluate(ground) == night
    assert light.locator("#theme").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
@pytest.mark.parametrize("path", ["", "docs"])
def test_no_width_overflows(open_page: Open, width: int, path: str) -> None:
    page = open_page(path, width=width)
    page.wait_for_selector("#paths:not([hidden])" if not path else ".operation")
    if not path:
        write(page, "def f(x):\n    return x.a_very_long_attribute_name_that_goes_on + '" + "y" * 300 + "'\n")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate(
        "(w) => [...document.querySelectorAll('.panel, .masthead, .bar, .words button, .messages li')]"
        ".filter((e) => e.getBoundingClientRect().right > w + 1).map((e) => e.className)",
        width,
    )
    assert beyond == []


def test_motion_is_reduced_where_wished(open_page: Open) -> None:
    animation = "getComputedStyle(document.querySelector('.flow path')).animationName"
    assert open_page(reduced_motion="reduce").evaluate(animation) == "none"
    assert open_page(reduced_motion="no-preference").evaluate(animation) != "none"


@pytest.mark.parametrize("path", ["", "docs"])
def test_everything_is_named_for_screen_readers(open_page: Open, path: str) -> None:
    page = open_page(path)
    page.wait_for_selector("#paths:not([hidden])" if not path else ".operation")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, select, textarea, input, [role=img], [role=group]")]
          .filter((e) => {
            const by = document.getElementById(e.getAttribute("aria-labelledby") ?? "")?.innerText ?? "";
            const label = [...(e.labels ?? [])].map((l) => l.textContent).join("");
            const title = e.querySelector?.(":scope > title")?.textContent ?? "";
            const own = e.matches("a, button") ? e.innerText : "";
            return !(e.getAttribute("aria-label") || by || label || title || own).trim();
          }).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    tags = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((e) => e.tagName)")
    levels = [int(tag[1]) for tag in tags]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("main").count() == 1
    if not path:
        assert page.locator("#live[role=status]").count() == 1
        assert page.locator("#table caption").inner_text()
        assert page.locator("#table th[scope=col]").count() == 4
        for hidden in (".ink", ".under", ".over", ".gutter"):
            assert page.locator(hidden).get_attribute("aria-hidden") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "docs"])
def test_text_has_contrast(open_page: Open, scheme: str, path: str) -> None:
    """WCAG 2 AA: 4.5 to 1 for text, over the background that is really there."""
    page = open_page(path, color_scheme=scheme)
    page.wait_for_selector("#paths:not([hidden])" if not path else ".operation")
    found = page.evaluate(
        """() => {
          const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const rgba = (colour) => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
          };
          const out = [];
          for (const e of document.querySelectorAll("body *")) {
            const svgText = e.tagName === "text";
            if (!svgText && ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
            if (!e.getClientRects().length || e.closest(".hidden, .skip, option, noscript, textarea, title")) continue;
            let ground = [255, 255, 255];
            for (let up = e; up; up = up.parentElement) {
              const box = svgText && up.tagName === "g" ? up.querySelector("rect") : null;
              const style = getComputedStyle(box && e.matches(".kind") ? box : up);
              const colour = rgba(box && e.matches(".kind") ? style.fill : style.backgroundColor);
              if (colour[3] === 255) { ground = colour; break; }
            }
            const style = getComputedStyle(e);
            out.push([e.outerHTML.slice(0, 90), rgba(svgText ? style.fill : style.color), ground]);
          }
          return out;
        }"""
    )
    assert len(found) > 20

    def luminance(colour: list[int]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour[:3])]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    poor = []
    for what, text, ground in found:
        a, b = sorted((luminance(text), luminance(ground)))
        if (b + 0.05) / (a + 0.05) < 4.5:
            poor.append((what, round((b + 0.05) / (a + 0.05), 2)))
    assert poor == []


def test_the_api_page_shows_and_tries_every_operation(open_page: Open) -> None:
    page = open_page("docs")
    page.wait_for_selector(".operation")
    shown = page.locator(".operation h2 code").all_inner_texts()
    assert shown == ["/api/predict", "/api/languages", "/api/models", "/api/examples", "/api/synth"]
    for form in page.locator(".operation").all():
        form.locator("button").click()
        playwright.expect(form.locator(".output")).to_contain_text("200", timeout=60_000)
    for link in page.locator("a[href^='#']").all():
        assert page.locator(link.get_attribute("href")).count() == 1


def test_a_server_that_is_gone_is_said(open_page: Open) -> None:
    page = open_page()
    busy = {"detail": "too many requests are waiting"}
    page.route("**/api/predict", lambda route: route.fulfill(status=503, json=busy))
    page.fill("#source", GETTER)
    page.wait_for_selector(".messages .problem")
    assert "too many requests" in page.inner_text("#live")


def test_the_package_has_no_address_of_another_site() -> None:
    for file in WEB.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), file.name
