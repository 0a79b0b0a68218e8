"""From a trained recurrent network to a Python program: normal form, integers, tables, formulas, verification.

Michaud et al., "Opening the AI black box: program synthesis via mechanistic interpretability" (2024). The hidden states
of a network that is always right are read as integers k (`hidden_lattice`); the rows (k, x) → k' and k' → y that occur
are a finite table; formulas for them are looked for (`sequence_regression`) from several origins and orientations of
the lattice; the program is run apart, on fresh and longer sequences, before it counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int64

from phloem.analysis.hidden_lattice import Lattice, state_lattice
from phloem.analysis.mips_normalise import Recurrence, normalised, run
from phloem.corpora.mips_tasks import SequenceTask
from phloem.execute import sandbox
from phloem.synthesis.sequence_regression import STANDARD, Budget, formula, python_program

ROWS = 400  # of a table, that formulas are looked for on; all are checked
ALL = "\ndef program_of_all(many):\n    return [program(one) for one in many]\n"


class Table(NamedTuple):
    """Each row once. `after` is k', and `outputs` belong to the states of `reached`."""

    before: Int64[np.ndarray, "rows rank"]
    inputs: Int64[np.ndarray, "rows inputs"]
    after: Int64[np.ndarray, "rows rank"]
    reached: Int64[np.ndarray, "states rank"]
    outputs: Int64[np.ndarray, " states"]
    start: Int64[np.ndarray, " rank"]


class Distilled(NamedTuple):
    """A program, or None and how far it came."""

    python: str | None
    reason: str
    figures: dict[str, tuple[float, float]]  # of the normalisers
    rows: int = 0


def table_of(
    numbers: Int64[np.ndarray, "sequences time+1 rank"],
    x: Int[np.ndarray, "sequences time inputs"],
    y: Int[np.ndarray, "sequences time"],
) -> Table | None:
    """None where one state and input lead to two states, or one state has two outputs."""
    rank, wide = numbers.shape[2], x.shape[2]
    after = numbers[:, 1:].reshape(-1, rank)
    rows = np.concatenate([numbers[:, :-1].reshape(-1, rank), x.reshape(-1, wide), after], axis=1)
    rows = np.unique(rows, axis=0)
    states = np.unique(np.concatenate([after, y.reshape(-1, 1)], axis=1), axis=0)
    if len(np.unique(rows[:, : rank + wide], axis=0)) < len(rows) or len(np.unique(states[:, :rank], axis=0)) < len(
        states
    ):
        return None
    before, inputs, after = np.split(rows, [rank, rank + wide], axis=1)
    return Table(before, inputs, after, states[:, :rank], states[:, rank], numbers[0, 0])


def _views(table: Table) -> Iterator[Table]:
    """Other numbers for the same states: signs, with the first state or the least coordinates at 0."""
    rank = table.before.shape[1]
    for signs in list(product((1, -1), repeat=rank))[: 1 << min(rank, 3)]:
        turned = [part * np.array(signs) for part in (table.before, table.after, table.reached, table.start)]
        least = np.minimum(turned[1].min(axis=0), turned[3])
        for origin in (turned[3], least):
            before, after, reached, start = (part - origin for part in turned)
            yield Table(before, table.inputs, after, reached, table.outputs, start)


def program_of(table: Table, budget: Budget) -> str | None:
    """Formulas for every coordinate of the state and for the output, or None."""
    rank, wide = table.before.shape[1], table.inputs.shape[1]
    states, given = [f"s{one}" for one in range(rank)], [f"x{one}" for one in range(wide)]
    for view in _views(table):
        both = np.concatenate([view.before, view.inputs], axis=1)
        output = _formula(view.reached, view.outputs, states, budget)
        if output is None:
            continue
        updates = [_formula(both, column, [*states, *given], budget) for column in view.after.T]
        if all(updates):
            return python_program(view.start.tolist(), [one for one in updates if one], output, wide)
    return None


def _formula(inputs: np.ndarray, target: np.ndarray, names: list[str], budget: Budget) -> str | None:
    """Looked for on some rows and then asked about all."""
    if len(target) <= ROWS:
        return formula(inputs, target, names, budget)
    some = np.random.default_rng(0).choice(len(target), ROWS, replace=False)
    found = formula(inputs[some], target[some], names, budget)
    if found is None:
        return None
    code = (
        f"def at({', '.join(names)}):\n    return {found}\ndef at_all(rows):\n    return [at(*row) for row in rows]\n"
    )
    answer = sandbox.run(code, [sandbox.Call("at_all", (inputs.tolist(),))])[0]
    return found if answer.value == target.tolist() else None


def rounded_states(rnn: Recurrence) -> Lattice:
    """No lattice: each hidden number as it is, rounded."""
    return Lattice(np.eye(len(rnn.start)), np.zeros(len(rnn.start)))


def distil(
    rnn: Recurrence,
    x: Int[np.ndarray, "sequences time inputs"],
    y: Int[np.ndarray, "sequences time"],
    *,
    budget: Budget = STANDARD,
    plain: bool = False,
) -> Distilled:
    """The program of a network that is right on `x`. `plain` leaves normal forms and the lattice out."""
    figures: dict[str, tuple[float, float]] = {}
    if not plain:
        rnn, figures = normalised(rnn, x, y)
    states: Float[np.ndarray, "sequences time+1 hidden"] = run(rnn, x)[0]
    lattice = rounded_states(rnn) if plain else state_lattice(states[:, 1:].reshape(-1, states.shape[2]))
    if lattice is None:
        return Distilled(None, "the states lie on no lattice", figures)
    numbers = lattice.encode(states)
    table = table_of(numbers, x, y)
    if table is None:
        return Distilled(None, "states and inputs do not determine what follows", figures)
    found = program_of(table, budget)
    return Distilled(found, "" if found else "no formula within the budget", figures, len(table.before))


def verified(python: str, task: SequenceTask, rng: np.random.Generator, sequences: int, time: int) -> bool:
    """Whether the program, run apart, is right on every step of fresh sequences."""
    x, y = task.draw(rng, sequences, time)
    answer = sandbox.run(python + ALL, [sandbox.Call("program_of_all", (x.tolist(),))], seconds=20.0)[0]
    return answer.status == "ok" and answer.value == y.tolist()
