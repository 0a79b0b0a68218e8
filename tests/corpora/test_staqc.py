"""StaQC's annotated blocks: the real files where they are, and pickles that are not to be read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from phloem.corpora import datasets
from phloem.corpora.staqc import FILE, Block, disjoint, load, plain
from phloem.errors import PhloemError
from phloem.measure import subtoken_f1
from phloem.tasks.snippet_mining import counts, labels_of, select_all, select_first

LANGUAGES = pytest.mark.parametrize("language", ["python", "sql"])


def blocks(language: str) -> dict[str, list[Block]]:
    place = datasets.folder()
    if place is None or not (place / "staqc").is_dir():
        pytest.skip("PHLOEM_DATA has no staqc")
    return {split: load(language, split) for split in ("train", "valid", "test")}


@pytest.mark.row("S152", 1)
@LANGUAGES
def test_as_many_blocks_as_were_released(language: str) -> None:
    found = blocks(language)
    sizes = {"python": [2932, 976, 976], "sql": [2183, 727, 727]}[language]
    assert [len(own) for own in found.values()] == sizes
    assert int(labels_of(found["test"]).sum()) == {"python": 461, "sql": 424}[language]


@pytest.mark.row("S152", 2)
@LANGUAGES
def test_simple_rules_have_their_figures(language: str) -> None:
    test = blocks(language)["test"]

    def figures(predicted: np.ndarray) -> list[float]:
        sums = counts(predicted, labels_of(test)).sum(axis=0).astype(np.float64)
        return [round(float(of(sums)), 4) for of in (subtoken_f1.precision, subtoken_f1.recall, subtoken_f1.f1)]

    assert (
        figures(select_first(test)) == {"python": [0.6755, 0.5510, 0.6069], "sql": [0.7552, 0.5165, 0.6134]}[language]
    )
    assert figures(select_all(test))[2] == {"python": 0.6416, "sql": 0.7368}[language]


@pytest.mark.row("S152", 3)
@LANGUAGES
def test_how_many_blocks_share_their_question(language: str) -> None:
    found = blocks(language)
    train, valid, test = found.values()
    shared, apart, both, also_valid = {"python": (709, 267, 149, 694), "sql": (509, 218, 114, 517)}[language]
    assert len(test) - len(disjoint(test, train)) == shared
    assert len(disjoint(test, train)) == apart
    assert len(disjoint(test, train, valid)) == both
    assert len(valid) - len(disjoint(valid, train)) == also_valid
    questions = {test[place].question for place in disjoint(test, train, valid)}
    assert not questions & {block.question for block in (*train, *valid)}


def record(**changes: object) -> tuple[object, ...]:
    parts: dict[str, object] = {
        "id": (7, 1),
        "texts": [[5, 6, 0], [0, 0, 0]],
        "text_lengths": [2, 0],
        "code": [[9, 8, 7, 0]],
        "code_length": [3],
        "title": [4, 0],
        "title_length": 1,
        "label": 1,
        "one": 1,
        "blocks": 2,
    }
    return tuple((parts | changes).values())


def written(folder: Path, value: object) -> Path:
    path = folder / "staqc" / "python" / "train" / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))
    return path


@pytest.mark.row("S152", 1)
def test_a_record_without_its_padding(tmp_path: Path) -> None:
    followed = record(texts=[[5, 0], [6, 7]], text_lengths=[1, 2], blocks=3, label=0)
    written(tmp_path, [[record()], [followed], [], []])
    assert load("python", "train", tmp_path) == [
        Block(7, 1, (5, 6), None, (9, 8, 7), (4,), 1),
        Block(7, 1, (5,), (6, 7), (9, 8, 7), (4,), 0),
    ]


@pytest.mark.parametrize("bad", [{"label": 2}, {"blocks": 4}, {"id": 3}, {"code": [[1], [2]]}])
def test_other_records_are_refused(tmp_path: Path, bad: dict[str, object]) -> None:
    written(tmp_path, [[record(**bad)]])
    with pytest.raises(PhloemError, match="StaQC's records"):
        load("python", "train", tmp_path)


class Opens:
    """Would open a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_nothing_runs_while_a_pickle_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, [[Opens(tmp_path / "made")]])
    with pytest.raises(PhloemError, match="plain values only"):
        plain(path)
    assert not (tmp_path / "made").exists()
    assert plain(written(tmp_path, {(1, 0), (2, 1)})) == {(1, 0), (2, 1)}


def test_missing_damaged_and_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhloemError, match="missing; StaQC"):
        load("sql", "test", tmp_path)
    path = written(tmp_path, [[record()]])
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(PhloemError, match="no readable pickle"):
        load("python", "train", tmp_path)
    with pytest.raises(PhloemError, match="not ruby"):
        load("ruby", "train", tmp_path)
    monkeypatch.delenv("PHLOEM_DATA", raising=False)
    with pytest.raises(PhloemError, match="PHLOEM_DATA or --data"):
        load("python", "train")
