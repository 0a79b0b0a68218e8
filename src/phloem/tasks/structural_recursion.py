"""Structural recursion as a task for models that write: terms by recursion depth, and trees with their traversals.

Zhang et al., "Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion" (2024). Numbers
that are drawn uniformly have deep recursion hardly ever (depth d with probability 2^-d-1); a balanced sample has every
depth equally often. Training may leave depths out, or give them a share. A question is its term behind the function's
name; a term may also be written the other way round, the most significant bit first.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phloem.represent.completions import Pair, Symbols
from phloem.synthesis.languages import binary_successor, tree_traversal
from phloem.synthesis.languages.binary_successor import EVEN, ODD, ONE, Term
from phloem.synthesis.languages.tree_traversal import Branch, Order

IS = "="
VALUES = tuple("abcdefghijklmnopqrst")
OPERATORS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Mod": "%", "FloorDiv": "//", "Pow": "**"}
OTHER = {"Constant": "n", "Name": "v"}  # leaves of a formula; anything else is "e"
SYMBOLS = Symbols([ONE, EVEN, ODD, "s", IS, *tree_traversal.ORDERS, "(", ")", ".", *VALUES, *OPERATORS.values(), "op"])


@dataclass(frozen=True)
class Terms:
    """Terms of at most `longest` constructors; their depths are drawn from `depths`, and with the share `rare_share`
    from `rare`. Terms of `kept_out` are never drawn."""

    longest: int
    depths: tuple[int, ...]
    rare: tuple[int, ...] = ()
    rare_share: float = 0.0
    kept_out: frozenset[Term] = frozenset()

    def draw(self, rng: np.random.Generator) -> Term:
        """A depth, a length that it fits in, and what is behind: all uniform."""
        while True:
            among = self.rare if self.rare and rng.random() < self.rare_share else self.depths
            term = of_depth(rng, int(rng.choice(among)), self.longest)
            if term not in self.kept_out:
                return term


def of_depth(rng: np.random.Generator, depth: int, longest: int) -> Term:
    """A term of this depth. Raises ValueError where it doesn't fit."""
    if depth >= longest:
        raise ValueError(f"a term of depth {depth} has more than {longest} constructors")
    length = int(rng.integers(depth + 1, longest + 1))
    if length == depth + 1:
        return (*(ODD,) * depth, ONE)
    rest = rng.integers(0, 2, length - depth - 2)
    return (*(ODD,) * depth, EVEN, *(ODD if bit else EVEN for bit in rest), ONE)


def natural(rng: np.random.Generator, longest: int) -> Term:
    """The term of a number from 1 to 2^longest - 1, all equally likely."""
    return binary_successor.of_value(int(rng.integers(1, 2**longest)))


def tests(depths: Sequence[int], count: int, longest: int, seed: int) -> list[Term]:
    """`count` different terms, the depths in turn; fewer where there are not as many."""
    rng, found = np.random.default_rng(seed), dict[Term, None]()
    for turn in range(50 * count):
        if len(found) == count:
            break
        found[of_depth(rng, depths[turn % len(depths)], longest)] = None
    return list(found)


def question(term: Sequence[str], *, reverse: bool = False) -> list[int]:
    """`s term =` as ids."""
    return SYMBOLS.encode(["s", *(term[::-1] if reverse else term), IS])


def pair(term: Term, *, reverse: bool = False) -> Pair:
    """A term and its successor."""
    after = binary_successor.successor(term).term
    return question(term, reverse=reverse), SYMBOLS.encode(after[::-1] if reverse else after)


def draw_pairs(terms: Terms, *, reverse: bool = False) -> Callable[[np.random.Generator], Pair]:
    """A drawn term with its successor, a call."""
    return lambda rng: pair(terms.draw(rng), reverse=reverse)


def random_tree(rng: np.random.Generator, values: int) -> Branch | None:
    """A tree of so many values; how many are on the left is uniform."""
    if values == 0:
        return None
    left = int(rng.integers(values))
    value = VALUES[int(rng.integers(len(VALUES)))]
    return Branch(random_tree(rng, left), value, random_tree(rng, values - 1 - left))


def traversal_pair(tree: Branch | None, order: Order, steps: int | None = None) -> Pair:
    """A tree and its traversal, or the expression after so many steps of it."""
    begun = tree_traversal.begun(tree)
    asked = [order, *tree_traversal.linear(tree), IS]
    if steps is None:
        return SYMBOLS.encode(asked), SYMBOLS.encode(tree_traversal.normal(begun, order))
    after = tree_traversal.unfolded(begun, order, steps)
    return SYMBOLS.encode(asked), SYMBOLS.encode(tree_traversal.text(after, order))


def draw_traversals(order: Order, most: int, steps: int | None = None) -> Callable[[np.random.Generator], Pair]:
    """A tree of 1 to `most` values with its traversal, a call."""
    return lambda rng: traversal_pair(random_tree(rng, int(rng.integers(1, most + 1))), order, steps)


def formulas(most: int) -> Iterator[Branch]:
    """The arithmetic of Python's own library as trees of at most `most` values: operators in branches, constants and
    names as the values "n" and "v", anything else as "e", below."""
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        try:
            module = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.BinOp):
                tree = _formula(node)
                if tree_traversal.size(tree) <= most:
                    yield tree


def _formula(node: ast.expr) -> Branch:
    if not isinstance(node, ast.BinOp):
        return Branch(None, OTHER.get(type(node).__name__, "e"), None)
    operator = OPERATORS.get(type(node.op).__name__, "op")
    return Branch(_formula(node.left), operator, _formula(node.right))
