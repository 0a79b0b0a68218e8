"""Evaluates λ-terms: compiled to closures, call by value, total with fuel.

A term becomes a Python function of its environment, a linked list `(value of $0, (value of $1, …))`. A primitive with
all its arguments is one direct call. Every call of a lambda costs a unit of fuel; loops live in primitives, which call
lambdas for each round, so a run ends. Arguments of inventions are evaluated when first needed (call by need), so that a
program means what its expansion means: a conditional in an invention evaluates one branch.

`run` never raises: a program that fails (head of an empty list, fuel used up, too deep) has no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from phloem.synthesis.languages.lambda_calculus import Abstraction, Index, Invention, Primitive, Term, spine

Environment: TypeAlias = Any
"""() or a pair (value or thunk, environment)."""
Code: TypeAlias = Callable[[Environment], Any]

FUEL = 5_000  # calls of lambdas; what DreamCoder's clock of 0.5 ms a run becomes where runs must be repeatable
LARGEST = 1 << 63
LONGEST = 5_000  # elements of a list


class Undefined(Exception):
    """A program has no value here."""


class Thunk:
    """An argument that is evaluated at most once, when it is first needed."""

    __slots__ = ("code", "environment", "value")

    def __init__(self, code: Code, environment: Environment) -> None:
        self.code: Code | None = code
        self.environment, self.value = environment, None

    def force(self) -> Any:
        if self.code is not None:
            self.value = self.code(self.environment)
            self.code = self.environment = None
        return self.value


class Machine:
    """Compiles terms; the codes that one machine made share its fuel."""

    def __init__(self) -> None:
        self.fuel = [0]
        self._inventions: dict[Invention, tuple[int, Code]] = {}
        self._indices: dict[int, Code] = {}

    def compile(self, term: Term) -> Code:
        if isinstance(term, Abstraction):
            return self.abstraction(self.compile(term.body))
        head, arguments = spine(term)
        codes = [self.compile(argument) for argument in arguments]
        if isinstance(head, Abstraction):
            return _called(self.compile(head), codes)
        assert isinstance(head, Primitive | Invention | Index)
        return self.call(head, codes)

    def run(self, code: Code, inputs: Sequence[Any] = (), fuel: int = FUEL) -> Any:
        """The value of a compiled program on its inputs; None where it has none."""
        self.fuel[0] = fuel
        try:
            value = code(())
            for one in inputs:
                value = value(one)
            return value
        except (Undefined, RecursionError):
            return None

    def abstraction(self, body: Code) -> Code:
        fuel = self.fuel

        def make(environment: Environment) -> Callable[[Any], Any]:
            def function(argument: Any) -> Any:
                fuel[0] -= 1
                if fuel[0] < 0:
                    raise Undefined
                return body((argument, environment))

            return function

        return make

    def call(self, head: Primitive | Invention | Index, arguments: list[Code]) -> Code:
        """The code of `head` applied to arguments, as many as it takes or fewer or more."""
        if isinstance(head, Index):
            return _called(self.index(head.depth), arguments)
        if isinstance(head, Invention):
            return self._invention(head, arguments)
        arity = head.arity
        if not arity:
            value = head.value
            return _called(lambda environment: value, arguments)
        if len(arguments) < arity:
            function = curried(head)
            return _called(lambda environment: function, arguments)
        return _called(_saturated(head, arguments[:arity]), arguments[arity:])

    def index(self, depth: int) -> Code:
        if depth not in self._indices:
            self._indices[depth] = _index(depth)
        return self._indices[depth]

    def _invention(self, head: Invention, arguments: list[Code]) -> Code:
        if head not in self._inventions:
            lambdas, body = 0, head.body
            while isinstance(body, Abstraction):
                lambdas, body = lambdas + 1, body.body
            self._inventions[head] = lambdas, self.compile(body)
        lambdas, code = self._inventions[head]
        if len(arguments) < lambdas:
            whole = code
            for _ in range(lambdas):
                whole = self.abstraction(whole)
            return _called(lambda environment: whole(()), arguments)
        needed, fuel = arguments[:lambdas], self.fuel

        def enter(environment: Environment) -> Any:
            fuel[0] -= 1
            if fuel[0] < 0:
                raise Undefined
            inner: Environment = ()
            for argument in needed:
                inner = (Thunk(argument, environment), inner)
            return code(inner)

        return _called(enter, arguments[lambdas:])


def _index(depth: int) -> Code:
    def look_up(environment: Environment) -> Any:
        for _ in range(depth):
            environment = environment[1]
        value = environment[0]
        return value.force() if value.__class__ is Thunk else value

    def nearest(environment: Environment) -> Any:
        value = environment[0]
        return value.force() if value.__class__ is Thunk else value

    return look_up if depth else nearest


def _saturated(head: Primitive, arguments: list[Code]) -> Code:
    function = head.value
    if head.lazy:
        return lambda environment: function(*[Thunk(argument, environment).force for argument in arguments])
    if len(arguments) == 1:
        (only,) = arguments
        return lambda environment: function(only(environment))
    if len(arguments) == 2:
        first, second = arguments
        return lambda environment: function(first(environment), second(environment))
    return lambda environment: function(*[argument(environment) for argument in arguments])


def _called(function: Code, arguments: Sequence[Code]) -> Code:
    if not arguments:
        return function
    if len(arguments) == 1:
        (only,) = arguments
        return lambda environment: function(environment)(only(environment))

    def call(environment: Environment) -> Any:
        value = function(environment)
        for argument in arguments:
            value = value(argument(environment))
        return value

    return call


def curried(head: Primitive) -> Callable[[Any], Any]:
    """The primitive as a function of its arguments one by one, all of them evaluated."""
    arity, function = head.arity, head.value

    def take(given: tuple[Any, ...]) -> Callable[[Any], Any]:
        def next_one(argument: Any) -> Any:
            values = (*given, argument)
            if len(values) < arity:
                return take(values)
            return function(*[lambda value=value: value for value in values]) if head.lazy else function(*values)

        return next_one

    return take(())


def run(program: Term, inputs: Sequence[Any] = (), *, fuel: int = FUEL) -> Any:
    """The value of a program applied to its inputs; None where it has none. Never raises for well-typed programs."""
    machine = Machine()
    return machine.run(machine.compile(program), inputs, fuel)
