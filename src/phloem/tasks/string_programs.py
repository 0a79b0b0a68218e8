"""String programs from examples: random tasks of RobustFill's language, drawn afresh for ever (Devlin et al. 2017).

A task is a program with observed examples and held-out ones; the reduced language has one to three expressions out of
one constant character, SubStr, GetToken, and ToCase of GetToken. Noise is one random character that is inserted,
replaced or deleted in the output of `noise` observed examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int64
from torch import nn

from phloem.nn.models.robustfill import ExampleBatch
from phloem.represent.base import PAD
from phloem.synthesis.languages import robustfill_sampler
from phloem.synthesis.languages.robustfill import CHARACTERS, language
from phloem.synthesis.languages.robustfill import joined as concatenated
from phloem.synthesis.languages.robustfill_sampler import drawn
from phloem.synthesis.languages.robustfill_tokens import INPUT, SIZE, encode
from phloem.synthesis.program import STRING, Constant, Program, run

PIECES = ("ConstStr", "SubStr", "GetToken", "ToCase")
TRIES = 100
UNKNOWN, MARK = 1, 2  # a character that has no number; the end of a string
CHARACTER_IDS = {character: number for number, character in enumerate(CHARACTERS, MARK + 1)}
VOCABULARY = MARK + 1 + len(CHARACTERS)
TOKENS = SIZE


class StringTask(NamedTuple):
    """`inputs` and `outputs` hold the observed examples first, then the held-out ones. `shown` are the observed
    outputs with their noise."""

    program: Program
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def observed(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.inputs[: len(self.shown)], self.shown

    @property
    def held(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.inputs[len(self.shown) :], self.outputs[len(self.shown) :]


def task(rng: Random, *, observed: int = 4, held: int = 0, most: int = 3, noise: int = 0) -> StringTask:
    """A random task of at most `most` expressions."""
    while True:
        inputs = robustfill_sampler.inputs(rng, observed + held)
        parts = [_expression(rng, inputs) for _ in range(rng.randint(1, most))]
        if all(part is not None for part in parts):
            break
    program = concatenated([part for part in parts if part is not None])
    outputs = tuple(str(run(program, (text,))) for text in inputs)
    rng = Random(rng.getrandbits(32))  # so that the tasks that follow do not depend on the noise
    wrong = set(rng.sample(range(observed), min(noise, observed)))
    shown = tuple(mistyped(rng, text) if i in wrong else text for i, text in enumerate(outputs[:observed]))
    return StringTask(program, inputs, outputs, shown)


def _expression(rng: Random, inputs: tuple[str, ...]) -> Program | None:
    """An expression of the reduced language that is empty on no input; None after TRIES draws."""
    called = rng.choice(PIECES)
    for _ in range(TRIES):
        if called == "ConstStr":
            return Constant(rng.choice(CHARACTERS), STRING)
        found = drawn(rng, inputs, "GetToken" if called == "ToCase" else called, INPUT)
        if found is not None and all(run(found, (text,)) for text in inputs):
            return language.call("ToCase", found, rng.choice(language.dialect.cases)) if called == "ToCase" else found
    return None


def mistyped(rng: Random, text: str) -> str:
    """The text with one random character inserted, replaced or deleted."""
    what, at = rng.choice(("insert", "replace", "delete") if text else ("insert",)), rng.randrange(len(text) + 1)
    at = at if what == "insert" else min(at, len(text) - 1)
    new = "" if what == "delete" else rng.choice(CHARACTERS)
    return text[:at] + new + text[at + (what != "insert") :]


def strings(texts: Sequence[str]) -> tuple[Int64[torch.Tensor, "rows time"], Int64[torch.Tensor, " rows"]]:
    """Characters as numbers, each text with its MARK, and the lengths with it."""
    rows = [[*(CHARACTER_IDS.get(character, UNKNOWN) for character in text), MARK] for text in texts]
    time = max(map(len, rows))
    padded = torch.tensor([row + [PAD] * (time - len(row)) for row in rows])
    return padded, torch.tensor([len(row) for row in rows])


def batch_of(tasks: Sequence[StringTask], *, induction: bool = False) -> ExampleBatch:
    """Tasks as a model reads them; all have as many observed examples.

    With `induction` the last held-out input is asked about, and the target is its output's characters."""
    inputs, input_lengths = strings([text for each in tasks for text in each.observed[0]])
    outputs, output_lengths = strings([text for each in tasks for text in each.observed[1]])
    asked: torch.Tensor | None = None
    asked_lengths: torch.Tensor | None = None
    if induction:
        asked, asked_lengths = strings([each.inputs[-1] for each in tasks])
        targets = [[CHARACTER_IDS.get(c, UNKNOWN) for c in each.outputs[-1]] for each in tasks]
    else:
        targets = [encode(each.program) for each in tasks]
    steps = max(map(len, targets)) + 1
    target = torch.tensor([row + [PAD] * (steps - len(row)) for row in targets])
    return ExampleBatch(inputs, input_lengths, outputs, output_lengths, target, asked, asked_lengths)


class StringPrograms:
    """Random tasks as a `Dataset`: fresh ones in training, `examples` fixed ones in evaluation."""

    def __init__(
        self,
        *,
        examples: int,
        seed: int,
        observed: int = 4,
        held: int = 0,
        most: int = 3,
        noise: int = 0,
        induction: bool = False,
    ) -> None:
        self.options = {"observed": observed, "held": max(held, int(induction)), "most": most, "noise": noise}
        self.induction = induction
        self.examples, self.seed = examples, seed

    def __len__(self) -> int:
        return self.examples

    @cached_property
    def fixed(self) -> list[StringTask]:
        """The tasks of the seed; drawn when they are first asked for, which training never does."""
        rng = Random(self.seed)
        return [task(rng, **self.options) for _ in range(self.examples)]

    @property
    def sizes(self) -> Int[np.ndarray, "examples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> ExampleBatch:
        """As many tasks as `index` has: new ones from `rng`, or the fixed ones."""
        if rng is None:
            tasks = [self.fixed[i] for i in index.tolist()]
        else:
            fresh = Random(int(rng.integers(1 << 62)))
            tasks = [task(fresh, **self.options) for _ in index]
        return batch_of(tasks, induction=self.induction)


def batches(tasks: Sequence[StringTask], size: int) -> Iterator[Sequence[StringTask]]:
    """The tasks in order, `size` at a time."""
    for start in range(0, len(tasks), size):
        yield tasks[start : start + size]


def mean_loss(
    model: nn.Module, dataset: StringPrograms, objective: Callable[[nn.Module, ExampleBatch], object]
) -> dict[str, float]:
    """The mean loss of the fixed tasks under teacher forcing."""
    total = 0.0
    for some in batches(dataset.fixed, 64):
        loss = objective(model, batch_of(some, induction=dataset.induction))
        total += float(loss.value) * len(some)  # type: ignore[attr-defined]
    return {"loss": total / len(dataset)}
