"""What queries of `sparql` answer over a small triple store, twice: by definition, and by joins of columns.

Semantics of Pérez, Arenas and Gutierrez, "Semantics and Complexity of SPARQL" (ISWC 2006, section 3): `scan` is the
definition, pattern by pattern over all triples; `evaluate` joins columns of integers and gives the same rows. Both are
total: where more rows than `fuel` would be made the answer is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from random import Random

import numpy as np
from jaxtyping import Bool, Int

from phloem.errors import PhloemError
from phloem.synthesis.languages.sparql import (
    COMPARISONS,
    Answer,
    Filter,
    Ground,
    Query,
    Resource,
    Row,
    Triple,
    Variable,
    variables,
)

FUEL = 200_000


class Store:
    """Triples as integers: `terms[i]` is the term of number i, a row of `triples` is subject, predicate, object."""

    def __init__(self, triples: Iterable[tuple[Resource, Resource, Ground]]) -> None:
        self.facts = tuple(dict.fromkeys(triples))
        self.terms: tuple[Ground, ...] = tuple(dict.fromkeys(term for fact in self.facts for term in fact))
        # a text and a number never are the same key, so one mapping tells all kinds of terms apart
        self.numbers: dict[Ground, int] = {term: number for number, term in enumerate(self.terms)}
        rows = [[self.numbers[term] for term in fact] for fact in self.facts]
        self.triples = np.array(rows, np.int64).reshape(-1, 3)

    def matching(self, pattern: Triple) -> Int[np.ndarray, "found 3"]:
        """The triples that agree with the constants of a pattern, and with its repeated variables."""
        rows = self.triples
        places: dict[Variable, int] = {}
        for place, term in enumerate(pattern.terms):
            if isinstance(term, Variable):
                if term in places:
                    rows = rows[rows[:, place] == rows[:, places[term]]]
                places.setdefault(term, place)
            else:
                rows = rows[rows[:, place] == self.numbers.get(term, -1)]
        return rows


def compares(left: Ground, sign: str, right: Ground) -> bool:
    """Equality of any terms, order of numbers; the order of anything else is an error, which is false."""
    if sign in ("=", "!="):
        return (left == right) == (sign == "=")
    return isinstance(left, int) and isinstance(right, int) and bool(COMPARISONS[sign](left, right))


def evaluate(query: Query, store: Store, fuel: int = FUEL) -> Answer | None:
    """The answer: bool of an ASK, int of a count, else rows in the query's order (rows that tie in the order of
    their text). None where a join has more than `fuel` rows."""
    columns: dict[Variable, Int[np.ndarray, " rows"]] = {}
    rows = 1
    for pattern in (part for part in query.where if isinstance(part, Triple)):
        found = store.matching(pattern)
        joined = _joined(columns, rows, pattern, found, fuel)
        if joined is None:
            return None
        columns, rows = joined
    kept = np.ones(rows, bool)
    for part in query.where:
        if isinstance(part, Filter):
            kept &= _satisfied(part, columns, store, rows)
    numbers = {variable: column[kept] for variable, column in columns.items()}
    solutions = (
        {variable: store.terms[each] for variable, each in zip(numbers, row, strict=True)}
        for row in zip(*(column.tolist() for column in numbers.values()), strict=True)
    )
    return _answer(query, solutions if numbers else ({} for _ in range(int(kept.sum()))))


def _joined(
    columns: Mapping[Variable, Int[np.ndarray, " rows"]],
    rows: int,
    pattern: Triple,
    found: Int[np.ndarray, "found 3"],
    fuel: int,
) -> tuple[dict[Variable, Int[np.ndarray, " joined"]], int] | None:
    """The join of solutions with the triples of one more pattern, by sorting on what both bind."""
    places = {term: place for place, term in reversed(list(enumerate(pattern.terms))) if isinstance(term, Variable)}
    shared = [variable for variable in places if variable in columns]
    keys = np.zeros(rows + len(found), np.int64)
    if shared:
        left = np.stack([columns[variable] for variable in shared], axis=1)
        both = np.concatenate([left, found[:, [places[variable] for variable in shared]]])
        keys = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(keys[rows:], kind="stable")
    ascending = keys[rows:][order]
    first, last = (np.searchsorted(ascending, keys[:rows], side) for side in ("left", "right"))
    counts = last - first
    total = int(counts.sum())
    if total > fuel:
        return None
    old = np.repeat(np.arange(rows), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    new = order[np.repeat(first, counts) + within]
    joined = {variable: column[old] for variable, column in columns.items()}
    joined |= {variable: found[new, place] for variable, place in places.items() if variable not in columns}
    return joined, total


def _satisfied(
    part: Filter, columns: Mapping[Variable, Int[np.ndarray, " rows"]], store: Store, rows: int
) -> Bool[np.ndarray, " rows"]:
    left = columns[part.left]
    right = columns[part.right] if isinstance(part.right, Variable) else None
    return np.array(
        [
            compares(
                store.terms[left[i]],
                part.comparison,
                store.terms[right[i]] if right is not None else part.right,  # type: ignore[arg-type]
            )
            for i in range(rows)
        ],
        bool,
    )


def scan(query: Query, store: Store, fuel: int = FUEL) -> Answer | None:
    """The definition: extend every solution by every triple, pattern after pattern."""
    solutions: list[dict[Variable, Ground]] = [{}]
    for pattern in (part for part in query.where if isinstance(part, Triple)):
        solutions = [
            extended
            for solution in solutions
            for fact in store.facts
            if (extended := _matched(pattern, fact, solution)) is not None
        ]
        if len(solutions) > fuel:
            return None
    for part in query.where:
        if isinstance(part, Filter):
            right = part.right
            solutions = [
                each
                for each in solutions
                if compares(each[part.left], part.comparison, each[right] if isinstance(right, Variable) else right)
            ]
    return _answer(query, solutions)


def _matched(pattern: Triple, fact: Row, solution: dict[Variable, Ground]) -> dict[Variable, Ground] | None:
    """The solution with what the pattern binds to this triple; None where they disagree."""
    extended = dict(solution)
    for term, value in zip(pattern.terms, fact, strict=True):
        wanted = extended.setdefault(term, value) if isinstance(term, Variable) else term
        if wanted != value:
            return None
    return extended


def rank(term: Ground) -> tuple[int, int, str]:
    """The order of ORDER BY (SPARQL 1.1, section 15.1): resources before literals; numbers by value, before texts."""
    if isinstance(term, Resource):
        return 0, 0, term.name
    return (1, term, "") if isinstance(term, int) else (2, 0, term)


def _answer(query: Query, solutions: Iterable[dict[Variable, Ground]]) -> Answer:
    if query.form == "ask":
        return any(True for _ in solutions)
    if query.form == "count":
        values = [each[query.variables[0]] for each in solutions]
        return len(set(values)) if query.distinct else len(values)
    found = [(each, tuple(each[variable] for variable in query.variables)) for each in solutions]
    found.sort(key=lambda pair: tuple(map(rank, pair[1])))
    if (order := query.order) is not None:
        found.sort(key=lambda pair: rank(pair[0][order]), reverse=query.descending)
    rows = [row for _, row in found]
    if query.distinct:
        rows = list(dict.fromkeys(rows))
    return rows if query.limit is None else rows[: query.limit]


def same_answer(one: Answer | None, other: Answer | None) -> bool:
    """Whether two answers say the same, rows in any order; no answer is the same as none."""
    if isinstance(one, list) and isinstance(other, list):
        return Counter(one) == Counter(other)
    return one is not None and type(one) is type(other) and one == other


def sample(rng: Random, store: Store, size: int) -> Query:
    """A random query of about `size` patterns: triples of the store that share terms, with some terms made variables
    (so that a query mostly has an answer), then a random form over its variables."""
    facts = list(_walk(rng, store, max(size, 1)))
    names: dict[Ground, Variable] = {}
    for term in dict.fromkeys(term for fact in facts for term in (fact[0], fact[2])):
        if rng.random() < 0.6 or not names:
            names[term] = Variable(f"x{len(names)}")
    first = facts[0][0]
    names.setdefault(first, Variable(f"x{len(names)}"))
    where: list[Triple | Filter] = []
    for subject, predicate, value in facts:
        node = names.get(subject, subject)
        assert isinstance(node, Variable | Resource)
        where.append(Triple(node, predicate, names.get(value, value)))
    if rng.random() < 0.3:
        value, variable = rng.choice(sorted(names.items(), key=lambda pair: pair[1].name))
        where.append(Filter(variable, rng.choice(sorted(COMPARISONS)), value))
    bound = variables(Query("ask", tuple(where)))
    chosen = tuple(rng.sample(bound, rng.randint(1, min(2, len(bound)))))
    form = rng.choice(("select", "select", "count", "ask"))
    if form == "ask":
        return Query("ask", tuple(where))
    if form == "count":
        return Query("count", tuple(where), chosen[:1], rng.random() < 0.5, Variable("n"))
    order = rng.choice([None, *bound])
    limit = rng.choice([None, None, rng.randint(0, 3)])
    descending = order is not None and rng.random() < 0.5
    return Query("select", tuple(where), chosen, rng.random() < 0.5, None, order, descending, limit)


def _walk(rng: Random, store: Store, size: int) -> Iterator[tuple[Resource, Resource, Ground]]:
    """Triples, each of which shares a subject or object with an earlier one where there is such a triple."""
    if not store.facts:
        raise PhloemError("an empty store has no queries to sample")
    fact = rng.choice(store.facts)
    seen: set[Ground] = set()
    for _ in range(size):
        yield fact
        seen |= {fact[0], fact[2]}
        near = [each for each in store.facts if each[0] in seen or each[2] in seen]
        fact = rng.choice(near)
