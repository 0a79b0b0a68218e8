"""Span corruption by whole words, identifier tagging, and masked identifiers: CodeT5's objectives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.learn.objectives.identifier_deobfuscation import choose_names, fill_names, hide_names, names_of
from phloem.learn.objectives.identifier_tagging import IdentifierTagging, Tagged, identifier_labels
from phloem.learn.objectives.span_corruption import corrupt, restore, segmented_spans, whole_word_spans
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.identifier_occurrences import MarkedTokens, identifier_occurrences, marked_tokens
from phloem.tasks.accessors import accessors
from tests.represent.stdlib_functions import stdlib_functions

PYTHON = by_name("python")


@pytest.fixture(scope="module")
def units() -> BytePairs:
    return BytePairs.fit([each.tree.source.decode() for each in stdlib_functions()[:300]], 2000)


def marked(units: BytePairs, source: str, language: str = "python") -> MarkedTokens:
    known = by_name(language)
    return marked_tokens(known.parse(source.encode()), known, units)


@pytest.mark.row("S117", 1)
def test_masked_identifiers_come_back_exactly(units: BytePairs) -> None:
    rng = np.random.default_rng(0)
    for example in stdlib_functions()[:400]:
        source = example.tree.source.decode()
        code = marked_tokens(example.tree, PYTHON, units)
        chosen = choose_names(code, rng, share=float(rng.choice([0.2, 0.6, 1.0])), most=units.sentinels)
        pair = hide_names(code, chosen, units)
        used = {unit for unit in pair.source.tolist() if units.is_sentinel(unit)}
        assert len(used) == len(chosen) == len(names_of(pair.target, units))
        assert list(names_of(pair.target, units).values()) == [code.names[name] for name in chosen]
        order = list(dict.fromkeys(unit for unit in pair.source.tolist() if units.is_sentinel(unit)))
        assert order == [units.sentinel(number) for number in range(len(chosen))], "in order of first appearance"
        assert fill_names(pair, units) == source


@pytest.mark.row("S117", 1)
def test_every_occurrence_is_hidden_and_no_other_text(units: BytePairs) -> None:
    code = marked(units, "def scale(x, k): return x * k  # x")
    assert code.names == ("scale", "x", "k")
    pair = hide_names(code, np.arange(3), units)
    a, b, c = (f"<extra_id_{number}>" for number in range(3))
    assert units.decode(pair.source.tolist(), marks=True) == f"def {a}({b}, {c}): return {b} * {c}  # x"
    assert units.decode(pair.target.tolist(), marks=True) == f"{a}scale{b}x{c}k"


@pytest.mark.row("S117", 1)
def test_shadowed_names_share_a_sentinel_only_if_their_text_is_equal(units: BytePairs) -> None:
    code = marked(
        units, "def f(n):\n    def g(n):\n        def h(N): return n + N\n        return h\n    return g(n)\n"
    )
    assert code.names == ("f", "n", "g", "h", "N")
    pair = hide_names(code, np.arange(5), units)
    seen = [units.marks[unit] for unit in pair.source.tolist() if units.is_sentinel(unit)]
    assert [int(mark[10:-1]) for mark in seen] == [0, 1, 2, 1, 3, 4, 1, 4, 3, 2, 1]


@pytest.mark.row("S117", 1)
def test_there_are_never_more_sentinels_than_exist() -> None:
    few = BytePairs.fit(["a b c d"], 300, sentinels=3)
    code = marked(few, "a + b + c + d + e")
    pair = hide_names(code, np.arange(5), few)
    assert sum(few.is_sentinel(unit) for unit in pair.source.tolist()) == 3
    assert fill_names(pair, few) == "a + b + c + d + e"
    assert len(choose_names(code, np.random.default_rng(0), most=2)) == 2
    assert len(choose_names(code, np.random.default_rng(0), share=0.0)) == 1
    with pytest.raises(ValueError, match="3 sentinels"):
        few.sentinel(3)


@pytest.mark.row("S117", 2)
def test_whole_words_are_hidden_and_15_percent_of_the_units(units: BytePairs) -> None:
    rng = np.random.default_rng(0)
    lengths: list[int] = []
    for example in stdlib_functions()[:400]:
        code = marked_tokens(example.tree, PYTHON, units)
        spans = whole_word_spans(code.word, rng)
        sizes = [end - start for start, end in spans]
        assert sum(sizes) >= round(0.15 * len(code.ids))
        assert sum(sizes) - max(sizes) < round(0.15 * len(code.ids)), "one span less is too few"
        for start, end in spans:
            assert start == 0 or code.word[start] != code.word[start - 1]
            assert end == len(code.ids) or code.word[end] != code.word[end - 1]
            lengths.append(len(set(code.word[start:end].tolist())))
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans)), "none side by side"
        pair = corrupt(code.ids, spans, units.sentinel)
        assert np.array_equal(restore(pair.source, pair.target, units.is_sentinel), code.ids)
        assert len(pair.source) == len(code.ids) - sum(sizes) + len(spans)
    share = np.bincount(lengths, minlength=6)[1:] / len(lengths)
    assert max(lengths) == 5
    assert np.allclose(share, 0.2, atol=0.03), share
    assert abs(float(np.mean(lengths)) - 3) < 0.1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=60), st.integers(0, 2**31))
def test_whole_word_spans_exist_for_any_words(sizes: list[int], seed: int) -> None:
    word = np.repeat(np.arange(len(sizes)), sizes)
    spans = whole_word_spans(word, np.random.default_rng(seed))
    edges = {0, *np.cumsum(sizes).tolist()}
    assert spans
    assert all(start in edges and end in edges and start < end for start, end in spans)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300), st.floats(1.0, 6.0), st.integers(0, 2**31), st.integers(0, 3))
def test_segmented_spans_hide_exactly_their_share(count: int, mean: float, seed: int, separators: int) -> None:
    rng = np.random.default_rng(seed)
    fixed = np.zeros(count, bool)
    fixed[rng.integers(0, count, separators)] = True
    spans = segmented_spans(count, rng, mean=mean, fixed=fixed)
    mask = np.zeros(count, bool)
    for start, end in spans:
        mask[start:end] = True
    free = count - int(fixed.sum())
    assert mask.sum() == (min(max(round(0.15 * count), 1), free - 1) if free > 1 else 0)
    assert not (mask & fixed).any()
    ids = np.arange(1000, 1000 + count)
    pair = corrupt(ids, spans, lambda number: number)
    assert np.array_equal(restore(pair.source, pair.target, lambda unit: unit < 1000), ids)


def test_a_target_that_lacks_a_sentinel_is_refused() -> None:
    with pytest.raises(PhloemError, match="sentinel 2"):
        restore(np.array([9, 2]), np.array([1, 8]), lambda unit: unit < 5)


GOLDEN = (  # identifiers between the marks
    ("python", "for «i» in «range»(10): «print»(«i», 'i')"),
    ("python", "def «f»(«self», «x»=None): return «self».«x»"),
    ("java", "int «max»(int «a», «T» «b») { return «a» > «b» ? «a» : 1; }"),
    ("javascript", "const «area» = («w») => «w».«size» * 2;"),
    ("c", "if («n» == 0) { «p»->«next» = NULL; goto «out»; }"),
)


@pytest.mark.row("S117", 3)
@pytest.mark.parametrize(("language", "golden"), GOLDEN, ids=range(5))
def test_identifier_labels(units: BytePairs, language: str, golden: str) -> None:
    source = golden.replace("«", "").replace("»", "")
    wanted = _inside(golden)
    code = marked(units, source, language)
    assert units.decode(code.ids.tolist()) == source
    found = []
    for unit, label in zip(code.ids.tolist(), identifier_labels(code), strict=True):
        found += [label for character in units.decode([unit]) if not character.isspace()]
    assert found == wanted


def _inside(golden: str) -> list[bool]:
    """Of each character that is no mark and no blank, whether it lies in an identifier."""
    inside, labels = False, []
    for character in golden:
        if character in "«»":
            inside = character == "«"
        elif not character.isspace():
            labels.append(inside)
    return labels


def test_occurrences_in_all_languages_that_know_identifiers() -> None:
    sources = {
        "python": "foo = bar",
        "java": "class C { int foo = bar; }",
        "javascript": "foo = bar",
        "typescript": "foo = bar",
        "tsx": "foo = bar",
        "go": "package p\nvar foo = bar",
        "c": "int foo = bar;",
        "cpp": "int foo = bar;",
        "csharp": "class C { int foo = bar; }",
        "rust": "fn f() { let foo = bar; }",
        "ruby": "foo = bar",
        "php": "<?php $foo = $bar;",
    }
    for name, source in sources.items():
        language = by_name(name)
        found = identifier_occurrences(language.parse(source.encode()), language)
        assert {"foo", "bar"} <= {each.text for each in found}, name
        assert all(source[each.start : each.end] == each.text for each in found)


def test_a_docstring_is_left_out_wherever_it_is(units: BytePairs) -> None:
    (example,) = examples_of(b"def f(a):\n    'Add a.'\n    return a", PYTHON)
    code = marked_tokens(example.tree, PYTHON, units, without=example.doc_span)
    assert units.decode(code.ids.tolist()) == "def f(a):\n    \n    return a"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_byte_pairs_give_every_text_back(text: str) -> None:
    small = BytePairs.fit(["def f(x): return x"] * 3, 400, sentinels=10)
    text = text.encode("utf-8", "replace").decode()
    assert small.decode(small.encode(text)) == text
    assert all(unit >= len(small.marks) for unit in small.encode(text + "<mask></s><extra_id_0>"))
    again = BytePairs.from_state(small.state())
    assert again.encode(text) == small.encode(text)
    with pytest.raises(PhloemError, match="format"):
        BytePairs.from_state({"format": 0})


class Tagger(torch.nn.Module):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(units, 1)

    def identifier(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.table(tokens)[..., 0]
        return logits


@pytest.mark.row("S117", 3)
def test_tagging_is_binary_cross_entropy_over_units_of_code(units: BytePairs) -> None:
    torch.manual_seed(0)
    net = Tagger(units.size)
    codes = [marked_tokens(each.tree, PYTHON, units) for each in accessors("test")[:2]]
    width = max(len(code.ids) for code in codes)
    tokens = torch.tensor([code.ids.tolist() + [0] * (width - len(code.ids)) for code in codes])
    labels = torch.tensor([identifier_labels(code) + [True] * (width - len(code.ids)) for code in codes])
    lengths = torch.tensor([len(code.ids) for code in codes])
    counted = torch.arange(width) < lengths[:, None]
    loss = IdentifierTagging()(net, Tagged(tokens, lengths, labels, counted))
    p = net.identifier(tokens, lengths).sigmoid()
    by_hand = -(torch.where(labels, p, 1 - p).log() * counted).sum() / counted.sum()
    torch.testing.assert_close(loss.value, by_hand)
