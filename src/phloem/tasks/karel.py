"""Karel programs from examples of what they do, and what a program's states are called.

A text has the worlds before and after, one token a cell within the border walls, then the program's words (Jin and
Rinard, ICML 2024, section 3):

    Examples:  Input0 cells Output0 cells  Input1 …  Code:  def run ( ) { move turn_left }

Programs are straight lines of actions, drawn uniformly. The abstract states of a run are what a probe is asked for;
their labels are taken after each action, one set for each example's world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from phloem.errors import PhloemError
from phloem.nn.models.program_lm import ProgramText
from phloem.represent.base import PAD, START, UNK
from phloem.synthesis.languages import karel, karel_grammar
from phloem.synthesis.languages.karel import FACINGS, MOST_MARKERS, ORIGINAL, STEPS, Program, Semantics, World

EXAMPLES = 5
CELLS = tuple(f"{robot}{count}" for robot in ("", *FACINGS) for count in range(MOST_MARKERS + 1))
MARKS = ("Examples:", "Code:", *(f"{side}{i}" for i in range(EXAMPLES) for side in ("Input", "Output")))
WORDS = (*karel_grammar.WORDS, *MARKS, *CELLS)
NUMBERS = {word: number for number, word in enumerate(WORDS, max(PAD, UNK, START) + 1)}
VOCABULARY = max(NUMBERS.values()) + 1
BRACKETS = 6  # words of a program that are no actions: def run ( ) { }
MISSING = -1  # a label that is not asked for


@dataclass(frozen=True)
class Kind:
    """What is drawn: cells within the walls of a square, examples, lengths of programs, their actions, markers."""

    free: int = 6
    examples: int = EXAMPLES
    shortest: int = 6
    longest: int = 10
    actions: tuple[str, ...] = karel.ACTIONS
    markers: bool = True

    @property
    def prompt(self) -> int:
        """Tokens of a text before its program."""
        return 2 + 2 * self.examples * (1 + self.free**2)

    @property
    def places(self) -> int:
        """Tokens of the longest text, its end mark counted."""
        return self.prompt + self.longest + BRACKETS + 1


SMALL = Kind(4, 3, 3, 5, ("move", "turn_left", "turn_right"), False)


class KarelSpec(NamedTuple):
    """A program, and worlds before and after it."""

    program: Program
    before: tuple[World, ...]
    after: tuple[World, ...]


def spec(rng: Random, kind: Kind) -> KarelSpec:
    """A random program on random worlds."""
    program = karel.sample_straight(rng, kind.shortest, kind.longest, kind.actions)
    before = tuple(karel.sample_world(rng, kind.free + 2, markers=kind.markers) for _ in range(kind.examples))
    return KarelSpec(program, before, tuple(_end(program, world) for world in before))


def _end(program: Program, world: World) -> World:
    end = karel.run(program, world)
    assert end is not None, "actions alone end"
    return end


def satisfies(program: Program, asked: KarelSpec) -> bool:
    """Whether the program does to all worlds what is asked."""
    return all(karel.run(program, old) == new for old, new in zip(asked.before, asked.after, strict=True))


# Texts


def cells(world: World) -> list[int]:
    """The tokens of the cells within the border."""
    found = []
    for i, row in enumerate(world.markers[1:-1], 1):
        for j, count in enumerate(row[1:-1], 1):
            robot = FACINGS[world.facing] if (i, j) == (world.row, world.column) else ""
            found.append(NUMBERS[f"{robot}{count}"])
    return found


def prompt(asked: KarelSpec) -> list[int]:
    """The text up to its program."""
    tokens = [NUMBERS["Examples:"]]
    for i, (before, after) in enumerate(zip(asked.before, asked.after, strict=True)):
        tokens += [NUMBERS[f"Input{i}"], *cells(before), NUMBERS[f"Output{i}"], *cells(after)]
    return [*tokens, NUMBERS["Code:"]]


def encode(program: Program) -> list[int]:
    return [NUMBERS[word] for word in karel.print(program).split()]


def decode(tokens: Sequence[int]) -> Program:
    """Raises PhloemError for tokens that are no program."""
    first = max(PAD, UNK, START) + 1
    if min(tokens, default=first) < first:
        raise PhloemError("a mark stands among the words")
    return karel.parse(" ".join(WORDS[token - first] for token in tokens))


def texts(specs: Sequence[KarelSpec], programs: Sequence[Program] | None = None) -> ProgramText:
    """Whole texts, with other programs where they are given. All specs are of one kind."""
    prompts = [prompt(each) for each in specs]
    chosen = [each.program for each in specs] if programs is None else programs
    targets = [[*encode(program), PAD] for program in chosen]
    rows = [[*one, *other] for one, other in zip(prompts, targets, strict=True)]
    lengths = torch.tensor([len(row) for row in rows])
    return ProgramText(_padded(rows), lengths, _padded(targets), len(prompts[0]))


def prompts(specs: Sequence[KarelSpec]) -> ProgramText:
    """Texts that end where the program begins."""
    rows = torch.tensor([prompt(each) for each in specs])
    return ProgramText(rows, torch.full((len(rows),), rows.shape[1]), rows[:, :0], rows.shape[1])


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


class KarelTexts:
    """Texts as a `Dataset`: new ones in training, `examples` fixed ones in evaluation."""

    def __init__(self, kind: Kind, *, examples: int, seed: int) -> None:
        self.kind, self.examples, self.seed = kind, examples, seed

    def __len__(self) -> int:
        return self.examples

    @property
    def sizes(self) -> Int[np.ndarray, " examples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> ProgramText:
        """As many texts as `index` has."""
        if rng is None:
            return texts([spec(Random(self.seed * 1_000_003 + i), self.kind) for i in index.tolist()])
        fresh = Random(int(rng.integers(1 << 62)))
        return texts([spec(fresh, self.kind) for _ in index])


class Grammar:
    """Which tokens may follow words of a program (`phloem.nn.models.program_lm.Allowed`), at most `length` in all."""

    def __init__(self, length: int, actions: Sequence[str] | None = None) -> None:
        """With `actions` only they are statements, and there is at least one."""
        self.length, self.empty = length, actions is None
        self.statements = (*karel.ACTIONS, *karel_grammar.HEADS) if actions is None else tuple(actions)
        self._stacks: dict[tuple[int, ...], karel_grammar.Stack] = {(): karel_grammar.START}
        self._masks: dict[tuple[karel_grammar.Stack, int, bool], Bool[Tensor, " vocabulary"]] = {}

    def __call__(self, words: Sequence[tuple[int, ...]]) -> Bool[Tensor, "rows vocabulary"]:
        opened = (NUMBERS["{"],)
        return torch.stack([self._mask(self._stack(row), self.length - len(row), row[-1:] == opened) for row in words])

    def _mask(self, stack: karel_grammar.Stack, room: int, opened: bool) -> Bool[Tensor, " vocabulary"]:
        key = stack, room if stack else 0, opened
        if key not in self._masks:
            mask = torch.zeros(VOCABULARY, dtype=torch.bool)
            follow = karel_grammar.following(stack, room, self.statements)
            mask[[NUMBERS[word] for word in follow] or [PAD]] = True
            if opened and not self.empty:
                mask[NUMBERS["}"]] = False
            self._masks[key] = mask
        return self._masks[key]

    def _stack(self, row: tuple[int, ...]) -> karel_grammar.Stack:
        if row and row[-1] == PAD:
            return ()
        if row not in self._stacks:
            word = WORDS[row[-1] - max(PAD, UNK, START) - 1]
            self._stacks[row] = karel_grammar.step(self._stack(row[:-1]), word)
        return self._stacks[row]


# Abstract states


class Attribute(NamedTuple):
    """What is asked of a state: `name`, how many answers there are, and the first answer's number."""

    name: str
    classes: int
    first: int = 0


def attributes(free: int) -> tuple[Attribute, ...]:
    """All that the released probes ask for, in a world with so many cells a side within its walls."""
    offset = Attribute("", 2 * free - 1, 1 - free)
    return (
        Attribute("facing", 4),
        *(offset._replace(name=f"{axis} from {end}") for end in ("start", "final") for axis in ("row", "column")),
        Attribute("wall ahead", 2),
        Attribute("row", free, 1),
        Attribute("column", free, 1),
        *(Attribute(f"wall {side}", 2) for side in FACINGS),
    )


def labels(run: Sequence[World], free: int) -> Int[np.ndarray, "states attributes"]:
    """Of each state of a run, the beginning included: the number of the right answer to each of `attributes`."""
    start, final = run[0], run[-1]
    found = []
    for at in run:
        walls = [not karel.clear(at, facing) for facing in range(len(STEPS))]
        offsets = [at.row - start.row, at.column - start.column, at.row - final.row, at.column - final.column]
        found.append([at.facing, *offsets, walls[at.facing], at.row, at.column, *walls])
    return np.array(found, np.int64) - [each.first for each in attributes(free)]


def traced(
    program: Program, worlds: Sequence[World], free: int, *, semantics: Semantics = ORIGINAL, ahead: int = 0
) -> Int[np.ndarray, "actions examples attributes"]:
    """The labels after each action, or of the state `ahead` actions later (MISSING behind the end)."""
    found: list[Any] = []
    for world in worlds:
        run = karel.trace(program, world, semantics=semantics)
        assert run is not None, "actions alone end"
        own = labels(run, free)[1 + ahead :]
        behind = np.full((len(run) - 1 - len(own), own.shape[1]), MISSING)
        found.append(np.concatenate([own, behind]))
    return np.stack(found, axis=1)
