"""Questions that compose relations: "the section of the dependencies of <A>".

Panchbhai, Soru and Marx, "Exploring Sequence-to-Sequence Models for SPARQL Pattern Composition" (KGSWC 2020): from the
properties of a class come one-hop patterns a and, by composition, two-hop patterns b o a, each asked for its answers,
their number, whether there are any, the greatest of them, or those greater than another entity.

Four ways to part them ask what a translator composes; the definitions are ours, since the paper's numbering is not
settled. With single-hop patterns a and b:

    operation 1   train {a, b}          test b o a
    operation 2   train {a, b o a}      test b        for relations b that training shows as a second hop alone
    operation 3   train {b o a, b}      test a        for relations a that training shows as a first hop alone
    operation 4   train {a, b, b o a}   test pairs (a, b) that training lacks, a and b of which it shows in other pairs
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

OPERATIONS = (1, 2, 3, 4)
HELD = 0.2  # of the relations, or of the pairs, that are tested


class Relation(NamedTuple):
    """What "the `word` of x" means: x `predicate` y, or the other way round; from one kind of entity to another."""

    word: str
    predicate: str
    inverse: bool
    source: str
    target: str

    def pattern(self, left: str, right: str) -> str:
        """The triple that says that `right` is the word of `left`."""
        return f"{right} {self.predicate} {left}" if self.inverse else f"{left} {self.predicate} {right}"


RELATIONS = (
    Relation("dependency", "rel:depends", False, "package", "package"),
    Relation("dependent", "rel:depends", True, "package", "package"),
    Relation("recommendation", "rel:recommends", False, "package", "package"),
    Relation("recommender", "rel:recommends", True, "package", "package"),
    Relation("maintainer", "rel:maintainer", False, "package", "person"),
    Relation("section", "rel:section", False, "package", "section"),
    Relation("architecture", "rel:architecture", False, "package", "architecture"),
    Relation("size", "rel:size", False, "package", "number"),
    Relation("version", "rel:version", False, "package", "text"),
    Relation("work", "rel:maintainer", True, "person", "package"),
    Relation("member", "rel:section", True, "section", "package"),
)
FORMS = ("answers", "number", "any", "greatest", "greater")
PHRASES = {
    "answers": ("what is {} ?", "tell me {}", "give me {}", "name {}"),
    "number": ("how many are {} ?", "count {}", "what is the number of {} ?", "give me the number of {}"),
    "any": ("is there {} ?", "does {} exist ?", "are there {} ?", "tell me if there is {}"),
    "greatest": (
        "what is the largest of {} ?",
        "tell me the largest of {}",
        "name the largest of {}",
        "largest of {} ?",
    ),
    "greater": ("what of {} is larger than <B> ?", "tell me what of {} is larger than <B>"),
}


class Composed(NamedTuple):
    """A question and its query, with the placeholder <A> (and <B> to be greater than), and the relations in it."""

    question: str
    query: str
    relations: tuple[Relation, ...]
    form: str


def singles() -> list[Composed]:
    """Every one-hop question."""
    return [each for relation in RELATIONS for each in _asked((relation,))]


def pairs() -> list[tuple[Relation, Relation]]:
    """The relations that compose: the first leads where the second starts."""
    return [(first, second) for first in RELATIONS for second in RELATIONS if first.target == second.source]


def compositions() -> list[Composed]:
    """Every two-hop question."""
    return [each for pair in pairs() for each in _asked(pair)]


def _asked(relations: tuple[Relation, ...]) -> list[Composed]:
    words = "".join(f"the {relation.word} of " for relation in reversed(relations)) + "<A>"
    ends = ["<A>", *(f"?y{number}" for number in range(1, len(relations))), "?x"]
    hops = zip(relations, ends, ends[1:], strict=False)
    pattern = " . ".join(relation.pattern(left, right) for relation, left, right in hops)
    forms = FORMS if relations[-1].target == "package" else FORMS[:3]
    return [
        Composed(phrase.format(words), query_of(pattern, form), relations, form)
        for form in forms
        for phrase in PHRASES[form]
    ]


def query_of(pattern: str, form: str) -> str:
    """The query that asks the variable ?x of a pattern in this form."""
    if form == "number":
        return f"SELECT (COUNT(DISTINCT ?x) AS ?n) WHERE {{ {pattern} }}"
    if form == "any":
        return f"ASK WHERE {{ {pattern} }}"
    if form == "greatest":
        return f"SELECT ?x WHERE {{ {pattern} . ?x rel:size ?s }} ORDER BY DESC(?s) LIMIT 1"
    if form == "greater":
        pattern += " . ?x rel:size ?s . <B> rel:size ?t . FILTER ( ?s > ?t )"
    return f"SELECT DISTINCT ?x WHERE {{ {pattern} }}"


def split(operation: int, seed: int = 0, share: float = HELD) -> tuple[list[Composed], list[Composed]]:
    """The training and test questions of an operation; `share` of the relations (2, 3) or pairs (4) are held out."""
    alone, together = singles(), compositions()
    rng = Random(seed)
    if operation == 1:
        return alone, together
    if operation == 4:
        held = _held_pairs(rng, share)
        return (
            alone + [each for each in together if each.relations not in held],
            [each for each in together if each.relations in held],
        )
    place = 1 if operation == 2 else 0
    candidates = list(dict.fromkeys(pair[place] for pair in pairs()))
    tested = set(rng.sample(candidates, max(1, round(share * len(candidates)))))
    # what is held out is shown in this one place of compositions, and nowhere else
    shown = [each for each in together if each.relations[1 - place] not in tested]
    return (
        shown + [each for each in alone if each.relations[0] not in tested],
        [each for each in alone if each.relations[0] in tested],
    )


def _held_pairs(rng: Random, share: float) -> set[tuple[Relation, ...]]:
    """Pairs whose first relation is a first one, and whose second is a second one, of another pair that is not held."""
    every = pairs()
    held: set[tuple[Relation, ...]] = set()
    for pair in rng.sample(every, len(every)):
        rest = [each for each in every if each not in held and each != pair]
        if any(each[0] == pair[0] for each in rest) and any(each[1] == pair[1] for each in rest):
            held.add(pair)
        if len(held) >= share * len(every):
            break
    return held
