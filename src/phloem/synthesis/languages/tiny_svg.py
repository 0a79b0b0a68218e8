"""TinySVG: rectangles and ellipses, arranged side by side or moved, as pixels (Kapur et al. 2024).

    s -> (Rectangle w h fill stroke width) | (Ellipse w h fill stroke width)
       | (Arrange v|h s s gap) | (Move s x y negative-x negative-y)

Digits 0 … 9; sizes and offsets are multiples of 6 px, a stroke is half its number wide, a gap is in pixels. The
drawing is laid out by boxes: Arrange puts its second part below (v) or right of (h) the first, centred on the other
axis; Move shifts what is drawn but not the box. The whole is centred on a white canvas of 224 x 224. A Move counts as a
primitive, as shapes do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from phloem.synthesis.tree_grammar import Production, Tree, TreeGrammar

PIXELS, UNIT = 224, 6
COLOURS: dict[str, tuple[int, int, int] | None] = {
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "none": None,
}
SIGMA = 0.1  # of the Gaussian likelihood of a pixel, colours in [0, 1]


def _one_of(*tokens: str) -> tuple[Production, ...]:
    return tuple(Production((token,)) for token in tokens)


_SHAPE = ("digit", "digit", "colour", "colour", "digit", ")")
GRAMMAR = TreeGrammar(
    "s",
    {
        "s": _one_of("arrange", "rect", "ellipse", "move"),
        "arrange": (Production(("(", "Arrange", "direction", "s", "s", "digit", ")")),),
        "rect": (Production(("(", "Rectangle", *_SHAPE), 1),),
        "ellipse": (Production(("(", "Ellipse", *_SHAPE), 1),),
        "move": (Production(("(", "Move", "s", "digit", "digit", "boolean", "boolean", ")"), 1),),
        "direction": _one_of("v", "h"),
        "digit": _one_of(*"0123456789"),
        "colour": _one_of(*COLOURS),
        "boolean": _one_of("true", "false"),
    },
)

Picture = UInt8[np.ndarray, "pixels pixels 3"]


class Shape(NamedTuple):
    """A primitive with its middle and size in pixels, relative to the middle of the layout's box."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str
    stroke_width: float


class Layout(NamedTuple):
    width: float
    height: float
    shapes: tuple[Shape, ...]


def layout(tree: Tree) -> Layout:
    """The box of a drawing and its shapes, in the order they are painted."""
    if tree.symbol == "s":
        return layout(tree.parts[0])
    words = [GRAMMAR.tokens(part) for part in tree.parts]
    if tree.symbol == "arrange":
        return _arranged(words[0] == ("v",), layout(tree.parts[1]), layout(tree.parts[2]), int(words[3][0]))
    if tree.symbol == "move":
        inner = layout(tree.parts[0])
        x, y = (UNIT * int(word[0]) for word in words[1:3])
        x, y = (-x if words[3] == ("true",) else x), (-y if words[4] == ("true",) else y)
        return inner._replace(shapes=tuple(s._replace(x=s.x + x, y=s.y + y) for s in inner.shapes))
    width, height = (float(UNIT * int(word[0])) for word in words[:2])
    kind = "ellipse" if tree.symbol == "ellipse" else "rectangle"
    shape = Shape(kind, 0.0, 0.0, width, height, words[2][0], words[3][0], int(words[4][0]) / 2)
    return Layout(width, height, (shape,))


def _arranged(vertical: bool, first: Layout, second: Layout, gap: int) -> Layout:
    if vertical:
        width, height = max(first.width, second.width), first.height + gap + second.height
        offsets = ((0.0, (first.height - height) / 2), (0.0, (height - second.height) / 2))
    else:
        width, height = first.width + gap + second.width, max(first.height, second.height)
        offsets = (((first.width - width) / 2, 0.0), ((width - second.width) / 2, 0.0))
    shapes = [
        shape._replace(x=shape.x + x, y=shape.y + y)
        for part, (x, y) in zip((first, second), offsets, strict=True)
        for shape in part.shapes
    ]
    return Layout(width, height, tuple(shapes))


@lru_cache(maxsize=4)
def _centres(pixels: int) -> tuple[Float[np.ndarray, "1 pixels"], Float[np.ndarray, "pixels 1"]]:
    middle = (np.arange(pixels) + 0.5) * (PIXELS / pixels) - PIXELS / 2
    return middle[None, :], middle[:, None]


def render(tree: Tree, *, pixels: int = PIXELS) -> Picture:
    """The painted canvas; fewer pixels draw the same canvas coarser."""
    x, y = _centres(pixels)
    canvas = np.full((pixels, pixels, 3), 255, np.uint8)
    for shape in layout(tree).shapes:
        dx, dy = x - shape.x, y - shape.y
        half = shape.stroke_width / 2
        for colour, inside in (
            (COLOURS[shape.fill], _inside(shape, dx, dy, 0.0)),
            (COLOURS[shape.stroke], _inside(shape, dx, dy, half) & ~_inside(shape, dx, dy, -half)),
        ):
            if colour is not None and (shape.width and shape.height):
                canvas[inside] = colour
    return canvas


def _inside(shape: Shape, dx: np.ndarray, dy: np.ndarray, grown: float) -> Bool[np.ndarray, "pixels pixels"]:
    """Which pixels lie in the shape, grown by so much on all sides."""
    across, down = shape.width / 2 + grown, shape.height / 2 + grown
    if across <= 0 or down <= 0:
        return np.zeros(np.broadcast_shapes(dx.shape, dy.shape), bool)
    if shape.kind == "rectangle":
        return (dx >= -across) & (dx < across) & (dy >= -down) & (dy < down)
    return (dx / across) ** 2 + (dy / down) ** 2 <= 1


def likelihood(drawn: Picture, wanted: Picture) -> float:
    """The Gaussian likelihood of the picture, per pixel and colour, relative to that of an equal one: 1 is equal."""
    gap = (drawn.astype(np.float64) - wanted) / 255
    most = -0.5 * np.log(2 * np.pi * SIGMA**2)
    return float(1 - (0.5 * gap**2 / SIGMA**2).mean() / most)


SOLVED = 0.99


def solved(drawn: Picture, wanted: Picture) -> bool:
    return likelihood(drawn, wanted) >= SOLVED
