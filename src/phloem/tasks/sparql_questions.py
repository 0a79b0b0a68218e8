"""Questions to a graph, made of templates, and the queries that answer them.

Soru et al. (2017), in the released order: of each template at most 600 instances, drawn from all that have an answer,
shuffled and then sorted by how often their entities were used so far, so that each is seen often enough to be learned:
with one placeholder uses of 11 to 20 come first, then 21 to 30, 1 to 10, 31 to 50, 0 and the rest by count; with more
those whose entities were all used 1 to 29 times come first, then those with fewer such entities.

A question names its entities by their labels. With *linking* they are found before the translation, the longest label
first, and both sides say ent_0, ent_1 …; otherwise the translator has to write each entity as a word of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.corpora.nspm import Template
from phloem.corpora.nspm_packages import Graph
from phloem.errors import PhloemError
from phloem.represent.sparql_encoding import decode, encode
from phloem.synthesis.languages import sparql
from phloem.synthesis.languages.sparql import Ground, Query, Resource, Triple, Variable
from phloem.synthesis.languages.sparql_store import Store, evaluate, same_answer

MOST = 600
FILLINGS = 5_000_000  # candidates of a template that are still counted
_RESOURCE = re.compile(r"(?:pkg|who|sec|rel|rdf):\S+")


class Asked(NamedTuple):
    """A question, its query, and the entities that it names, in the order of their placeholders."""

    question: str
    query: str
    entities: tuple[str, ...]
    template: int


class Parts(NamedTuple):
    """What is trained on, chosen on, and tested on: new combinations of seen entities, and entities never seen."""

    train: list[Asked]
    validation: list[Asked]
    combinations: list[Asked]
    unseen: list[Asked]


def store_of(graph: Graph) -> Store:
    """The graph's facts as triples; what looks like a resource is one."""

    def term(value: str | int) -> Ground:
        return Resource(value) if isinstance(value, str) and _RESOURCE.fullmatch(value) else value

    return Store((Resource(subject), Resource(predicate), term(value)) for subject, predicate, value in graph.facts)


def generator(template: Template) -> Query:
    """The query that lists what may fill the placeholders: the template's own pattern, with variables for them."""
    text = template.query
    for name in template.placeholders:
        text = text.replace(name, f"?{name[1].lower()}")
    query = sparql.parse(text)
    fillers = tuple(Variable(name[1].lower()) for name in template.placeholders)
    return Query("select", query.where, fillers, distinct=True)


def instances(
    templates: Sequence[Template], graph: Graph, store: Store, *, most: int = MOST, seed: int = 0
) -> list[Asked]:
    """The filled templates, in their order. Raises PhloemError where a template's candidates are beyond counting."""
    rng = Random(seed)
    used: Counter[str] = Counter()
    found: list[Asked] = []
    for number, template in enumerate(templates):
        rows = evaluate(generator(template), store, FILLINGS)
        if not isinstance(rows, list):
            raise PhloemError(f"the graph has too many answers to {template.question!r}")
        fillings = [tuple(entity.name for entity in row if isinstance(entity, Resource)) for row in rows]
        fillings = [each for each in fillings if all(entity in graph.labels for entity in each)]
        fillings = [each for each in fillings if len(each) == len(template.placeholders) == len(set(each))]
        rng.shuffle(fillings)
        fillings.sort(key=lambda each: _turn([used[entity] for entity in each]))
        for filling in fillings[:most]:
            used.update(filling)
            found.append(filled(template, number, filling, graph.labels))
    return found


def _turn(uses: Sequence[int]) -> tuple[int, int]:
    """When a candidate's turn comes, by the uses of its entities."""
    if len(uses) > 1:
        return -sum(0 < count < 30 for count in uses), 0
    for turn, (low, high) in enumerate(((11, 20), (21, 30), (1, 10), (31, 50), (0, 0))):
        if low <= uses[0] <= high:
            return turn, 0
    return 5, uses[0]


def filled(template: Template, number: int, entities: Sequence[str], labels: Mapping[str, str]) -> Asked:
    """One instance of a template."""
    question, query = template.question, template.query
    for name, entity in zip(template.placeholders, entities, strict=True):
        question, query = question.replace(name, labels[entity]), query.replace(name, entity)
    return Asked(question, query, tuple(entities), number)


def parts(asked: Sequence[Asked], *, held: float = 0.15, seed: int = 0) -> Parts:
    """Apart by entities: a share of the entities is in no training question; of the other instances a tenth each is
    for validation and for new combinations, of entities that training has."""
    rng = Random(seed)
    entities = sorted({entity for each in asked for entity in each.entities})
    unseen = set(rng.sample(entities, round(held * len(entities))))
    known = [each for each in asked if not unseen & set(each.entities)]
    rng.shuffle(known)
    tenth = len(known) // 10
    training = known[2 * tenth :]
    learned = {entity for each in training for entity in each.entities}
    combinations = [each for each in known[tenth : 2 * tenth] if learned.issuperset(each.entities)]
    absent = [each for each in asked if unseen & set(each.entities)]
    rng.shuffle(absent)
    return Parts(training, known[:tenth], combinations, absent)


# Linking


def link(question: str, entities: Mapping[str, str]) -> tuple[str, list[str]]:
    """The question with ent_k for the k-th entity that it names, and these; `entities` maps labels to entities.

    >>> link("does bash depend on libc6 ?", {"bash": "pkg:bash", "libc6": "pkg:libc6"})
    ('does ent_0 depend on ent_1 ?', ['pkg:bash', 'pkg:libc6'])
    """
    words, longest = question.split(), max((label.count(" ") + 1 for label in entities), default=0)
    written: list[str] = []
    found: list[str] = []
    place = 0
    while place < len(words):
        for length in range(min(longest, len(words) - place), 0, -1):
            entity = entities.get(" ".join(words[place : place + length]))
            if entity is not None:
                if entity not in found:
                    found.append(entity)
                written.append(f"ent_{found.index(entity)}")
                place += length
                break
        else:
            written.append(words[place])
            place += 1
    return " ".join(written), found


def pair(asked: Asked, entities: Mapping[str, str] | None) -> tuple[str, str]:
    """What a translator reads and writes; with `entities` (of labels) both are linked."""
    words = encode(asked.query)
    if entities is None:
        return asked.question, " ".join(words)
    question, found = link(asked.question, entities)
    names = {encode(entity)[0]: f"ent_{number}" for number, entity in enumerate(found)}
    return question, " ".join(names.get(word, word) for word in words)


def query_of(question: str, written: str, entities: Mapping[str, str] | None) -> str:
    """The query that a translator wrote; with `entities` those of the question take their places."""
    words = written.split()
    if entities is not None:
        _, found = link(question, entities)
        names = {f"ent_{number}": encode(entity)[0] for number, entity in enumerate(found)}
        words = [names.get(word, word) for word in words]
    return decode(words)


# Figures


def exact(asked: Sequence[Asked], queries: Sequence[str]) -> Float[np.ndarray, " questions"]:
    """1 where the query is the template's own, white space aside."""
    return np.array([float(encode(each.query) == encode(query)) for each, query in zip(asked, queries, strict=True)])


def executed(asked: Sequence[Asked], queries: Sequence[str], store: Store) -> Float[np.ndarray, " questions"]:
    """1 where the query is one and its answer is that of the right query."""
    return np.array(
        [
            float(same_answer(answer(query, store), evaluate(sparql.parse(each.query), store)))
            for each, query in zip(asked, queries, strict=True)
        ]
    )


def answer(query: str, store: Store) -> sparql.Answer | None:
    """What a query answers; None where it is no query of the fragment, or has no end within its fuel."""
    try:
        return evaluate(sparql.parse(query), store)
    except PhloemError:
        return None


def patterns(query: str) -> int:
    """How many triple patterns a query has."""
    return sum(isinstance(part, Triple) for part in sparql.parse(query).where)
