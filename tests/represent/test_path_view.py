"""Path contexts as a view: what is compiled is what is encoded, sampling is as stated, bad input is named."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.base import PAD, START, UNK, epoch_batches
from phloem.represent.path_batch import PathBatch, draw
from phloem.represent.path_dataset import RELEASE_EVERY, PathDataset, stored_order
from phloem.represent.path_view import PathView, PathViewConfig, summary_words
from phloem.represent.vocabulary import INPUTS, Vocabulary

SOURCE = '''
def get_name(self):
    """Return the name, if any."""
    return self.name

def add_all(items, total=0):
    for item in items:
        total += item.price * item.count - item.discount
        if total > limit_of_total:
            raise OverflowError(total, item, items, "too much")
    return total

def empty(): pass

def readHTTPHeaderOfTheVeryLongConnection(connection):
    """Read it."""
    return [parse(line) for line in connection.lines if line.strip()]
'''


def examples(project: str = "shop") -> list[Example]:
    return examples_of(SOURCE.encode(), by_name("python"), "shop.py", project)


def spelled(view: PathView, batch: PathBatch) -> list[Counter[tuple[str, str, str]]]:
    """The contexts of each example, written out from the batch's ids."""
    ends = [*batch.bag_offsets.tolist(), len(batch.bag_ids)]
    values = ["|".join(view.values.words[s] for s in batch.bag_ids[a:b].tolist()) for a, b in pairwise(ends)]
    paths = [
        "|".join(view.nodes.words[n] for n in row[:length].tolist())
        for row, length in zip(batch.paths, batch.path_lengths.tolist(), strict=True)
    ]
    found = [
        (values[left], paths[path], values[right])
        for left, path, right in zip(batch.left.tolist(), batch.path.tolist(), batch.right.tolist(), strict=True)
    ]
    bounds = batch.offsets.tolist()
    return [Counter(found[a:b]) for a, b in pairwise(bounds)]


@pytest.mark.parametrize("whole", [False, True])
def test_compiled_batched_and_encoded_examples_are_the_same(tmp_path: Path, whole: bool) -> None:
    view = PathView(PathViewConfig(whole=whole))
    dataset = view.fit_compile(examples(), tmp_path / "data")
    fresh, compiled = view.batch(examples()), dataset.batch(np.arange(4), None)
    collated = view.collate([view.encode(example) for example in examples()])
    assert spelled(view, fresh) == spelled(view, compiled) == spelled(view, collated)
    for batch in (fresh, collated):
        assert torch.equal(batch.offsets, compiled.offsets)
        assert torch.equal(batch.target, compiled.target)
    get_name = spelled(view, compiled)[0]
    assert get_name["METHOD_NAME", "identifier0|function_definition|parameters|identifier0", "self"] == 1
    assert sum(get_name.values()) == 6


def test_targets_end_with_padding_and_decode_to_their_words(tmp_path: Path) -> None:
    view = PathView()
    dataset = view.fit_compile(examples(), tmp_path / "data")
    assert dataset.targets.shape == (4, 7)
    assert (dataset.targets[:, -1] == PAD).all()
    assert [view.decode(row) for row in dataset.targets] == [
        ["get", "name"],
        ["add", "all"],
        ["empty"],
        ["read", "http", "header", "of", "the", "very"],  # the first six of eight
    ]
    assert dataset.references([3])[0][-2:] == ["long", "connection"]
    assert view.decode(np.array([START, UNK, view.words.id("get"), PAD, view.words.id("name")])) == ["get"]


def test_whole_names_are_one_word(tmp_path: Path) -> None:
    view = PathView(PathViewConfig(target="whole-name", target_words=1, whole=True))
    dataset = view.fit_compile(examples(), tmp_path / "data")
    assert "get|name" in view.words
    assert view.decode(dataset.targets[0]) == ["get", "name"]
    parts = PathView().fit_compile(examples(), tmp_path / "parts")  # F1 counts the same subtokens for both
    assert dataset.references(range(len(dataset))) == parts.references(range(len(parts)))


def test_summaries_leave_out_functions_without_documentation(tmp_path: Path) -> None:
    view = PathView(PathViewConfig(target="summary", target_words=20))
    dataset = view.fit_compile(examples(), tmp_path / "data")
    assert dataset.references(range(2)) == [["return", "the", "name", "if", "any"], ["read", "it"]]
    assert (len(dataset), dataset.skipped) == (2, 2)


def test_words_of_a_summary() -> None:
    assert summary_words("Don't return `get_name(x)` of an HTTPRequest, 3 times! And so on.") == (
        ["don't", "return", "get", "name", "x", "of", "an", "http", "request", "3", "times"]
    )


def test_unknown_words_labels_and_values_are_unk() -> None:
    view = PathView().fit(examples()[:1])
    other = view.batch(examples()[1:2])
    assert (other.target[0, :2] == UNK).all()
    assert (other.bag_ids == UNK).any()
    assert (other.paths == UNK).any()
    assert int(other.paths.max()) < len(view.nodes)


def test_vocabularies_hold_the_most_frequent_words_in_a_stated_order() -> None:
    counts = Counter(["b", "b", "a", "a", "c"])
    assert Vocabulary.most_frequent(counts, INPUTS).words == (*INPUTS, "a", "b", "c")
    assert Vocabulary.most_frequent(counts, INPUTS, limit=1).words == (*INPUTS, "a")
    assert Vocabulary.most_frequent(counts, INPUTS, least=2).words == (*INPUTS, "a", "b")
    limited = PathView(PathViewConfig(subtoken_limit=3, word_limit=2)).fit(examples())
    assert (len(limited.values), len(limited.words)) == (5, 5)


def test_a_view_is_restored_from_its_state() -> None:
    view = PathView(PathViewConfig(contexts=7)).fit(examples())
    restored = PathView.from_state(json.loads(json.dumps(view.state())))
    for one, other in zip(view.batch(examples())[:9], restored.batch(examples())[:9], strict=True):
        assert torch.equal(one, other)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=10), st.integers(1, 20), st.integers(0, 99))
def test_drawn_contexts_are_distinct_in_range_and_as_many_as_there_may_be(
    counts: list[int], limit: int, seed: int
) -> None:
    for rng in (None, np.random.default_rng(seed)):
        drawn, offsets = draw(np.array(counts), limit, rng)
        for row, count in enumerate(counts):
            part = drawn[offsets[row] : offsets[row + 1]].tolist()
            assert len(part) == min(count, limit)
            assert sorted(set(part)) == part
            assert all(0 <= number < count for number in part)


def test_every_context_is_drawn_equally_often() -> None:
    drawn, _ = draw(np.full(4000, 10), 3, np.random.default_rng(0))
    share = np.bincount(drawn, minlength=10) / 4000
    assert np.abs(share - 0.3).max() < 5 * (0.3 * 0.7 / 4000) ** 0.5


def test_training_draws_afresh_and_evaluation_never(tmp_path: Path) -> None:
    view = PathView(PathViewConfig(contexts=5))
    dataset = view.fit_compile(examples(), tmp_path / "data")
    assert dataset.sizes.max() == 5
    fixed = [spelled(view, dataset.batch(np.arange(4), None)) for _ in range(2)]
    assert fixed[0] == fixed[1]
    assert fixed[0] == spelled(view, view.batch(examples()))  # the same for a function that is not on disk
    drawn = [spelled(view, batch) for epoch in range(3) for batch in epoch_batches(dataset, 4, seed=0, epoch=epoch)]
    assert len({str(sorted(map(sorted, map(dict.items, batch)))) for batch in drawn}) == 3
    again = [spelled(view, batch) for epoch in range(3) for batch in epoch_batches(dataset, 4, seed=0, epoch=epoch)]
    assert drawn == again


def test_at_most_the_kept_contexts_are_stored_and_the_order_depends_on_the_example() -> None:
    order, offsets = stored_order([3, 30, 8], [1, 2, 3], keep=10, fixed=5)
    assert np.diff(offsets).tolist() == [3, 10, 8]
    assert order[:3].tolist() == [0, 1, 2]
    assert len(set(order[3:13].tolist())) == 10
    assert sorted(order[13:].tolist()) == list(range(33, 41))
    alone, _ = stored_order([30], [2], keep=10, fixed=5)
    assert (order[3:13] - 3).tolist() == alone.tolist()


C2S = """get|name string,Cls0|Mth|Nm1,METHOD_NAME string,Cls0|Mth|Bk|Ret|Nm0,name
run a|b|c|d|e|f,Nm0|Mth,METHOD_NAME

none
"""


def test_c2s_files_train_here(tmp_path: Path) -> None:
    file = tmp_path / "train.c2s"
    file.write_text(C2S)
    view = PathView()
    dataset = view.import_c2s(file, tmp_path / "data", fit=True)
    assert dataset.references(range(2)) == [["get", "name"], ["run"]]
    assert dataset.skipped == 1
    batch = dataset.batch(np.arange(2), None)
    assert spelled(view, batch) == [
        Counter({("string", "Cls0|Mth|Nm1", "METHOD_NAME"): 1, ("string", "Cls0|Mth|Bk|Ret|Nm0", "name"): 1}),
        Counter({("a|b|c|d|e", "Nm0|Mth", "METHOD_NAME"): 1}),  # the first five subtokens
    ]
    validation = view.import_c2s(file, tmp_path / "validation")
    assert np.array_equal(validation.targets, dataset.targets)


def test_a_file_that_is_no_c2s_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.c2s"
    file.write_text("get|name a,b\n")
    with pytest.raises(PhloemError, match=r"bad.c2s holds no path contexts"):
        PathView().import_c2s(file, tmp_path / "data", fit=True)
    with pytest.raises(PhloemError, match="cannot read"):
        PathView().import_c2s(tmp_path / "missing.c2s", tmp_path / "data")
    assert not list(tmp_path.glob("data*"))


def test_a_compilation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> object:
        yield from examples()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PathView().fit_compile(interrupted(), tmp_path / "data")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_overwritten_and_a_foreign_one_not_opened(tmp_path: Path) -> None:
    PathView().fit_compile(examples(), tmp_path / "data")
    with pytest.raises(PhloemError, match="exists already"):
        PathView().fit_compile(examples(), tmp_path / "data")
    with pytest.raises(PhloemError, match="not a compiled dataset"):
        PathDataset(tmp_path)
    about = json.loads((tmp_path / "data/dataset.json").read_text())
    (tmp_path / "data/dataset.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(PhloemError, match="format 99"):
        PathDataset(tmp_path / "data")


def test_batches_stay_the_same_however_many_were_read(tmp_path: Path) -> None:
    view = PathView()
    dataset = view.fit_compile(examples(), tmp_path / "data")
    assert len({str(spelled(view, dataset.batch(np.arange(4), None))) for _ in range(2 * RELEASE_EVERY)}) == 1


def test_projects_are_kept(tmp_path: Path) -> None:
    dataset = PathView().fit_compile([*examples("shop"), *examples("bank")], tmp_path / "data")
    assert [dataset.projects[number] for number in dataset.project] == ["shop"] * 4 + ["bank"] * 4


def test_unknown_settings_are_named() -> None:
    with pytest.raises(PhloemError, match="unknown preset"):
        PathView(PathViewConfig(preset="nothing"))
    with pytest.raises(PhloemError, match="unknown target"):
        PathView(PathViewConfig(target="poem"))
