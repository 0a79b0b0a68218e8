"""LOGO: turtle graphics as a subset of Python, with exact positions (Papert 1980; Ellis et al. 2020; Li, Ellis 2024).

    statement  forward(e) | left(e) | right(e) | penup() | pendown()
               for NAME in range(n): …      a loop; NAME is i, j, k … by depth
               with embed(): …              draw, then go back to where the turtle was
    e          n | NAME | n * NAME          lengths in units; angles in degrees, multiples of 15

The turtle begins at the origin, looks to the right, its pen down. All directions are multiples of 15 degrees, so a
position is a sum of 24th roots of unity with whole coefficients. With ζ = exp(2πi/24), the ring Z[ζ] has the basis
1, ζ … ζ^7, since ζ^8 = ζ^4 - 1: eight integers hold a position exactly, and a polygon that should close does. Angles
that are no multiple of 15 are cut down to one.

Each statement costs one unit of fuel and each turn of a loop another; a run without fuel, or one whose numbers grow
beyond FARTHEST, gives None. `draw` makes pixels: endpoints are rounded to pixels, and joined by the integer line of
Bresenham (1965). `draw_many` is the same with arrays.
"""

from __future__ import annotations

import ast
import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

from phloem.errors import PhloemError

ROOTS, RANK = 24, 8
DEGREES = 360 // ROOTS
FUEL, FARTHEST = 2_000, 1 << 20
MOST_TIMES, LONGEST_TEXT, DEEPEST = 100, 20_000, 20
NAMES = "ijklmnopqrstuvwxyzab"  # of loops, by depth

Position: TypeAlias = tuple[int, ...]
"""Whole coefficients of 1, ζ … ζ^7."""
ORIGIN: Position = (0,) * RANK


class Number(NamedTuple):
    """`factor`, or its product with the number of the loop that is `loop` blocks of loops deep (0: the outermost)."""

    factor: int
    loop: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """`forward`, `left` or `right`."""

    name: str
    by: Number


@dataclass(frozen=True, slots=True)
class Pen:
    """`penup` or `pendown`."""

    name: str


@dataclass(frozen=True, slots=True)
class Repeat:
    times: int
    body: Program


@dataclass(frozen=True, slots=True)
class Embed:
    body: Program


Statement: TypeAlias = Move | Pen | Repeat | Embed
Program: TypeAlias = tuple[Statement, ...]


class Turtle(NamedTuple):
    position: Position = ORIGIN
    heading: int = 0  # in 24ths of a turn, to the left
    down: bool = True


class Segment(NamedTuple):
    """A drawn line."""

    start: Position
    end: Position


def root(power: int) -> Position:
    """ζ to a power, in the basis."""
    power %= ROOTS
    sign = -1 if power >= ROOTS // 2 else 1
    power %= ROOTS // 2
    found = [0] * RANK
    if power < RANK:
        found[power] = sign
    else:  # ζ^(8 + k) = ζ^(4 + k) - ζ^k
        found[power - RANK // 2], found[power - RANK] = sign, -sign
    return tuple(found)


_ROOTS = [root(power) for power in range(ROOTS)]
_POINTS = [cmath.exp(2j * math.pi * power / ROOTS) for power in range(RANK)]


def point(position: Position) -> tuple[float, float]:
    """x and y, as near as floats come."""
    value = sum((count * unit for count, unit in zip(position, _POINTS, strict=True)), 0j)
    return value.real, value.imag


class Drawn(NamedTuple):
    """What a run leaves: lines in the order in which they were drawn, and the turtle."""

    segments: tuple[Segment, ...]
    turtle: Turtle


_Work: TypeAlias = tuple[Statement | Turtle, tuple[int, ...]]
"""What is to be done, with the numbers of the loops around it; a turtle is to be gone back to."""


def run(program: Program, *, fuel: int = FUEL) -> Drawn | None:
    """Total, without recursion. None when the fuel is used up or a number grows too large."""
    turtle, segments = Turtle(), []
    waiting: list[_Work] = [(each, ()) for each in reversed(program)]
    while waiting:
        fuel -= 1
        if fuel < 0:
            return None
        statement, loops = waiting.pop()
        if isinstance(statement, Turtle):
            turtle = statement
        elif isinstance(statement, Pen):
            turtle = turtle._replace(down=statement.name == "pendown")
        elif isinstance(statement, Embed):
            waiting += [(turtle, ()), *((each, loops) for each in reversed(statement.body))]
        elif isinstance(statement, Repeat):
            fuel -= statement.times
            if fuel < 0:
                return None
            for number in reversed(range(statement.times)):
                waiting += [(each, (*loops, number)) for each in reversed(statement.body)]
        else:
            value = _value(statement.by, loops)
            if value is None:
                return None
            before = turtle
            turtle = _moved(turtle, statement.name, value)
            if max(map(abs, turtle.position)) > FARTHEST:
                return None
            if turtle.down and turtle.position != before.position:
                segments.append(Segment(before.position, turtle.position))
    return Drawn(tuple(segments), turtle)


def _value(number: Number, loops: tuple[int, ...]) -> int | None:
    if number.loop is None:
        return number.factor
    return number.factor * loops[number.loop] if number.loop < len(loops) else None


def _moved(turtle: Turtle, name: str, by: int) -> Turtle:
    if name != "forward":
        turn = by // DEGREES
        return turtle._replace(heading=(turtle.heading + (turn if name == "left" else -turn)) % ROOTS)
    step = _ROOTS[turtle.heading]
    return turtle._replace(position=tuple(a + by * b for a, b in zip(turtle.position, step, strict=True)))


# Pixels


Image: TypeAlias = Bool[np.ndarray, "pixels pixels"]


def pixel(position: Position, pixels: int, scale: float) -> tuple[int, int]:
    """Row and column of a position: the origin in the middle, y upwards, `scale` pixels a unit."""
    x, y = point(position)
    middle = pixels // 2
    return middle - math.floor(y * scale + 0.5), middle + math.floor(x * scale + 0.5)


def line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The pixels from one to another, both included: step along the longer side, round the other half up."""
    down, right = end[0] - start[0], end[1] - start[1]
    steps = max(abs(down), abs(right))
    if steps == 0:
        return [start]
    return [
        (start[0] + (2 * i * down + steps) // (2 * steps), start[1] + (2 * i * right + steps) // (2 * steps))
        for i in range(steps + 1)
    ]


def draw(segments: Sequence[Segment], *, pixels: int = 32, scale: float = 1.0) -> Image:
    """The image; what lies outside is left out."""
    image = np.zeros((pixels, pixels), bool)
    for each in segments:
        start, end = pixel(each.start, pixels, scale), pixel(each.end, pixels, scale)
        if max(abs(start[i] - end[i]) for i in (0, 1)) > 64 * pixels:
            continue
        for i, j in line(start, end):
            if 0 <= i < pixels and 0 <= j < pixels:
                image[i, j] = True
    return image


def draw_many(
    pictures: Sequence[Sequence[Segment]], *, pixels: int = 32, scale: float = 1.0
) -> Bool[np.ndarray, "pictures pixels pixels"]:
    """`draw` of each, all lines at once."""
    images = np.zeros((len(pictures), pixels, pixels), bool)
    owner = np.repeat(np.arange(len(pictures)), [len(each) for each in pictures])
    ends = [each for picture in pictures for each in picture]
    if not ends:
        return images
    start = np.array([pixel(each.start, pixels, scale) for each in ends])
    end = np.array([pixel(each.end, pixels, scale) for each in ends])
    steps = np.abs(end - start).max(1)
    near = steps <= 64 * pixels
    owner, start, end, steps = owner[near], start[near], end[near], steps[near]
    chosen = np.repeat(np.arange(len(steps)), steps + 1)
    at = np.arange(len(chosen)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    length = np.maximum(steps[chosen], 1)[:, None]
    along: Int[np.ndarray, "points 2"] = (2 * at[:, None] * (end - start)[chosen] + length) // (2 * length)
    places = start[chosen] + along
    inside = ((places >= 0) & (places < pixels)).all(1)
    images[owner[chosen][inside], places[inside, 0], places[inside, 1]] = True
    return images


def ascii_art(image: Image) -> str:
    """A row a line, # where something is drawn: how a language model is shown the picture."""
    return "\n".join("".join("#" if cell else "." for cell in row) for row in image)


# Text


def print(program: Program) -> str:
    """Python, given functions of those names."""
    return "\n".join(_lines(program, 0, 0)) + "\n" if program else "pass\n"


def _lines(program: Program, depth: int, loops: int) -> list[str]:
    found = []
    for each in program:
        if isinstance(each, Move):
            found.append("    " * depth + f"{each.name}({_expression(each.by)})")
        elif isinstance(each, Pen):
            found.append("    " * depth + f"{each.name}()")
        else:
            repeats = isinstance(each, Repeat)
            head = f"for {NAMES[loops]} in range({each.times}):" if isinstance(each, Repeat) else "with embed():"
            found += ["    " * depth + head, *_lines(each.body, depth + 1, loops + repeats)]
    return found or ["    " * depth + "pass"]


def _expression(number: Number) -> str:
    if number.loop is None:
        return str(number.factor)
    return NAMES[number.loop] if number.factor == 1 else f"{number.factor} * {NAMES[number.loop]}"


def parse(text: str) -> Program:
    """Read what `print` wrote, or anything in the same subset. Raises PhloemError with the line."""
    if len(text) > LONGEST_TEXT:
        raise PhloemError(f"a program of {len(text)} characters is too long")
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise PhloemError(f"no Python: {error}") from error
    return _block(module.body, (), 0)


def _block(body: Sequence[ast.stmt], names: tuple[str, ...], depth: int) -> Program:
    if depth > DEEPEST:
        raise PhloemError(f"line {body[0].lineno}: more than {DEEPEST} blocks within each other")
    return tuple(_statement(each, names, depth) for each in body if not isinstance(each, ast.Pass))


def _statement(node: ast.stmt, names: tuple[str, ...], depth: int) -> Statement:
    match node:
        case ast.Expr(ast.Call(ast.Name("forward" | "left" | "right" as name), [by], [])):
            return Move(name, _number(by, names))
        case ast.Expr(ast.Call(ast.Name("penup" | "pendown" as name), [], [])):
            return Pen(name)
        case ast.With([ast.withitem(ast.Call(ast.Name("embed"), [], []), None)], body):
            return Embed(_block(body, names, depth + 1))
        case ast.For(ast.Name(name), ast.Call(ast.Name("range"), [ast.Constant(int(times))], []), body, []):
            if isinstance(times, bool) or not 0 <= times <= MOST_TIMES:
                raise PhloemError(f"line {node.lineno}: a loop has 0 to {MOST_TIMES} turns")
            return Repeat(times, _block(body, (*names, name), depth + 1))
    raise PhloemError(f"line {node.lineno}: not a statement of LOGO")


def _number(node: ast.expr, names: tuple[str, ...]) -> Number:
    match node:
        case ast.Constant(int(value)) if not isinstance(value, bool) and abs(value) <= FARTHEST:
            return Number(value)
        case ast.UnaryOp(ast.USub(), ast.Constant(int(value))) if not isinstance(value, bool) and value <= FARTHEST:
            return Number(-value)
        case ast.Name(name) if name in names:
            return Number(1, _innermost(names, name))
        case ast.BinOp(factor, ast.Mult(), ast.Name(name)) if name in names and not isinstance(factor, ast.Name):
            return _number(factor, ())._replace(loop=_innermost(names, name))
    raise PhloemError(f"line {node.lineno}: expected a number, a loop's name or their product")


def _innermost(names: tuple[str, ...], name: str) -> int:
    return len(names) - 1 - names[::-1].index(name)


# Sampling


def sample(rng: Random, size: int, depth: int = 3, loops: int = 0) -> Program:
    """A program of about `size` statements: forwards and turns in turn, loops and embeddings around a third."""
    found: list[Statement] = []
    while size > 0:
        if depth == 0 or size < 3 or rng.random() < 0.65:
            name = rng.choice(("forward", "forward", "left", "right"))
            factor = rng.randint(1, 8) if name == "forward" else DEGREES * rng.randint(1, 12)
            loop = rng.randrange(loops) if loops and rng.random() < 0.3 else None
            found.append(
                Pen(rng.choice(("penup", "pendown"))) if rng.random() < 0.08 else Move(name, Number(factor, loop))
            )
            size -= 1
            continue
        inner = rng.randint(2, size - 1)
        size -= 1 + inner
        if rng.random() < 0.7:
            found.append(Repeat(rng.randint(2, 8), sample(rng, inner, depth - 1, loops + 1)))
        else:
            found.append(Embed(sample(rng, inner, depth - 1, loops)))
    return tuple(found)
