"""Packages of the Python index, fetched as files: nothing of them is built, installed or run.

A wheel is a zip without a build step, so pip fetches it (`pip download --no-deps --only-binary=:all:`). A source
distribution is different: pip asks its build backend for metadata and thereby runs the project's code. So sdists are
taken from the index's own listing (the simple repository API, PEP 503) and checked against its SHA-256.
The index, its mirrors and the certificate are those of pip's configuration.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal, NamedTuple

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from phloem.errors import PhloemError

LARGEST_PAGE = 64 << 20
LARGEST_PACKAGE = 2 << 30
TIMEOUT_SECONDS = 180


class Requirement(NamedTuple):
    """A package and, where it is pinned, its version."""

    name: str
    version: str | None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}=={self.version}"


class _Sdist(NamedTuple):
    url: str
    file: str
    version: Version
    sha256: str
    yanked: bool


def parse_requirement(text: str) -> Requirement:
    """`NAME` or `NAME==VERSION`; anything else raises PhloemError (also what pip would read as an option)."""
    name, version = r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)", r"([A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    match = re.fullmatch(rf"{name}(?:=={version})?", text.strip())
    if not match:
        raise PhloemError(f"{text!r} is not a package: write pip:NAME or pip:NAME==VERSION")
    return Requirement(match[1], match[2])


def fetch(text: str, folder: Path, *, prefer: Literal["wheel", "sdist"] = "wheel") -> Path:
    """Fetch one package file into `folder` (or find it there from an earlier call) and return its path.

    The preferred kind comes first, the other where the index has none of it. Raises PhloemError with the reason."""
    wanted = parse_requirement(text)
    folder.mkdir(parents=True, exist_ok=True)
    fetchers = {"wheel": _fetch_wheel, "sdist": _fetch_sdist}
    reasons = []
    for kind in sorted(fetchers, key=lambda kind: kind != prefer):
        try:
            return _fetched(wanted, folder, kind) or fetchers[kind](wanted, folder)
        except PhloemError as error:
            reasons.append(str(error))
    raise PhloemError(f"cannot fetch {wanted}: {'; '.join(reasons)}")


def _fetched(wanted: Requirement, folder: Path, kind: str) -> Path | None:
    """A pinned package that lies in the folder already; without a pin the index is asked which is the newest."""
    if wanted.version is None:
        return None
    try:
        pinned = canonicalize_name(wanted.name), Version(wanted.version)
    except InvalidVersion as error:
        raise PhloemError(f"{wanted.version} is not a version") from error
    for file in sorted(folder.iterdir()):
        with suppress(InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
            named = parse_sdist_filename(file.name) if kind == "sdist" else parse_wheel_filename(file.name)[:2]
            if named == pinned:
                return file
    return None


def _fetch_wheel(wanted: Requirement, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".wheel-") as fresh:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]
        done = subprocess.run([*command, "--dest", fresh, str(wanted)], capture_output=True, text=True, check=False)
        wheels = list(Path(fresh).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise PhloemError(f"pip found no wheel ({lines[-1] if lines else 'no reason given'})")
        target = folder / wheels[0].name
        os.replace(wheels[0], target)
        return target


def _fetch_sdist(wanted: Requirement, folder: Path) -> Path:
    indexes, context = _pip_settings()
    problems = []
    found: list[_Sdist] = []
    for index in indexes:
        url = f"{index.rstrip('/')}/{canonicalize_name(wanted.name)}/"
        try:
            found += _list_sdists(url, wanted.name, context)
        except (OSError, ValueError) as error:
            problems.append(f"{urllib.parse.urlsplit(url).hostname or url}: {error}")
    chosen = _choose(found, wanted)
    if chosen is None:
        reason = f" ({'; '.join(problems)})" if problems else ""
        raise PhloemError(f"the index has no source distribution of it{reason}")
    target = folder / chosen.file
    if not target.exists() or (chosen.sha256 and _sha256(target) != chosen.sha256):
        _download(chosen, target, context)
    return target


def _choose(found: list[_Sdist], wanted: Requirement) -> _Sdist | None:
    """The pinned version, or the newest release that is neither yanked nor a pre-release."""
    if wanted.version is not None:
        return next((sdist for sdist in found if sdist.version == Version(wanted.version)), None)
    released = [sdist for sdist in found if not sdist.yanked and not sdist.version.is_prerelease]
    return max(released, key=lambda sdist: sdist.version, default=None)


def _pip_settings() -> tuple[list[str], ssl.SSLContext]:
    """Indexes and certificates from pip's configuration files and environment."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        if name.startswith(("global.", "download.", ":env:.")):
            settings[name.rsplit(".", 1)[1]] = value.strip().strip("'\"").replace("\\n", " ")
    indexes = [settings.get("index-url") or _default_index(), *settings.get("extra-index-url", "").split()]
    certificate = settings.get("cert") or os.environ.get("SSL_CERT_FILE")
    return indexes, ssl.create_default_context(cafile=certificate or None)


def _default_index() -> str:
    """Where pip looks without a configuration, by its own word."""
    command = [sys.executable, "-m", "pip", "download", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.search(r"Base URL of the Python Package Index\s+\(default\s+(\S+?)\)", done.stdout)
    if told is None:
        raise PhloemError("pip is not installed or names no index: it is needed to fetch packages")
    return told[1]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self.links.append((found["href"] or "", "data-yanked" in found))


def _list_sdists(url: str, name: str, context: ssl.SSLContext) -> Iterator[_Sdist]:
    parser = _Links()
    if url.startswith("file:"):
        parser.feed((Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path)) / "index.html").read_text())
    else:
        with _open(url, context) as answer:
            parser.feed(answer.read(LARGEST_PAGE).decode("utf-8", "replace"))
    for link, yanked in parser.links:
        address, _, fragment = urllib.parse.urljoin(url, link).partition("#")
        file = urllib.parse.unquote(address.rsplit("/", 1)[1])
        try:
            project, version = parse_sdist_filename(file)
        except (InvalidSdistFilename, InvalidVersion):
            continue
        if project == canonicalize_name(name):
            sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
            yield _Sdist(address, file, version, sha256, yanked)


def _open(url: str, context: ssl.SSLContext) -> Any:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https", "file"):
        raise PhloemError(f"the index names an address that is neither http, https nor file: {url}")
    request = urllib.request.Request(url, headers={"Accept": "text/html", "User-Agent": "phloem"})
    if parts.username:
        secret = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
        request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)), headers=request.headers)
        request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=None if parts.scheme == "file" else context)


def _download(sdist: _Sdist, target: Path, context: ssl.SSLContext) -> None:
    fresh = target.with_name(f".{target.name}.part")
    try:
        with _open(sdist.url, context) as answer, fresh.open("wb") as out:
            shutil.copyfileobj(answer, out, 1 << 20)
    except (OSError, urllib.error.URLError) as error:
        fresh.unlink(missing_ok=True)
        raise PhloemError(f"{sdist.file}: {error}") from error
    if sdist.sha256 and _sha256(fresh) != sdist.sha256:
        fresh.unlink()
        raise PhloemError(f"{sdist.file}: its SHA-256 is not the index's")
    os.replace(fresh, target)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
