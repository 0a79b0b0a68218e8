"""The functions of one realistic file a language, against a list made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phloem.languages import LANGUAGES, for_path
from phloem.languages.documentation import first_sentence
from phloem.languages.tree import error_count

FIXTURES = sorted(
    path for path in Path(__file__).parent.joinpath("fixtures").iterdir() if path.stem.lower() == "sample"
)
SAMPLES = [path for path in FIXTURES if path.suffix != ".json"]


def test_every_language_has_a_sample() -> None:
    languages = {language.name for path in SAMPLES if (language := for_path(path)) is not None}
    assert languages == set(LANGUAGES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_functions_are_these(path: Path) -> None:
    language = for_path(path)
    assert language is not None
    functions = language.functions(language.parse(path.read_bytes()))
    found = [
        {
            "name": function.name,
            "parameters": list(function.parameters),
            "line": function.line,
            "end_line": function.end_line,
            "doc": first_sentence(function.doc),
        }
        for function in functions
    ]
    assert found == json.loads(path.with_name(path.name + ".json").read_text("utf-8"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_functions_keep_the_contract(path: Path) -> None:
    language = for_path(path)
    assert language is not None
    tree = language.parse(path.read_bytes())
    assert error_count(tree) > 0  # each sample has a broken part
    functions = language.functions(tree)
    assert [function.node for function in functions] == sorted({function.node for function in functions})
    for function in functions:
        assert function.node < function.name_node < function.stop
        assert function.node < function.body < function.stop
        assert tree.text(function.name_node) in function.name
        assert (tree.parent[function.name_node + 1 :] != function.name_node).all(), "the name is a leaf"
        assert function.line <= function.end_line
        if function.doc_span is None:
            assert function.doc == ""
            continue
        start, end = function.doc_span
        assert start < end
        if language.name == "python":
            assert tree.start[function.node] < start
            assert end <= tree.end[function.node]
        else:
            assert end <= tree.start[function.node]
        words = [word for word in function.doc.split() if word.isalpha()]
        assert all(word.encode() in tree.source[start:end] for word in words)


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_line_endings_and_byte_order_marks_change_nothing(path: Path, ending: bytes) -> None:
    language = for_path(path)
    assert language is not None
    source = path.read_bytes()
    plain = language.functions(language.parse(source))
    marked = language.functions(language.parse(b"\xef\xbb\xbf" + source.replace(b"\n", ending)))

    def seen(functions):
        return [(f.name, f.parameters, f.line, f.end_line, f.doc) for f in functions]

    assert seen(marked) == seen(plain)
