"""Trees by node types: what is kept, and that compiled batches equal fresh ones."""

import numpy as np
import pytest
import torch

from phloem.errors import PhloemError
from phloem.represent.node_types import NodeTypeView
from phloem.tasks.classification import program

SOURCES = (
    ("int main() { /* say hello */ int a = 1; return a; }", "one"),
    ("void f(int x) { for (;;) { x++; } }", "two"),
    ("int y;", "one"),
)


@pytest.fixture
def examples():
    return [program(source, label) for source, label in SOURCES]


def names(view: NodeTypeView, kinds) -> list[str]:
    return [view.kinds.words[kind] for kind in kinds]


def test_named_nodes_are_kept_without_comments_and_text(examples):
    view = NodeTypeView().fit(examples)
    encoded = view.encode(examples[2])
    assert names(view, encoded["kind"]) == ["translation_unit", "declaration", "primitive_type", "identifier"]
    assert encoded["parent"].tolist() == [-1, 0, 1, 1]
    assert encoded["position"].tolist() == [1, 1, 1, 2]
    assert encoded["siblings"].tolist() == [1, 1, 2, 2]
    assert encoded["leaves"].tolist() == [2, 2, 1, 1]
    assert encoded["depth"].tolist() == [0, 1, 2, 2]
    assert "comment" not in view.kinds.words
    renamed = program("int other_name;", "one")
    assert all(np.array_equal(encoded[key], value) for key, value in view.encode(renamed).items())


def test_compiled_batches_equal_fresh_ones(examples, tmp_path):
    view = NodeTypeView().fit(examples)
    dataset = view.compile(examples, tmp_path / "data")
    assert len(dataset) == 3
    for index in ([0, 1, 2], [2, 0], [1]):
        one, other = dataset.batch(np.array(index), None), view.collate([view.encode(examples[i]) for i in index])
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert dataset.sizes.tolist() == [len(view.encode(example)["kind"]) for example in examples]


def test_parents_index_nodes_of_the_batch(examples):
    view = NodeTypeView().fit(examples)
    batch = view.collate([view.encode(example) for example in examples])
    below = batch.parent >= 0
    assert (~below).sum() == 3
    assert torch.equal(batch.tree[batch.parent[below]], batch.tree[below])
    assert torch.equal(batch.depth[batch.parent[below]] + 1, batch.depth[below])


def test_classes_are_named_and_restored(examples):
    view = NodeTypeView().fit(examples)
    again = NodeTypeView.from_state(view.state())
    assert again.decode(np.array([0, 1])) == ["one", "two"]
    assert all(np.array_equal(again.encode(examples[1])[key], value) for key, value in view.encode(examples[1]).items())
    with pytest.raises(PhloemError, match="class 'three'"):
        view.encode(program("int a;", "three"))


def test_broken_code_is_read_as_far_as_it_goes():
    view = NodeTypeView().fit([program("int main( { ] return", "one")])
    assert "ERROR" in view.kinds.words
