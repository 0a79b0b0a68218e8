"""Functions cut out of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phloem.corpora.examples import DEEPEST, examples_of
from phloem.languages import by_name, for_path

SAMPLES = [
    path
    for path in sorted((Path(__file__).parents[1] / "languages" / "fixtures").iterdir())
    if path.stem.lower() == "sample" and path.suffix != ".json"
]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_an_example_is_its_function(path: Path) -> None:
    language = for_path(path)
    assert language is not None
    source = path.read_bytes()
    functions = language.functions(language.parse(source))
    examples = examples_of(source, language, "a/b", "project")
    assert [example.name for example in examples] == [function.name for function in functions]
    for example, function in zip(examples, functions, strict=True):
        tree = example.tree
        assert (example.language, example.path, example.project) == (language.name, "a/b", "project")
        assert source[example.start :].startswith(tree.source)
        assert tree.text(example.name_node) in example.name
        assert not np.isin(example.name_node, tree.parent)
        assert source.count(b"\n", 0, example.start + int(tree.start[example.name_node])) + 1 == example.line
        assert example.doc == function.doc
        if example.doc_span is not None:
            assert language.name == "python"
            start, end = example.doc_span
            assert tree.source[start : start + 1] in b"'\"r("
            assert tree.source[end - 1 : end] in b"'\")"


def test_functions_too_deep_inside_others_are_left_out() -> None:
    source = b"function f(x) {" * 40 + b"}" * 40 + b"function g() {}"
    names = [example.name for example in examples_of(source, by_name("javascript"))]
    assert names == ["f"] * (DEEPEST + 1) + ["g"]


def test_nothing_in_nothing_out() -> None:
    assert examples_of(b"", by_name("python")) == []
    assert examples_of(bytes(range(256)), by_name("java")) == []
