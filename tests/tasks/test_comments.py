"""Synthetic comments, their judge, and the way into the training set."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from phloem.languages import by_name
from phloem.languages.tree import error_count
from phloem.represent.comment_features import CommentFeatures
from phloem.tasks import comment_classifiers, comment_grammar, comment_pairs, comment_rules
from phloem.tasks.comment_pairs import CommentPair


@pytest.fixture(scope="module")
def made() -> list[comment_grammar.Made]:
    return comment_grammar.generate(10_000, 0)


@pytest.mark.row("S044", 1)
def test_every_line_is_c(made: list[comment_grammar.Made]) -> None:
    language = by_name("c")
    for code in {each.pair.code for each in made}:
        assert error_count(language.parse(f"void f(void) {{ {code} }}".encode())) == 0
    assert error_count(language.parse(b"void f(void) { int = ; }")) > 0


@pytest.mark.row("S044", 1)
def test_a_seed_gives_the_same_pairs_and_another_seed_others(made: list[comment_grammar.Made]) -> None:
    assert comment_grammar.generate(10_000, 0) == made
    other = comment_grammar.generate(10_000, 1)
    assert [each.pair[1:] for each in other] != [each.pair[1:] for each in made]


@pytest.mark.row("S044", 2)
def test_labels_are_balanced_and_every_rule_has_its_part(made: list[comment_grammar.Made]) -> None:
    for some in (made[:5_000], made[5_000:]):
        assert sum(each.pair.useful for each in some) == 2_500
        counts = comment_grammar.coverage(some)
        assert len(counts) == 17
        assert min(counts.values()) >= 1
        assert len({(each.pair.comment, each.pair.code) for each in some}) >= 0.95 * 5_000


@pytest.mark.row("S044", 4)
def test_a_judge_written_apart_accepts_each_pair_under_its_own_label_only(made: list[comment_grammar.Made]) -> None:
    for each in made:
        assert comment_rules.accepts(each.pair.comment, each.pair.code, each.pair.useful), each
    wrong = [not comment_rules.accepts(each.pair.comment, each.pair.code, not each.pair.useful) for each in made]
    assert np.mean(wrong) >= 0.95


@pytest.mark.row("S044", 3)
def test_nothing_that_is_held_out_gets_into_training(made: list[comment_grammar.Made]) -> None:
    held = comment_pairs.labelled()
    before = [pair._asdict() for pair in held]
    pairs = [each.pair for each in made[:5_000]]
    leak = pairs[7]
    planted = CommentPair("planted", leak.comment.upper().replace(" ", "  "), leak.code + " ", True)
    train = comment_pairs.augmented([], pairs, [*held, planted])
    outside = {comment_pairs.folded(pair) for pair in [*held, planted]}
    assert not outside & {comment_pairs.folded(pair) for pair in train}
    assert leak not in train
    assert len(train) >= 0.95 * 5_000 - 1
    assert [pair._asdict() for pair in comment_pairs.labelled()] == before


@pytest.mark.row("S044", 3)
def test_vocabulary_and_idf_come_from_training_pairs() -> None:
    train = [("/* waits for the bus */", "wait_bus();"), ("// bus", "int bus = 1;")]
    features = CommentFeatures().fit(train)
    terms, idf = {kind: dict(own) for kind, own in features.terms.items()}, features.idf["word"].copy()
    assert "bus" in terms["word"]
    row = features.encode([("/* zebra quagga */", "stripe();")])[0]
    assert features.terms == terms
    assert (features.idf["word"] == idf).all()
    assert "zebra" not in terms["word"]
    assert row[: len(terms["word"])].sum() == 0
    assert idf[terms["word"]["bus"]] == pytest.approx(1.0)  # in both documents
    assert idf[terms["word"]["waits"]] == pytest.approx(np.log(3 / 2) + 1)


def test_the_labelled_set_is_as_described() -> None:
    pairs = comment_pairs.labelled()
    assert len({pair.id for pair in pairs}) == len(pairs) == 400
    assert sum(pair.useful for pair in pairs) == 315
    assert all(re.match(r"/\*|//", pair.comment) for pair in pairs)


def test_comments_are_found_with_their_code() -> None:
    source = 'int f(void) {\n  int n = 0; /* how many */\n  // go on\n\n  puts("/* no */");\n  return n;\n}\n'
    found = list(comment_pairs.within(source))
    assert found[0] == ("/* how many */", "int n = 0;")
    assert found[1] == ("// go on", '  puts("/* no */");\n  return n;\n}')
    assert len(found) == 2


def test_weak_labels_decide_clear_cases_only() -> None:
    label = comment_pairs.weak_label
    assert label("/* x = y + 1; */", "x = y;") is False
    assert label("/* ---------- */", "x = y;") is False
    assert label("// free list", "free_list(head);") is False
    assert label("/* Copyright 1999 by somebody, all rights reserved */", "x = y;") is False
    assert label("/* older servers close the connection when the reply is empty */", "n = read(fd);") is True
    assert label("/* look at it again */", "x = y;") is None


def test_trees_part_what_can_be_parted() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.random((400, 20)).astype(np.float32)
    y = (x[:, 3] > 0.4) & (x[:, 7] > 0.3)
    told = comment_classifiers.forest(x[:300], y[:300], 0, trees=10)(x[300:]) > 0.5
    assert (told == y[300:]).mean() > 0.85
    line = x @ rng.normal(size=20) > 0
    for fit in (comment_classifiers.logistic, comment_classifiers.network):
        assert ((fit(x[:300], line[:300], 0)(x[300:]) > 0.5) == line[300:]).mean() > 0.8
    marks = (x > 0.6).astype(np.float32)
    there = marks[:, 0] > 0
    assert ((comment_classifiers.naive_bayes(marks[:300], there[:300], 0)(marks[300:]) > 0.5) == there[300:]).all()


def test_the_best_split_is_that_of_an_exhaustive_search() -> None:
    rng = np.random.default_rng(1)
    bins, y = rng.integers(0, 16, (60, 4)).astype(np.uint8), rng.random(60) < 0.4

    def impurity(feature: int, cut: int) -> float:
        left = bins[:, feature] <= cut
        if min(left.sum(), (~left).sum()) < 2:
            return np.inf
        return sum(2 * half.mean() * (1 - half.mean()) * len(half) for half in (y[left], y[~left]))

    every = {(feature, cut): impurity(feature, cut) for feature in range(4) for cut in range(16)}
    found = comment_classifiers.best_split(bins, y, np.arange(60), np.arange(4), 2)
    assert found is not None
    assert every[found] == pytest.approx(min(every.values()))


def test_macro_f1() -> None:
    wanted, given = np.array([1, 1, 1, 0, 0], bool), np.array([1, 1, 0, 0, 1], bool)
    value = comment_classifiers.macro_f1(comment_classifiers.confusion(wanted, given).sum(0))
    assert value == pytest.approx((2 / 3 + 1 / 2) / 2)
    always = comment_classifiers.confusion(wanted, np.ones(5, bool)).sum(0)
    assert comment_classifiers.macro_f1(always) == pytest.approx(0.75 / 2)
