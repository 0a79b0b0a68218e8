"""The polymorphic λ-calculus of DreamCoder: terms, text, types, reduction.

Variables are de Bruijn indices (de Bruijn 1972): `$0` is bound by the nearest lambda, `$1` by the next one outwards. A
term is a primitive, an index, `(lambda body)`, an application `(f x)`, or an invention `#body`: a closed term that a
library holds under one name and that counts as one node. `(f x y)` is `((f x) y)`.

Programs are written eta-long: an argument of function type is a lambda, never a bare `f`, so that each program has one
derivation in the grammar (Ellis et al. 2020, appendix; weighted_grammar.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from phloem.errors import PhloemError
from phloem.synthesis.polymorphic_types import (
    Polytype,
    Substitution,
    TypeVariable,
    arrow,
    canonical,
    is_arrow,
    resolve,
    shifted,
    signature,
    unify,
    variables,
)
from phloem.synthesis.sexpressions import Atom, Expression, read, show


@dataclass(frozen=True, slots=True)
class Primitive:
    """A named constant or function. `value` is the constant, or a function of all arguments of the type at once.

    Where `lazy`, the function is given its arguments as functions of nothing. It raises `Undefined` (in
    lambda_machine.py) where it has no value. Primitives of a name are taken to be the same."""

    name: str
    type: Polytype = field(compare=False)
    value: Any = field(compare=False, repr=False)
    lazy: bool = field(default=False, compare=False)
    arity: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arity", len(signature(self.type)[0]))


class Index(NamedTuple):
    depth: int


class Abstraction(NamedTuple):
    body: Term


class Application(NamedTuple):
    function: Term
    argument: Term


class Invention(NamedTuple):
    """A closed term under a name of its own, with its most general type."""

    body: Term
    type: Polytype


Term: TypeAlias = Primitive | Index | Abstraction | Application | Invention
Head: TypeAlias = Primitive | Invention | Index

MOST_STEPS = 10_000  # of beta reduction, where a term may have no normal form


def applied(function: Term, *arguments: Term) -> Term:
    for argument in arguments:
        function = Application(function, argument)
    return function


def abstracted(body: Term, count: int) -> Term:
    for _ in range(count):
        body = Abstraction(body)
    return body


def spine(term: Term) -> tuple[Term, list[Term]]:
    """The head of an application and its arguments from left to right."""
    arguments: list[Term] = []
    while isinstance(term, Application):
        arguments.append(term.argument)
        term = term.function
    return term, arguments[::-1]


def parts(term: Term) -> Iterator[Term]:
    """The term and all its sub-terms; an invention is a leaf."""
    waiting = [term]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Application):
            waiting += (part.argument, part.function)
        elif isinstance(part, Abstraction):
            waiting.append(part.body)


def size(term: Term) -> int:
    """Leaves, lambdas and applications; an invention counts as a leaf."""
    return sum(1 for _ in parts(term))


def leaves(term: Term) -> int:
    """Primitives, indices and inventions: the size that the library's prior charges."""
    return sum(1 for part in parts(term) if not isinstance(part, Application | Abstraction))


# Text


def show_term(term: Term) -> str:
    """The text that `parse_term` reads back."""
    match term:
        case Primitive(name=name):
            return name
        case Index(depth):
            return f"${depth}"
        case Invention(body, _):
            return f"#{show_term(body)}"
        case Abstraction(body):
            return f"(lambda {show_term(body)})"
    head, arguments = spine(term)
    return f"({' '.join(map(show_term, (head, *arguments)))})"


def parse_term(text: str, primitives: Mapping[str, Primitive], names: Mapping[str, Term] | None = None) -> Term:
    """Read one term; `lambda`, `lam` and `λ` mean the same, `names` are further leaves (a library's functions).

    Raises PhloemError that names the first thing that is not understood."""
    expressions = read(text, "program")
    known = {**primitives, **(names or {})}
    terms = list(_terms(expressions, known))
    if len(terms) != 1:
        raise PhloemError(f"expected one program, found {len(terms)} in {text[:60]!r}")
    return terms[0]


def _terms(expressions: Iterable[Expression], known: Mapping[str, Term]) -> Iterator[Term]:
    """Terms of a list of expressions, where `#` marks the next one as an invention."""
    marked = 0
    for expression in expressions:
        if isinstance(expression, Atom) and expression.text == "#":
            marked += 1
            continue
        term = _term(expression, known)
        for _ in range(marked):
            term = invention(term)
        marked = 0
        yield term
    if marked:
        raise PhloemError("a # with nothing after it")


def _term(expression: Expression, known: Mapping[str, Term]) -> Term:
    if isinstance(expression, Atom):
        name = expression.text
        if name.startswith("$") and name[1:].isdecimal():
            return Index(int(name[1:]))
        if name.startswith("#"):
            return invention(_term(Atom(name[1:], expression.line), known))
        if name not in known:
            raise PhloemError(f"line {expression.line}: unknown primitive {name!r}")
        return known[name]
    items = expression.items
    if items and isinstance(items[0], Atom) and items[0].text in ("lambda", "lam", "λ"):
        bodies = list(_terms(items[1:], known))
        if len(bodies) != 1:
            raise PhloemError(f"line {expression.line}: a lambda has one body: {show(expression)}")
        return Abstraction(bodies[0])
    terms = list(_terms(items, known))
    if not terms:
        raise PhloemError(f"line {expression.line}: an empty application")
    return applied(*terms)


# Types


def infer(term: Term, environment: tuple[Polytype, ...] = ()) -> Polytype:
    """The most general type, variables numbered from 0 in order. `environment[i]` is the type of `$i`.

    Raises PhloemError for a term without a type."""
    free = 1 + max((number for type in environment for number in variables(type)), default=-1)
    state = _Inference({}, free)
    type = resolve(state.infer(term, environment), state.bound)
    return canonical((type,))[0][0]


class _Inference:
    """Algorithm W: one substitution that grows, and the next variable that is not in use."""

    def __init__(self, bound: Substitution, free: int) -> None:
        self.bound, self.free = bound, free

    def fresh(self) -> TypeVariable:
        self.free += 1
        return TypeVariable(self.free - 1)

    def infer(self, term: Term, environment: tuple[Polytype, ...]) -> Polytype:
        match term:
            case Primitive(type=type) | Invention(type=type):
                instance = shifted(type, self.free)
                self.free = 1 + max(variables(instance), default=self.free - 1)
                return instance
            case Index(depth):
                if depth >= len(environment):
                    raise PhloemError(f"${depth} is not bound")
                return environment[depth]
            case Abstraction(body):
                argument = self.fresh()
                return arrow(argument, self.infer(body, (argument, *environment)))
        function = self.infer(term.function, environment)
        argument_type, result = self.infer(term.argument, environment), self.fresh()
        bound = unify(function, arrow(argument_type, result), self.bound)
        if bound is None:
            raise PhloemError(f"no type: {show_term(term)[:80]}")
        self.bound = bound
        return result


def invention(body: Term) -> Invention:
    """A closed, typed term as one leaf. Raises PhloemError where it is not closed or has no type."""
    return Invention(body, infer(body))


# Reduction


def shift(term: Term, by: int, depth: int = 0) -> Term:
    """Move the free indices (those at `depth` or above) by `by`. Raises ValueError where one would be below `depth`."""
    match term:
        case Index(index) if index >= depth:
            if index + by < depth:
                raise ValueError("an index would be captured")
            return Index(index + by)
        case Abstraction(body):
            return Abstraction(shift(body, by, depth + 1))
        case Application(function, argument):
            return Application(shift(function, by, depth), shift(argument, by, depth))
    return term


def substitute(term: Term, value: Term, depth: int = 0) -> Term:
    """term[$depth := value], and indices above move down: what is left of `(lambda term) value`."""
    match term:
        case Index(index):
            if index == depth:
                return shift(value, depth)
            return Index(index - 1) if index > depth else term
        case Abstraction(body):
            return Abstraction(substitute(body, value, depth + 1))
        case Application(function, argument):
            return Application(substitute(function, value, depth), substitute(argument, value, depth))
    return term


def expanded(term: Term) -> Term:
    """Every invention replaced by its body, down to primitives."""
    match term:
        case Invention(body, _):
            return expanded(body)
        case Abstraction(body):
            return Abstraction(expanded(body))
        case Application(function, argument):
            return Application(expanded(function), expanded(argument))
    return term


def beta_normal(term: Term, *, inventions: bool = True, most: int = MOST_STEPS) -> Term:
    """The normal form, leftmost-outermost redex first; inventions are expanded where `inventions` says so.

    Raises PhloemError after `most` steps: typed terms always have a normal form, but it can be very large."""
    left = [most]
    return _normal(expanded(term) if inventions else term, left)


def _normal(term: Term, left: list[int]) -> Term:
    if isinstance(term, Abstraction):
        return Abstraction(_normal(term.body, left))
    head, arguments = spine(term)
    while isinstance(head, Abstraction) and arguments:
        left[0] -= 1
        if left[0] < 0:
            raise PhloemError("reduction does not end")
        reduced, inner = spine(substitute(head.body, arguments[0]))
        head, arguments = reduced, inner + arguments[1:]
    if isinstance(head, Abstraction):
        return _normal(head, left)
    return applied(head, *(_normal(argument, left) for argument in arguments))


def eta_long(term: Term, request: Polytype) -> Term:
    """The term with a lambda wherever a function is asked for and every head fully applied. Raises PhloemError where
    the term is not of the type `request`."""
    return _EtaLong().long(term, request, ())


class _EtaLong(_Inference):
    def __init__(self) -> None:
        super().__init__({}, 1000)

    def long(self, term: Term, request: Polytype, environment: tuple[Polytype, ...]) -> Term:
        request = resolve(request, self.bound)
        if is_arrow(request):
            argument, result = request.arguments  # type: ignore[union-attr]
            body = term.body if isinstance(term, Abstraction) else Application(shift(term, 1), Index(0))
            return Abstraction(self.long(body, result, (argument, *environment)))
        head, arguments = spine(term)
        if isinstance(head, Abstraction):
            raise PhloemError(f"not in normal form: {show_term(term)[:80]}")
        types, result = signature(resolve(self.infer(head, environment), self.bound))
        bound = unify(arrow(*types[len(arguments) :], result), request, self.bound)
        if len(arguments) > len(types) or bound is None:
            raise PhloemError(f"{show_term(term)[:80]} is not of type {request}")
        self.bound = bound
        return applied(head, *(self.long(a, t, environment) for a, t in zip(arguments, types, strict=False)))


def free_indices(term: Term) -> set[int]:
    """The free variables, as seen from outside the term."""
    match term:
        case Index(index):
            return {index}
        case Abstraction(body):
            return {index - 1 for index in free_indices(body) if index}
        case Application(function, argument):
            return free_indices(function) | free_indices(argument)
    return set()


def rewritten(term: Term, rule: Callable[[Term], Term | None]) -> Term:
    """Bottom-up: each sub-term, its own parts rewritten, is replaced by what `rule` gives, if anything."""
    match term:
        case Abstraction(body):
            term = Abstraction(rewritten(body, rule))
        case Application(function, argument):
            term = Application(rewritten(function, rule), rewritten(argument, rule))
    found = rule(term)
    return term if found is None else found
