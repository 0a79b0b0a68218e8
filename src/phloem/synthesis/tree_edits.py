"""Small edits of syntax trees: the noise of tree diffusion, and paths of edits from one program to another.

Kapur, Jenner, Russell: Diffusion On Syntax Trees For Program Synthesis (2024), section 3. σ is the number of
primitives in a tree. Noise replaces a sub-tree with σ <= 2 by a random one of the same non-terminal. What a model
learns is not the inverse of the last mutation but the first step of a path to the target: `find_path` compares two
trees from the root; where they differ, the target's sub-tree is put in if it has at most two primitives, else a fresh
one of two that is nearer to it, so that big trees are built by several small edits.

An edit replaces the tokens from `start` to `end`. Edits of different places commute when shifted through each other.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from phloem.synthesis.tree_grammar import Tokens, Tree, TreeGrammar

SMALL = 2  # primitives of a sub-tree that one edit may put in or take away
MOST_ROUNDS = 50
MOST_TRIES = 100


class Edit(NamedTuple):
    start: int
    end: int
    tokens: Tokens

    def apply(self, program: Tokens) -> Tokens:
        return (*program[: self.start], *self.tokens, *program[self.end :])

    def reverse(self, program: Tokens) -> Edit:
        """What undoes the edit of `program`."""
        return Edit(self.start, self.start + len(self.tokens), program[self.start : self.end])

    def after(self, other: Edit) -> Edit | None:
        """The same edit in a program where `other` was made before; None if they touch the same tokens."""
        if self.end <= other.start:
            return self
        if self.start < other.end:
            return None
        by = len(other.tokens) - (other.end - other.start)
        return self._replace(start=self.start + by, end=self.end + by)


def mutate(grammar: TreeGrammar, tree: Tree, rng: Random) -> tuple[Edit, Tree]:
    """One random small edit, and the tree after it: a size σ <= SMALL that occurs, a sub-tree of this size, and in its
    place another one of the same non-terminal."""
    by_size: dict[int, list[tuple[int, int, Tree]]] = {}
    for start, (end, part) in grammar.editable(tree).items():
        size = grammar.primitives(part)
        if size <= SMALL:
            by_size.setdefault(size, []).append((start, end, part))
    while True:
        start, end, part = rng.choice(by_size[rng.choice(sorted(by_size))])
        low, high = grammar.fewest[part.symbol], min(SMALL, grammar.most[part.symbol])
        for _ in range(MOST_TRIES):
            new = grammar.sample(rng, rng.randint(low, high), part.symbol)
            if new != part:
                return Edit(start, end, grammar.tokens(new)), grammar.replaced(tree, part, new)


def noised(grammar: TreeGrammar, tree: Tree, steps: int, rng: Random) -> Tree:
    for _ in range(steps):
        _, tree = mutate(grammar, tree, rng)
    return tree


def skipped(grammar: TreeGrammar, tree: Tree) -> Tree:
    """Down a chain of productions that are one non-terminal: their names say nothing more."""
    while len(tree.parts) == 1 and len(grammar.production(tree).symbols) == 1:
        tree = tree.parts[0]
    return tree


def differences(grammar: TreeGrammar, tree: Tree, target: Tree, rng: Random) -> list[Edit]:
    """One round: edits of disjoint places that bring the tree nearer to the target."""
    found: list[Edit] = []

    def compare(one: Tree, other: Tree, start: int) -> None:
        left, right = skipped(grammar, one), skipped(grammar, other)
        if (left.symbol, left.choice) == (right.symbol, right.choice):
            parts = iter(zip(left.parts, right.parts, strict=True))
            for symbol in grammar.production(left).symbols:
                if symbol in grammar.rules:
                    inner, wanted = next(parts)
                    compare(inner, wanted, start)
                    start += len(grammar.tokens(inner))
                else:
                    start += 1
            return
        new = other
        if grammar.primitives(other) > SMALL:
            new = tightened(grammar, grammar.sample(rng, SMALL, other.symbol), other)
        found.append(Edit(start, start + len(grammar.tokens(one)), grammar.tokens(new)))

    compare(tree, target, 0)
    return found


def tightened(grammar: TreeGrammar, tree: Tree, target: Tree) -> Tree:
    """The tree with the target's parts that have no primitives (operators, numbers), where the two have one shape."""
    if (tree.symbol, tree.choice) != (target.symbol, target.choice):
        return tree
    parts = [
        wanted
        if not grammar.primitives(wanted) and not grammar.primitives(inner)
        else tightened(grammar, inner, wanted)
        for inner, wanted in zip(tree.parts, target.parts, strict=True)
    ]
    return tree._replace(parts=tuple(parts))


def find_path(grammar: TreeGrammar, tree: Tree, target: Tree, rng: Random) -> list[Edit] | None:
    """Edits that lead from one tree to the other, each relative to the program that the ones before it made; within a
    round larger edits first. None after MOST_ROUNDS rounds."""
    path: list[Edit] = []
    program, wanted = grammar.tokens(tree), grammar.tokens(target)
    for _ in range(MOST_ROUNDS):
        if program == wanted:
            return path
        edits = differences(grammar, grammar.parse(program), target, rng)
        edits.sort(key=lambda edit: (-len(edit.tokens), edit.start))
        while edits:
            edit = edits.pop(0)
            path.append(edit)
            program = edit.apply(program)
            edits = [moved for other in edits if (moved := other.after(edit))]
    return path if program == wanted else None
