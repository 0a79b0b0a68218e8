"""Mutants of Python programs: small changes at one place each.

Liu et al., "Code Execution with Pre-trained Language Models" (2023, section 3.1): constants change by one or turn
around, arithmetic, relational and logical operators are swapped for others, `break` and `continue` change places,
bounds of slices are dropped, conditions are negated, statements are deleted. A mutant parses and differs from its
parent; whether it ends is for the one who runs it to see.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_RELATIONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def mutants(source: str, rng: np.random.Generator, most: int | None = None) -> list[str]:
    """Up to `most` different mutants, drawn from all places; [] for code that does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    parent = ast.unparse(tree)
    count = len(list(ast.walk(tree)))
    found: dict[str, None] = {}
    for place in rng.permutation(count).tolist():
        for _ in range(2):
            changed = copy.deepcopy(tree)
            node = list(ast.walk(changed))[place]
            if not _mutate(changed, node, rng):
                break
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text != parent and _parses(text):
                found.setdefault(text)
        if most is not None and len(found) >= most:
            break
    return list(found)[:most]


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _mutate(tree: ast.AST, node: ast.AST, rng: np.random.Generator) -> bool:
    """Change a node in place; False where nothing of it can be changed."""
    if isinstance(node, ast.Constant):
        return _constant(node, rng)
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, _ARITHMETIC):
        node.op = _other(_ARITHMETIC, node.op, rng)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], _RELATIONS):
        node.ops[0] = _other(_RELATIONS, node.ops[0], rng)
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.Slice) and (node.lower or node.upper):
        if node.lower and (not node.upper or rng.random() < 0.5):
            node.lower = None
        else:
            node.upper = None
    elif isinstance(node, ast.If | ast.While) and rng.random() < 0.5:
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.stmt):
        return _statement(tree, node)
    else:
        return False
    return True


def _constant(node: ast.Constant, rng: np.random.Generator) -> bool:
    value = node.value
    if isinstance(value, bool):
        node.value = not value
    elif isinstance(value, int):
        node.value = max(0, value + int(rng.choice([-1, 1, 2])))
    elif isinstance(value, str) and value:
        node.value = value[1:] + value[0]
    else:
        return False
    return True


def _other(known: tuple[type, ...], own: ast.AST, rng: np.random.Generator) -> Any:
    """Another operator of the same kind."""
    others = [kind for kind in known if not isinstance(own, kind)]
    return others[int(rng.integers(len(others)))]()


def _statement(tree: ast.AST, node: ast.stmt) -> bool:
    """`break` and `continue` change places; another statement that is not its block's only one is deleted."""
    for body in _bodies(tree):
        if node in body:
            if isinstance(node, ast.Break | ast.Continue):
                body[body.index(node)] = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
                return True
            if len(body) > 1:
                body.remove(node)
                return True
    return False


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block
