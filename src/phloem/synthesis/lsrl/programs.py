"""Two programs with which a fixed recurrent network computes any function that its prompt tells.

Petrov et al. (NeurIPS 2024, section 4). The weights say nothing of the function: the prompt does.

Continuous: the input is (x, 0), then for each cell of a grid on [0, 1]^d (width, lower corner, value at the centre).
x is kept, each cell is compared with it, and the value of the one that holds it is added up. The error is at most
L sqrt(d) / (2N) for a Lipschitz constant L, except within 1/scale above the grid's lines: a bump is 0 at its lower
bound and 1 at its upper one, so that a point on an inner line belongs to the lower cell and one with a zero
coordinate to none (output 0), and in the ramp the output may be a neighbour's value or 0.

Discrete: the input is a query of T tokens, then keys and values of T tokens each, by turns. Counters tell where in a
key or value a step is; the query is kept in T registers; equal tokens of a key are counted in a shift buffer, and after
T of them the next T tokens are written into the output registers, which are read out by turns: the last T outputs
are the answer. Of a query that is no key it is zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float

from phloem.synthesis.lsrl.sugar import (
    LARGE,
    SCALE,
    Conditional,
    both,
    bump,
    counter,
    larger,
    modulo_counter,
    near,
    negated,
    shift_buffer,
    smaller,
    spread,
    total,
)
from phloem.synthesis.lsrl.variables import Concat, Input, LinState, Number, Variable, identity

HALF = Fraction(1, 2)
Function = Callable[[np.ndarray], np.ndarray]


def continuous(
    inputs: int, outputs: int, *, form: str = "optimised", large: Number = LARGE, scale: int = SCALE
) -> Variable:
    """The program for functions from [0, 1]^inputs to `outputs` numbers; its last output is the answer."""
    conditional = Conditional(form, large)
    read = Input(1 + inputs + outputs)
    number = counter(read, first=1)
    query = conditional(smaller(number, 1 + HALF, scale), read[:inputs], positive=True)
    x = LinState(query, identity(inputs), identity(inputs))
    low = read[1 : 1 + inputs]
    inside = bump(x, low, low + spread(read[0], inputs), scale)
    in_cell = larger(total(inside), inputs - HALF, scale)
    value = conditional(in_cell, read[1 + inputs :])
    return LinState(value, identity(outputs), identity(outputs))


def continuous_input(
    x: Sequence[float], function: Function, cells: int, outputs: int
) -> Float[np.ndarray, "steps width"]:
    """The steps that ask for function(x): the query, then cells^d cells. Values are those at the cells' centres."""
    inputs = len(x)
    query = np.concatenate([np.asarray(x, dtype=float), np.zeros(1 + outputs)])
    rows = [query]
    for corner in product(range(cells), repeat=inputs):
        low = np.array(corner) / cells
        centre = (np.array(corner) + 0.5) / cells
        rows.append(np.concatenate([[1 / cells], low, np.atleast_1d(function(centre))]))
    return np.array(rows)


def discrete(
    length: int,
    *,
    form: str = "optimised",
    large: Number = LARGE,
    scale: int = SCALE,
    buffer: Literal["shift", "decay"] = "shift",
) -> Variable:
    """The program for dictionaries from `length` tokens to `length` tokens; its last outputs are the answer.

    With the "decay" buffer all transition matrices can be made diagonal, as state-space models have them: the last
    matches are the digits of one number, d_t = d_{t-1}/4 + match_t, in which older ones fade.
    """
    conditional = Conditional(form, large)
    token = Input(1)
    number = counter(token)
    place, turn = modulo_counter(token, length, scale), modulo_counter(token, 2 * length, scale)
    is_prompt = larger(number, length - HALF, scale)
    comparing = larger(turn, length - HALF, scale)
    copying = both(is_prompt, negated(comparing), scale)
    first_copied = both(copying, smaller(place, HALF, scale), scale)
    here = [near(place, position, scale) for position in range(length)]

    def at_place(values: list[Variable]) -> list[Variable]:
        return [conditional(one, value, positive=True) for one, value in zip(here, values, strict=True)]

    asked = conditional(negated(is_prompt), token, positive=True)
    query = LinState(Concat(*at_place([asked] * length)), identity(length), identity(length))
    expected = total(Concat(*at_place([query[position] for position in range(length)])))
    same = both(larger(token, expected - HALF, scale), smaller(token, expected + HALF, scale), scale)
    matching = both(same, comparing, scale)
    all_match = _all_match(matching, length, scale, buffer)

    began = conditional(both(all_match, first_copied, scale), number, positive=True)
    began_at = LinState(began, [[1]], [[1]])
    recent = smaller(number, began_at + length, scale)
    writing = both(copying, recent, scale)
    registers = [LinState(conditional(both(writing, one, scale), token, positive=True), [[1]], [[1]]) for one in here]
    return total(Concat(*at_place([*registers])))


def _all_match(matching: Variable, length: int, scale: int, buffer: str) -> Variable:
    """Whether the `length` steps before this one matched."""
    if buffer == "shift":
        last = shift_buffer(matching, length + 1)
        return larger(total(last[:length]), length - HALF, scale)
    digits = LinState(matching, [[Fraction(1, 4)]], [[1]])
    least = sum((Fraction(1, 4**place) for place in range(1, length + 1)), Fraction(0))
    return larger(digits, least - Fraction(1, 2 * 4**length), scale)


def discrete_input(query: Sequence[int], pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Iterator[list[int]]:
    """The steps that look `query` up in a dictionary."""
    for token in query:
        yield [token]
    for key, value in pairs:
        for token in (*key, *value):
            yield [token]
