"""Writing and reading shards."""

import json
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import shards
from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from tests.corpora.samples import WORDS, module


def same(a: Example, b: Example) -> bool:
    trees = all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a.tree[:6], b.tree[:6], strict=True))
    return trees and a.tree.source == b.tree.source and a._replace(tree=b.tree, start=b.start) == b


def corpus(folder: Path, examples: list[Example], split: str = "train") -> Path:
    shards.write_part(folder, split, 0, pa.Table.from_batches([shards.to_batch(examples)]))
    shards.write_json(folder / "corpus.json", {"format": shards.FORMAT_VERSION})
    return folder


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text(), st.lists(st.sampled_from(WORDS), unique=True, max_size=4), st.integers(0, 50))
def test_a_batch_gives_back_its_examples(path: str, project: str, words: list[str], tag: int) -> None:
    examples = examples_of(module(words, tag).encode(), by_name("python"), path, project)
    assert [example.doc_span is not None for example in examples] == [True] * len(words)
    back = list(shards.from_batch(shards.to_batch(examples, ["MIT"] * len(examples))))
    assert len(back) == len(examples)
    assert all(same(a, b) for a, b in zip(examples, back, strict=True))


def test_a_slice_of_a_batch_keeps_rows_and_trees_together() -> None:
    examples = examples_of(module(WORDS, 1).encode(), by_name("python"))
    back = list(shards.from_batch(shards.to_batch(examples).slice(3, 2)))
    assert [same(a, b) for a, b in zip(examples[3:5], back, strict=True)] == [True, True]


def test_read_streams_in_order_and_filters_languages(tmp_path: Path) -> None:
    python = examples_of(module(WORDS, 1).encode(), by_name("python"), "a.py")
    java = examples_of(b"class A { int f(int a) { return a; } int g() { return 1; } }", by_name("java"), "A.java")
    folder = corpus(tmp_path, python + java + python)
    assert [e.name for e in shards.read(folder, "train")] == [e.name for e in python + java + python]
    assert [e.name for e in shards.read(folder, "train", languages=["java"])] == ["f", "g"]
    assert list(shards.read(folder, "test")) == []


@pytest.mark.parametrize("group", [2048, 4])
def test_spread_reads_all_parts_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(shards, "IN_TURN", 2)
    monkeypatch.setattr(shards, "ROWS_A_GROUP", group)
    for number, name in enumerate(("a", "b", "c")):
        own = examples_of(module(WORDS[: 5 - 2 * number], 1).encode(), by_name("python"), f"{name}.py", name)
        shards.write_part(tmp_path, "train", number, pa.Table.from_batches([shards.to_batch(own)]))
    shards.write_json(tmp_path / "corpus.json", {"format": shards.FORMAT_VERSION})
    found = list(shards.spread(tmp_path, "train"))
    assert "".join(e.project for e in found) == "aabbc" + "aab" + "a"
    whole = list(shards.read(tmp_path, "train"))
    assert sorted((e.project, e.name) for e in found) == sorted((e.project, e.name) for e in whole)
    assert list(shards.spread(tmp_path, "train", ["java"])) == []
    with pytest.raises(PhloemError, match="no split"):
        list(shards.spread(tmp_path, "tests"))


def test_names_that_are_not_unicode_are_kept_readable(tmp_path: Path) -> None:
    example = examples_of(b"def f():\n    pass\n", by_name("python"), "bad\udcff.py")[0]
    assert [e.path for e in shards.from_batch(shards.to_batch([example]))] == ["bad?.py"]


@pytest.mark.parametrize(
    ("description", "message"),
    [(None, "no corpus.json"), ("{", "not readable"), ("[]", "not readable"), ('{"format": 99}', "corpus format 99")],
)
def test_what_is_no_corpus_is_said(tmp_path: Path, description: str | None, message: str) -> None:
    if description is not None:
        (tmp_path / "corpus.json").write_text(description)
    with pytest.raises(PhloemError, match=message):
        list(shards.read(tmp_path, "train"))


def test_a_damaged_part_and_an_unknown_split_are_named(tmp_path: Path) -> None:
    folder = corpus(tmp_path, examples_of(module(WORDS, 1).encode(), by_name("python")))
    with pytest.raises(PhloemError, match="no split 'dev'"):
        list(shards.read(folder, "dev"))
    part = next((folder / "train").iterdir())
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(PhloemError, match=r"part-00000\.parquet cannot be read"):
        list(shards.read(folder, "train"))


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    table = pa.Table.from_batches([shards.to_batch(examples_of(module(WORDS * 20, 1).encode(), by_name("python")))])
    shards.write_part(tmp_path, "train", 0, table)
    before = (tmp_path / "train" / "part-00000.parquet").read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            shards.write_part(tmp_path, "train", 0, table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {file.name: file.read_bytes() for file in (tmp_path / "train").iterdir()} == {"part-00000.parquet": before}


def test_a_description_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "corpus.json"
    shards.write_json(file, {"format": 1})
    with pytest.raises(TypeError):
        shards.write_json(file, {"format": object()})
    assert json.loads(file.read_text()) == {"format": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["corpus.json"]
