"""Data sets by manifest: found, missing, damaged, read."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from phloem.corpora import datasets
from phloem.errors import PhloemError

FILES = {
    "train": ("tiny/train.jsonl.gz", gzip.compress(b'{"a": 1}\n{"a": "\xc3\xa9"}\n')),
    "book": ("tiny/book.txt.gz", gzip.compress(b"one\r\ntwo\n")),
    "table": ("tiny/table.csv", b"x,y\n1,2\n"),
    "about": ("tiny/about.json", b'{"k": [1]}'),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "tiny").mkdir()
    files = []
    for split, (file, content) in FILES.items():
        (tmp_path / file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append({"file": file, "split": split, "examples": 1, "bytes": len(content), "sha256": digest})
    source = {"repo": "someone/tiny", "commit": "abc123", "paths": "data"}
    entry = {"name": "tiny", "title": "A tiny set", "licence": "MIT", "fields": {"a": "x"}, "sources": [source]}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "datasets": [entry | {"files": files}]}))
    return tmp_path


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ("train", [{"a": 1}, {"a": "é"}]),
        ("book", [{"text": "one"}, {"text": "two"}]),
        ("table", [{"x": "1", "y": "2"}]),
        ("about", [{"k": [1]}]),
    ],
)
def test_examples_of_each_kind_of_file(data: Path, split: str, rows: list[dict[str, object]]) -> None:
    assert list(datasets.load("tiny", split, data)) == rows


def test_the_folder_comes_from_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHLOEM_DATA", str(data))
    assert datasets.where("tiny") == data / "tiny"
    monkeypatch.setenv("PHLOEM_DATA", str(data / "nowhere"))
    with pytest.raises(PhloemError, match="is not a folder"):
        datasets.where("tiny")


def test_a_missing_set_is_named_with_its_source(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "tiny" / "book.txt.gz").unlink()
    for load in (datasets.where, lambda name, place: datasets.load(name, "train", place)):
        with pytest.raises(PhloemError, match=r"tiny is not here .*book.* someone/tiny at commit abc123"):
            load("tiny", data)
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match=r"PHLOEM_DATA is not set.*fchollet/ARC-AGI at commit 3990"):
        datasets.where("arc_agi_1")


def test_check_finds_what_differs(data: Path) -> None:
    assert [each.problem for each in datasets.check(None, data)] == [None] * 4
    (data / "tiny" / "about.json").write_bytes(b'{"k": [2]}')
    (data / "tiny" / "table.csv").write_bytes(b"x")
    (data / "tiny" / "book.txt.gz").unlink()
    problems = {each.file: each.problem for each in datasets.check(["tiny"], data)}
    assert problems == {
        "tiny/train.jsonl.gz": None,
        "tiny/book.txt.gz": "is missing",
        "tiny/table.csv": "has 1 bytes, not 8",
        "tiny/about.json": "differs (SHA-256)",
    }


def test_wrong_names_are_answered_with_near_ones(data: Path) -> None:
    with pytest.raises(PhloemError, match="did you mean tiny"):
        datasets.find("tinny", data)
    with pytest.raises(PhloemError, match="no split 'dev': there are train, book"):
        datasets.load("tiny", "dev", data)


def test_damaged_files_and_manifests_are_said(data: Path) -> None:
    (data / "tiny" / "train.jsonl.gz").write_bytes(FILES["train"][1][:-9])
    with pytest.raises(PhloemError, match=r"train\.jsonl\.gz is damaged"):
        list(datasets.load("tiny", "train", data))
    for text, message in (("{", "not readable"), ('{"format": 7}', "has format 7"), ('{"format": 1}', "not readable")):
        (data / "manifest.json").write_text(text)
        with pytest.raises(PhloemError, match=message):
            datasets.known(data)


def test_our_manifest_names_every_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    sets = datasets.known()
    assert len(sets) >= 70
    assert len({each.name for each in sets}) == len(sets)
    for each in sets:
        assert each.licence
        assert all(len(origin.commit) == 40 for origin in each.origins)
        assert all(len(file.sha256) == 64 for file in each.files)


@pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="PHLOEM_DATA is not set")
def test_the_sets_that_are_here_are_whole_and_readable() -> None:
    for finding in datasets.check():
        assert finding.problem in (None, "is missing"), finding
    present = [each for each in datasets.known() if all((datasets.folder() / f.file).exists() for f in each.files)]  # type: ignore[operator]
    for each in present[:10]:
        assert isinstance(next(datasets.load(each.name, each.splits[0])), dict)
