"""Takes the screenshots of `phloem serve` for the docs: `python docs/screenshots.py [--model NAME|DIR]... [--out DIR]`.

Needs the packages of the `dev` extra and a Chromium. On Debian: `apt-get install chromium fonts-inter
fonts-jetbrains-mono`; the fonts are the first of the page's stacks, so that the pictures look the same everywhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

import phloem
from phloem.assist.library import facts_of, pretrained
from phloem.assist.models import TASKS
from phloem.serve.api import create_app
from phloem.serve.workspace import Workspace

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# name: (width, height, scheme, example, word, whole page)
PICTURES = {
    "serve-light": (1440, 980, "light", "Python: Remove path", 0, False),
    "serve-dark": (1440, 980, "dark", "Python: Write lines", 0, False),
    "serve-class": (1440, 980, "light", "Python: A small class", 0, False),
    "serve-java": (1440, 980, "light", "Java: Contains", 0, False),
    "serve-tree": (1440, 980, "light", "Rust: Parse pairs", None, False),
    "serve-narrow": (390, 844, "light", "Python: Remove path", 0, True),
}
SEARCHED = "split camel case identifiers into words"


def settled(page: Page) -> None:
    """Waits for the answer to be shown and its transitions to end."""
    page.wait_for_selector(".answers:not([aria-busy])")
    page.wait_for_selector(".tree .token")
    page.wait_for_timeout(900)


def job_pictures(browser: Browser, address: str, out: Path) -> None:
    """The pages of search and of programs from examples."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
    page.set_default_timeout(60_000)
    page.goto(address + "search")
    with page.expect_response("**/api/search"):
        page.fill("#query", SEARCHED)
    page.wait_for_selector("[role=option]")
    page.wait_for_timeout(900)
    page.screenshot(path=out / "search.png")
    page.set_viewport_size({"width": 1280, "height": 480})
    page.goto(address + "synth")
    page.select_option("#example", label="Last name first")
    page.wait_for_selector("#forms button")
    page.wait_for_timeout(1500)
    page.screenshot(path=out / "synth.png")
    page.close()


def main() -> None:
    """Serve, open each picture's page, and write it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", action="append", help="model to serve (default: all in the package)")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    named = [name for name in pretrained() if facts_of(name)["task"] in TASKS]
    models = [phloem.load(name) for name in chosen.model or named]
    workspace = Workspace(Path(__file__).parent.parent / "src", fresh=60)
    workspace.index()
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(models, workspace), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
    try:
        with sync_playwright() as driver:
            chromium = os.environ.get("PHLOEM_CHROMIUM") or shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
            for name, (width, height, scheme, example, word, full) in PICTURES.items():
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.set_default_timeout(60_000)
                page.goto(address)
                settled(page)
                with page.expect_response("**/api/predict"):
                    page.select_option("#example", label=example)
                settled(page)
                if word is not None and page.locator(".words.names button").count() > word:
                    page.locator(".words.names button").nth(word).click()
                    settled(page)
                page.screenshot(path=chosen.out / f"{name}.png", full_page=full)
                page.close()
            page = browser.new_page(viewport={"width": 1100, "height": 900})
            page.goto(address + "docs")
            page.wait_for_selector(".operation")
            page.screenshot(path=chosen.out / "serve-api.png")
            job_pictures(browser, address, chosen.out)
            browser.close()
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
