"""List programs from examples, in the splits of ExeDec: random tasks whose training and test programs differ in how
they are composed (Shi et al., ICLR 2024).

Tasks share their inputs with some others. A program is kept if no shorter one was met that gives the same outputs: all
programs of one line are tried, and what was drawn for the same inputs before (ExeDec searches exhaustively, to the same
end).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int

from phloem.nn.models.example_transformer import ExampleTokens
from phloem.represent.base import PAD
from phloem.synthesis import exedec_splits
from phloem.synthesis.languages import deepcoder
from phloem.synthesis.languages.deepcoder import Bounds, ListProgram, ListValue, State, type_of

EXAMPLES = 3
SHARED = 12  # programs that are drawn for the same inputs
TRIES = 5  # draws of a program of one length
SMALL = Bounds(largest=20, longest=4)


class ListTask(NamedTuple):
    """`values[e]` are all variables on example e, the inputs first; the last one is the output."""

    program: ListProgram
    inputs: tuple[State, ...]
    values: tuple[State, ...]

    @property
    def outputs(self) -> tuple[ListValue, ...]:
        return tuple(state[-1] for state in self.values)

    def after(self, lines: int) -> tuple[State, ...]:
        """The states after so many lines."""
        return tuple(state[: self.program.inputs + lines] for state in self.values)


def tasks(
    rng: Random,
    split: str,
    *,
    test: bool = False,
    trained: int = 4,
    bounds: Bounds = Bounds(),  # noqa: B008
) -> Iterator[ListTask]:
    """Tasks for ever. `trained` is the greatest length of a training program; "none" has one line more."""
    while True:
        rows = deepcoder.sample_inputs(rng, EXAMPLES, bounds)
        shortest = _one_line(rows, bounds)
        for _ in range(SHARED):
            low, high = exedec_splits.lengths(split, test=test, trained=trained)
            length = rng.randint(low, high)
            drawn = (
                exedec_splits.draw(rng, rows, exedec_splits.plan(rng, split, length, test=test), bounds)
                for _ in range(TRIES)
            )
            program = next((each for each in drawn if each is not None), None)
            if program is None:
                continue
            shape = exedec_splits.shape_of_lists(program)
            kept = exedec_splits.is_test if test and split != "none" else exedec_splits.is_training
            if not kept(split, shape, trained=trained):
                continue
            states = [deepcoder.run(program, row, bounds=bounds) for row in rows]
            task = ListTask(program, tuple(rows), tuple(state for state in states if state is not None))
            if shortest.get(task.outputs, length) < length or task.outputs in _columns(rows):
                continue
            shortest[task.outputs] = length
            yield task


def _columns(rows: list[State]) -> set[tuple[ListValue, ...]]:
    return set(zip(*rows, strict=True))


def _one_line(rows: list[State], bounds: Bounds) -> dict[tuple[ListValue, ...], int]:
    """The outputs of all programs of one line, each with its length."""
    found: dict[tuple[ListValue, ...], int] = {}
    for line in deepcoder.lines([type_of(value) for value in rows[0]]):
        values = [deepcoder.step(line, row, bounds) for row in rows]
        if None not in values:
            found[tuple(value for value in values if value is not None)] = 1
    return found


# What models read and write


Model = Literal["subgoal", "synthesizer", "combined", "whole"]
"""What is asked of a model: the next values, a line that gives them, a line, or the whole program."""


def source(state: State, wanted: ListValue) -> list[int]:
    """The tokens of an example: the variables, then the value that is wanted."""
    return deepcoder.encode(f"{deepcoder.print_state(state)} | = {deepcoder.print_value(wanted)}")


def pair(task: ListTask, model: Model, done: int) -> tuple[list[list[int]], list[int]]:
    """What a model reads of a task of which `done` lines are written, an example each, and what it should write."""
    states, after = task.after(done), task.after(done + 1)
    following = [state[-1] for state in after]
    wanted: list[ListValue] = following if model == "synthesizer" else list(task.outputs)
    read = [source(state, value) for state, value in zip(states, wanted, strict=True)]
    if model == "subgoal":
        text = " | ".join(map(deepcoder.print_value, following))
    elif model == "whole":
        text = " | ".join(map(str, task.program.lines))
    else:
        text = str(task.program.lines[done])
    return read, deepcoder.encode(text)


def batch_of(pairs: Sequence[tuple[list[list[int]], list[int]]]) -> ExampleTokens:
    """Pairs of what is read and written as one batch."""
    time = max(len(tokens) for read, _ in pairs for tokens in read)
    steps = max(len(target) for _, target in pairs) + 1
    tokens = torch.tensor([[row + [PAD] * (time - len(row)) for row in read] for read, _ in pairs])
    lengths = torch.tensor([[len(row) for row in read] for read, _ in pairs])
    target = torch.tensor([row + [PAD] * (steps - len(row)) for _, row in pairs])
    return ExampleTokens(tokens, lengths, target)


class ListPrograms:
    """Training pairs of a model as a `Dataset`: fresh tasks of a split in training, `examples` fixed ones else."""

    def __init__(
        self, split: str, model: Model, *, examples: int, seed: int, trained: int = 3, bounds: Bounds = SMALL
    ) -> None:
        self.split, self.model, self.trained, self.bounds = split, model, trained, bounds
        self.examples = examples
        self.fixed = self._drawn(Random(seed), min(examples, 200))

    def __len__(self) -> int:
        return self.examples

    @property
    def sizes(self) -> Int[np.ndarray, "examples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> ExampleTokens:
        """As many pairs as `index` has: of new tasks from `rng`, or the fixed ones, which repeat."""
        if rng is None:
            return batch_of([self.fixed[i % len(self.fixed)] for i in index.tolist()])
        return batch_of(self._drawn(Random(int(rng.integers(1 << 62))), len(index)))

    def _drawn(self, rng: Random, count: int) -> list[tuple[list[list[int]], list[int]]]:
        drawn = islice(tasks(rng, self.split, trained=self.trained, bounds=self.bounds), count)
        return [pair(task, self.model, self._done(rng, task)) for task in drawn]

    def _done(self, rng: Random, task: ListTask) -> int:
        return 0 if self.model == "whole" else rng.randrange(len(task.program.lines))
