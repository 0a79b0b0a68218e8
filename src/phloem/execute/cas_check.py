"""Is this formula an antiderivative, or a solution of this differential equation? Asked of a computer algebra system.

Lample and Charton, "Deep Learning for Symbolic Mathematics" (ICLR 2020, section 4.1): an answer is right if what must
be zero simplifies to zero, or, where the system doesn't get that far, is zero at several places. Either is enough, so
numbers come first, which take no time: what is far from zero at a place is not zero, and what is zero at all of several
random places is. What has a value at too few is left to algebra. Constants of integration don't matter.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from phloem.errors import MissingExtra

PLACES = 12
ENOUGH = 3  # places
LARGE = 1e6  # beyond, rounding would drown the difference
TOLERANCE = 1e-8  # of the value beside the terms it is made of
SECONDS = 5.0  # that algebra may take


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside after so many seconds of the processor; without effect off the main thread, and where
    there is no such timer. SymPy is imported before: an import that is broken off stays broken."""
    _sympy()
    if not hasattr(signal, "ITIMER_VIRTUAL") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError

    outer, began = signal.getitimer(signal.ITIMER_VIRTUAL)[0], time.process_time()
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, min(seconds, outer) if outer else seconds)
    try:
        yield
    finally:
        left = max(outer - (time.process_time() - began), 1e-3) if outer else 0.0
        signal.setitimer(signal.ITIMER_VIRTUAL, left)  # what an outer limit has left
        signal.signal(signal.SIGVTALRM, before)


def is_antiderivative(answer: Any, integrand: Any, variable: Any, *, seconds: float = SECONDS) -> bool:
    """Whether the derivative of `answer` is `integrand` (SymPy's expressions), by algebra or at PLACES places."""
    try:
        with at_most(seconds):
            derivative = answer.diff(variable)
            return is_zero(derivative - integrand, (derivative, integrand))
    except (TimeoutError, ArithmeticError, ValueError, TypeError, RecursionError):
        return False


def solves(answer: Any, equation: Any, names: Mapping[str, Any], *, seconds: float = SECONDS) -> bool:
    """Whether y = `answer` makes `equation` zero, somewhere: an equation that was solved for its constant has branches
    (of roots, of inverse sines), so a function may solve it on some intervals alone. What is zero at three random
    places is zero around them, as all functions here are analytic. `names` has SymPy's symbols of "x", "y", "y'" and
    "y''".
    """
    try:
        with at_most(seconds):
            first = answer.diff(names["x"])
            second = first.diff(names["x"])
            put = {names["y''"]: second, names["y'"]: first, names["y"]: answer}
            parts = equation.args if equation.is_Add else (equation,)
            terms = tuple(part.subs(put, simultaneous=True) for part in parts)
            return sum(terms) == 0 or sum(_zeros(sum(terms), terms)) >= ENOUGH
    except (TimeoutError, ArithmeticError, ValueError, TypeError, RecursionError):
        return False


def is_zero(value: Any, terms: tuple[Any, ...] = ()) -> bool:
    """Whether an expression is zero. `terms` are what it is made of: rounding is measured beside them."""
    if value == 0:
        return True
    zeros = _zeros(value, terms)
    if not all(zeros):
        return False
    return len(zeros) >= ENOUGH or _sympy().simplify(value) == 0


def _zeros(value: Any, terms: tuple[Any, ...]) -> list[bool]:
    """For each place (all variables above 0) where it has a value: is it zero?"""
    symbols = sorted(value.free_symbols.union(*(term.free_symbols for term in terms)), key=str)
    rng, found = np.random.default_rng(0), list[bool]()
    functions = [_sympy().lambdify(symbols, each, "numpy") for each in (value, *terms)]
    for _ in range(PLACES):
        place = rng.uniform(0.1, 2.5, len(symbols)).astype(complex)
        with np.errstate(all="ignore"):
            values = [complex(function(*place)) for function in functions]
        size = max([1.0, *(abs(each) for each in values[1:])])
        if np.isfinite(values).all() and size <= LARGE:
            found.append(abs(values[0]) <= TOLERANCE * size)
    return found


def _sympy() -> Any:
    try:
        import sympy
        import sympy.integrals.manualintegrate
        import sympy.printing.numpy
    except ImportError:
        raise MissingExtra("symbolic", "sympy") from None
    return sympy
