"""CSG2D: drawings as unions and differences of circles and rotated rectangles (Kapur et al. 2024; Sharma et al. 2018).

    s -> (op s s) | (Circle r x y) | (Quad x y w h angle)      op -> + | -      number -> 0 … F      angle -> G … N

The canvas is 32 units wide. Numbers are doubled, a rectangle has its centre at (2x, 2y) and sides 2w and 2h, an angle
letter is a multiple of 45 degrees. A program is drawn as its tree says; the released code of the paper flattens the
tree to a list from left to right, so that `(- A (+ B C))` becomes (A - B) + C: `flatten=True` does the same.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from phloem.synthesis.tree_grammar import Production, Tree, TreeGrammar

UNITS, PIXELS = 32, 128
DIGITS, ANGLES = "0123456789ABCDEF", "GHIJKLMN"

Mask = Bool[np.ndarray, "pixels pixels"]


def grammar(levels: int = 16) -> TreeGrammar:
    """`levels` numbers, evenly spread over 0 … F: 16 are all."""
    numbers = tuple(Production((digit,)) for digit in DIGITS[:: 16 // levels])
    return TreeGrammar(
        "s",
        {
            "s": (Production(("binop",)), Production(("circle",)), Production(("quad",))),
            "binop": (Production(("(", "op", "s", "s", ")")),),
            "circle": (Production(("(", "Circle", "number", "number", "number", ")"), 1),),
            "quad": (Production(("(", "Quad", "number", "number", "number", "number", "angle", ")"), 1),),
            "op": (Production(("+",)), Production(("-",))),
            "number": numbers,
            "angle": tuple(Production((letter,)) for letter in ANGLES),
        },
    )


GRAMMAR = grammar()


@lru_cache(maxsize=8)
def _centres(pixels: int) -> tuple[Float[np.ndarray, "1 pixels"], Float[np.ndarray, "pixels 1"]]:
    """x and y of the middle of each pixel, in units."""
    middle = (np.arange(pixels) + 0.5) * (UNITS / pixels)
    return middle[None, :], middle[:, None]


def render(tree: Tree, rules: TreeGrammar = GRAMMAR, *, pixels: int = PIXELS, flatten: bool = False) -> Mask:
    """What is covered."""
    if not flatten:
        return _draw(tree, rules, pixels)
    canvas = np.zeros((pixels, pixels), bool)
    for shape, add in _flat(tree, rules, True):
        canvas = canvas | shape_mask(shape, rules, pixels) if add else canvas & ~shape_mask(shape, rules, pixels)
    return canvas


def _draw(tree: Tree, rules: TreeGrammar, pixels: int) -> Mask:
    if tree.symbol == "s":
        return _draw(tree.parts[0], rules, pixels)
    if tree.symbol != "binop":
        return shape_mask(tree, rules, pixels)
    operator, *sides = tree.parts
    left, right = (_draw(side, rules, pixels) for side in sides)
    return left | right if rules.tokens(operator) == ("+",) else left & ~right


def _flat(tree: Tree, rules: TreeGrammar, add: bool) -> list[tuple[Tree, bool]]:
    if tree.symbol == "s":
        return _flat(tree.parts[0], rules, add)
    if tree.symbol != "binop":
        return [(tree, add)]
    operator, left, right = tree.parts
    return _flat(left, rules, add) + _flat(right, rules, rules.tokens(operator) == ("+",))


def shape_mask(tree: Tree, rules: TreeGrammar, pixels: int) -> Mask:
    """One circle or rectangle."""
    x, y = _centres(pixels)
    words = [rules.tokens(part)[0] for part in tree.parts]
    numbers = [2 * DIGITS.index(word) for word in words if word in DIGITS]
    if tree.symbol == "circle":
        radius, cx, cy = numbers
        return (x - cx) ** 2 + (y - cy) ** 2 <= radius**2
    cx, cy, width, height = numbers
    turn = math.radians(45 * ANGLES.index(words[-1]))
    along = (x - cx) * math.cos(turn) + (y - cy) * math.sin(turn)
    across = (y - cy) * math.cos(turn) - (x - cx) * math.sin(turn)
    return (np.abs(along) <= width / 2) & (np.abs(across) <= height / 2)


def overlap(drawn: Mask, wanted: Mask) -> float:
    """The mean of the intersection over union of what is covered and of what is not; an empty union counts as 1."""
    scores = []
    for one, other in ((drawn, wanted), (~drawn, ~wanted)):
        union = np.count_nonzero(one | other)
        scores.append(np.count_nonzero(one & other) / union if union else 1.0)
    return sum(scores) / 2


SOLVED = 0.98


def solved(drawn: Mask, wanted: Mask) -> bool:
    return overlap(drawn, wanted) > SOLVED
