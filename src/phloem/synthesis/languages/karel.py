"""Karel: a robot in a grid world (Pattis 1981; as a language to be learned, Bunel et al. 2018; probed by Jin and Rinard
2024).

    program    def run ( ) { statement … }
    statement  move | turn_left | turn_right | put_marker | pick_marker
               repeat ( n ) { … } | while ( c ) { … } | if ( c ) { … } | ifelse ( c ) { … } { … }
    c          [not] front_is_clear | left_is_clear | right_is_clear | markers_present | no_markers_present

A world is a rectangle of cells, some of them walls, with up to 10 markers a cell, and the robot's cell and direction.
Nothing fails: a move into a wall, a put on a full cell and a pick from an empty one leave the world as it is, and the
robot's bag never empties. Each statement that is begun, and each test of a loop, costs one unit of fuel, so every run
ends. A `Semantics` permutes what the five actions do under the same text: the intervention of the probing papers.

`trace` is the interpreter; `run_many` does the same for many worlds at once, with arrays in place of worlds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

from phloem.errors import PhloemError

ACTIONS = ("move", "turn_left", "turn_right", "put_marker", "pick_marker")
CONDITIONS = ("front_is_clear", "left_is_clear", "right_is_clear", "markers_present", "no_markers_present")
FACINGS = ("north", "east", "south", "west")
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # rows and columns, by facing
MOST_MARKERS, MOST_REPEATS, DEEPEST = 10, 19, 50
FUEL = 1_000

Semantics: TypeAlias = Mapping[str, str]
"""What each word of an action does, as the word whose meaning it takes."""
ORIGINAL: Semantics = {action: action for action in ACTIONS}
_MARKERS = {"put_marker": "pick_marker", "pick_marker": "put_marker"}
OPPOSITE: Semantics = {**ORIGINAL, **_MARKERS, "turn_left": "turn_right", "turn_right": "turn_left"}
CYCLE: Semantics = {
    **ORIGINAL,
    **_MARKERS,
    "turn_left": "turn_right",
    "turn_right": "move",
    "move": "turn_left",
}
MOVE_FOR_PUT: Semantics = {**ORIGINAL, "move": "put_marker", "put_marker": "move"}
"""A useless intervention: no turn changes its meaning, so the robot's directions are those of the original."""


class World(NamedTuple):
    """A state: walls and markers by row and column, the robot's cell, and its direction (an index of FACINGS)."""

    walls: tuple[tuple[bool, ...], ...]
    markers: tuple[tuple[int, ...], ...]
    row: int
    column: int
    facing: int


class Condition(NamedTuple):
    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    name: str


@dataclass(frozen=True, slots=True)
class Repeat:
    times: int
    body: Program


@dataclass(frozen=True, slots=True)
class While:
    condition: Condition
    body: Program


@dataclass(frozen=True, slots=True)
class If:
    """With `otherwise` it is an `ifelse`."""

    condition: Condition
    then: Program
    otherwise: Program | None = None


Statement: TypeAlias = Action | Repeat | While | If
Program: TypeAlias = tuple[Statement, ...]


def empty_world(size: int = 8, row: int = 1, column: int = 1, facing: int = 1) -> World:
    """A square with walls around and nothing within; `size` counts the walls."""
    border = tuple(tuple(i in (0, size - 1) or j in (0, size - 1) for j in range(size)) for i in range(size))
    return World(border, ((0,) * size,) * size, row, column, facing)


def sample_world(rng: Random, size: int = 8, *, markers: bool = True) -> World:
    """The robot anywhere within the border walls; with `markers` a third of the cells have 1 to 10 of them."""
    world = empty_world(size, rng.randint(1, size - 2), rng.randint(1, size - 2), rng.randrange(4))
    if not markers:
        return world
    cells = tuple(
        tuple(rng.randint(1, MOST_MARKERS) if not wall and rng.random() < 1 / 3 else 0 for wall in row)
        for row in world.walls
    )
    return world._replace(markers=cells)


def clear(world: World, facing: int) -> bool:
    """Whether the robot's neighbour in a direction is within the world and no wall."""
    row, column = world.row + STEPS[facing][0], world.column + STEPS[facing][1]
    inside = 0 <= row < len(world.walls) and 0 <= column < len(world.walls[0])
    return inside and not world.walls[row][column]


def act(world: World, action: str) -> World:
    """The world after an action."""
    if action == "move":
        if not clear(world, world.facing):
            return world
        down, right = STEPS[world.facing]
        return world._replace(row=world.row + down, column=world.column + right)
    if action in ("turn_left", "turn_right"):
        return world._replace(facing=(world.facing + (1 if action == "turn_right" else 3)) % 4)
    held = world.markers[world.row][world.column] + (1 if action == "put_marker" else -1)
    if not 0 <= held <= MOST_MARKERS:
        return world
    row = world.markers[world.row]
    changed = (*row[: world.column], held, *row[world.column + 1 :])
    return world._replace(markers=(*world.markers[: world.row], changed, *world.markers[world.row + 1 :]))


def holds(world: World, condition: Condition) -> bool:
    """Whether a condition is met."""
    if condition.name.endswith("markers_present"):
        met = (world.markers[world.row][world.column] > 0) == (condition.name == "markers_present")
    else:
        turn = {"front_is_clear": 0, "right_is_clear": 1, "left_is_clear": 3}[condition.name]
        met = clear(world, (world.facing + turn) % 4)
    return met != condition.negated


def trace(program: Program, world: World, *, fuel: int = FUEL, semantics: Semantics = ORIGINAL) -> list[World] | None:
    """The world at the beginning and after each action; None when the fuel is used up. Total, without recursion."""
    worlds, waiting = [world], list(reversed(program))
    while waiting:
        fuel -= 1
        if fuel < 0:
            return None
        statement = waiting.pop()
        if isinstance(statement, Action):
            worlds.append(act(worlds[-1], semantics[statement.name]))
        elif isinstance(statement, Repeat):
            if statement.times > 0:
                waiting.append(Repeat(statement.times - 1, statement.body))
                waiting.extend(reversed(statement.body))
        elif isinstance(statement, While):
            if holds(worlds[-1], statement.condition):
                waiting.append(statement)
                waiting.extend(reversed(statement.body))
        else:
            chosen = statement.then if holds(worlds[-1], statement.condition) else statement.otherwise
            waiting.extend(reversed(chosen or ()))
    return worlds


def run(program: Program, world: World, *, fuel: int = FUEL, semantics: Semantics = ORIGINAL) -> World | None:
    """The world at the end; None when the fuel is used up."""
    worlds = trace(program, world, fuel=fuel, semantics=semantics)
    return None if worlds is None else worlds[-1]


# Many worlds at once


class Worlds(NamedTuple):
    """Worlds of one shape, with walls all around, as arrays."""

    walls: Bool[np.ndarray, "worlds rows columns"]
    markers: Int[np.ndarray, "worlds rows columns"]
    row: Int[np.ndarray, " worlds"]
    column: Int[np.ndarray, " worlds"]
    facing: Int[np.ndarray, " worlds"]

    @classmethod
    def of(cls, worlds: Sequence[World]) -> Worlds:
        return cls(*(np.array(part) for part in zip(*worlds, strict=True)))

    def world(self, number: int) -> World:
        walls, markers = (tuple(map(tuple, part[number].tolist())) for part in (self.walls, self.markers))
        return World(walls, markers, int(self.row[number]), int(self.column[number]), int(self.facing[number]))


def run_many(
    program: Program, worlds: Worlds, *, fuel: int = FUEL, semantics: Semantics = ORIGINAL
) -> tuple[Worlds, Bool[np.ndarray, " worlds"]]:
    """What `run` gives of each world, and which of the runs ended."""
    worlds = Worlds(*(part.copy() for part in worlds))
    left = np.full(len(worlds.row), fuel)
    _run_many(program, worlds, np.ones(len(left), bool), left, semantics)
    return worlds, left >= 0


def _run_many(program: Program, worlds: Worlds, active: np.ndarray, left: np.ndarray, semantics: Semantics) -> None:
    """Run on the active worlds, in place. A world without fuel has `left` below 0 and is not touched again."""
    for statement in program:
        running = _paid(active, left)
        if isinstance(statement, Action):
            _act_many(worlds, np.flatnonzero(running), semantics[statement.name])
        elif isinstance(statement, Repeat):
            for _ in range(statement.times):
                _run_many(statement.body, worlds, running, left, semantics)
                running = _paid(running, left)
        elif isinstance(statement, While):
            while (running := running & _holds_many(worlds, statement.condition)).any():
                _run_many(statement.body, worlds, running, left, semantics)
                running = _paid(running, left)
        else:
            met = _holds_many(worlds, statement.condition)
            _run_many(statement.then, worlds, running & met, left, semantics)
            _run_many(statement.otherwise or (), worlds, running & ~met, left, semantics)


def _paid(active: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Those of the active worlds that could pay for a statement, which they have done."""
    active = active & (left >= 0)
    left[active] -= 1
    return active & (left >= 0)


def _clear_many(worlds: Worlds, facing: np.ndarray) -> np.ndarray:
    steps = np.array(STEPS)[facing]
    return ~worlds.walls[np.arange(len(facing)), worlds.row + steps[:, 0], worlds.column + steps[:, 1]]


def _holds_many(worlds: Worlds, condition: Condition) -> np.ndarray:
    if condition.name.endswith("markers_present"):
        held = worlds.markers[np.arange(len(worlds.row)), worlds.row, worlds.column]
        met = (held > 0) == (condition.name == "markers_present")
    else:
        turn = {"front_is_clear": 0, "right_is_clear": 1, "left_is_clear": 3}[condition.name]
        met = _clear_many(worlds, (worlds.facing + turn) % 4)
    return met != condition.negated


def _act_many(worlds: Worlds, chosen: np.ndarray, action: str) -> None:
    if action == "move":
        chosen = chosen[_clear_many(worlds, worlds.facing)[chosen]]
        steps = np.array(STEPS)[worlds.facing[chosen]]
        worlds.row[chosen] += steps[:, 0]
        worlds.column[chosen] += steps[:, 1]
    elif action in ("turn_left", "turn_right"):
        worlds.facing[chosen] = (worlds.facing[chosen] + (1 if action == "turn_right" else 3)) % 4
    else:
        place = chosen, worlds.row[chosen], worlds.column[chosen]
        change = 1 if action == "put_marker" else -1
        worlds.markers[place] = (worlds.markers[place] + change).clip(0, MOST_MARKERS)


# Text


def print(program: Program) -> str:
    """The program's words, with spaces between."""
    words = ["def", "run", "(", ")", "{"]
    waiting: list[Statement | str] = ["}", *reversed(program)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, Action):
            words.append(part.name)
        else:
            words += _head(part)
            if isinstance(part, If) and part.otherwise is not None:
                waiting += ["}", *reversed(part.otherwise), "{"]
            waiting += ["}", *reversed(part.then if isinstance(part, If) else part.body), "{"]
    return " ".join(words)


def _head(statement: Repeat | While | If) -> list[str]:
    if isinstance(statement, Repeat):
        return ["repeat", "(", str(statement.times), ")"]
    word = "while" if isinstance(statement, While) else "if" if statement.otherwise is None else "ifelse"
    name, negated = statement.condition
    return [word, "(", *(["not"] if negated else []), name, ")"]


def parse(text: str) -> Program:
    """Read what `print` wrote. Raises PhloemError with the word that is not understood, or that nests too deeply."""
    words = text.split()
    at = _expect(words, 0, "def", "run", "(", ")")
    program, at = _block(words, at, 0)
    if at < len(words):
        raise PhloemError(f"word {at + 1}: expected the end, found {words[at]}")
    return program


def _expect(words: Sequence[str], at: int, *expected: str) -> int:
    for word in expected:
        if words[at : at + 1] != [word]:
            raise PhloemError(f"word {at + 1}: expected {word}, found {words[at] if at < len(words) else 'the end'}")
        at += 1
    return at


def _block(words: Sequence[str], at: int, depth: int) -> tuple[Program, int]:
    if depth > DEEPEST:
        raise PhloemError(f"word {at + 1}: more than {DEEPEST} blocks within each other")
    at = _expect(words, at, "{")
    found: list[Statement] = []
    while words[at : at + 1] != ["}"]:
        statement, at = _statement(words, at, depth)
        found.append(statement)
    return tuple(found), at + 1


def _statement(words: Sequence[str], at: int, depth: int) -> tuple[Statement, int]:
    word = words[at] if at < len(words) else "the end"
    if word in ACTIONS:
        return Action(word), at + 1
    if word not in ("repeat", "while", "if", "ifelse"):
        raise PhloemError(f"word {at + 1}: expected a statement, found {word}")
    at = _expect(words, at + 1, "(")
    if word == "repeat":
        times = words[at] if at < len(words) else ""
        if times not in map(str, range(MOST_REPEATS + 1)):
            raise PhloemError(f"word {at + 1}: expected a number up to {MOST_REPEATS}")
        body, at = _block(words, _expect(words, at + 1, ")"), depth + 1)
        return Repeat(int(times), body), at
    negated = words[at : at + 1] == ["not"]
    at += negated
    name = words[at] if at < len(words) else "the end"
    if name not in CONDITIONS:
        raise PhloemError(f"word {at + 1}: expected a condition, found {name}")
    condition = Condition(name, negated)
    body, at = _block(words, _expect(words, at + 1, ")"), depth + 1)
    if word == "while":
        return While(condition, body), at
    if word == "if":
        return If(condition, body), at
    otherwise, at = _block(words, at, depth + 1)
    return If(condition, body, otherwise), at


# Sampling


def sample_straight(rng: Random, shortest: int = 6, longest: int = 10, actions: Sequence[str] = ACTIONS) -> Program:
    """Actions alone, uniformly: the programs of Jin and Rinard, whose lengths are 6 to 10."""
    return tuple(Action(rng.choice(actions)) for _ in range(rng.randint(shortest, longest)))


def sample(rng: Random, size: int, depth: int = 3) -> Program:
    """A program of `size` statements at most, control flow in a quarter of the places that may hold it."""
    found: list[Statement] = []
    while size > 0:
        if depth == 0 or size < 2 or rng.random() < 0.75:
            found.append(Action(rng.choice(ACTIONS)))
            size -= 1
            continue
        inner = rng.randint(1, size - 1)
        size -= 1 + inner
        body = sample(rng, inner, depth - 1)
        condition = Condition(rng.choice(CONDITIONS), rng.random() < 0.25)
        kind = rng.randrange(4)
        if kind == 0:
            found.append(Repeat(rng.randint(0, 5), body))
        elif kind == 1:
            found.append(While(condition, body))
        else:
            half = rng.randint(0, len(body)) if kind == 3 else len(body)
            found.append(If(condition, body[:half], body[half:] if kind == 3 else None))
    return tuple(found)
