"""Byte-pair encoding of queries: nothing is lost, nodes are respected, and learning stops when the rule says so."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.corpora import text2sql
from phloem.errors import PhloemError
from phloem.represent.ast_bpe import (
    JOINT,
    Sentence,
    fit,
    fit_to_validation,
    merged,
    runs,
    transform,
    untransform,
)
from phloem.represent.production_tree import leaves, tree, words

EXAMPLE = "SELECT a FROM t WHERE b = 1"


def queries(name: str) -> list[str]:
    try:
        return list(dict.fromkeys(each.sql for each in text2sql.questions(name)))
    except PhloemError as error:
        pytest.skip(str(error))


def sentence(sql: str) -> Sentence:
    tokens = words(sql)
    return Sentence(tuple(tokens), tree(tokens))


def plain(text: str) -> Sentence:
    return Sentence(tuple(text.split()))


def admissible(found: dict[str, set[int]], left: str, right: str) -> bool:
    symbols = [text.replace(" ", JOINT) for text in (left, right)]
    return len(left.split()) in found.get(JOINT.join(symbols), ())


@pytest.mark.row("S036", 1)
@pytest.mark.parametrize("name", ["geography", "restaurants", "scholar", "academic"])
def test_every_query_comes_back(name: str) -> None:
    sentences = [sentence(sql) for sql in queries(name)]
    learned = fit(sentences[::4], 60)
    assert learned.merges
    for each in sentences:
        assert leaves(each.tree or "") == list(each.words)
        symbols = transform(each, learned.merges)
        assert untransform(symbols) == list(each.words)
        assert all(JOINT not in symbol or symbol in runs(each.tree or "") for symbol in symbols)


@pytest.mark.row("S036", 1)
@pytest.mark.parametrize("length", range(1, 7))
def test_runs_of_one_symbol_lose_nothing(length: int) -> None:
    merges = [("a", "a"), (f"a{JOINT}a", "a")]
    assert untransform(transform(plain("a " * length), merges)) == ["a"] * length
    expected = {1: "a", 2: "aa", 3: "aaa", 4: "aa aa", 5: "aa aaa", 6: "aa aa aa"}[length]
    assert [symbol.replace(JOINT, "") for symbol in transform(plain("a " * length), merges)] == expected.split()


@pytest.mark.row("S036", 2)
def test_the_example_is_grouped_as_sqlparse_groups_it() -> None:
    assert tree(words(EXAMPLE)) == ("SELECT", "a", "FROM", "t", ("WHERE", ("b", "=", "1")))
    sqlparse = pytest.importorskip("sqlparse")

    def shape(node):
        if not node.is_group:
            return str(node)
        children = tuple(shape(child) for child in node.tokens if not child.is_whitespace)
        return children[0] if len(children) == 1 else children

    assert shape(sqlparse.parse(EXAMPLE)[0]) == tree(words(EXAMPLE))
    assert shape(sqlparse.parse("SELECT a , b FROM t")[0]) == tree(words("SELECT a , b FROM t"))


@pytest.mark.row("S036", 2)
def test_merges_stay_in_one_node() -> None:
    found = runs(tree(words(EXAMPLE)))
    crossing = (("t", "WHERE"), ("WHERE", "b"), ("FROM t", "WHERE"))
    for pair in crossing:
        assert not admissible(found, *pair)
    for pair in (("a", "FROM"), ("b", "="), ("WHERE", "b = 1"), ("t", "WHERE b = 1")):
        assert admissible(found, *pair)
    frequent = [plain("t WHERE"), plain("WHERE b")] * 50 + [plain(EXAMPLE)]
    assert {("t", "WHERE"), ("WHERE", "b")} & set(fit(frequent, 2).merges)
    varied = [sentence(f"SELECT {name} FROM t WHERE b = {number}") for name in "acde" for number in range(9)]
    loose, strict = fit([Sentence(each.words) for each in varied], 4), fit(varied, 40)
    assert any(JOINT.join(pair).endswith(f"WHERE{JOINT}b") or "WHERE" in pair for pair in loose.merges[:4])
    assert not any(pair in strict.merges for pair in (("t", "WHERE"), ("WHERE", "b"), (f"FROM{JOINT}t", "WHERE")))


@pytest.mark.row("S036", 2)
def test_every_unit_is_a_run_of_children_of_its_sentence() -> None:
    def children_texts(node):
        if isinstance(node, str):
            return set()
        texts = [" ".join(leaves(child)) for child in node]
        own = {" ".join(texts[i:j]) for i in range(len(texts)) for j in range(i + 1, len(texts) + 1)}
        return own.union(*(children_texts(child) for child in node))

    sentences = [sentence(sql) for sql in queries("geography")[::3]]
    learned = fit(sentences, 80)
    assert len(learned.merges) == 80
    for each in sentences:
        allowed = children_texts(each.tree)
        for symbol in transform(each, learned.merges):
            assert JOINT not in symbol or symbol.replace(JOINT, " ") in allowed


@pytest.mark.row("S036", 3)
def test_when_learning_stops() -> None:
    train = [plain("a b c")] * 5
    found = fit_to_validation(train, train, least=1, violations=1)
    assert (len(found.merges), len(found.violations)) == (2, 0)
    found = fit_to_validation(train, train, least=100, violations=1)
    assert (len(found.merges), len(found.violations)) == (0, 1)
    found = fit_to_validation(train, [plain("x y z")], least=1, violations=1)
    assert (len(found.merges), len(found.violations)) == (2, 0)
    for violations in (1, 2, 5):
        found = fit_to_validation(train, [plain("a b"), plain("c b")], least=1, violations=violations)
        assert len(found.merges) == 0


def reference(sentences: list[list[str]], merges: int) -> list[tuple[tuple[str, str], int]]:
    """Everything counted anew for each merge; of equal counts a Counter has the one met first in front."""
    found: list[tuple[tuple[str, str], int]] = []
    while len(found) < merges:
        counts = Counter(pair for symbols in sentences for pair in itertools.pairwise(symbols))
        if not counts:
            break
        pair, count = counts.most_common(1)[0]
        found.append((pair, count))
        sentences = [merged(symbols, pair) for symbols in sentences]
    return found


@pytest.mark.row("S036", 4)
def test_merges_are_those_of_the_reference() -> None:
    rng = random.Random(0)
    sequences = [rng.choices("abcde", k=rng.randint(1, 12)) for _ in range(200)]
    for start in range(0, 200, 20):
        part = sequences[start : start + 20]
        expected = reference(part, 30)
        assert list(fit([Sentence(tuple(each)) for each in part], 30).merges) == [pair for pair, _ in expected]
    expected = reference(sequences, 60)
    learned = fit([Sentence(tuple(each)) for each in sequences], 60)
    assert list(learned.merges) == [pair for pair, _ in expected]
    symbols = sequences
    for pair, count in expected:
        assert sum(list(itertools.pairwise(each)).count(pair) for each in symbols) == count
        symbols = [merged(each, pair) for each in symbols]
    for each, after in zip(sequences, symbols, strict=True):
        assert transform(Sentence(tuple(each)), learned.merges) == after


@given(text=st.text(alphabet="SELECT FROM()WHERE,.='\"ab1*", max_size=40))
def test_any_text_has_a_tree_of_its_words(text: str) -> None:
    tokens = words(text)
    assert leaves(tree(tokens)) == tokens if tokens else tree(tokens) == ()
    assert "".join(tokens) == "".join(text.split())
