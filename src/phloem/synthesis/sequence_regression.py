"""Integer formulas that agree with all rows of a table: linear ones, boolean ones, then all by complexity.

Michaud et al., "Opening the AI black box" (2024, section 2.4). Tried in order: w·v + b with integer w and b; for bits
the shortest boolean formula; all expressions of

    + - *    negative    > 0    |·|    mod 2    floor of a half    0 1 2    and the variables

by the number of operators, each kept once for its values on the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int64

from phloem.synthesis.boolean_regression import boolean_formula

UNARY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "(-{})": np.negative,
    "int({} > 0)": lambda value: (value > 0).astype(np.int64),
    "abs({})": np.abs,
    "({} % 2)": lambda value: value % 2,
    "({} // 2)": lambda value: value // 2,
}
BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "({} + {})": np.add,
    "({} - {})": np.subtract,
    "({} * {})": np.multiply,
}
LARGEST = 10**9  # values beyond are of no use to a formula of small integers


class Budget(NamedTuple):
    """Of one formula: operators, and expressions that are kept."""

    operators: int = 6
    expressions: int = 30_000


STANDARD = Budget()


def linear_formula(
    inputs: Int[np.ndarray, "rows variables"], target: Int[np.ndarray, " rows"], names: Sequence[str]
) -> str | None:
    """Integer weights by rounded least squares."""
    design = np.concatenate([inputs, np.ones((len(inputs), 1), np.int64)], axis=1)
    weights = np.rint(np.linalg.lstsq(design.astype(float), target.astype(float), rcond=None)[0])
    if np.abs(weights).max() > LARGEST or (design @ weights.astype(np.int64) != target).any():
        return None
    terms = [(int(weight), name) for weight, name in zip(weights[:-1], names, strict=True) if weight]
    if weights[-1]:
        terms.append((int(weights[-1]), ""))
    text = ""
    for weight, name in terms:
        size = "*".join(part for part in (str(abs(weight)) if abs(weight) != 1 or not name else "", name) if part)
        sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
        text += sign + size
    return f"({text})" if len(terms) > 1 or text.startswith("-") else text or "0"


def symbolic_formula(
    inputs: Int[np.ndarray, "rows variables"],
    target: Int[np.ndarray, " rows"],
    names: Sequence[str],
    budget: Budget,
) -> str | None:
    """The first expression by number of operators; None within the budget."""
    wanted = target.astype(np.int64).tobytes()
    known: dict[bytes, str] = {}
    levels: list[list[tuple[str, Int64[np.ndarray, " rows"]]]] = []
    for size in range(budget.operators + 1):
        level: list[tuple[str, Int64[np.ndarray, " rows"]]] = []
        for text, values in _leaves(inputs, names) if size == 0 else _larger(levels, size):
            key = values.tobytes()
            if key in known or np.abs(values).max(initial=0) > LARGEST:
                continue
            known[key] = text
            if key == wanted:
                return text
            level.append((text, values))
            if len(known) >= budget.expressions:
                return None
        levels.append(level)
    return None


def _leaves(inputs: np.ndarray, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    for name, column in zip(names, inputs.T, strict=True):
        yield name, column.astype(np.int64)
    for constant in (0, 1, 2):
        yield str(constant), np.full(len(inputs), constant, dtype=np.int64)


def _larger(levels: list[list[tuple[str, np.ndarray]]], size: int) -> Iterator[tuple[str, np.ndarray]]:
    """All expressions whose top operator makes `size`."""
    for text, values in levels[size - 1]:
        for form, apply in UNARY.items():
            yield form.format(text), apply(values)
    for left in range(size):
        for one, first in levels[left]:
            for other, second in levels[size - 1 - left]:
                for form, combine in BINARY.items():
                    if left > size - 1 - left and form != "({} - {})":
                        continue  # the others commute
                    yield form.format(one, other), combine(first, second)


def formula(
    inputs: Int[np.ndarray, "rows variables"],
    target: Int[np.ndarray, " rows"],
    names: Sequence[str],
    budget: Budget = STANDARD,
) -> str | None:
    """A Python expression in `names` that gives `target` on every row, found by the first way that finds one."""
    return (
        linear_formula(inputs, target, names)
        or boolean_formula(inputs, target, names)
        or symbolic_formula(inputs, target, names, budget)
    )


def python_program(start: Sequence[int], updates: Sequence[str], output: str, inputs: int) -> str:
    """A function of a list of inputs: states s0, s1 …, inputs x0, x1 …; `output` is of the states after the step."""
    states = ", ".join(f"s{number}" for number in range(len(start)))
    lines = ["def program(inputs):"]
    if start:
        lines.append(f"    {states} = {', '.join(str(int(one)) for one in start)}")
    lines += ["    outputs = []", f"    for {', '.join(f'x{number}' for number in range(inputs))}, in inputs:"]
    if updates:
        lines.append(f"        {states} = {', '.join(updates)}")
    return "\n".join([*lines, f"        outputs.append({output})", "    return outputs", ""])
