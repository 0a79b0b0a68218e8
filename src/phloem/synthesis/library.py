"""A library of typed functions, and which of them fit where.

The hole of a program asks for a type among variables of known types: a `Problem`. What fits is every primitive or
invention whose final result unifies with the type asked for, and every variable in scope of which the same is true
(Ellis et al. 2020, appendix). A problem is kept in canonical form, its type variables numbered in order of appearance,
so that what fits is worked out once and problems can be keys of tables. Filling a hole may bind its type variables;
the answer to a problem says to what (`binding`).

For drawings in continuation style (a program transforms a turtle) only the innermost variable of that type may end a
program, since the others would undo what was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from phloem.synthesis.languages.lambda_calculus import Head, Index, Invention, Primitive, leaves, show_term
from phloem.synthesis.polymorphic_types import (
    Polytype,
    Substitution,
    TypeVariable,
    canonical,
    is_ground,
    resolve,
    shifted,
    signature,
    unify,
    variables,
)

Production = Primitive | Invention

VARIABLE = -1  # the child that stands for all variables: the last column of weights


class Problem(NamedTuple):
    """A term of type `request` is wanted; `environment[i]` is the type of `$i`. In canonical form."""

    request: Polytype
    environment: tuple[Polytype, ...] = ()

    @property
    def open(self) -> int:
        """How many type variables it has: they are numbered from 0."""
        return 1 + max((n for type in (self.request, *self.environment) for n in variables(type)), default=-1)


class Fit(NamedTuple):
    """`head` may fill a hole; `start` asks for its first argument.

    `child` is the production's number, and VARIABLE for all variables."""

    child: int
    head: Head
    start: Filling

    @property
    def arity(self) -> int:
        return self.start.arity


class Filling:
    """A head some of whose arguments are there: the problem of the next one, or the binding that all of them made.

    What follows depends on the bindings of the answers alone and is worked out once.
    """

    def __init__(self, problem: Problem, arguments: tuple[Polytype, ...], bound: Substitution, free: int) -> None:
        self._problem, self._arguments, self._bound, self._free = problem, arguments, bound, free
        self._after: dict[tuple[Polytype, ...], Filling] = {}
        self.arity = len(arguments)

    @cached_property
    def hole(self) -> Problem | None:
        """The problem of the next argument; None when all are there."""
        return self._lowered[0] if self.arity else None

    @cached_property
    def later(self) -> tuple[Problem | None, ...]:
        """The problems of the further arguments, None where type variables are still open."""
        environment = self._lowered[0].environment if self.arity else ()
        types = [resolve(type, self._bound) for type in self._arguments[1:]]
        ground = all(map(is_ground, environment))
        return tuple(Problem(type, environment) if ground and is_ground(type) else None for type in types)

    @cached_property
    def binding(self) -> tuple[Polytype, ...]:
        """What the arguments made of the type variables of the problem, in canonical form; all must be there."""
        count = self._problem.open
        return canonical(tuple(resolve(TypeVariable(number), self._bound) for number in range(count)))[0]

    @cached_property
    def _lowered(self) -> tuple[Problem, list[int]]:
        """The next argument's problem with variables of its own, and which variable here each of them is."""
        wanted = (self._arguments[0], *self._problem.environment)
        types, order = canonical(tuple(resolve(type, self._bound) for type in wanted))
        return Problem(types[0], types[1:]), order

    def after(self, binding: tuple[Polytype, ...]) -> Filling:
        """What is asked once the next argument is there and has bound the variables of its problem."""
        found = self._after.get(binding)
        if found is None:
            known = [number for type in binding for number in variables(type)]
            new = {outer: shifted(type, self._free) for outer, type in zip(self._lowered[1], binding, strict=True)}
            free = self._free + 1 + max(known, default=-1)
            found = Filling(self._problem, self._arguments[1:], {**self._bound, **new}, free)
            self._after[binding] = found
        return found


class Library:
    """Productions in a fixed order. Equality is identity; a library never changes."""

    def __init__(
        self, productions: Sequence[Production], continuation: Polytype | None = None, base: Library | None = None
    ) -> None:
        """`base` is the library without the last production, whose work is used again."""
        self.productions = tuple(productions)
        self.continuation, self._base = continuation, base
        self.number = {production: i for i, production in enumerate(self.productions)}
        self._fits: dict[Problem, list[Fit]] = {}

    @property
    def inventions(self) -> tuple[Invention, ...]:
        return tuple(one for one in self.productions if isinstance(one, Invention))

    @property
    def size(self) -> int:
        """Leaves of all productions; a primitive counts 1, an invention the leaves of its body."""
        return sum(leaves(one.body) if isinstance(one, Invention) else 1 for one in self.productions)

    def extended(self, invention: Invention) -> Library:
        return Library((*self.productions, invention), self.continuation, self)

    def fits(self, problem: Problem) -> list[Fit]:
        found = self._fits.get(problem)
        if found is None:
            found = self._fits[problem] = self._find(problem)
        return found

    def _find(self, problem: Problem) -> list[Fit]:
        if self._base is None:
            found = [self._fit(problem, child) for child in range(len(self.productions))]
            return [fit for fit in found if fit] + self._variables(problem)
        new = self._fit(problem, len(self.productions) - 1)
        return self._base.fits(problem) + ([new] if new else [])

    def _fit(self, problem: Problem, child: int) -> Fit | None:
        production = self.productions[child]
        arguments, result = signature(production.type)
        if not _may_unify(result, problem.request):
            return None
        free = problem.open + len(set(variables(production.type)))
        types = tuple(shifted(type, problem.open) for type in arguments)
        return _fit(child, production, types, shifted(result, problem.open), problem, free)

    def _variables(self, problem: Problem) -> list[Fit]:
        found = []
        ended = False
        for depth, type in enumerate(problem.environment):
            arguments, result = signature(type)
            fit = _fit(VARIABLE, Index(depth), arguments, result, problem, problem.open)
            if fit is None or (type == self.continuation and ended):
                continue
            ended = ended or type == self.continuation
            found.append(fit)
        return found

    def __repr__(self) -> str:
        return f"Library({', '.join(map(show_term, self.productions))})"


def _may_unify(left: Polytype, right: Polytype) -> bool:
    """False only where the outermost constructors differ."""
    return isinstance(left, TypeVariable) or isinstance(right, TypeVariable) or left.name == right.name


def _fit(
    child: int, head: Head, arguments: tuple[Polytype, ...], result: Polytype, problem: Problem, free: int
) -> Fit | None:
    bound = unify(result, problem.request, {})
    return None if bound is None else Fit(child, head, Filling(problem, arguments, bound, free))


def problem_of(request: Polytype, environment: tuple[Polytype, ...] = ()) -> Problem:
    """The problem in canonical form."""
    types, _ = canonical((request, *environment))
    return Problem(types[0], types[1:])
