"""A probability of programs: weights for the productions of a library (Ellis et al. 2020, appendix).

For a function type emit a lambda. Otherwise choose among the productions and variables that fit, with probability
proportional to exp(weight); all variables together share one weight, equally. Then make the arguments from left to
right, type variables bound on the way. The cost of a program is -log of its probability, in nats.

A contextual grammar (a bigram) has a row of weights for each place: the argument of a parent production, the argument
of a variable, or the top of the program. The plain grammar has one row for all places.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from phloem.synthesis.languages.lambda_calculus import Abstraction, Head, Index, Term, applied, spine
from phloem.synthesis.languages.lambda_machine import Code
from phloem.synthesis.library import VARIABLE, Fit, Library, Problem, problem_of
from phloem.synthesis.polymorphic_types import Polytype, TypeConstructor, is_arrow

TOP, UNDER_VARIABLE = 0, 1  # rows of a contextual grammar; then the arguments of each production in order


class Choice(NamedTuple):
    cost: float
    fit: Fit


class Derivation:
    """How a grammar makes a program: a lambda over one part (`head` None) or a head over the parts of its arguments.

    `binding` says what the problem's type variables became; `code` runs the program where a machine compiled it."""

    __slots__ = ("binding", "code", "cost", "head", "parts")

    def __init__(
        self,
        cost: float,
        head: Head | None,
        parts: tuple[Derivation, ...],
        binding: tuple[Polytype, ...],
        code: Code | None = None,
    ) -> None:
        self.cost, self.head, self.parts, self.binding, self.code = cost, head, parts, binding, code

    def term(self) -> Term:
        if self.head is None:
            return Abstraction(self.parts[0].term())
        return applied(self.head, *(part.term() for part in self.parts))


Observe = Callable[[int, Choice, list[Choice]], None]
"""Is told, at every choice of a program: the row of the grammar, what was chosen, and among what."""


class WeightedGrammar:
    """`weights[row, child]`: one row (plain) or a row for each place (contextual); children are the library's
    productions and, last, the variables."""

    def __init__(self, library: Library, weights: Float[np.ndarray, "rows children"] | None = None) -> None:
        children = len(library.productions) + 1
        self.library = library
        self.weights = np.zeros((1, children)) if weights is None else np.atleast_2d(np.asarray(weights, float))
        self._first = first_rows(library)
        rows, width = self.weights.shape
        if width != children or rows not in (1, row_count(library)):
            raise ValueError(f"{rows} rows of {width} weights do not belong to a library of {children - 1} productions")
        self.contextual = rows > 1
        self._choices: dict[tuple[Problem, int], list[Choice]] = {}

    def row(self, parent: int, argument: int) -> int:
        """The row for an argument of the child `parent`."""
        if not self.contextual:
            return TOP
        return UNDER_VARIABLE if parent == VARIABLE else self._first[parent] + argument

    def choices(self, problem: Problem, row: int) -> list[Choice]:
        """What may fill a hole, cheapest first."""
        found = self._choices.get((problem, row))
        if found is None:
            found = self._choices[problem, row] = self._normalised(self.library.fits(problem), row)
        return found

    def _normalised(self, fits: list[Fit], row: int) -> list[Choice]:
        if not fits:
            return []
        variables = sum(fit.child == VARIABLE for fit in fits)
        logs = np.array([self.weights[row, fit.child] for fit in fits])
        logs[[fit.child == VARIABLE for fit in fits]] -= math.log(max(variables, 1))
        logs -= np.logaddexp.reduce(logs)
        ranked = sorted(zip((-logs).tolist(), range(len(fits)), strict=True))
        return [Choice(max(cost, 0.0), fits[i]) for cost, i in ranked if cost < math.inf]

    def cost(self, request: Polytype, term: Term) -> float:
        """-log P(term | request); infinite where the grammar can't make it (not eta-long, or of another type)."""
        found = self.derivation(request, term)
        return math.inf if found is None else found.cost

    def derivation(self, request: Polytype, term: Term, observe: Observe | None = None) -> Derivation | None:
        return self._derive(problem_of(request), TOP, term, observe)

    def _derive(self, problem: Problem, row: int, term: Term, observe: Observe | None) -> Derivation | None:
        request = problem.request
        if isinstance(request, TypeConstructor) and is_arrow(request):
            if not isinstance(term, Abstraction):
                return None
            body = self._derive(under_lambda(problem), row, term.body, observe)
            return body and Derivation(body.cost, None, (body,), body.binding)
        head, arguments = spine(term)
        choices = self.choices(problem, row)
        chosen = next((choice for choice in choices if choice.fit.head == head), None)
        if chosen is None or len(arguments) != chosen.fit.arity:
            return None
        if observe is not None:
            observe(row, chosen, choices)
        return self._fill(chosen, lambda hole, at, i: self._derive(hole, at, arguments[i], observe))

    def _fill(self, chosen: Choice, answer: Callable[[Problem, int, int], Derivation | None]) -> Derivation | None:
        """The chosen head with an answer to each argument's problem, from left to right."""
        fit, cost = chosen.fit, chosen.cost
        filling = fit.start
        parts: list[Derivation] = []
        while filling.hole is not None:
            part = answer(filling.hole, self.row(fit.child, len(parts)), len(parts))
            if part is None:
                return None
            parts.append(part)
            cost += part.cost
            filling = filling.after(part.binding)
        return Derivation(cost, fit.head, tuple(parts), filling.binding)

    def sample(self, request: Polytype, rng: Random, *, deepest: int = 12, tries: int = 100) -> Derivation | None:
        """A random program; None when `tries` were all nested deeper than `deepest`."""
        for _ in range(tries):
            found = self._sample(problem_of(request), TOP, rng, deepest)
            if found is not None:
                return found
        return None

    def _sample(self, problem: Problem, row: int, rng: Random, depth: int) -> Derivation | None:
        if is_arrow(problem.request):
            body = self._sample(under_lambda(problem), row, rng, depth)
            return body and Derivation(body.cost, None, (body,), body.binding)
        choices = self.choices(problem, row)
        if not choices or depth <= 0:
            return None
        chosen = _drawn(choices, rng.random())
        return self._fill(chosen, lambda hole, at, i: self._sample(hole, at, rng, depth - 1))


def _drawn(choices: list[Choice], point: float) -> Choice:
    """The choice whose share of [0, 1) holds the point."""
    for choice in choices:
        point -= math.exp(-choice.cost)
        if point < 0:
            return choice
    return choices[-1]


def under_lambda(problem: Problem) -> Problem:
    """What is asked of the body of a lambda: the result, with one more variable. Type variables keep their numbers, so
    that the binding of the body is the binding of the lambda."""
    argument, result = problem.request.arguments  # type: ignore[union-attr]
    return Problem(result, (argument, *problem.environment))


def first_rows(library: Library) -> list[int]:
    """The row of each production's first argument in a contextual grammar."""
    rows, row = [], UNDER_VARIABLE + 1
    for production in library.productions:
        rows.append(row)
        row += _arity(production.type)
    return rows


def row_count(library: Library) -> int:
    return UNDER_VARIABLE + 1 + sum(_arity(production.type) for production in library.productions)


def _arity(type: Polytype) -> int:
    return 1 + _arity(type.arguments[1]) if isinstance(type, TypeConstructor) and type.name == "->" else 0


# Weights from programs


class Uses(NamedTuple):
    """What a program says of the weights: how often each child was used, and among which sets of children.

    `variables` is the log of how many variables shared the weight, summed: a part of the cost that no weight changes.
    """

    actual: Counter[int]
    possible: Counter[tuple[int, ...]]
    variables: float

    def cost(self, weights: Float[np.ndarray, children]) -> float:
        """The program's cost under a plain grammar of these weights, without walking it again."""
        chosen = sum(count * weights[child] for child, count in self.actual.items())
        normal = sum(n * np.logaddexp.reduce(weights[list(group)]) for group, n in self.possible.items())
        return float(normal - chosen + self.variables)


def uses(library: Library, request: Polytype, term: Term) -> Uses | None:
    """None where the library can't make the program."""
    found = Uses(Counter(), Counter(), 0.0)
    shared = [0.0]

    def observe(row: int, chosen: Choice, choices: list[Choice]) -> None:
        found.actual[chosen.fit.child] += 1
        found.possible[tuple(sorted({choice.fit.child for choice in choices}))] += 1
        if isinstance(chosen.fit.head, Index):
            shared[0] += math.log(sum(choice.fit.child == VARIABLE for choice in choices))

    if WeightedGrammar(library).derivation(request, term, observe) is None:
        return None
    return found._replace(variables=shared[0])


def estimate(
    library: Library, frontiers: Iterable[Sequence[tuple[Uses, float]]], pseudocount: float = 30.0
) -> Float[np.ndarray, children]:
    """Weights from the programs of each task, by one round of inside-outside from equal weights.

    A frontier holds the uses and the log likelihood of each program; a program counts by its posterior under equal
    weights. weight = log(uses + pseudocount) - log(places where it fitted + pseudocount)."""
    count = len(library.productions) + 1
    start = np.zeros(count)
    actual, possible = np.full(count, pseudocount), np.full(count, pseudocount)
    for frontier in frontiers:
        logs = np.array([likelihood - one.cost(start) for one, likelihood in frontier])
        posterior = np.exp(logs - np.logaddexp.reduce(logs)) if len(logs) else []
        for (one, _), weight in zip(frontier, posterior, strict=True):
            for child, times in one.actual.items():
                actual[child] += weight * times
            for group, times in one.possible.items():
                possible[list(group)] += weight * times
    weights: Float[np.ndarray, children] = np.log(actual) - np.log(possible)
    return weights
