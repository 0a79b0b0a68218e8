"""A real Chromium for the tests of pages: opened pages may log no error and ask no other address."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

CHROMIUM = os.environ.get("PHLOEM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install it, or set PHLOEM_CHROMIUM to its path")
Open = Callable[..., Any]


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a running server."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
    server.should_exit = True
    thread.join(timeout=10)


@contextmanager
def pages(browser: Any, address: str) -> Iterator[Open]:
    """Opens pages; at the end nothing may have been logged as an error, nor asked of another address."""
    contexts, errors, requests = [], [], []

    def open_(path: str = "", width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith((address, "data:"))] == []


def _is_error(message: Any) -> bool:
    """Whether something went wrong in the page; that an answer's status was not 200 the browser logs by itself."""
    return message.type in ("error", "warning") and not message.text.startswith("Failed to load resource")


def until(page: Any, expression: str) -> None:
    """Waits for a JavaScript expression to hold; polled from outside, since the page's policy forbids eval inside."""
    for _ in range(1200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def overflows(page: Any) -> bool:
    """Whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


UNNAMED = """() => [...document.querySelectorAll("button, a, input, select, textarea, [role=region], [role=listbox]")]
  .filter((one) => one.offsetParent !== null)
  .filter((one) => !(one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.innerText.trim()
    || one.labels?.length))
  .map((one) => one.outerHTML.slice(0, 120))"""

CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (colour, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const css = (rgb) => `rgb(${rgb.join(",")})`;
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const chain = [];
    for (let one = node; one; one = one.parentElement) chain.unshift(getComputedStyle(one).backgroundColor);
    return chain.reduce((under, colour) => pixel(colour, css(under)), [255, 255, 255]);
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || node.offsetParent === null || node.closest(".hidden, .skip, noscript")) continue;
    const under = ground(node);
    const [a, b] = [light(pixel(getComputedStyle(node).color, css(under))), light(under)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${node.outerHTML.slice(0, 100)}`);
  }
  return poor;
}"""


def unnamed(page: Any) -> list[str]:
    """The controls that a screen reader could not name."""
    found: list[str] = page.evaluate(UNNAMED)
    return found


def faint(page: Any) -> list[str]:
    """The texts whose contrast with their ground is under 4.5 (WCAG 2.2, success criterion 1.4.3)."""
    found: list[str] = page.evaluate(CONTRAST)
    return found
