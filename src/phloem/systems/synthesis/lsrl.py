"""LSRL: recurrent networks with weights written down compute any function that their prompt tells.

The two universal programs are compiled to a linear RNN, an LSTM, a GRU and a gated state-space model, and asked for
dictionaries and functions; random programs are compared with their paths in rational numbers; noise is put on the
weights of the two ways to write a condition.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from phloem.analysis.in_context_approximation import approximated, largest_error, lookup_trials
from phloem.analysis.noise_robustness import continuous_errors
from phloem.measure.bootstrap import with_count
from phloem.nn.handset_rnn import CELLS, Cell
from phloem.synthesis.lsrl import compile_path, programs, run
from phloem.synthesis.lsrl.networks import network
from phloem.synthesis.lsrl.random_programs import random_program
from phloem.systems.claims import ACCURACY, FEWEST, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system

FORMS = {"one branch": "optimised", "product": "multiplicative optimised"}
RELEASED = 10**10  # the constant of the released conditions
NOISE = (1e-7, 1e-5)
SCALE = 1000


def check_network(job: Job, cell: Cell, dictionaries: int, cells: int) -> Outcome:
    """Lookups in dictionaries of 20 keys, and the error bounds of functions of the square: each one a trial."""
    form = FORMS["product" if cell == "ssm" else "one branch"]
    lookup = network(programs.discrete(3, form=form, buffer="decay" if cell == "ssm" else "shift"), cell)
    rng = np.random.default_rng(job.seed)
    right = lookup_trials(lookup, rng, dictionaries=dictionaries, size=20, length=3, vocabulary=10)
    job.progress(0.5)
    grid = network(programs.continuous(2, 1, form=form), cell)
    bounded = largest_error(grid, _distance, cells, scale=SCALE)
    halving = [largest_error(grid, _plane, many, scale=SCALE) for many in (cells // 2, cells)]
    lines = approximated(grid, np.array([[0.5, 0.25], [0.0, 0.55]]), _plane, 10)
    checks = [
        bounded <= np.sqrt(2) / (2 * cells) + 2 / SCALE,
        0.45 <= halving[1] / halving[0] <= 0.55,
        abs(lines[0] - _plane(np.array([0.45, 0.25]))[0]) < 1e-4,
        abs(lines[1]) < 1e-4,
    ]
    facts = {
        "lookups": len(right),
        "largest_error": bounded,
        "halving": halving[1] / halving[0],
        "layers": len(lookup.layers),
        "width": lookup.width,
        "parameters": sum(parameter.numel() for parameter in lookup.parameters()),
    }
    answers = np.array([*right, *checks], dtype=float)
    # one unit of all trials: how many lookups are drawn differs from seed to seed
    return Outcome({"right": np.array([[answers.sum(), len(answers)]])}, {"right": 0.0}, facts)


def _distance(x: np.ndarray) -> np.ndarray:
    return np.atleast_1d(np.linalg.norm(x - np.array([0.3, 0.6])))


def _plane(x: np.ndarray) -> np.ndarray:
    return np.atleast_1d((x[0] + x[1]) / np.sqrt(2))


def check_paths(job: Job, count: int) -> Outcome:
    """Random programs and their paths, in rational numbers: equal or not."""
    rng, right = np.random.default_rng(job.seed), []
    for number in range(count):
        program = random_program(rng, large=RELEASED if number % 4 == 0 else None)
        inputs = program.inputs
        steps = [[Fraction(int(rng.integers(-4, 5)), int(rng.integers(1, 4))) for _ in range(inputs)] for _ in range(3)]
        right.append(float((compile_path(program.output).run(steps) == run(program.output, steps)).all()))
        job.progress(number / count)
    return Outcome({"right": with_count(np.array(right))}, {"right": 0.0}, {"programs": count})


def shake(job: Job, form: str, functions: int) -> Outcome:
    """The median error over functions, the worse of the two noises' where they differ; here each noise is a metric."""
    path = compile_path(programs.continuous(2, 1, form=form, large=RELEASED))
    many: dict[str, Any] = {"functions": functions, "queries": 10, "cells": 8, "inputs": 2, "seed": job.seed}
    medians = {f"error at {noise:g}": float(np.median(continuous_errors(path, noise, **many))) for noise in (0, *NOISE)}
    return Outcome({name: np.array([[median]]) for name, median in medians.items()}, facts=medians)


@system("lsrl", row="S158", room="synthesis")
def lsrl(scale: Scale) -> Claim:
    """Petrov et al.: Universal In-Context Approximation By Prompting Fully Recurrent Models (NeurIPS 2024).

    Fixed recurrent networks look up dictionaries and approximate functions that their prompts tell; conditions by
    products bear noise better than those by ReLUs and a large constant.
    """
    few = scale.smoke
    size: dict[str, Any] = {"dictionaries": 1 if few else 20, "cells": 10}
    nets = tuple(Arm(cell, partial(check_network, cell=cell, **size), size) for cell in CELLS)
    others = (
        Arm("paths", partial(check_paths, count=1000), {"count": 1000}),
        *(Arm(name, partial(shake, form=form, functions=25), {"functions": 25}) for name, form in FORMS.items()),
    )
    return Claim(
        kind="exact",
        task="dictionaries of 20 keys of 3 tokens, and functions of the unit square, told by a prompt",
        metrics={"right": ACCURACY, **{f"error at {noise:g}": FEWEST for noise in (0, *NOISE)}},
        arms=nets[:1] if few else (*nets, *others),
        clauses=CLAUSES,
        floor=Clause("a linear RNN answers all", "right", "linear", None, 1.0),
        data={"dictionaries and functions": "generated"},
        launch="phloem reproduce lsrl --scale paper",
    )


CLAUSES = (
    *(Clause(f"the {cell} network answers all", "right", cell, None, 1.0) for cell in CELLS),
    Clause("paths are equal to their programs", "right", "paths", None, 1.0),
    *(
        Clause(
            f"products halve the error under noise of {noise:g}",
            f"error at {noise:g}",
            "product",
            "one branch",
            2.0,
            form="ratio",
        )
        for noise in NOISE
    ),
)
