"""Published data sets: which are known, where they lie, and whether they are whole.

Data is not part of the package. `datasets.json` beside this file is the manifest: for each set its source repository
and commit, its licence, and the size and SHA-256 of every file. The sets themselves lie in a folder with one sub-folder
a set, which `PHLOEM_DATA` or an argument names; a manifest in that folder takes the place of ours.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from phloem.errors import PhloemError

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
VARIABLE = "PHLOEM_DATA"


class Origin(NamedTuple):
    repository: str
    commit: str
    paths: str

    def __str__(self) -> str:
        return f"{self.repository} at commit {self.commit} ({self.paths})"


class DataFile(NamedTuple):
    file: str  # relative to the data folder
    split: str
    examples: int
    bytes: int
    sha256: str


class DataSet(NamedTuple):
    name: str
    title: str
    licence: str
    fields: dict[str, str]
    origins: tuple[Origin, ...]
    files: tuple[DataFile, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(file.split for file in self.files)


class Finding(NamedTuple):
    """What `check` found of a file; `problem` is None when the file is as the manifest says."""

    name: str
    file: str
    problem: str | None


def folder(data: str | Path | None = None) -> Path | None:
    """The data folder: the argument, else what PHLOEM_DATA names; None without either. Raises PhloemError."""
    named = data or os.environ.get(VARIABLE)
    if not named:
        return None
    path = Path(named)
    if not path.is_dir():
        raise PhloemError(f"{path} is not a folder: {VARIABLE} or --data names the folder that holds the data sets")
    return path


def known(data: str | Path | None = None) -> list[DataSet]:
    """All sets of the manifest, present or not, by name."""
    place = folder(data)
    own = Path(__file__).with_name("datasets.json")
    file = place / MANIFEST if place is not None and (place / MANIFEST).is_file() else own
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT_VERSION:
            raise PhloemError(f"{file} has format {facts['format']}, this phloem reads {FORMAT_VERSION}")
        return sorted(_data_set(entry) for entry in facts["datasets"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PhloemError(f"{file} is not readable as a manifest of data sets: {error!r}") from error


def _data_set(entry: dict[str, Any]) -> DataSet:
    return DataSet(
        entry["name"],
        entry["title"],
        entry["licence"],
        dict(entry["fields"]),
        tuple(Origin(source["repo"], source["commit"], source["paths"]) for source in entry["sources"]),
        tuple(DataFile(f["file"], f["split"], f["examples"], f["bytes"], f["sha256"]) for f in entry["files"]),
    )


def find(name: str, data: str | Path | None = None) -> DataSet:
    """The set called `name`, present or not. Raises PhloemError naming the nearest known ones."""
    sets = {each.name: each for each in known(data)}
    if name not in sets:
        near = difflib.get_close_matches(name, sets, 3)
        meant = f"; did you mean {', '.join(near)}?" if near else ";"
        raise PhloemError(f"no data set {name!r}{meant} phloem data list shows all")
    return sets[name]


def where(name: str, data: str | Path | None = None) -> Path:
    """The folder of a set that is there. Raises PhloemError naming the set, its source and commit when it is not."""
    found = find(name, data)
    place = folder(data)
    missing = [each.file for each in found.files if place is None or not (place / each.file).is_file()]
    if missing:
        why = f"{VARIABLE} is not set" if place is None else f"{place} has no {missing[0]}"
        sources = "; ".join(map(str, found.origins))
        raise PhloemError(f"the data set {name} is not here ({why}); it comes from {sources}")
    assert place is not None
    return place / name


def check(names: list[str] | None = None, data: str | Path | None = None) -> list[Finding]:
    """Compare the files of the named sets (all without names) with the manifest: presence, size, SHA-256."""
    place = folder(data)
    if place is None:
        raise PhloemError(f"no data folder: set {VARIABLE} or give --data")
    chosen = [find(name, data) for name in names] if names else known(data)
    return [Finding(each.name, file.file, _problem(place / file.file, file)) for each in chosen for file in each.files]


def _problem(path: Path, expected: DataFile) -> str | None:
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            return f"has {size} bytes, not {expected.bytes}"
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest == expected.sha256 else "differs (SHA-256)"


def load(name: str, split: str, data: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """The examples of a split, one dict each, streamed.

    JSON lines as they are; rows of a table by its header; lines of a text as {"text": line}; another JSON document as
    one example. Raises PhloemError for a set that is not here, an unknown split or a damaged file."""
    found = find(name, data)
    where(name, data)
    file = next((each for each in found.files if each.split == split), None)
    if file is None:
        raise PhloemError(f"the data set {name} has no split {split!r}: there are {', '.join(found.splits)}")
    place = folder(data)
    assert place is not None
    return _examples(place / file.file)


def _examples(path: Path) -> Iterator[dict[str, Any]]:
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="surrogatepass", newline="") as lines:
            if kind == "jsonl":
                yield from map(json.loads, lines)
            elif kind == "json":
                document = json.load(lines)
                yield from document if isinstance(document, list) else [document]
            elif kind == "csv":
                yield from csv.DictReader(lines)
            else:
                yield from ({"text": line.rstrip("\r\n")} for line in lines)
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        raise PhloemError(f"{path} is damaged: {error}; phloem data check compares it with the manifest") from error
