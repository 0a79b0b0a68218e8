"""Colours, objects and whole grids of the ARC language (Hodel 2022).

The background is the commonest colour of a grid, the lowest of several. What is painted outside a grid is lost. Mirrors
and scalings of patches stay in the patch's own box. Halves leave out a middle line; splits skip one line between parts
where the parts do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from phloem.synthesis.languages import arc_patches as patches
from phloem.synthesis.languages.arc_values import Cell, Grid, Object, Pair, Undefined, Value, is_cell, room

# Colours


def _colours(element: Value) -> list[int]:
    if isinstance(element, tuple):
        return [cell for row in element for cell in row]
    return [colour for colour, _ in element]


def mostcolor(element: Value) -> int:
    colours = _colours(element)
    return max(sorted(set(colours)), key=colours.count)


def leastcolor(element: Value) -> int:
    colours = _colours(element)
    return min(sorted(set(colours)), key=colours.count)


def palette(element: Value) -> frozenset[int]:
    return frozenset(_colours(element))


def numcolors(element: Value) -> int:
    return len(palette(element))


def colorcount(element: Value, colour: int) -> int:
    return _colours(element).count(colour)


def color(patch: Object) -> int:
    for colour, _ in patch:
        return colour
    raise Undefined


def colorfilter(objs: Value, colour: int) -> Value:
    return frozenset(each for each in objs if color(each) == colour)


def index(grid: Grid, place: Pair) -> int | None:
    i, j = place
    return grid[i][j] if 0 <= i < len(grid) and 0 <= j < len(grid[0]) else None


# Objects


def asobject(grid: Grid) -> Object:
    return frozenset((cell, (i, j)) for i, row in enumerate(grid) for j, cell in enumerate(row))


def toobject(patch: Value, grid: Grid) -> Object:
    places = patches.toindices(patch)
    return frozenset((colour, place) for place in places if (colour := index(grid, place)) is not None)


def recolor(colour: int, patch: Value) -> Object:
    return frozenset((colour, place) for place in patches.toindices(patch))


def objects(grid: Grid, univalued: bool, diagonal: bool, without_bg: bool) -> frozenset[Object]:
    """Connected components, of one colour each where `univalued`."""
    background = mostcolor(grid) if without_bg else None
    near = patches.neighbors if diagonal else patches.dneighbors
    found: list[Object] = []
    seen: set[Pair] = set()
    for i, row in enumerate(grid):
        for j, colour in enumerate(row):
            if (i, j) in seen or colour == background:
                continue
            cells: set[Cell] = set()
            waiting, reached = [(i, j)], {(i, j)}
            while waiting:
                place = waiting.pop()
                here = index(grid, place)
                if here is None or (here != colour if univalued else here == background):
                    continue
                cells.add((here, place))
                seen.add(place)
                fresh = near(place) - reached
                reached |= fresh
                waiting += fresh
            found.append(frozenset(cells))
    return frozenset(found)


def _by_colour(grid: Grid, colours: Iterable[int]) -> frozenset[Object]:
    return frozenset(recolor(colour, patches.ofcolor(grid, colour)) for colour in colours)


def partition(grid: Grid) -> frozenset[Object]:
    return _by_colour(grid, palette(grid))


def fgpartition(grid: Grid) -> frozenset[Object]:
    return _by_colour(grid, palette(grid) - {mostcolor(grid)})


def frontiers(grid: Grid) -> frozenset[Object]:
    """Rows and columns of one colour."""
    rows = [recolor(row[0], frozenset((i, j) for j in range(len(row)))) for i, row in enumerate(grid) if _plain(row)]
    columns = [
        recolor(column[0], frozenset((i, j) for i in range(len(column))))
        for j, column in enumerate(zip(*grid, strict=True))
        if _plain(column)
    ]
    return frozenset(rows + columns)


def _plain(line: tuple[int, ...]) -> bool:
    return len(set(line)) == 1


def occurrences(grid: Grid, patch: Object) -> frozenset[Pair]:
    cells, (down, right) = patches.normalize(patch), patches.shape(patch)
    return frozenset(
        (i, j)
        for i in range(len(grid) - down + 1)
        for j in range(len(grid[0]) - right + 1)
        if all(grid[i + k][j + m] == colour for colour, (k, m) in cells)
    )


# Painting


def canvas(colour: int, dims: Pair) -> Grid:
    """CodeIt allows 1,000 cells here; one of the published solutions needs a few more, so the bound is that of all."""
    room(dims[0] * dims[1])
    return ((colour,) * dims[1],) * dims[0]


def crop(grid: Grid, start: Pair, dims: Pair) -> Grid:
    rows = grid[start[0] : start[0] + dims[0]]
    return tuple(row[start[1] : start[1] + dims[1]] for row in rows)


def subgrid(patch: Value, grid: Grid) -> Grid:
    return crop(grid, patches.ulcorner(patch), patches.shape(patch))


def _painted(grid: Grid, cells: Iterable[Cell], only: int | None = None) -> Grid:
    rows = [list(row) for row in grid]
    for colour, (i, j) in cells:
        if 0 <= i < len(rows) and 0 <= j < len(rows[0]) and only in (None, rows[i][j]):
            rows[i][j] = colour
    return tuple(map(tuple, rows))


def fill(grid: Grid, colour: int, patch: Value) -> Grid:
    return _painted(grid, recolor(colour, patch))


def underfill(grid: Grid, colour: int, patch: Value) -> Grid:
    return _painted(grid, recolor(colour, patch), mostcolor(grid))


def paint(grid: Grid, patch: Object) -> Grid:
    return _painted(grid, patch)


def underpaint(grid: Grid, patch: Object) -> Grid:
    return _painted(grid, patch, mostcolor(grid))


def cover(grid: Grid, patch: Value) -> Grid:
    return fill(grid, mostcolor(grid), patch)


def move(grid: Grid, patch: Object, by: Pair) -> Grid:
    return paint(cover(grid, patch), patches.shift(patch, by))


def replace(grid: Grid, old: int, new: int) -> Grid:
    return tuple(tuple(new if cell == old else cell for cell in row) for row in grid)


def switch(grid: Grid, one: int, other: int) -> Grid:
    swapped = {one: other, other: one}
    return tuple(tuple(swapped.get(cell, cell) for cell in row) for row in grid)


def cellwise(left: Grid, right: Grid, fallback: int) -> Grid:
    return tuple(
        tuple(cell if cell == right[i][j] else fallback for j, cell in enumerate(row)) for i, row in enumerate(left)
    )


# Turning, cutting and joining


def _turned(grid: Grid) -> Grid:
    return tuple(zip(*grid, strict=True))


def rot90(grid: Grid) -> Grid:
    """Clockwise."""
    return _turned(grid[::-1])


def rot180(grid: Grid) -> Grid:
    return tuple(row[::-1] for row in grid[::-1])


def rot270(grid: Grid) -> Grid:
    return _turned(grid)[::-1]


def _moved(patch: Value, to: Callable[[int, int], Pair]) -> Value:
    if patch and is_cell(next(iter(patch))):
        return frozenset((colour, to(i, j)) for colour, (i, j) in patch)
    return frozenset(to(i, j) for i, j in patch)


def hmirror(piece: Value) -> Value:
    """Upside down."""
    if isinstance(piece, tuple):
        return piece[::-1]
    total = patches.uppermost(piece) + patches.lowermost(piece)
    return _moved(piece, lambda i, j: (total - i, j))


def vmirror(piece: Value) -> Value:
    """Left and right."""
    if isinstance(piece, tuple):
        return tuple(row[::-1] for row in piece)
    total = patches.leftmost(piece) + patches.rightmost(piece)
    return _moved(piece, lambda i, j: (i, total - j))


def dmirror(piece: Value) -> Value:
    """Along the main diagonal."""
    if isinstance(piece, tuple):
        return _turned(piece)
    up, left = patches.ulcorner(piece)
    return _moved(piece, lambda i, j: (j - left + up, i - up + left))


def cmirror(piece: Value) -> Value:
    """Along the other diagonal."""
    if isinstance(piece, tuple):
        return _turned(rot180(piece))
    return vmirror(dmirror(vmirror(piece)))


def trim(grid: Grid) -> Grid:
    return tuple(row[1:-1] for row in grid[1:-1])


def tophalf(grid: Grid) -> Grid:
    return grid[: len(grid) // 2]


def bottomhalf(grid: Grid) -> Grid:
    return grid[(len(grid) + 1) // 2 :]


def lefthalf(grid: Grid) -> Grid:
    return tuple(row[: len(row) // 2] for row in grid)


def righthalf(grid: Grid) -> Grid:
    return tuple(row[(len(row) + 1) // 2 :] for row in grid)


def compress(grid: Grid) -> Grid:
    columns = [j for j, column in enumerate(zip(*grid, strict=True)) if not _plain(column)]
    return tuple(tuple(row[j] for j in columns) for row in grid if not _plain(row))


def hupscale(grid: Grid, factor: int) -> Grid:
    room(len(grid) * len(grid[0]) * factor)
    return tuple(tuple(cell for cell in row for _ in range(factor)) for row in grid)


def vupscale(grid: Grid, factor: int) -> Grid:
    room(len(grid) * len(grid[0]) * factor)
    return tuple(row for row in grid for _ in range(factor))


def upscale(element: Value, factor: int) -> Value:
    if isinstance(element, tuple):
        return vupscale(hupscale(element, factor), factor)
    if not element:
        return element
    room(len(element) * factor * factor)
    scaled = frozenset(
        (colour, (factor * i + k, factor * j + m))
        for colour, (i, j) in patches.normalize(element)
        for k in range(factor)
        for m in range(factor)
    )
    return patches.shift(scaled, patches.ulcorner(element))


def downscale(grid: Grid, factor: int) -> Grid:
    return tuple(row[::factor] for row in grid[::factor])


def hconcat(left: Grid, right: Grid) -> Grid:
    return tuple(one + other for one, other in zip(left, right, strict=False))


def vconcat(above: Grid, below: Grid) -> Grid:
    return above + below


def hsplit(grid: Grid, parts: int) -> Value:
    return tuple(map(_turned, vsplit(_turned(grid), parts)))


def vsplit(grid: Grid, parts: int) -> Value:
    """From the top to the bottom."""
    size, left = divmod(len(grid), room(parts))
    step = size + (left != 0)
    return tuple(grid[i * step : i * step + size] for i in range(parts))
