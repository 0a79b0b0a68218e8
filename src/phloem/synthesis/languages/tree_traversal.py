"""Traversals of binary trees by structural recursion, whole or step by step.

Zhang et al., "Transformer-Based Models Are Not Yet Perfect At Learning to Emulate Structural Recursion" (2024, section
3). A tree is a leaf or a branch of a left tree, a value and a right tree:

    .                       leaf
    ( left value right )    branch

    pre(( l v r )) = v pre(l) pre(r)      in(...) = in(l) v in(r)      post(...) = post(l) post(r) v

and nothing of a leaf.

An expression is a list of values and of calls that are left. One step unfolds the leftmost call; a leaf's call goes in
the same step as its branch, so that a tree of n values takes n steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from phloem.errors import PhloemError

OPEN, CLOSE, LEAF = "(", ")", "."
Order = Literal["pre", "in", "post"]
ORDERS: tuple[Order, ...] = ("pre", "in", "post")


class Branch(NamedTuple):
    """A branch; a leaf is None."""

    left: Branch | None
    value: str
    right: Branch | None


class Pending(NamedTuple):
    """A call that is left: the traversal of a branch."""

    branch: Branch


Expression = tuple[str | Pending, ...]


def linear(tree: Branch | None) -> list[str]:
    """The tree with brackets."""
    if tree is None:
        return [LEAF]
    return [OPEN, *linear(tree.left), tree.value, *linear(tree.right), CLOSE]


def parse(tokens: Sequence[str]) -> Branch | None:
    """The inverse. Raises PhloemError where tokens are no tree."""
    tree, end = _parse(tokens, 0)
    if end != len(tokens):
        raise PhloemError(f"{tokens[end]!r} follows a whole tree")
    return tree


def _parse(tokens: Sequence[str], at: int) -> tuple[Branch | None, int]:
    if at >= len(tokens) or tokens[at] not in (OPEN, LEAF):
        raise PhloemError("a tree begins with ( or .")
    if tokens[at] == LEAF:
        return None, at + 1
    left, at = _parse(tokens, at + 1)
    if at >= len(tokens) or tokens[at] in (OPEN, CLOSE, LEAF):
        raise PhloemError("a value stands between two trees")
    right, end = _parse(tokens, at + 1)
    if end >= len(tokens) or tokens[end] != CLOSE:
        raise PhloemError("a branch ends with )")
    return Branch(left, tokens[at], right), end + 1


def size(tree: Branch | None) -> int:
    """How many values a tree has."""
    return 0 if tree is None else 1 + size(tree.left) + size(tree.right)


def depth(tree: Branch | None) -> int:
    """How deep calls are nested."""
    return 0 if tree is None else 1 + max(depth(tree.left), depth(tree.right))


def unfolded(expression: Expression, order: Order, steps: int) -> Expression:
    """The expression after so many unfoldings of its leftmost call, or as many as there are."""
    for _ in range(steps):
        place = next((number for number, each in enumerate(expression) if isinstance(each, Pending)), None)
        if place is None:
            break
        expression = (*expression[:place], *_unfold(expression[place], order), *expression[place + 1 :])
    return expression


def _unfold(call: str | Pending, order: Order) -> Expression:
    assert isinstance(call, Pending)
    left, value, right = call.branch
    below = tuple(() if tree is None else (Pending(tree),) for tree in (left, right))
    if order == "pre":
        return (value, *below[0], *below[1])
    return (*below[0], value, *below[1]) if order == "in" else (*below[0], *below[1], value)


def begun(tree: Branch | None) -> Expression:
    """The expression of which no step is done."""
    return () if tree is None else (Pending(tree),)


def traversal(tree: Branch | None, order: Order) -> tuple[str, ...]:
    """The values in their order."""
    return normal(begun(tree), order)


def normal(expression: Expression, order: Order) -> tuple[str, ...]:
    """What an expression comes to: all calls reduced."""
    found: list[str] = []
    stack = list(reversed(expression))
    while stack:
        each = stack.pop()
        if isinstance(each, Pending):
            stack.extend(reversed(_unfold(each, order)))
        else:
            found.append(each)
    return tuple(found)


def text(expression: Expression, order: Order) -> list[str]:
    """An expression as tokens; a call is its order's name before the tree."""
    return [
        token
        for each in expression
        for token in ([order, *linear(each.branch)] if isinstance(each, Pending) else [each])
    ]


def read(tokens: Sequence[str], order: Order) -> Expression:
    """The inverse of `text`. Raises PhloemError where a call has no tree."""
    found: list[str | Pending] = []
    at = 0
    while at < len(tokens):
        if tokens[at] == order:
            tree, at = _parse(tokens, at + 1)
            found += begun(tree)
        else:
            found.append(tokens[at])
            at += 1
    return tuple(found)
