"""Looped transformers as computers: exact on random programs, and how sharp their attention must be.

Programs run on the transformer and on an interpreter, which are compared after every loop; a calculator and a matrix
inverse are compared with Python and torch; the smallest sharpness of attention that still works is found by bisection.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from phloem.analysis.exactness import Exactness, tally
from phloem.measure.bootstrap import with_count
from phloem.synthesis.looped_vm import fleq
from phloem.synthesis.looped_vm.fleq import FleqComputer
from phloem.synthesis.looped_vm.inverse import MatrixInverse
from phloem.synthesis.looped_vm.machine import SHARPNESS, sufficient_sharpness
from phloem.synthesis.looped_vm.subleq import SubleqComputer
from phloem.synthesis.subleq_assembler import (
    SubleqProgram,
    bubble_sort,
    gcd,
    multiply,
    random_program,
    trace,
    wrapped,
)
from phloem.systems.claims import ACCURACY, Arm, Claim, Clause, Job, Outcome, Scale
from phloem.systems.registry import system

BY_HAND = {"multiply": multiply(7, 5), "gcd": gcd(12, 18), "bubble sort": bubble_sort([9, -4, 2])}
HAND_LOOPS = 60
HAND_COLUMNS = 64
BISECTIONS = 8
AT_ONCE = 50


def compare(computer: SubleqComputer, programs: Sequence[SubleqProgram], loops: int) -> Exactness:
    """Programs whose memory is the interpreter's after every loop, and the largest error of a bit before rounding."""
    cells = [len(program.memory) for program in programs]
    truth = [trace(program, loops) for program in programs]
    run = computer.loops(torch.stack([computer.encode(program) for program in programs]), cells)
    right, largest = np.ones(len(programs), dtype=bool), 0.0
    for number in range(loops):
        state = next(run)
        largest = max(largest, state.largest_error)
        for row, count in enumerate(cells):
            expected = [value % (1 << computer.bits) for value in truth[row][number].memory]
            right[row] &= state.memory[row, :count].tolist() == expected
    return tally((bool(one), largest) for one in right)


def random_programs(seed: int, columns: int, count: int) -> list[SubleqProgram]:
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        cells = int(rng.integers(3, columns // 2))
        made.append(random_program(rng, cells, int(rng.integers(2, columns - cells))))
    return made


def run_subleq(job: Job, sizes: Sequence[tuple[int, int, int]]) -> Outcome:
    """Random programs (columns, how many, loops), and those written by hand."""
    found: list[Any] = []
    facts: dict[str, Any] = {}
    for columns, count, loops in sizes:
        computer = SubleqComputer(columns)
        programs = random_programs(job.seed, columns, count)
        for start in range(0, count, AT_ONCE):
            found.append(compare(computer, programs[start : start + AT_ONCE], loops))
            job.progress(0.8 * start / count)
        facts[f"{columns} columns"] = computer.facts._asdict()
    for name, program in BY_HAND.items():
        one = compare(SubleqComputer(HAND_COLUMNS), [program], HAND_LOOPS)
        found.append(one)
        facts[name] = "exact" if one.exact else "wrong"
    facts |= {"sharpness": SHARPNESS, "largest_error": max(one.largest_error for one in found)}
    return _outcome(found, facts)


def _outcome(found: Sequence[Exactness], facts: dict[str, Any]) -> Outcome:
    hits = [float(number < one.trials - one.wrong) for one in found for number in range(one.trials)]
    return Outcome({"right": with_count(np.array(hits))}, {"right": 0.0}, facts)


def run_calculator(job: Job, pairs: int) -> Outcome:
    """Sums, differences, comparisons and products of 8-bit numbers."""
    rng, computer = np.random.default_rng(job.seed), FleqComputer()
    right = []
    operands = [(int(a), int(b)) for a, b in rng.integers(-128, 128, (pairs, 2))]
    halt = fleq.Fleq("add", 3, 3, 3, 3, 1)
    for name in fleq.FUNCTIONS:
        many = [fleq.FleqProgram((fleq.Fleq(name, 0, 1, 2, 3, 1), halt), (a, b, 0, 0)) for a, b in operands]
        results = computer.run(many, 2)
        meaning = {"add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "compare": lambda a, b: int(a > b)}
        right += [one[2] == wrapped(meaning[name](a, b), 8) for one, (a, b) in zip(results, operands, strict=True)]
    factors = [(a, b % 9) for a, b in operands]
    products = computer.run([fleq.multiply(a, b) for a, b in factors], 30)
    right += [one[2] == wrapped(a * b, 8) for one, (a, b) in zip(products, factors, strict=True)]
    facts = {"layers": len(computer.net.stack()), "width": computer.net.width}
    return Outcome({"right": with_count(np.array(right, dtype=float))}, {"right": 0.0}, facts)


def run_inverse(job: Job, matrices: int) -> Outcome:
    """Inverses of 4×4 matrices with condition numbers up to 10, right to 1e-3."""
    generator = torch.Generator().manual_seed(job.seed)
    random = torch.randn(matrices, 4, 4, generator=generator, dtype=torch.float64)
    left, _, right = torch.linalg.svd(random)
    values = 1 + 9 * torch.rand(matrices, 4, generator=generator, dtype=torch.float64)
    given = left @ torch.diag_embed(values) @ right
    error = (MatrixInverse().run(given) - torch.linalg.inv(given)).abs().amax(dim=(1, 2))
    facts = {"largest_error": float(error.max()), "layers a loop": 2, "loops": 20}
    return Outcome({"right": with_count((error < 1e-3).double().numpy())}, {"right": 0.0}, facts)


def find_sharpness(job: Job, count: int, loops: int) -> Outcome:
    """The smallest λ at which all programs are exact. Trials: λ = 0.3 fails, half of log(n³/ε) works."""
    columns = 32
    programs = random_programs(job.seed, columns, count)

    def works(sharpness: float) -> bool:
        return compare(SubleqComputer(columns, sharpness=sharpness), programs, loops).exact

    low, high = 0.3, sufficient_sharpness(columns, 0.1) / 2
    trials = [not works(low), works(high)]
    for number in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if works(middle) else (middle, high)
        job.progress(number / BISECTIONS)
    facts = {"smallest working": high, "largest failing": low, "sufficient": sufficient_sharpness(columns, 0.1)}
    return Outcome({"right": with_count(np.array(trials, dtype=float))}, {"right": 0.0}, facts)


@system("looped-computer", row="S015", room="synthesis")
def looped_computer(scale: Scale) -> Claim:
    """Giannou et al.: Looped Transformers as Programmable Computers (ICML 2023).

    A transformer with fixed weights, applied to its own output, runs every SUBLEQ program that stands in its input.
    """
    sizes = [(8, 30, 10), (16, 10, 20)] if scale.smoke else [(8, 200, 30), (16, 200, 40), (32, 100, 60)]
    arms = (
        Arm("subleq", partial(run_subleq, sizes=sizes), {"sizes": sizes}),
        Arm("calculator", partial(run_calculator, pairs=100), {"pairs": 100}),
        Arm("inverse", partial(run_inverse, matrices=100), {"matrices": 100}),
        Arm("sharpness", partial(find_sharpness, count=20, loops=15), {"count": 20, "loops": 15}),
    )
    return Claim(
        kind="exact",
        task="SUBLEQ programs, arithmetic of 8 bits, and inverses of 4×4 matrices",
        metrics={"right": ACCURACY},
        arms=arms[:1] if scale.smoke else arms,
        clauses=CLAUSES,
        floor=Clause("all programs are exact", "right", "subleq", None, 1.0),
        data={"programs": "generated, and three written by hand"},
        launch="phloem reproduce looped-computer --scale paper",
    )


CLAUSES = (
    Clause("500 random programs and three by hand are exact", "right", "subleq", None, 1.0),
    Clause("the calculator is exact", "right", "calculator", None, 1.0),
    Clause("inverses are right to 1e-3", "right", "inverse", None, 1.0),
    Clause("soft attention fails, half of the sufficient sharpness works", "right", "sharpness", None, 1.0),
)
