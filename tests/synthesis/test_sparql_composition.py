"""Relations that compose: what composed queries answer, and what each operation shows and hides."""

from functools import cache

import pytest

from phloem.corpora import nspm_compositions as compositions
from phloem.corpora import nspm_packages
from phloem.represent.sparql_encoding import decode, encode, lossless
from phloem.synthesis.languages import sparql
from phloem.synthesis.languages.sparql import Resource
from phloem.synthesis.languages.sparql_store import Store, evaluate
from phloem.synthesis.synchronous_grammar import Grammar
from phloem.systems.claims import Job
from phloem.systems.synthesis import nspm_compose
from phloem.tasks import sparql_composition as task
from phloem.tasks import sparql_questions


@cache
def store() -> Store:
    return sparql_questions.store_of(nspm_packages.graph(nspm_packages.generated(40)))


@pytest.mark.row("S082", 1)
@pytest.mark.parametrize("form", compositions.FORMS)
def test_a_composed_query_answers_the_join_of_its_parts(form: str) -> None:
    asked = [each for each in compositions.compositions() if each.form == form][::4]
    sizes = {fact[0]: fact[2] for fact in store().facts if fact[1] == Resource("rel:size")}
    executed = 0
    for composed in asked:
        filling = task.entities_of(composed, store())
        if filling is None:
            continue
        executed += 1
        first, second = composed.relations
        joined = {
            end
            for middle in task.related(first, Resource(filling[0]), store())
            for end in task.related(second, middle, store())
        }
        found = evaluate(sparql.parse(task.query_of(task.pair(composed)[1], filling)), store())
        if form == "number":
            assert found == len(joined)
        elif form == "any":
            assert found is bool(joined)
        elif form == "greatest":
            assert isinstance(found, list)
            assert len(found) == 1
            assert found[0][0] in joined
            assert sizes[found[0][0]] == max(sizes[each] for each in joined)
        else:
            if form == "greater":
                joined = {each for each in joined if sizes[each] > sizes[Resource(filling[1])]}
            assert isinstance(found, list)
            assert len(found) == len({row[0] for row in found})
            assert {row[0] for row in found} == joined
    assert executed > 0.9 * len(asked)


@pytest.mark.row("S082", 2)
@pytest.mark.parametrize("seed", range(5))
def test_operations_show_and_hide_what_they_say(seed: int) -> None:
    train, test = compositions.split(1, seed)
    assert all(len(each.relations) == 1 for each in train)
    assert all(len(each.relations) == 2 for each in test)
    for operation, place in ((2, 1), (3, 0)):
        train, test = compositions.split(operation, seed)
        held = {each.relations[0] for each in test}
        assert held
        assert all(len(each.relations) == 1 for each in test)
        for each in train:
            shown = held & set(each.relations)
            assert not shown or (len(each.relations) == 2 and shown == {each.relations[place]})
        assert all(
            any(each.relations[place:][:1] == (one,) for each in train if len(each.relations) == 2) for one in held
        )
    train, test = compositions.split(4, seed)
    held_pairs = {each.relations for each in test}
    shown_pairs = {each.relations for each in train if len(each.relations) == 2}
    assert not held_pairs & shown_pairs
    assert held_pairs | shown_pairs == set(compositions.pairs())
    for first, second in held_pairs:
        assert any(pair[0] == first for pair in shown_pairs)
        assert any(pair[1] == second for pair in shown_pairs)
        assert {first, second} <= {each.relations[0] for each in train if len(each.relations) == 1}


def test_the_grammar_is_shown_the_pairs_that_the_translator_is_trained_on(monkeypatch, tmp_path) -> None:
    shown = []

    def learned(pairs, *_, **limits):
        shown.extend(pairs)
        assert limits["seconds"] == 7
        return Grammar(())

    monkeypatch.setattr("phloem.tasks.compositional_parsing.learn_grammar", learned)
    outcome = nspm_compose.induce_on(Job(0, tmp_path, tmp_path, lambda done: None), None, 7)
    chosen = nspm_compose.parts(4, nspm_compose.SPLIT)
    assert [(" ".join(source), " ".join(target)) for source, target in shown] == list(map(task.pair, chosen["train"]))
    assert outcome.units["exact"][:, 0].sum() == 0
    assert len(outcome.units["exact"]) == len(chosen["test"])


@pytest.mark.row("S082", 3)
def test_every_generated_query_survives_the_encoding() -> None:
    for composed in (*compositions.singles(), *compositions.compositions()):
        query = composed.query
        assert encode(decode(encode(query))) == encode(query)
        assert "ORDER BY" in query or lossless(query)
        assert decode(encode(query)).lower().replace(" ", "") == query.lower().replace(" ", "")
        filled = task.query_of(task.pair(composed)[1], ("pkg:a", "pkg:b"))
        assert sparql.parse(filled) == sparql.parse(query.replace("<A>", "pkg:a").replace("<B>", "pkg:b"))


def test_right_queries_are_right() -> None:
    asked = compositions.singles()[::7]
    written = [task.pair(each)[1] for each in asked]
    assert task.exact(asked, written).all()
    assert task.executed(asked, written, store()).all()
    assert not task.executed(asked, ["ASK WHERE brack_open"] * len(asked), store()).any()
