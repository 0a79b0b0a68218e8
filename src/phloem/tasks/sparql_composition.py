"""Composed questions as pairs to translate, and what their queries answer of a graph.

Entities are linked, as in `sparql_questions`: <A> is ent_0 and <B> is ent_1, so that what is left to learn is how
relations compose. A query is executed with real entities in these places: the first ones for which the right query
finds something.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from phloem.corpora.nspm_compositions import Composed, Relation
from phloem.represent.sparql_encoding import decode, encode
from phloem.represent.text_pairs import Pair
from phloem.synthesis.languages import sparql
from phloem.synthesis.languages.sparql import Ground, Resource
from phloem.synthesis.languages.sparql_store import Store, evaluate, same_answer
from phloem.tasks.sparql_questions import answer

PLACES = {"<A>": "ent_0", "<B>": "ent_1"}


def pair(composed: Composed) -> Pair:
    """The linked question and the words of its query.

    >>> from phloem.corpora.nspm_compositions import singles
    >>> pair(singles()[0])[1]
    'SELECT DISTINCT var_x WHERE brack_open ent_0 rel_depends var_x brack_close'
    """
    question, words = composed.question, encode(composed.query)
    for hole, place in PLACES.items():
        question = question.replace(hole, place)
    return question, " ".join(PLACES.get(word, word) for word in words)


def query_of(written: str, entities: Sequence[str]) -> str:
    """The query of words with entities in the places of ent_0, ent_1."""
    names = dict(zip(PLACES.values(), entities, strict=False))
    return decode([encode(names[word])[0] if word in names else word for word in written.split()])


def entities_of(composed: Composed, store: Store) -> tuple[str, str] | None:
    """Entities for <A> and <B> such that the query finds something; None where the graph has none."""
    relation = composed.relations[0]
    place = 2 if relation.inverse else 0
    subjects = dict.fromkeys(fact[place] for fact in store.facts if fact[1] == Resource(relation.predicate))
    sizes = {fact[0]: fact[2] for fact in store.facts if fact[1] == Resource("rel:size")}
    if not sizes:
        return None
    smallest = min(sizes, key=lambda package: (sizes[package], package.name))
    for subject in subjects:
        if isinstance(subject, Resource) and subject != smallest:
            filling = subject.name, smallest.name
            if evaluate(sparql.parse(query_of(pair(composed)[1], filling)), store):
                return filling
    return None


def related(relation: Relation, entity: Ground, store: Store) -> set[Ground]:
    """All y such that y is the relation's word of an entity, by going through the facts."""
    before, after = (2, 0) if relation.inverse else (0, 2)
    verb = Resource(relation.predicate)
    return {fact[after] for fact in store.facts if fact[1] == verb and fact[before] == entity}


def exact(asked: Sequence[Composed], written: Sequence[str]) -> Float[np.ndarray, " questions"]:
    """1 where all words of the query are right."""
    return np.array([float(pair(each)[1].split() == text.split()) for each, text in zip(asked, written, strict=True)])


def executed(asked: Sequence[Composed], written: Sequence[str], store: Store) -> Float[np.ndarray, " questions"]:
    """1 where the query answers what the right one does, of entities for which that is something."""
    found = []
    for composed, text in zip(asked, written, strict=True):
        filling = entities_of(composed, store) or ("pkg:none", "pkg:none")
        right = evaluate(sparql.parse(query_of(pair(composed)[1], filling)), store)
        found.append(float(same_answer(answer(query_of(text, filling), store), right)))
    return np.array(found)
