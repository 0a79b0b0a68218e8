"""Copies in a view: what the source offers, in compiled and fresh batches alike, and back to words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.base import PAD, UNK
from phloem.represent.labels import Labels
from phloem.represent.path_view import PathView, PathViewConfig
from phloem.represent.paths import extract
from phloem.represent.preset import NAMED, TREE_SITTER

SOURCE = '''
def get_name(self):
    """Return the name of the gadget."""
    return self.name_of_gadget

def count(crates, limit=17):
    """Count crates up to the limit."""
    return min(len(crates), limit, METHOD_NAME)

def count_down(steps):
    """Count steps down."""
    return count_down(steps - 1) if steps else "done with steps"
'''


def examples() -> list[Example]:
    return examples_of(SOURCE.encode(), by_name("python"), "shop.py", "shop")


def view() -> PathView:
    """One that copies; its vocabulary of words is small, so that words of documentation are beyond it."""
    config = PathViewConfig(preset="tree-sitter-named", target="summary", target_words=12, word_limit=6, copying=True)
    return PathView(config).fit(examples())


def test_the_functions_name_is_read_where_it_is_not_what_is_asked_for() -> None:
    labels = Labels()
    masked, named = (extract(examples(), preset, labels) for preset in (TREE_SITTER, NAMED))
    assert (masked.offsets == named.offsets).all()
    for number, name in enumerate(("get|name", "count", "count|down")):
        pairs = zip(masked.of(number, labels), named.of(number, labels), strict=True)
        for (left, path, right), other in pairs:
            # The three functions' names are nowhere else in their bodies but in the recursive call.
            assert other == (left.replace("METHOD_NAME", name), path, right.replace("METHOD_NAME", name))


def test_compiled_and_fresh_batches_have_the_same_copies(tmp_path: Path) -> None:
    known = view()
    dataset = known.compile(examples(), tmp_path / "data")
    compiled, fresh = dataset.batch(np.arange(3), None), known.batch(examples())
    collated = known.collate([known.encode(one) for one in examples()])
    assert (compiled.target >= len(known.words)).any()
    for other in (fresh, collated):
        torch.testing.assert_close(compiled.target, other.target)
        assert compiled.copies is not None
        assert other.copies is not None
        for one, two in zip(compiled.copies, other.copies, strict=True):
            torch.testing.assert_close(one, two)


def test_words_of_the_source_are_written_by_their_copies() -> None:
    known = view()
    batch = known.batch(examples())
    assert batch.copies is not None
    for row, example in enumerate(examples()):
        wanted = known.target(example)
        offered = {known.values.words[subtoken] for subtoken in batch.copies.subtokens[row].tolist() if subtoken != PAD}
        assert not offered & {"METHOD_NAME", "<NUM>"}
        readable = [word for word in wanted if word in known.words or word in offered]
        for source in (example, batch.copies.beyond[row].numpy()):
            assert known.decode(batch.target[row].numpy(), source) == readable
        unknown = sum(word not in known.words and word not in offered for word in wanted)
        assert int((batch.target[row] == UNK).sum()) == unknown
    copy = np.array([len(known.words)])
    with pytest.raises(ValueError, match="copy"):
        known.decode(copy)
    assert known.decode(np.array([len(known.words) + 99]), examples()[0]) == []


def test_a_view_that_copies_is_restored_and_one_that_doesnt_has_the_state_that_it_had() -> None:
    known = view()
    again = PathView.from_state(json.loads(json.dumps(known.state())))
    torch.testing.assert_close(again.batch(examples()).target, known.batch(examples()).target)
    plain = PathView(PathViewConfig(target="summary")).fit(examples())
    assert "copying" not in plain.state()["config"]
    assert plain.batch(examples()).copies is None
    assert PathView.from_state(plain.state()).config == plain.config
