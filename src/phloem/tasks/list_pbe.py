"""List functions by example, in Python: the data that a model is taught by, and when a task counts as solved.

Li and Ellis (NeurIPS 2024). A task shows some input-output pairs and holds others back. An answer is Python source with
a function `program`. It passes when it gives every shown output in a fresh sandbox, twice with the same results; it
solves the task when it gives the held-back outputs too, so that a table of what was shown is no solution.

Training programs are mutants of a few seeds on random lists; programs that are constant, or give back their input, are
left out, and so is every program that does what a test task asks (`clean`). Adaptation sees tasks as `Shown`: pairs
alone. A test task's program is kept in `Asked`, for those who score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phloem.errors import PhloemError
from phloem.execute.sandbox import Call
from phloem.execute.sandbox import run as run_python
from phloem.nn.models.example_transformer import ExampleTokens
from phloem.synthesis import list_mutation
from phloem.synthesis.languages import deepcoder, list_python
from phloem.synthesis.languages.deepcoder import Bounds, ListProgram, ListValue, State
from phloem.tasks.list_programs import batch_of, source

SHOWN, HELD = 3, 3
LARGEST = 50  # the numbers that have tokens

Pair = tuple[State, ListValue]


class Kind(NamedTuple):
    """Lists of `shortest` to `longest` elements, programs of `few` to `most` lines."""

    shortest: int = 1
    longest: int = 4
    few: int = 1
    most: int = 3

    @property
    def bounds(self) -> Bounds:
        return Bounds(LARGEST, self.longest)


LONGER = Kind(5, 8, 3, 4)


class Shown(NamedTuple):
    """What a solver may see."""

    pairs: tuple[Pair, ...]


class Asked(NamedTuple):
    """A task with what only those who score may see."""

    shown: Shown
    held: tuple[Pair, ...]
    program: ListProgram

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (*self.shown.pairs, *self.held)


def rows(rng: Random, count: int, kind: Kind) -> list[State]:
    """Single lists."""
    high = rng.choice((4, 9, 12))
    low = rng.choice((0, -high))
    return [
        (tuple(rng.randint(low, high) for _ in range(rng.randint(kind.shortest, kind.longest))),) for _ in range(count)
    ]


def dull(inputs: Sequence[State], outputs: Sequence[ListValue]) -> bool:
    """Whether the outputs are all the same, or the inputs."""
    return len(set(outputs)) == 1 or all(row[0] == output for row, output in zip(inputs, outputs, strict=True))


def outputs_of(program: ListProgram, inputs: Sequence[State], kind: Kind) -> list[ListValue] | None:
    """None when a row fails."""
    found = list_mutation.states(program, inputs, kind.bounds)
    return None if found is None else [state[-1] for state in found]


def seeds(rng: Random, count: int, kind: Kind) -> list[ListProgram]:
    """Random programs that are not dull: the few that a person would write."""
    found: list[ListProgram] = []
    while len(found) < count:
        inputs = rows(rng, SHOWN + HELD, kind)
        program = list_mutation.trimmed(deepcoder.sample(rng, inputs, rng.randint(kind.few, kind.most), kind.bounds))
        outputs = outputs_of(program, inputs, kind)
        if kind.few <= len(program.lines) and outputs and not dull(inputs, outputs) and program not in found:
            found.append(program)
    return found


def generated(rng: Random, start: Sequence[ListProgram], count: int, kind: Kind, tries: int = 20) -> list[ListProgram]:
    """The seeds, and mutants of them and of mutants, until there are `count` or `tries` attempts a program failed."""
    found = dict.fromkeys(start)
    pool = list(start)
    for _ in range(tries * count):
        if len(found) >= count:
            break
        inputs = rows(rng, SHOWN + HELD, kind)
        program = list_mutation.mutant(rng, rng.sample(pool, min(8, len(pool))), inputs, kind.bounds, most=kind.most)
        if program is None or program in found or len(program.lines) < kind.few:
            continue
        outputs = outputs_of(program, inputs, kind)
        if outputs is not None and not dull(inputs, outputs):
            found[program] = None
            pool.append(program)
    return list(found)


def asked(rng: Random, programs: Sequence[ListProgram], kind: Kind) -> list[Asked]:
    """A task for each program that gives different outputs on fresh inputs."""
    found = []
    for program in programs:
        for _ in range(20):
            inputs = rows(rng, SHOWN + HELD, kind)
            outputs = outputs_of(program, inputs, kind)
            if outputs is not None and not dull(inputs[:SHOWN], outputs[:SHOWN]):
                pairs = tuple(zip(inputs, outputs, strict=True))
                found.append(Asked(Shown(pairs[:SHOWN]), pairs[SHOWN:], program))
                break
    return found


def agrees(program: ListProgram, pairs: Iterable[Pair], bounds: Bounds) -> bool:
    """Whether the program gives every output, by our interpreter."""
    for row, output in pairs:
        state = deepcoder.run(program, row, bounds=bounds)
        if state is None or state[-1] != output:
            return False
    return True


WIDE = Bounds(LARGEST, 100)


def clean(programs: Iterable[ListProgram], tests: Sequence[Asked]) -> list[ListProgram]:
    """The programs that do not give all outputs, shown and held, of any test task."""
    return [each for each in programs if not any(agrees(each, test.pairs, WIDE) for test in tests)]


# Answers in Python


def passes(text: str, pairs: Sequence[Pair], *, seconds: float = 2.0) -> bool:
    """Whether Python source gives every output in time, in two fresh sandboxes alike."""
    calls = [Call(list_python.NAME, tuple(map(_plain, row))) for row, _ in pairs]
    wanted = [_plain(output) for _, output in pairs]
    for _ in range(2):
        found = run_python(text, calls, seconds=seconds)
        if any(each.status != "ok" for each in found):
            return False
        if any(_key(each.value) != _key(output) for each, output in zip(found, wanted, strict=True)):
            return False
    return True


def solved(text: str, task: Asked, *, seconds: float = 2.0) -> bool:
    """Whether the source is right on what was shown and on what was held back."""
    return passes(text, task.pairs, seconds=seconds)


def _plain(value: ListValue) -> int | list[int]:
    return list(value) if isinstance(value, tuple) else value


def _key(value: object) -> str:
    """True is not 1."""
    return repr(value)


def first_passing(samples: Sequence[ListProgram | None], shown: Shown) -> int | None:
    """Which sample is the first that gives every shown output: by our interpreter, then in the sandbox."""
    for number, program in enumerate(samples):
        if program is None or not agrees(program, shown.pairs, WIDE):
            continue
        if passes(list_python.source(program), shown.pairs):
            return number
    return None


# Training


def program_of(tokens: Sequence[int], inputs: int = 1) -> ListProgram | None:
    """The program that a model wrote; None where it is none."""
    lines = []
    for number, part in enumerate(deepcoder.decode(tokens).split("|")):
        try:
            lines.append(deepcoder.parse_line(part.split(), inputs + number))
        except PhloemError:
            return None
    return ListProgram(inputs, tuple(lines))


def tokens_of(program: ListProgram) -> list[int]:
    return deepcoder.encode(" | ".join(map(str, program.lines)))


def batch(tasks: Sequence[tuple[Shown, ListProgram | None]]) -> ExampleTokens:
    """What a model reads of tasks, with what it should write."""
    return batch_of(
        [
            ([source(row, output) for row, output in shown.pairs], [] if program is None else tokens_of(program))
            for shown, program in tasks
        ]
    )


class Programs:
    """Programs with fresh inputs whenever they are drawn, as a `Dataset`.

    `near`: lists to make inputs of, in place of random ones: their elements are drawn anew, their lengths are kept."""

    def __init__(
        self, programs: Sequence[ListProgram], kind: Kind, *, repeat: int = 1, near: Sequence[State] = ()
    ) -> None:
        self.programs, self.kind, self.repeat, self.near = list(programs), kind, repeat, list(near)

    def __len__(self) -> int:
        return len(self.programs) * self.repeat

    @property
    def sizes(self) -> Int[np.ndarray, " programs"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> ExampleTokens:
        draw = Random(0 if rng is None else int(rng.integers(1 << 62)))
        found: list[tuple[Shown, ListProgram | None]] = []
        for i in index.tolist():
            program = self.programs[i % len(self.programs)]
            shown = self._shown(draw, program)
            if shown is not None:
                found.append((shown, program))
        return batch(found or [(_NOTHING, self.programs[0])])

    def _shown(self, rng: Random, program: ListProgram) -> Shown | None:
        for _ in range(10):
            inputs = (
                [_varied(rng, rng.choice(self.near)) for _ in range(SHOWN)]
                if self.near
                else rows(rng, SHOWN, self.kind)
            )
            found = list_mutation.states(program, inputs, WIDE)
            if found is not None:
                return Shown(tuple((row, state[-1]) for row, state in zip(inputs, found, strict=True)))
        return None


_NOTHING = Shown(((((0,),), 0),) * SHOWN)
"""Where no program of a batch runs on the inputs that were drawn."""


def _varied(rng: Random, row: State) -> State:
    """Lists of the same lengths, whose elements are drawn from those of the old ones and their neighbours."""
    return tuple(
        tuple(rng.choice(value) + rng.randint(-1, 1) for _ in value) if isinstance(value, tuple) and value else value
        for value in row
    )
