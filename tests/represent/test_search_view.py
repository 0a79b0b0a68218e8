"""Functions as pairs for code search."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora.doc_code_pairs import DocumentedCode
from phloem.errors import PhloemError
from phloem.represent.code_text import around_name, without_documentation
from phloem.represent.search_batches import ByProject
from phloem.represent.search_view import Sampling, SearchDataset, SearchView, SearchViewConfig, keys

CONFIG = SearchViewConfig(vocabulary=600, code_units=40, doc_units=12, undocumented=1.0)


def function(number: int, project: str, *, doc: bool = True) -> DocumentedCode:
    text = f"Read table number {number} from a file." if doc else ""
    doc_part = f'"""{text}"""\n    ' if doc else ""
    source = (
        f"def load_table_{number}(path):\n    {doc_part}return open(path).read_table({number}, load_table_{number})"
    )
    start = source.index('"""') if doc else -1
    span = (start, start + len(text) + 6) if doc else None
    return DocumentedCode("python", project, "m.py", f"load_table_{number}", text, source.encode(), span, number)


EXAMPLES = [function(number, "one" if number < 30 else "two", doc=number % 3 > 0) for number in range(40)]


@pytest.fixture(scope="module")
def view() -> SearchView:
    return SearchView(CONFIG).fit(EXAMPLES)


@pytest.fixture(scope="module")
def dataset(view: SearchView, tmp_path_factory: pytest.TempPathFactory) -> SearchDataset:
    return view.compile(EXAMPLES, tmp_path_factory.mktemp("data") / "train")


def spelled(view: SearchView, ids: np.ndarray) -> str:
    return "".join(view.subwords.text(ids)).strip()


def test_documentation_is_removed_and_the_rest_is_whole() -> None:
    source = 'def f():\n    """Do é."""\n    g()'.encode()
    span = (source.index(b'"""'), source.rindex(b'"""') + 3)
    assert without_documentation(source, span) == "def f():\n    \n    g()"
    assert without_documentation(source, None).encode() == source
    assert without_documentation(b"\xff(", None) == "\ufffd("


@given(st.text("ab_ (", max_size=30), st.text("ab", min_size=1, max_size=2))
def test_a_text_is_cut_at_the_whole_name_only(text: str, name: str) -> None:
    import re

    assert around_name(text, name) == re.split(rf"(?<!\w){name}(?!\w)", text)


def test_a_pair_is_the_sentence_and_the_code_without_it(view: SearchView, dataset: SearchDataset) -> None:
    pair = dataset.batch(np.array([1]), None)
    assert spelled(view, pair.queries.ids) == "read table number 1 from a file"
    code = spelled(view, pair.codes.ids)
    assert code.startswith("def load table 1 path return open path read")
    assert "from a file" not in code


def test_an_undocumented_function_is_searched_by_its_name(view: SearchView, dataset: SearchDataset) -> None:
    assert 0 not in dataset.documented()
    assert spelled(view, dataset.batch(np.array([0]), None).queries.ids) == "load table 0"


def test_where_the_name_is_the_query_it_is_not_in_the_code(view: SearchView, dataset: SearchDataset) -> None:
    names = SearchDataset.joined([dataset], Sampling(sentence=0, doc=0, with_doc=0))
    batch = names.batch(np.arange(len(names)), np.random.default_rng(0))
    for row, (start, end) in enumerate(zip(batch.codes.offsets[:-1], batch.codes.offsets[1:], strict=True)):
        assert "load" not in spelled(view, batch.codes.ids[start:end])
        mine = batch.queries.ids[batch.queries.offsets[row] : batch.queries.offsets[row + 1]]
        assert spelled(view, mine) == f"load table {row}"


def test_documentation_is_put_into_code_that_a_name_searches(view: SearchView, dataset: SearchDataset) -> None:
    names = SearchDataset.joined([dataset], Sampling(sentence=0, doc=0, with_doc=1))
    batch = names.batch(np.array([1]), np.random.default_rng(0))
    assert "read table number 1 from a file" in spelled(view, batch.codes.ids)


def test_what_is_drawn_depends_on_the_generator_alone(dataset: SearchDataset) -> None:
    index = np.arange(len(dataset))
    one, again, other = (dataset.batch(index, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.codes.ids == again.codes.ids).all()
    assert (one.queries.ids == again.queries.ids).all()
    assert len(one.queries.ids) != len(other.queries.ids) or (one.queries.ids != other.queries.ids).any()


def test_equal_texts_have_equal_keys(view: SearchView) -> None:
    rows = view.subwords.encode(["read a file", "write a file", "read a file", ""])
    found = keys(rows)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3


def test_trivial_functions_are_left_out_and_undocumented_ones_thinned(view: SearchView, tmp_path: Path) -> None:
    trivial = DocumentedCode("python", "one", "m.py", "f", "Do it all.", b"def f(): ...", None, 1)
    assert len(view.compile([trivial], tmp_path / "trivial")) == 0
    thin = SearchView(SearchViewConfig(vocabulary=600, undocumented=0.0), view.subwords)
    assert len(thin.compile(EXAMPLES, tmp_path / "thin")) == len(view.compile(EXAMPLES, tmp_path / "all").documented())


def test_joined_corpora_keep_their_functions_apart(view: SearchView, dataset: SearchDataset) -> None:
    both = SearchDataset.joined([dataset, dataset])
    assert len(both) == 2 * len(dataset)
    assert both.projects == ["one", "two", "one", "two"]
    assert set(both.project.tolist()) == {0, 1, 2, 3}
    last = len(both) - 1
    assert (both.column("code", np.array([last])).ids == dataset.column("code", np.array([len(dataset) - 1])).ids).all()


def test_draws_are_of_one_project_each(dataset: SearchDataset) -> None:
    draws = ByProject(dataset, 8)
    assert len(draws) == 30 // 8 + 1
    for number in range(len(draws)):
        drawn = draws.functions(np.array([number]), np.random.default_rng(number))
        assert len(set(drawn.tolist())) == 8
        assert len(set(dataset.project[drawn].tolist())) == 1
    assert len(draws.batch(np.arange(len(draws)), np.random.default_rng(0)).query_key) == 8 * len(draws)


def test_a_saved_view_encodes_alike_and_a_damaged_dataset_says_so(view: SearchView, tmp_path: Path) -> None:
    again = SearchView.from_state(json.loads(json.dumps(view.state())))
    one, other = view.compile(EXAMPLES, tmp_path / "one"), again.compile(EXAMPLES, tmp_path / "other")
    assert (one.column("code", np.arange(40)).ids == other.column("code", np.arange(40)).ids).all()
    (tmp_path / "one" / "code.npy").write_bytes(b"")
    with pytest.raises(PhloemError, match="compiled dataset"):
        SearchDataset.open(tmp_path / "one")
    assert not SearchView().fitted
