"""Tasks on grids as text for a sequence model, programs as its answers, and tasks that are made of programs.

CodeIt's text (Butt et al., ICML 2024, appendix) is sparse: a grid is its size, its background (the commonest colour,
the lowest of several) and the places of the other colours,

    3x4 background=0 2=0,1 1,1 5=2,3

Inputs are joined by |, then a newline, then outputs joined by |; demonstrations are sorted by size, at most ten, and
each side is cut. The released reader takes the first number as the width; here it is the height, and what is not square
comes back as it was.

A model reads words of that text, a place being one word, and writes a program as words: of every line the function and
its arguments, then a newline. Words for names alone exist, so nothing else can be written (in CodeIt a subword
vocabulary is masked to that end).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import torch
from jaxtyping import Int

from phloem.corpora.arc import ArcTask
from phloem.errors import PhloemError
from phloem.represent.base import PAD, START, UNK
from phloem.represent.token_view import TokenBatch
from phloem.synthesis import arc_mutation
from phloem.synthesis.hindsight_replay import Experience
from phloem.synthesis.languages import arc
from phloem.synthesis.languages.arc import INPUT, ArcProgram, Line
from phloem.synthesis.languages.arc_signatures import CONSTANTS, SIGNATURES
from phloem.synthesis.languages.arc_values import Grid

Pair = tuple[Grid, Grid]
SIDE, COLOURS, MOST_PAIRS = 30, 10, 10
FIRST = max(PAD, START, UNK) + 1
_PLACES = range(SIDE + 1)
SOURCE_WORDS = (
    "|",
    "\n",
    *(f"{i}x{j}" for i in _PLACES for j in _PLACES),
    *(f"background={colour}" for colour in range(COLOURS)),
    *(f"{colour}=" for colour in range(COLOURS)),
    *(f"{i},{j}" for i in _PLACES for j in _PLACES),
)
TARGET_WORDS = ("\n", INPUT, *SIGNATURES, *CONSTANTS, *(arc.variable(i) for i in range(1, arc.MOST_LINES + 1)))
SOURCE = {word: number for number, word in enumerate(SOURCE_WORDS, FIRST)}
TARGET = {word: number for number, word in enumerate(TARGET_WORDS, FIRST)}
SOURCE_SIZE, TARGET_SIZE = FIRST + len(SOURCE_WORDS), FIRST + len(TARGET_WORDS)


def sparse(grid: Grid) -> str:
    """The text of a grid."""
    cells = [cell for row in grid for cell in row]
    background = max(sorted(set(cells)), key=cells.count)
    words = [f"{len(grid)}x{len(grid[0])}", f"background={background}"]
    for colour in sorted(set(cells) - {background}):
        places = [f"{i},{j}" for i, row in enumerate(grid) for j, cell in enumerate(row) if cell == colour]
        words += [f"{colour}={places[0]}", *places[1:]]
    return " ".join(words)


def parse_sparse(text: str) -> Grid:
    """Read what `sparse` wrote. Raises PhloemError."""
    size, _, rest = text.partition(" ")
    try:
        height, width = map(int, size.split("x"))
        background, *words = rest.removeprefix("background=").split()
        rows = [[int(background)] * width for _ in range(height)]
        colour = int(background)
        for word in words:
            *named, place = word.split("=")
            colour = int(named[0]) if named else colour
            i, j = map(int, place.split(","))
            rows[i][j] = colour
    except (ValueError, IndexError) as error:
        raise PhloemError(f"no grid: {text[:40]!r}") from error
    return tuple(map(tuple, rows))


def words_of(text: str) -> list[str]:
    """The words of a text of grids: a colour and its first place are two."""
    found = []
    for line in text.replace("\n", " \n ").replace("|", " | ").split(" "):
        head, equals, place = line.partition("=")
        found += [f"{head}=", place] if equals and "," in place else [line] if line else []
    return found


def source_text(pairs: Sequence[Pair]) -> str:
    """What a model is told of a task."""
    ordered = sorted(pairs, key=lambda pair: sum(len(side) * len(side[0]) for side in pair))[:MOST_PAIRS]
    return "\n".join("|".join(sparse(pair[side]) for pair in ordered) for side in (0, 1))


def source(pairs: Sequence[Pair], longest: int = 512) -> list[int]:
    """Its words as numbers, each side cut at `longest`."""
    inputs, _, outputs = source_text(pairs).partition("\n")
    sides = [[SOURCE.get(word, UNK) for word in words_of(side)][:longest] for side in (inputs, outputs)]
    return [*sides[0], SOURCE["\n"], *sides[1]]


def target(program: ArcProgram) -> list[int]:
    found = []
    for line in program.lines:
        found += [TARGET[line.called], *(TARGET[name] for name in line.arguments), TARGET["\n"]]
    return found[:-1]


def program_of(tokens: Sequence[int]) -> ArcProgram | None:
    """The program that a model wrote; None where it is none."""
    lines: list[Line] = []
    words = [TARGET_WORDS[token - FIRST] if token >= FIRST else "?" for token in tokens]
    for row in " ".join(words).replace("\n", "|").split("|"):
        called, *arguments = row.split() or [""]
        lines.append(Line(called, tuple(arguments)))
    try:
        return arc.parse(arc.print(ArcProgram(tuple(lines))))
    except PhloemError:
        return None


def batch(rows: Sequence[tuple[list[int], list[int]]]) -> TokenBatch:
    """Sources and targets as a model reads them."""
    time, steps = max(len(one) for one, _ in rows), max(len(other) for _, other in rows) + 1
    tokens = torch.tensor([[*one, *[PAD] * (time - len(one))] for one, _ in rows])
    goal = torch.tensor([[*other, *[PAD] * (steps - len(other))] for _, other in rows])
    return TokenBatch(tokens, torch.tensor([len(one) for one, _ in rows]), goal)


class Experiences:
    """Experiences to train on, as a `Dataset`."""

    def __init__(self, experiences: Sequence[Experience], longest: int = 512, repeat: int = 1) -> None:
        self.rows = [(source(each.pairs, longest), target(arc.parse(each.text))) for each in experiences]
        self.repeat = repeat

    def __len__(self) -> int:
        return len(self.rows) * self.repeat

    @property
    def sizes(self) -> Int[np.ndarray, " experiences"]:
        return np.array([len(one) for one, _ in self.rows] * self.repeat)

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> TokenBatch:
        return batch([self.rows[i % len(self.rows)] for i in index.tolist()])


# Tasks that are made


def random_grid(rng: Random, low: int = 2, high: int = 6, colours: int = 4) -> Grid:
    """A background with random cells of other colours."""
    height, width, background = rng.randint(low, high), rng.randint(low, high), rng.choice((0, 0, 0, 1, 2))
    others = rng.sample(range(COLOURS), colours)
    return tuple(
        tuple(rng.choice(others) if rng.random() < 0.35 else background for _ in range(width)) for _ in range(height)
    )


def made(name: str, program: ArcProgram, grids: Sequence[Grid]) -> ArcTask | None:
    """The task that a program does on grids; None where it has no valid output, or changes nothing, or gives the same
    everywhere."""
    outputs = [arc.answer(program, grid) for grid in grids]
    pairs = tuple((grid, output) for grid, output in zip(grids, outputs, strict=True) if output is not None)
    if len(pairs) < len(grids) or all(one == other for one, other in pairs) or len(set(outputs)) == 1:
        return None
    return ArcTask(name, pairs[:-1], pairs[-1:])


def sampled(rng: Random, count: int, *, lines: int, pairs: int = 4) -> Iterator[tuple[ArcTask, ArcProgram]]:
    """Tasks of random programs of at most so many lines on random grids, no two programs the same."""
    seen: set[ArcProgram] = set()
    while len(seen) < count:
        grids = [random_grid(rng) for _ in range(pairs)]
        program = arc.sample(rng, grids[0], lines)
        task = None if program is None or program in seen else made(f"sampled-{len(seen)}", program, grids)
        if task is not None and program is not None:
            seen.add(program)
            yield task, program


def mutants(
    rng: Random, some: Sequence[tuple[ArcTask, ArcProgram]], count: int, tries: int = 40
) -> list[tuple[ArcTask, ArcProgram]]:
    """Tasks of mutants of tasks' programs, on the same inputs; fewer than `count` when `tries` a mutant are over."""
    found: dict[tuple[str, ArcProgram], tuple[ArcTask, ArcProgram]] = {}
    for _ in range(tries * count):
        if len(found) >= count:
            break
        task, program = rng.choice(some)
        grids = [given for given, _ in task.pairs]
        changed = arc_mutation.mutant(rng, program, grids)
        if changed is None or (task.name, changed) in found:
            continue
        new = made(f"{task.name}-{len(found)}", changed, grids)
        if new is not None and new.pairs != task.pairs:
            found[task.name, changed] = (new, changed)
    return list(found.values())


def shares(program: ArcProgram, pairs: Sequence[Pair]) -> float:
    """The share of pairs that a program gets right."""
    return sum(arc.answer(program, given) == wanted for given, wanted in pairs) / len(pairs)


def top(programs: Sequence[ArcProgram], task: ArcTask, count: int = 3) -> list[ArcProgram]:
    """The programs to be tested: all demonstrations right, the shortest first."""
    right = [each for each in dict.fromkeys(programs) if shares(each, task.train) == 1]
    return sorted(right, key=lambda each: len(each.lines))[:count]
