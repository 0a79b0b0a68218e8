"""Grows a library from the programs that solved tasks, by refactoring (abstraction sleep of Ellis et al. 2020).

The library D and its weights θ shall explain the programs and stay small: they maximise

    Σ_x log Σ_{ρ ∈ B_x} P(x|ρ) P(ρ|D, θ)  -  λ Σ_{ρ ∈ D} size(ρ)  -  aic |D|

where B_x are the programs kept of task x (its frontier), size counts leaves, and θ comes from the programs by
inside-outside (weighted_grammar.py). Greedily, until nothing is gained:

1. the version space of each program's refactorings, `steps` beta steps back (refactorings.py);
2. candidates: the smallest members of spaces that occur in at least two tasks, unless trivial;
3. a rough score of all candidates at once: the size of the smallest refactoring of all programs if the candidate's
   place is taken by one leaf. A smallest refactoring has no lambda in the place of a function;
4. for the best of them the library is extended, programs are rewritten, and the objective above decides.

Costs of step 3 are tables over spaces × candidates, filled level by level (the height of a space above its leaves).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.errors import PhloemError
from phloem.synthesis.languages.lambda_calculus import (
    Abstraction,
    Application,
    Index,
    Invention,
    Primitive,
    Term,
    abstracted,
    applied,
    eta_long,
    free_indices,
    invention,
    parts,
)
from phloem.synthesis.library import Library
from phloem.synthesis.polymorphic_types import Polytype
from phloem.synthesis.refactorings import EMPTY, EVERYTHING, Spaces
from phloem.synthesis.weighted_grammar import Uses, WeightedGrammar, estimate, uses

INNER = 0.01  # what a lambda or an application adds to a size, so that of two sizes the simpler term is smaller
MOST_TIES = 24  # smallest members that are kept of a space
CHUNK = 64  # candidates scored at once


class Frontier(NamedTuple):
    """The programs kept of one task, each with the log likelihood of the task's examples."""

    request: Polytype
    programs: tuple[tuple[Term, float], ...]


class Prior(NamedTuple):
    """What the library costs: `size_weight` (λ) a leaf, `aic` a production; `pseudocount` smooths the weights."""

    size_weight: float = 1.0
    aic: float = 1.0
    pseudocount: float = 30.0


PRIOR = Prior()


class Step(NamedTuple):
    """An invention that was accepted, the objective with it, and how many tasks have a program that uses it."""

    invention: Invention
    objective: float
    tasks: int


class Compressed(NamedTuple):
    library: Library
    frontiers: tuple[Frontier, ...]
    first: float  # the objective before anything was added
    steps: tuple[Step, ...]

    def grammar(self, prior: Prior = PRIOR) -> WeightedGrammar:
        found = [_uses(self.library, frontier) for frontier in self.frontiers]
        return WeightedGrammar(self.library, estimate(self.library, [one for one in found if one], prior.pseudocount))


def objective(library: Library, frontiers: Sequence[Frontier], prior: Prior = PRIOR) -> float:
    """The quantity that compression maximises; tasks without programs count nothing."""
    found = [_uses(library, frontier) for frontier in frontiers]
    found = [one for one in found if one]
    weights = estimate(library, found, prior.pseudocount)
    total = sum(
        float(np.logaddexp.reduce([likelihood - one.cost(weights) for one, likelihood in each])) for each in found
    )
    return total - prior.size_weight * library.size - prior.aic * len(library.productions)


def _uses(library: Library, frontier: Frontier) -> list[tuple[Uses, float]]:
    found = [(uses(library, frontier.request, term), likelihood) for term, likelihood in frontier.programs]
    return [(one, likelihood) for one, likelihood in found if one is not None]


def compress(
    library: Library,
    frontiers: Sequence[Frontier],
    *,
    steps: int = 3,
    prior: Prior = PRIOR,
    most_candidates: int = 300,
    most_inventions: int | None = None,
    accepted: Callable[[Step], None] = lambda step: None,
) -> Compressed:
    """Add inventions one after another as long as the objective grows. `accepted` hears of each."""
    now = tuple(frontiers)
    best = first = objective(library, now, prior)
    taken: list[Step] = []
    while most_inventions is None or len(taken) < most_inventions:
        found = _best_extension(library, now, steps, prior, most_candidates)
        if found is None or found[0] <= best:
            break
        best, library, now, new = found
        using = sum(any(new in set(parts(term)) for term, _ in frontier.programs) for frontier in now)
        taken.append(Step(new, best, using))
        accepted(taken[-1])
    return Compressed(library, now, first, tuple(taken))


def _best_extension(
    library: Library, frontiers: tuple[Frontier, ...], steps: int, prior: Prior, most: int
) -> tuple[float, Library, tuple[Frontier, ...], Invention] | None:
    spaces = Spaces()
    roots = [[spaces.refactored(spaces.of(term), steps) for term, _ in frontier.programs] for frontier in frontiers]
    smallest = Smallest(spaces, [root for many in roots for root in many])
    best = None
    proposals = []
    for candidate in _ranked(smallest, roots)[:most]:
        with suppress(PhloemError):  # it has no type
            proposals.append((candidate, *_as_invention(next(spaces.terms(candidate)))))
    for new, extract in smallest.extractors([one for one in proposals if one[1] not in library.number]):
        extended = library.extended(new)
        rewritten = tuple(_rewritten(frontier, many, extract) for frontier, many in zip(frontiers, roots, strict=True))
        value = objective(extended, rewritten, prior)
        if best is None or value > best[0]:
            best = value, extended, rewritten, new
    return best


def _rewritten(frontier: Frontier, roots: list[int], extract: Callable[[int], Term]) -> Frontier:
    """The programs with the new leaf in them where it makes them smaller."""
    found = []
    for (term, likelihood), root in zip(frontier.programs, roots, strict=True):
        new = extract(root)
        try:
            found.append((eta_long(new, frontier.request), likelihood))
        except PhloemError:  # the smallest refactoring is less general in its types than is asked for
            found.append((term, likelihood))
    return frontier._replace(programs=tuple(dict.fromkeys(found)))


def _as_invention(term: Term) -> tuple[Invention, Term]:
    """The closed term, a lambda for each free index, and what stands for `term` where those indices are."""
    free = sorted(free_indices(term), reverse=True)
    place = {index: len(free) - 1 - i for i, index in enumerate(free)}
    new = invention(abstracted(_renamed(term, place, 0), len(free)))
    return new, applied(new, *map(Index, free))


def _renamed(term: Term, place: dict[int, int], depth: int) -> Term:
    match term:
        case Index(index):
            return Index(place[index - depth] + depth) if index >= depth else term
        case Abstraction(body):
            return Abstraction(_renamed(body, place, depth + 1))
        case Application(function, argument):
            return Application(_renamed(function, place, depth), _renamed(argument, place, depth))
    return term


def nontrivial(term: Term) -> bool:
    """At least two primitives, or one and an index that occurs twice: anything less abbreviates nothing."""
    found = sum(isinstance(part, Primitive | Invention) for part in parts(term))
    if found != 1:
        return found > 1
    return any(times > 1 for times in _variables(term, 0).values())


def _variables(term: Term, depth: int) -> Counter[int]:
    """How often each free variable and each bound one (numbered from the outside, below 0) occurs."""
    match term:
        case Index(index):
            return Counter([index - depth])
        case Abstraction(body):
            return _variables(body, depth + 1)
        case Application(function, argument):
            return _variables(function, depth) + _variables(argument, depth)
    return Counter()


def _ranked(smallest: Smallest, roots: list[list[int]]) -> list[int]:
    """Candidates that two tasks share, those first that make all programs smallest."""
    spaces = smallest.spaces
    seen: Counter[int] = Counter()
    for many in roots:
        reached = spaces.reachable(many)
        seen.update({one for space in reached for one in smallest.members(space)})
    shared = sorted(one for one, times in seen.items() if times > 1)
    candidates = [one for one in shared if nontrivial(next(spaces.terms(one)))]
    scores: list[float] = []
    for start in range(0, len(candidates), CHUNK):
        chunk = candidates[start : start + CHUNK]
        sizes = smallest.sizes(chunk)
        scores += sum(np.min([sizes[smallest.place[root]] for root in many], axis=0) for many in roots if many).tolist()
    return [one for _, one in sorted(zip(scores, candidates, strict=True))]


class Level(NamedTuple):
    """The spaces of one height, by their places in the tables: applications, lambdas, unions (members end to end)."""

    applied: np.ndarray
    functions: np.ndarray
    arguments: np.ndarray
    lambdas: np.ndarray
    bodies: np.ndarray
    unions: np.ndarray
    members: np.ndarray
    starts: np.ndarray


class Smallest:
    """The smallest members of spaces, alone and with a candidate's place taken by one leaf."""

    def __init__(self, spaces: Spaces, roots: Sequence[int]) -> None:
        self.spaces = spaces
        self.order = sorted(spaces.reachable(roots))
        self.place = {space: i for i, space in enumerate(self.order)}
        self._leaves = [i for i, space in enumerate(self.order) if spaces.nodes[space].leaf is not None]
        self._levels = self._make_levels()
        self._argument: dict[int, tuple[float, tuple[int, ...]]] = {}
        self._function: dict[int, tuple[float, tuple[int, ...]]] = {}
        self._spots: dict[int, list[int]] = {}  # candidate -> the spaces that it is a smallest member of
        for space in self.order:
            self._settle(space)
        for space in self.order:
            for member in self.members(space):
                self._spots.setdefault(member, []).append(space)

    def members(self, space: int) -> set[int]:
        """The smallest members as an argument and as a function, as spaces of one term."""
        return {*self._argument[space][1], *self._function[space][1]}

    def _settle(self, space: int) -> None:
        kind, held, _ = self.spaces.nodes[space]
        nothing: tuple[float, tuple[int, ...]] = (np.inf, ())
        if space in (EMPTY, EVERYTHING):
            self._argument[space] = self._function[space] = nothing
        elif kind == "lambda":
            size, members = self._argument[held[0]]
            self._argument[space] = size + INNER, tuple(map(self.spaces.abstract, members))
            self._function[space] = nothing
        elif kind == "apply":
            (size, functions), (other, arguments) = self._function[held[0]], self._argument[held[1]]
            pairs = [self.spaces.apply(f, x) for f in functions for x in arguments][:MOST_TIES]
            self._argument[space] = self._function[space] = size + other + INNER, tuple(pairs)
        elif kind == "union":
            self._argument[space] = _fewest([self._argument[part] for part in held])
            self._function[space] = _fewest([self._function[part] for part in held])
        else:
            self._argument[space] = self._function[space] = 1.0, (space,)

    def _make_levels(self) -> list[Level]:
        height: dict[int, int] = {}
        groups: dict[int, list[int]] = {}
        for space in self.order:
            held = self.spaces.nodes[space].parts
            height[space] = 1 + max(height[part] for part in held) if held else 0
            groups.setdefault(height[space], []).append(space)
        return [self._level(groups[level]) for level in sorted(groups) if level]

    def _level(self, group: list[int]) -> Level:
        by_kind: dict[str, list[int]] = {"apply": [], "lambda": [], "union": []}
        for space in group:
            by_kind[self.spaces.nodes[space].kind].append(space)
        held = {kind: [self.spaces.nodes[space].parts for space in many] for kind, many in by_kind.items()}
        lengths = [len(one) for one in held["union"]]

        def at(many: Iterator[int] | Sequence[int]) -> np.ndarray:
            return np.array([self.place[space] for space in many], np.int64)

        return Level(
            at(by_kind["apply"]),
            at([one[0] for one in held["apply"]]),
            at([one[1] for one in held["apply"]]),
            at(by_kind["lambda"]),
            at([one[0] for one in held["lambda"]]),
            at(by_kind["union"]),
            at([part for one in held["union"] for part in one]),
            np.cumsum([0, *lengths[:-1]]) if lengths else np.zeros(0, np.int64),
        )

    def sizes(self, candidates: Sequence[int]) -> Float[np.ndarray, "spaces candidates"]:
        """The smallest size of each space where a candidate counts 1, for each candidate."""
        return self._tables(candidates)[0]

    def _tables(self, candidates: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        argument = np.full((len(self.order), len(candidates)), np.inf, np.float32)
        function = argument.copy()
        argument[self._leaves] = function[self._leaves] = 1
        spots = [(self.place[space], i) for i, one in enumerate(candidates) for space in self._spots.get(one, ())]
        rows, columns = np.array(spots, np.int64).reshape(-1, 2).T
        argument[rows, columns] = function[rows, columns] = 1
        for level in self._levels:
            for places, found, table in (
                (level.applied, function[level.functions] + argument[level.arguments] + INNER, argument),
                (level.lambdas, argument[level.bodies] + INNER, argument),
            ):
                table[places] = np.minimum(table[places], found)
            function[level.applied] = argument[level.applied]
            if len(level.unions):
                for table in (argument, function):
                    found = np.minimum.reduceat(table[level.members], level.starts, axis=0)
                    table[level.unions] = np.minimum(table[level.unions], found)
        return argument, function

    def extractors(
        self, proposals: Sequence[tuple[int, Invention, Term]]
    ) -> Iterator[tuple[Invention, Callable[[int], Term]]]:
        """For each candidate what reads the smallest member of a space, its leaf in the candidate's place."""
        for start in range(0, len(proposals), CHUNK):
            chunk = proposals[start : start + CHUNK]
            argument, function = self._tables([candidate for candidate, _, _ in chunk])
            for column, (candidate, new, leaf) in enumerate(chunk):
                yield new, self._extractor(argument[:, column], function[:, column], candidate, leaf)

    def _extractor(
        self, argument: np.ndarray, function: np.ndarray, candidate: int, leaf: Term
    ) -> Callable[[int], Term]:
        spots = set(self._spots.get(candidate, ()))

        def extract(space: int, table: np.ndarray = argument) -> Term:
            if space in spots:
                return leaf
            kind, held, own = self.spaces.nodes[space]
            if kind == "union":
                sizes = table[[self.place[part] for part in held]]
                return extract(held[int(sizes.argmin())], table)
            if kind == "lambda":
                return Abstraction(extract(held[0]))
            if kind == "apply":
                return Application(extract(held[0], function), extract(held[1]))
            assert own is not None, "a smallest member holds no empty space"
            return own

        return extract


def _fewest(found: list[tuple[float, tuple[int, ...]]]) -> tuple[float, tuple[int, ...]]:
    least = min(size for size, _ in found)
    if least == np.inf:
        return least, ()
    ties = {member for size, members in found if size <= least + 1e-9 for member in members}
    return least, tuple(sorted(ties)[:MOST_TIES])
