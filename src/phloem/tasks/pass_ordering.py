"""Pass sequences for code size: what each does to each program, what a network should say, and what is found with it.

Liang et al., "Learning Compiler Pass Orders using Coreset and Normalized Value Prediction" (ICML 2023). A sequence is
worth its best prefix, the empty one too. Two scales that are never mixed:

    r = (I_0 - I) / I_0        against the unoptimised module: never negative; chooses the coreset
    v = (I_ref - I) / I_ref    against a reference pipeline: may be negative; labels and figures

The target of the network is softmax(v / tau) over the sequences (the authors' code: "normalised" is v itself; it is not
divided by the program's best value). Sequences are then tried in the order of their scores, each from the unoptimised
module, until a number of passes is used up, the last sequence being cut.

The reference here is O2 without unrolling and vectorising (execute/llvm_passes): the paper's -Oz is not to be had.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int32

from phloem.execute.llvm_passes import PASSES, reference_count, run_passes

PassSequence = tuple[str, ...]


class PassTable(NamedTuple):
    """Instructions after every prefix of every sequence; short sequences repeat their last count."""

    sequences: tuple[PassSequence, ...]
    counts: Int32[np.ndarray, "programs sequences prefixes"]
    reference: Int32[np.ndarray, " programs"]

    @property
    def initial(self) -> Int32[np.ndarray, " programs"]:
        return self.counts[:, 0, 0]

    @property
    def best(self) -> Int32[np.ndarray, "programs sequences"]:
        """Of the best prefix."""
        return self.counts.min(axis=2)

    @property
    def gains(self) -> Float[np.ndarray, "programs sequences"]:
        """r."""
        return 1 - self.best / self.initial[:, None]

    @property
    def values(self) -> Float[np.ndarray, "programs sequences"]:
        """v."""
        return 1 - self.best / self.reference[:, None]

    def only(self, sequences: Int[np.ndarray, " chosen"]) -> PassTable:
        """The table of some sequences."""
        return PassTable(
            tuple(self.sequences[int(one)] for one in sequences), self.counts[:, sequences], self.reference
        )


def random_sequences(rng: np.random.Generator, count: int, *, shortest: int, longest: int) -> tuple[PassSequence, ...]:
    """Passes drawn one by one, with repetition."""
    lengths = rng.integers(shortest, longest + 1, size=count)
    return tuple(tuple(PASSES[int(one)] for one in rng.integers(len(PASSES), size=length)) for length in lengths)


def pass_table(
    programs: Sequence[str], sequences: Sequence[PassSequence], progress: Callable[[float], None] = lambda done: None
) -> PassTable:
    """Run every sequence on every module of IR."""
    longest = max(map(len, sequences), default=0)
    counts = np.zeros((len(programs), len(sequences), longest + 1), np.int32)
    for number, ir in enumerate(programs):
        for place, sequence in enumerate(sequences):
            found = run_passes(ir, sequence)[1].counts
            counts[number, place, : len(found)] = found
            counts[number, place, len(found) :] = found[-1]
        progress((number + 1) / len(programs))
    reference = np.array([reference_count(ir) for ir in programs], np.int32)
    return PassTable(tuple(map(tuple, sequences)), counts, reference)


def write_table(table: PassTable, path: Path) -> None:
    """One file of arrays; whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        lines = np.array([" ".join(sequence) for sequence in table.sequences])
        np.savez_compressed(file, sequences=lines, counts=table.counts, reference=table.reference)
    os.replace(beside, path)


def read_table(path: Path) -> PassTable:
    """What `write_table` wrote."""
    with np.load(path, allow_pickle=False) as file:
        sequences = tuple(tuple(str(line).split()) for line in file["sequences"])
        return PassTable(sequences, file["counts"], file["reference"])


def target(values: Float[np.ndarray, "*any sequences"], temperature: float) -> Float[np.ndarray, "*any sequences"]:
    """softmax(v / tau)."""
    raised = np.exp((values - values.max(axis=-1, keepdims=True)) / temperature)
    return raised / raised.sum(axis=-1, keepdims=True)


class Trial(NamedTuple):
    """The first `passes` passes of a sequence."""

    sequence: int
    passes: int


def within_budget(order: Sequence[int], lengths: Sequence[int], budget: int) -> list[Trial]:
    """Sequences in order until `budget` passes are used up, the last one cut."""
    trials = []
    for sequence in order:
        passes = min(lengths[sequence], budget)
        if passes == 0:
            break
        trials.append(Trial(int(sequence), passes))
        budget -= passes
    return trials


class Found(NamedTuple):
    """The smallest module met: `sequence` is -1 for the unoptimised one."""

    instructions: int
    sequence: int = -1
    passes: int = 0


def smallest(table: PassTable, program: int, trials: Sequence[Trial]) -> Found:
    """The smallest prefix of all trials; the unoptimised module where nothing is smaller."""
    found = Found(int(table.initial[program]))
    for trial in trials:
        prefix = table.counts[program, trial.sequence, : trial.passes + 1]
        if int(prefix.min()) < found.instructions:
            found = Found(int(prefix.min()), trial.sequence, int(prefix.argmin()))
    return found


def first_tried(
    table: PassTable, orders: Int[np.ndarray, "programs sequences"], tried: int
) -> Int32[np.ndarray, " programs"]:
    """The fewest instructions among the first `tried` sequences of each program's order."""
    return np.take_along_axis(table.best, orders[:, :tried], axis=1).min(axis=1)


def log_ratios(counts: Int32[np.ndarray, " programs"], reference: Int32[np.ndarray, " programs"]) -> np.ndarray:
    """The addends of a geometric mean of counts over the reference's: a logarithm and a one each."""
    return np.stack([np.log(counts / reference), np.ones(len(counts))], axis=1)
