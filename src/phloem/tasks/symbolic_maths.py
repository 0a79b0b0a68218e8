"""Integrals and differential equations with their solutions, made backwards where forwards is hard.

Lample and Charton, "Deep Learning for Symbolic Mathematics" (ICLR 2020, section 3):

    FWD    f random, F = what a computer algebra system integrates; kept where it can
    BWD    F random, f = F'
    IBP    F, G random with derivatives f, g: where the integral of f G is known, that of F g is F G - it
    ODE1   y = f(x, c) random with c once in it: solve for c = F(x, y), and differentiate: F_x + y' F_y = 0
    ODE2   the same with two constants, one after the other

Expressions are what SymPy makes of them, in prefix notation. What has no finite value at several places, has no word in
the notation, or is too long is left out; so is what was there before. Integration is `manualintegrate`, SymPy's rules
by hand, which says no in a short time where `integrate` may take minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from phloem.corpora.expression_trees import Kinds, TreeCounts, random_expression
from phloem.errors import PhloemError
from phloem.execute.cas_check import at_most, is_antiderivative, solves
from phloem.represent.completions import Pair, Symbols
from phloem.represent.token_view import TokenBatch, padded, token_batch
from phloem.synthesis.languages import prefix_maths
from phloem.synthesis.languages.prefix_maths import TOKENS, symbol, sympy

SYMBOLS = Symbols(TOKENS)
LONGEST = 512
SECONDS = 2.0  # that making one pair may take
PLACES = np.linspace(0.37, 2.11, 5)


class Question(NamedTuple):
    """What is asked (an integrand; an equation's left side) and an answer, as SymPy's expressions."""

    asked: Any
    answer: Any


class Units(NamedTuple):
    """The same in prefix notation, as units."""

    asked: tuple[str, ...]
    answer: tuple[str, ...]


@dataclass
class Maker:
    """Draws questions whose random expressions have 1 to `operators` operators."""

    rng: np.random.Generator
    kinds: Kinds
    operators: int
    counts: TreeCounts = field(default_factory=TreeCounts)
    known: dict[Any, Any] = field(default_factory=dict)  # integrals by integrand, for IBP

    def expression(self, variables: tuple[str, ...] = ("x",)) -> Any:
        """A random expression as SymPy evaluates it, with x in it."""
        while True:
            many = int(self.rng.integers(1, self.operators + 1))
            drawn = random_expression(self.rng, many, self.kinds._replace(variables=variables), self.counts)
            value = prefix_maths.to_sympy(prefix_maths.parse(drawn))
            if value.has(symbol("x")) and usable(value):
                return value

    def forward(self) -> Question | None:
        """FWD: an integrand of at most `operators` operators, and what SymPy's rules make of it."""
        integrand, x = self.expression(), symbol("x")
        from sympy.integrals.manualintegrate import manualintegrate

        found = manualintegrate(integrand, x)
        if found.has(sympy().Integral) or found.has(sympy().Piecewise):
            return None
        return Question(integrand, without_constant(found)) if is_antiderivative(found, integrand, x) else None

    def backward(self) -> Question | None:
        """BWD."""
        answer = without_constant(self.expression())
        question = Question(answer.diff(symbol("x")), answer)
        self.known[question.asked] = question.answer
        return question

    def by_parts(self) -> Question | None:
        """IBP: None unless the integral of f G or of F g is among those that this maker knows."""
        x = symbol("x")
        one, other = self.expression(), self.expression()
        for left, right in ((one, other), (other, one)):
            known = self.known.get(left.diff(x) * right)
            if known is not None:
                question = Question(left * right.diff(x), without_constant(left * right - known))
                self.known[question.asked] = question.answer
                return question
        for value in (one, other):  # what is known grows
            self.known.setdefault(value.diff(x), value)
        return None

    def first_order(self) -> Question | None:
        """ODE1."""
        answer = self.expression(("x", "c"))
        solved = isolated(answer, symbol("c"), symbol("y"))
        return self._solved(None if solved is None else along_solutions(solved), answer)

    def second_order(self) -> Question | None:
        """ODE2."""
        answer = self.expression(("x", "c1", "c2"))
        solved = isolated(answer, symbol("c2"), symbol("y"))
        first = None if solved is None else along_solutions(solved)
        if first is None:
            return None
        again = isolated(first, symbol("c1"), sympy().Integer(0))
        second = None if again is None else along_solutions(again)
        return self._solved(None if second is None or second.has(symbol("c1")) else second, answer)

    def _solved(self, equation: Any | None, answer: Any) -> Question | None:
        """The equation with its solution, if it is one."""
        names = {name: symbol(name) for name in ("x", "y", "y'", "y''")}
        return Question(equation, answer) if equation is not None and solves(answer, equation, names) else None

    def many(self, make: Callable[[], Question | None], count: int, *, tries: int = 200) -> list[Units]:
        """`count` different questions in prefix notation, fewer where `tries` for each are not enough."""
        found: dict[tuple[str, ...], Units] = {}
        for _ in range(tries * count):
            if len(found) == count:
                break
            try:
                with at_most(SECONDS):
                    question = make()
                    units = None if question is None else in_units(question)
            except (PhloemError, TimeoutError, ArithmeticError, ValueError, TypeError, RecursionError):
                continue
            if units is not None:
                found.setdefault(units.asked, units)
        return list(found.values())


def usable(value: Any) -> bool:
    """Whether it has words in the notation and finite real values at some places."""
    try:
        tree = prefix_maths.from_sympy(value)
    except PhloemError:
        return False
    values = [
        prefix_maths.evaluate(tree, dict.fromkeys(prefix_maths.VARIABLES, place) | {"x": place + 0.13})
        for place in PLACES.tolist()
    ]
    return sum(math.isfinite(each) and abs(each) < 1e6 for each in values) >= 3


def without_constant(value: Any) -> Any:
    """An antiderivative without the terms that have no x in them."""
    return value.as_independent(symbol("x"), as_Add=True)[1]


def isolated(value: Any, unknown: Any, other: Any) -> Any | None:
    """`unknown` from `value` = `other`, where it stands once in `value`, by undoing what was done to it; else None."""
    s = sympy()
    if sum(each == unknown for each in s.preorder_traversal(value)) != 1:
        return None
    inverses = {s.exp: s.log, s.log: s.exp, s.sin: s.asin, s.cos: s.acos, s.tan: s.atan, s.asin: s.sin, s.acos: s.cos}
    inverses |= {s.atan: s.tan, s.sinh: s.asinh, s.cosh: s.acosh, s.tanh: s.atanh}
    inverses |= {s.asinh: s.sinh, s.acosh: s.cosh, s.atanh: s.tanh}
    while value != unknown:
        inside, rest = value.as_independent(unknown, as_Add=value.is_Add)[::-1]
        if value.is_Add:
            value, other = inside, other - rest
        elif value.is_Mul:
            value, other = inside, other / rest
        elif value.is_Pow and value.base.has(unknown):
            value, other = value.base, other ** (1 / value.exp)
        elif value.is_Pow:
            value, other = value.exp, s.log(other) / s.log(value.base)
        elif value.func in inverses:
            value, other = value.args[0], inverses[value.func](other)
        else:
            return None
    return other


def along_solutions(constant: Any) -> Any | None:
    """The equation that holds where an expression of x, y and y' stays constant: its total derivative's numerator,
    without factors that have no derivative of y in them; None where nothing is left."""
    s = sympy()
    x, y, dy, ddy = (symbol(name) for name in ("x", "y", "y'", "y''"))
    total = constant.diff(x) + dy * constant.diff(y) + ddy * constant.diff(dy)
    highest = ddy if constant.has(dy) else dy
    top = s.fraction(s.together(total))[0]
    factors = [factor for factor in s.Mul.make_args(s.factor_terms(top)) if factor.has(highest)]
    return reduce(lambda one, other: one * other, factors) if factors else None


def in_units(question: Question) -> Units | None:
    """In prefix notation; None where it is too long."""
    asked, answer = (tuple(prefix_maths.tokens(prefix_maths.from_sympy(each))) for each in question)
    return Units(asked, answer) if max(len(asked), len(answer)) <= LONGEST else None


def in_sympy(units: Sequence[str]) -> Any | None:
    """A written expression; None where the tokens are none, or SymPy takes too long over them."""
    try:
        with at_most(SECONDS):
            return prefix_maths.to_sympy(prefix_maths.parse(units))
    except (PhloemError, TimeoutError, ArithmeticError, ValueError, TypeError, RecursionError):
        return None


def is_right(asked: Sequence[str], written: Sequence[str]) -> bool:
    """Whether what was written is an antiderivative of what was asked, as SymPy or numbers say."""
    if len(written) > LONGEST:
        return False
    integrand, answer = in_sympy(asked), in_sympy(written)
    return integrand is not None and answer is not None and is_antiderivative(answer, integrand, symbol("x"))


@dataclass(frozen=True)
class Questions:
    """A `Dataset` of questions and answers for encoder-decoders."""

    pairs: Sequence[Pair]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sizes(self) -> Int[np.ndarray, "pairs"]:
        return np.array([len(asked) + len(answer) for asked, answer in self.pairs])

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None = None) -> TokenBatch:
        """These pairs; nothing is sampled."""
        chosen = [self.pairs[number] for number in index.tolist()]
        (tokens, lengths), (target, _) = (_rows([pair[side] for pair in chosen]) for side in (0, 1))
        return token_batch(tokens, lengths, np.pad(target, ((0, 0), (0, 1))))


def encoded(units: Units) -> Pair:
    """A question as ids."""
    return SYMBOLS.encode(units.asked), SYMBOLS.encode(units.answer)


def _rows(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(row) for row in rows])
    return padded(
        np.concatenate([np.array(row, np.int64) for row in rows]), lengths.cumsum() - lengths, lengths
    ), lengths
