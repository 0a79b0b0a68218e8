"""Where things are: boxes, distances, directions and sets of indices of the ARC language (Hodel 2022).

Rows are counted downwards and columns to the right. Of an object only the places matter here. The box of a patch is the
smallest rectangle that holds it; an empty patch has height and width 0, and () for a corner.
"""

from __future__ import annotations

from phloem.synthesis.languages.arc_values import Cell, Grid, Indices, Pair, Undefined, Value, is_cell

REACH, STEPS = 30, 42  # cells of a frontier; steps of a shot, and of gravitation at most


def toindices(patch: Value) -> Indices:
    """The places of a patch, or of a tuple of places."""
    return frozenset(each[1] if is_cell(each) else each for each in patch)


def _rows(patch: Value) -> list[int]:
    return [i for i, _ in toindices(patch)]


def _columns(patch: Value) -> list[int]:
    return [j for _, j in toindices(patch)]


def uppermost(patch: Value) -> int:
    return min(_rows(patch))


def lowermost(patch: Value) -> int:
    return max(_rows(patch))


def leftmost(patch: Value) -> int:
    return min(_columns(patch))


def rightmost(patch: Value) -> int:
    return max(_columns(patch))


def height(piece: Value) -> int:
    if not piece:
        return 0
    return len(piece) if isinstance(piece, tuple) else lowermost(piece) - uppermost(piece) + 1


def width(piece: Value) -> int:
    if not piece:
        return 0
    return len(piece[0]) if isinstance(piece, tuple) else rightmost(piece) - leftmost(piece) + 1


def shape(piece: Value) -> Pair:
    return height(piece), width(piece)


def portrait(piece: Value) -> bool:
    return height(piece) > width(piece)


def square(piece: Value) -> bool:
    """A grid with as many rows as columns; a patch that fills such a box."""
    if isinstance(piece, tuple):
        return len(piece) == len(piece[0])
    return height(piece) == width(piece) and height(piece) * width(piece) == len(piece)


def vline(patch: Value) -> bool:
    return width(patch) == 1 and height(patch) == len(patch)


def hline(patch: Value) -> bool:
    return height(patch) == 1 and width(patch) == len(patch)


def ulcorner(patch: Value) -> Value:
    return (uppermost(patch), leftmost(patch)) if patch else ()


def urcorner(patch: Value) -> Value:
    return (uppermost(patch), rightmost(patch)) if patch else ()


def llcorner(patch: Value) -> Value:
    return (lowermost(patch), leftmost(patch)) if patch else ()


def lrcorner(patch: Value) -> Value:
    return (lowermost(patch), rightmost(patch)) if patch else ()


def center(patch: Value) -> Pair:
    return uppermost(patch) + height(patch) // 2, leftmost(patch) + width(patch) // 2


def centerofmass(patch: Value) -> Pair:
    return sum(_rows(patch)) // len(patch), sum(_columns(patch)) // len(patch)


def hmatching(left: Value, right: Value) -> bool:
    return not set(_rows(left)).isdisjoint(_rows(right))


def vmatching(left: Value, right: Value) -> bool:
    return not set(_columns(left)).isdisjoint(_columns(right))


def manhattan(left: Value, right: Value) -> int:
    there = toindices(right)
    return min(abs(i - k) + abs(j - m) for i, j in toindices(left) for k, m in there)


def adjacent(left: Value, right: Value) -> bool:
    return manhattan(left, right) == 1


def bordering(patch: Value, grid: Grid) -> bool:
    up, left, down, right = uppermost(patch), leftmost(patch), lowermost(patch), rightmost(patch)
    return up == 0 or left == 0 or down == len(grid) - 1 or right == len(grid[0]) - 1


def position(left: Value, right: Value) -> Pair:
    """The direction from one to the other, by centres; to the left where they have the same."""
    (i, j), (k, m) = center(left), center(right)
    down, across = (k > i) - (k < i), 1 if m > j else -1
    return (down, 0) if j == m and down else (down, across)


def shift(patch: Value, by: Pair) -> Value:
    down, right = by
    if patch and is_cell(next(iter(patch))):
        return frozenset((colour, (i + down, j + right)) for colour, (i, j) in patch)
    return frozenset((i + down, j + right) for i, j in patch)


def normalize(patch: Value) -> Value:
    return shift(patch, (-uppermost(patch), -leftmost(patch))) if patch else patch


def gravitate(source: Value, destination: Value) -> Pair:
    """How far the source moves until it is next to the destination: up or down where they share a column."""
    (i, j), (k, m) = center(source), center(destination)
    step = (1 if i < k else -1, 0) if vmatching(source, destination) else (0, 1 if j < m else -1)
    moved = 0
    while moved < STEPS and not adjacent(source, destination):
        source = shift(source, step)
        moved += 1
    return moved * step[0], moved * step[1]


def _period(patch: Value, longest: int, direction: Pair) -> int:
    """The smallest shift that lays what stays in the box onto cells of the patch."""
    cells: frozenset[Cell] = normalize(patch)
    for by in range(1, longest):
        moved = shift(cells, (-by * direction[0], -by * direction[1]))
        if all(cell in cells for cell in moved if cell[1][0] >= 0 and cell[1][1] >= 0):
            return by
    return longest


def hperiod(patch: Value) -> int:
    return _period(patch, width(patch), (0, 1))


def vperiod(patch: Value) -> int:
    return _period(patch, height(patch), (1, 0))


# Sets of indices


def asindices(grid: Grid) -> Indices:
    return frozenset((i, j) for i in range(len(grid)) for j in range(len(grid[0])))


def ofcolor(grid: Grid, colour: int) -> Indices:
    return frozenset((i, j) for i, row in enumerate(grid) for j, cell in enumerate(row) if cell == colour)


def corners(patch: Value) -> Indices:
    return frozenset({ulcorner(patch), urcorner(patch), llcorner(patch), lrcorner(patch)})


def backdrop(patch: Value) -> Indices:
    """The whole box."""
    if not patch:
        return frozenset()
    (up, left), (down, right) = ulcorner(patch), lrcorner(patch)
    return frozenset((i, j) for i in range(up, down + 1) for j in range(left, right + 1))


def delta(patch: Value) -> Indices:
    return backdrop(patch) - toindices(patch)


def _outline(patch: Value, out: int) -> Indices:
    """The edge of the box, moved outwards; a box turned inside out is read the right way round."""
    up, down = sorted((uppermost(patch) - out, lowermost(patch) + out))
    left, right = sorted((leftmost(patch) - out, rightmost(patch) + out))
    sides = {(i, j) for i in range(up, down + 1) for j in (left, right)}
    return frozenset(sides | {(i, j) for i in (up, down) for j in range(left, right + 1)})


def box(patch: Value) -> Indices:
    return _outline(patch, 0) if patch else patch


def inbox(patch: Value) -> Indices:
    return _outline(patch, -1)


def outbox(patch: Value) -> Indices:
    return _outline(patch, 1)


def dneighbors(place: Pair) -> Indices:
    i, j = place
    return frozenset({(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)})


def ineighbors(place: Pair) -> Indices:
    i, j = place
    return frozenset({(i - 1, j - 1), (i - 1, j + 1), (i + 1, j - 1), (i + 1, j + 1)})


def neighbors(place: Pair) -> Indices:
    return dneighbors(place) | ineighbors(place)


def hfrontier(place: Pair) -> Indices:
    return frozenset((place[0], j) for j in range(REACH))


def vfrontier(place: Pair) -> Indices:
    return frozenset((i, place[1]) for i in range(REACH))


def connect(start: Pair, end: Pair) -> Indices:
    """A straight or exactly diagonal line, both ends included; else nothing."""
    down, right = end[0] - start[0], end[1] - start[1]
    steps = max(abs(down), abs(right))
    if steps > 2 * STEPS * REACH:
        raise Undefined
    if down and right and abs(down) != abs(right):
        return frozenset()
    i, j = (down > 0) - (down < 0), (right > 0) - (right < 0)
    return frozenset((start[0] + k * i, start[1] + k * j) for k in range(steps + 1))


def shoot(start: Pair, direction: Pair) -> Indices:
    return connect(start, (start[0] + STEPS * direction[0], start[1] + STEPS * direction[1]))
