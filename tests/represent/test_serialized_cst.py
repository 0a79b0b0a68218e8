"""Trees written as text and units, and read back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.learn.objectives.masked_subtree import (
    balanced,
    masked_nodes,
    masked_subtree_spans,
    masked_subtrees,
    subtrees,
    text_and_tree,
)
from phloem.learn.objectives.span_corruption import restore
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.cst_units import BLANK, CstUnits
from phloem.represent.serialized_cst import (
    CLOSE,
    Element,
    Open,
    closed,
    detokenised,
    is_closed,
    serialized,
)
from tests.represent.java_methods import java_methods
from tests.represent.stdlib_functions import stdlib_functions

PYTHON, JAVA = by_name("python"), by_name("java")


def written(source: str, language: str = "python") -> list[Element]:
    known = by_name(language)
    return serialized(known.parse(source.encode()), known)


def blankless(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(scope="module")
def vocabulary() -> CstUnits:
    sources = [each.tree.source.decode() for each in stdlib_functions()[:200]]
    kinds = [element.kind for source in sources for element in written(source) if isinstance(element, Open)]
    return CstUnits(BytePairs.fit(sources, 1500, extra=(BLANK,)), kinds)


@pytest.mark.row("S050", 1)
def test_a_thousand_python_functions_come_back() -> None:
    escapes = formatted = 0
    for example in stdlib_functions():
        source = example.tree.source.decode()
        elements = written(source)
        kinds = {element.kind for element in elements if isinstance(element, Open)}
        assert blankless("".join(each for each in elements if isinstance(each, str))) == blankless(source)
        assert written(detokenised(elements, "python")) == elements
        escapes += "\\n" in source
        formatted += "interpolation" in kinds
    assert escapes >= 50
    assert formatted >= 50


@pytest.mark.row("S050", 1)
def test_a_thousand_java_methods_come_back() -> None:
    methods = java_methods()
    for source in methods:
        elements = written(source, "java")
        assert blankless("".join(each for each in elements if isinstance(each, str))) == blankless(source)
        assert written(detokenised(elements, "java"), "java") == elements
    assert len(methods) == 1000
    assert sum("\\n" in source for source in methods) >= 50
    assert sum('"""' in source for source in methods) >= 50


@pytest.mark.row("S050", 1)
@pytest.mark.parametrize(
    "source",
    [
        "x = 'a\\nb  c'  # d\n",
        "def f():\n    # first\n    if a: b; c\n    else:\n        pass\n    # last\n\ndef g(): pass\n",
        "@a\n@b(c)\nclass D:\n    'doc'\n    x: int = 1; y = 2\n",
        "try:\n    a\nexcept B as e:\n    c\nelse:\n    d\nfinally:\n    e\n",
        "f'{a!r:>{w}} b {c + d}' 'e'\n",
        "x = a + \\\n    b\n",
        "with a as b, c:\n    async def d(*e, **f): await g\n",
        "match a:\n    case [1, *_]: b\n    case {'k': v} if v: c\n",
        "x = '''a\n  b'''\nlambda: (yield)\n",
        "\n\n",
    ],
)
def test_corners_of_python_layout(source: str) -> None:
    elements = written(source)
    assert written(detokenised(elements, "python")) == elements


def test_csharp_comes_back() -> None:
    source = 'int F(int a){ // c\n var s = $"x {a:0} y"; return s is null ? 1 : a>>2; }'
    elements = written(source, "csharp")
    assert written(detokenised(elements, "csharp"), "csharp") == elements


def test_layouts_that_are_not_known_and_open_trees_are_refused() -> None:
    with pytest.raises(PhloemError, match="no layout"):
        detokenised([], "ruby")
    with pytest.raises(PhloemError, match="not closed"):
        detokenised([Open("module")], "python")


@pytest.mark.row("S050", 1)
def test_units_are_exact(vocabulary: CstUnits) -> None:
    assert vocabulary.blank < vocabulary.units.size, "plain text needs no new unit"
    for example in stdlib_functions()[:300]:
        elements = [
            element if not isinstance(element, Open) or element.kind in vocabulary.kinds else Open("other")
            for element in written(example.tree.source.decode())
        ]
        assert vocabulary.decode(vocabulary.encode(elements).tolist()) == elements


@pytest.mark.row("S050", 2)
def test_masked_units_are_subtrees(vocabulary: CstUnits) -> None:
    rng = np.random.default_rng(0)
    sentinels, units = vocabulary.units.is_sentinel, vocabulary.units
    hidden = whole = 0
    for example in stdlib_functions()[:150]:
        elements = written(example.tree.source.decode())
        ids = vocabulary.encode(elements)
        spans = masked_subtree_spans(ids, vocabulary, rng)
        assert len(subtrees(ids, vocabulary)) == sum(isinstance(element, Open) for element in elements)
        for start, end in spans:
            assert ids[start] == vocabulary.open
            assert balanced(ids[start:end], vocabulary)
            assert not balanced(ids[start : end - 1], vocabulary), "one subtree, no more"
            inside = np.cumsum((ids[start:end] == vocabulary.open) * 1 - (ids[start:end] == vocabulary.close))
            assert (inside[:-1] > 0).all()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
        pair = masked_subtrees(ids, vocabulary, rng)
        assert np.array_equal(restore(pair.source, pair.target, sentinels), ids)
        hidden += sum(end - start for start, end in spans)
        whole += len(ids)
    assert 0.12 < hidden / whole < 0.2
    assert units.sentinels == 100


@pytest.mark.row("S050", 2)
def test_random_spans_are_not_subtrees(vocabulary: CstUnits) -> None:
    rng = np.random.default_rng(0)
    for example in stdlib_functions()[:30]:
        ids = vocabulary.encode(written(example.tree.source.decode()))
        lengths = [end - start for start, end in masked_subtree_spans(ids, vocabulary, rng)] or [6]
        drawn = [(int(rng.integers(0, len(ids) - length + 1)), length) for length in rng.choice(lengths, 20)]
        assert not all(balanced(ids[start : start + length], vocabulary) for start, length in drawn)


@pytest.mark.row("S050", 3)
def test_masked_nodes_are_labels_only(vocabulary: CstUnits) -> None:
    rng = np.random.default_rng(0)
    for example in stdlib_functions()[:150]:
        ids = vocabulary.encode(written(example.tree.source.decode()))
        pair = masked_nodes(ids, vocabulary, rng)
        assert len(pair.source) == len(ids)
        changed = pair.source != ids
        assert changed.any()
        assert (ids[changed] >= vocabulary.first_label).all()
        assert all(vocabulary.units.is_sentinel(unit) for unit in pair.source[changed].tolist())
        assert np.array_equal(restore(pair.source, pair.target, vocabulary.units.is_sentinel), ids)


@pytest.mark.row("S050", 5)
def test_brackets_of_the_source_are_not_those_of_the_tree(vocabulary: CstUnits) -> None:
    elements = written("f((a))")
    assert [each for each in elements if isinstance(each, str)] == ["f", "(", "(", "a", ")", ")"]
    assert written(detokenised(elements, "python")) == elements
    marks = {vocabulary.open, vocabulary.close, *range(vocabulary.first_label, vocabulary.size)}
    assert not marks & {unit for text in "() ( )" for unit in vocabulary.units.encode(text)}
    assert "".join(detokenised(vocabulary.decode(vocabulary.encode(elements).tolist()), "python").split()) == "f((a))"


def test_a_tree_that_does_not_close_is_closed() -> None:
    elements = written("f((a))")
    assert is_closed(elements)
    for cut in range(len(elements)):
        mended = closed(elements[:cut])
        assert is_closed(mended)
        assert mended[:cut] == elements[:cut]
        detokenised(mended, "python")
    assert closed([CLOSE, "a", CLOSE]) == ["a"]


def test_what_a_model_writes_wrongly_is_read_without_harm(vocabulary: CstUnits) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        ids = rng.choice([vocabulary.open, vocabulary.close, vocabulary.blank, vocabulary.first_label + 2, 7, 400], 30)
        elements = closed(vocabulary.decode(ids.tolist()))
        assert is_closed(elements)
        assert isinstance(detokenised(elements, "python"), str)


def test_text_and_tree_in_both_directions() -> None:
    rng = np.random.default_rng(0)
    one, two = np.arange(3), np.arange(5)
    seen = {tuple(map(len, text_and_tree(one, two, rng))) for _ in range(50)}
    assert seen == {(3, 5), (5, 3)}
