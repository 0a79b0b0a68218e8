"""Functions as subtokens: what is read, what is hidden, and that compiled data say the same as fresh examples."""

import numpy as np
import pytest
import torch

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.represent.base import PAD, UNK, epoch_batches, fixed_batches
from phloem.represent.token_view import TokenDataset, TokenView, TokenViewConfig
from phloem.represent.tokens import Subtokens

SOURCE = b'''
def count_open_files(self, limit=10):
    """Count the files that are open."""
    # a comment about files
    total = 0
    for handle in self.fileHandles:
        if handle.isOpen and total != limit:
            total += count_open_files(handle, "no such file")
    return total

def read(path):
    def inner():
        return read(path)
    return inner

def stub(): ...
'''


@pytest.fixture
def examples():
    return examples_of(SOURCE, by_name("python"), project="p")


def test_a_function_is_read_token_by_token_without_comments_docstring_and_separators(examples):
    assert " ".join(Subtokens().of(examples[0])) == (
        "def METHOD_NAME self limit = <NUM> total = 0 for handle in self file handles "
        "if handle is open and total != limit total += METHOD_NAME handle no such file return total"
    )


def test_the_own_name_is_hidden_in_inner_functions_too(examples):
    assert (
        " ".join(Subtokens().of(examples[1])) == "def METHOD_NAME path def inner return METHOD_NAME path return inner"
    )


def test_a_string_that_spells_the_name_is_hidden():
    example = examples_of(b"def read():\n    return f('read', 'reader')\n", by_name("python"))[0]
    assert Subtokens().of(example) == ["def", "METHOD_NAME", "return", "f", "METHOD_NAME", "reader"]


def test_only_the_first_subtokens_of_a_token_count():
    example = examples_of(b"def f():\n    return a_b_c_d_e_f_g\n", by_name("python"))[0]
    assert Subtokens(3).of(example)[-4:] == ["return", "a", "b", "c"]


def test_java_is_read_alike():
    source = b"class A { /** Doc. */ public int getSize() { // why\n return this.size + 1; } }"
    example = examples_of(source, by_name("java"))[0]
    assert Subtokens().of(example) == ["public", "int", "METHOD_NAME", "return", "this", "size", "+", "1"]


def fitted(examples, **changes) -> TokenView:
    return TokenView(TokenViewConfig(**changes)).fit(examples)


def test_compiled_batches_equal_fresh_ones(examples, tmp_path):
    view = fitted(examples)
    dataset = view.compile(examples, tmp_path / "data")
    assert len(dataset) == len(examples) == 4
    assert dataset.sizes.tolist() == [len(Subtokens().of(example)) for example in examples]
    for index in ([0, 1, 2, 3], [2], [3, 0]):
        one = dataset.batch(np.array(index), None)
        other = view.batch([examples[i] for i in index])
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.lengths.tolist() == dataset.sizes[[3, 0]].tolist()
    assert (one.tokens[0, one.lengths[0] :] == PAD).all()


def test_targets_decode_to_names_and_references_are_whole(examples, tmp_path):
    view = fitted(examples, target_words=2)
    dataset = view.compile(examples, tmp_path / "data")
    assert dataset.references([0, 1]) == [["count", "open", "files"], ["read"]]
    batch = dataset.batch(np.array([0, 1]), None)
    assert [view.decode(row.numpy()) for row in batch.target] == [["count", "open"], ["read"]]
    assert (batch.target[:, -1] == PAD).all()


def test_fitting_while_compiling_is_the_same(examples, tmp_path):
    view, other = fitted(examples, least=2), TokenView(TokenViewConfig(least=2))
    dataset, both = view.compile(examples, tmp_path / "one"), other.fit_compile(examples, tmp_path / "two")
    assert view.state() == other.state()
    index = np.arange(len(dataset))
    assert all(torch.equal(a, b) for a, b in zip(dataset.batch(index, None), both.batch(index, None), strict=True))


def test_words_of_other_data_are_unknown(examples):
    view = fitted(examples[1:2])
    encoded = view.encode(examples[0])
    assert UNK in encoded["tokens"]
    assert encoded["target"].tolist()[:3] == [UNK, UNK, UNK]


def test_a_restored_view_says_the_same(examples):
    view = fitted(examples)
    again = TokenView.from_state(view.state())
    assert again.state() == view.state()
    assert all(torch.equal(a, b) for a, b in zip(view.batch(examples), again.batch(examples), strict=True))


def test_long_functions_are_cut(examples, tmp_path):
    view = fitted(examples, length=5)
    dataset = view.compile(examples, tmp_path / "data")
    assert dataset.batch(np.array([0]), None).tokens.shape == (1, 5)
    assert dataset.sizes.max() == 5


def test_examples_without_a_target_are_left_out_and_counted(examples, tmp_path):
    view = fitted(examples, target="summary")
    dataset = view.compile(examples, tmp_path / "data")
    assert (len(dataset), dataset.skipped) == (1, 3)
    assert dataset.references([0]) == [["count", "the", "files", "that", "are", "open"]]


def test_batches_cover_every_example_once(examples, tmp_path):
    dataset = fitted(examples).compile(examples * 5, tmp_path / "data")
    drawn = sum(len(batch.tokens) for batch in epoch_batches(dataset, 3, seed=0, epoch=0, bucket=2))
    assert drawn == sum(len(batch.tokens) for batch in fixed_batches(dataset, 7)) == 20


def test_wrong_use_is_one_clear_line(examples, tmp_path):
    view = fitted(examples)
    view.compile(examples, tmp_path / "data")
    with pytest.raises(PhloemError, match="exists already"):
        view.compile(examples, tmp_path / "data")
    with pytest.raises(PhloemError, match="not a compiled dataset"):
        TokenDataset(tmp_path, length=5)
    with pytest.raises(PhloemError, match="unknown target 'nmae'"):
        TokenView(TokenViewConfig(target="nmae"))


def test_a_compilation_that_fails_leaves_nothing(examples, tmp_path):
    def broken():
        yield examples[0]
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError):
        fitted(examples).compile(broken(), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
