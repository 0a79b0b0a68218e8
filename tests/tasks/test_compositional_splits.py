"""Splits by compound divergence, length and template."""

from collections import Counter
from random import Random

import pytest

from phloem.corpora import cogs, datasets, geoquery, scan
from phloem.systems.synthesis.scan import pairs as scan_pairs
from phloem.tasks.compositional import VALIDATION, problem
from phloem.tasks.compositional_splits import (
    ATOMS,
    COMPOUNDS,
    Exchange,
    by_length,
    by_template,
    divergence,
    nested,
    symbols,
    tmcd,
)


@pytest.fixture(scope="module")
def queries():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    return [geoquery.marked(each)[1] for each in geoquery.questions()]


def test_parts_of_a_query():
    query = ["answer", "(", "exclude", "(", "state", "(", "all", ")", ",", "next_to_2", "(", "m0", ")", ")", ")"]
    assert list(symbols(query)) == ["answer", "exclude", "state", "all", "next_to_2", "m0"]
    assert list(nested(query)) == [
        ("answer", "exclude"), ("exclude", "state"), ("state", "all"), ("exclude", "next_to_2"), ("next_to_2", "m0"),
    ]  # fmt: skip


@pytest.mark.row("S179", 4)
def test_divergence_of_equal_and_disjoint_counts():
    one, other = Counter("aabc"), Counter("xyz")
    for exponent in (ATOMS, COMPOUNDS):
        assert divergence(one, one, exponent) == pytest.approx(0, abs=1e-12)
        assert divergence(one, other, exponent) == 1
    assert divergence(Counter("ab"), Counter("a"), COMPOUNDS) != divergence(Counter("a"), Counter("ab"), COMPOUNDS)


@pytest.mark.row("S179", 4)
def test_updates_equal_recomputation(queries):
    parts = [Counter(symbols(query)) for query in queries], [Counter(nested(query)) for query in queries]
    split, rng = Exchange(*parts, range(400)), Random(0)
    for _ in range(200):
        for side in (split.train, split.test):
            split.move(rng.choice(sorted(side)))
        again = Exchange(*parts, split.train)
        assert abs(split.divergence() - again.divergence()) < 1e-9
        assert split.known == again.known


@pytest.mark.row("S179", 4)
def test_tmcd_diverges_and_knows_every_atom(queries):
    train, test = tmcd(queries, len(queries) // 2, Random(0))
    assert sorted(train + test) == list(range(len(queries)))

    def counts(chosen, parts):
        return Counter(part for i in chosen for part in parts(queries[i]))

    assert set(counts(test, symbols)) <= set(counts(train, symbols))
    order = Random(1).sample(range(len(queries)), len(queries))
    drawn = order[: len(train)], order[len(train) :]
    made, by_chance = (
        divergence(counts(one, nested), counts(other, nested), COMPOUNDS) for one, other in ((train, test), drawn)
    )
    assert made > by_chance + 0.1


def test_length_and_template_splits():
    targets = [["x"] * length for length in (3, 1, 5, 2)]
    assert by_length(targets, 2) == ([1, 3], [0, 2])
    templates = list("abacbdd")
    train, test = by_template(templates, 3, Random(0))
    assert len(train) >= 3
    assert not {templates[i] for i in train} & {templates[i] for i in test}


@pytest.mark.parametrize("name", ["jump", "turn left"])
def test_what_is_shown_alone_stays_in_training(name):
    """Of a command that training shows alone no line is held for validation, or a trained model has never seen it."""
    alone = (name, " ".join(scan.actions(name)))
    asked = problem(f"scan {name}", most=2000)
    assert alone in asked.train
    assert alone not in asked.validation
    assert len(asked.train) + len(asked.validation) == pytest.approx(2000 + VALIDATION, abs=10)
    known = scan_pairs(name, longest=48)
    assert known["train"].count(alone) == sum(each.words == name for each in scan.split(name, "train"))
    assert alone not in known["validation"]


def test_words_that_one_line_shows_stay_in_a_draw_from_training():
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    shown = {each.words for each in cogs.split("train") if each.case != cogs.IN_DISTRIBUTION}
    asked = problem("cogs gen", most=2000)
    assert len(shown) == 155
    assert shown <= {words for words, _ in asked.train}
    assert len(asked.train) == 2000
    assert not set(asked.train) & {*asked.validation, *asked.test}
