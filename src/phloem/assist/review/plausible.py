"""What a person could have meant: findings whose fix nobody can have had in mind are not reported.

The network learns from bugs that are put in at random, each operator of a class as likely as another, each variable of
a function too. So an operator that is rare in code (`%`, `^`) looks wrong wherever it stands: among injected bugs it is
many times as frequent as among those that people make. Rules say what the network cannot learn from such bugs:

- operators are mistaken for their neighbours only (`SLIPS`, close to the mutators of PIT, Coles et al. 2016, read from
  the mutant to the original): `<` for `<=`, `+` for `-`, hardly `%` for `*` or `>=` for `==`;
- `is` and `==` differ in a way that matters where one side is a literal;
- an operand that guards the other one against null is right: `x == null || x.done()`;
- a shift's operands are not swapped by mistake, nor is `"text" in names`;
- another variable is meant only where it can be read: within its scope, and behind a first assignment to it. In a
  function's own annotations and defaults, none of its variables can.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.functions import Nodes
from phloem.represent.bug_slots import OPERANDS, OPERATOR, VARIABLE, bindings

_ORDER, _EQUAL, _SHIFTS = frozenset({"<", "<=", ">", ">="}), frozenset({"==", "!="}), frozenset({"<<", ">>", ">>>"})
SLIPS = (
    frozenset("+-*/"), frozenset({"/", "//"}), frozenset({"//", "%"}),
    _ORDER, _EQUAL, frozenset({"===", "!=="}), frozenset({"is", "is not"}), frozenset({"in", "not in"}),
    frozenset({"and", "or"}), frozenset({"&&", "||"}), frozenset("&|"), _SHIFTS,
)  # fmt: skip
"""Operators that are mistaken for each other."""
_IDENTITY = (("is", "=="), ("is not", "!="))
_LITERAL = re.compile(r"""[rbufRBUF]{0,2}["']|-?\s*[0-9]|-?\.[0-9]""")
_NULL = r"(?:null|None|nullptr)"
_ABSENT = re.compile(rf"(?P<name>[\w.]+)\s*(?:===?|is)\s*{_NULL}|(?:not\s+|!)(?P<negated>[\w.]+)")
_PRESENT = re.compile(rf"(?P<name>[\w.]+)\s*(?:!==?|is\s+not)\s*{_NULL}|(?P<bare>[\w.]+)")
_BETWEEN = re.compile(r"&&|\|\||\band\b|\bor\b")
_COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
_SCOPES = {
    "python": frozenset({*_COMPREHENSIONS, "lambda", "function_definition"}),
    "java": frozenset({
        "block", "constructor_body", "switch_block", "for_statement", "enhanced_for_statement",
        "try_with_resources_statement", "catch_clause", "lambda_expression", "method_declaration",
        "constructor_declaration",
    }),
}  # fmt: skip
_DEFERRED = frozenset({"lambda", "function_definition", "lambda_expression", "method_declaration"})  # run later
_LOOPS = frozenset({"for_statement", "while_statement", "enhanced_for_statement", "do_statement"})
_ASSIGNMENTS = frozenset({"assignment", "variable_declarator", "named_expression", "resource"})
_DEFAULTS = frozenset({"default_parameter", "typed_default_parameter"})


def operator(present: str, meant: str, left: str, right: str) -> bool:
    """Whether one operator between two operands can have been written in place of another one.

    >>> operator("<", "<=", "i", "n"), operator("%", "*", "i", "2")
    (True, False)
    >>> operator("is", "==", "kind", "END"), operator("is", "==", "kind", "'end'")
    (False, True)
    >>> operator("or", "and", "x is None", "x.done"), operator("or", "and", "x is not None", "x.done")
    (False, True)
    """
    if (present, meant) in _IDENTITY or (meant, present) in _IDENTITY:
        return any(_LITERAL.match(each) for each in (left, right))
    if present in ("or", "||", "and", "&&") and _guards(left, right, present):
        return False
    return any(present in same and meant in same for same in SLIPS)


def _guards(left: str, right: str, present: str) -> bool:
    """Whether the right operand is safe to evaluate only for what the left one says."""
    pattern = _ABSENT if present in ("or", "||") else _PRESENT
    found = pattern.fullmatch(_BETWEEN.split(left)[-1].strip(" ()\n\t"))
    name = found and next(filter(None, found.groups()))
    return bool(name) and re.search(rf"(?<![\w.]){re.escape(str(name))}\s*[.\[]", right) is not None


def operands(between: str, left: str) -> bool:
    """Whether the operands of an operator can have been swapped.

    >>> operands("<", "1"), operands("<<", "1"), operands("in", "'a'"), operands("in", "a")
    (True, False, False, True)
    """
    if between in _SHIFTS:
        return False
    return not (between in ("in", "not in") and (_LITERAL.match(left) or left.startswith(("(", "[", "{"))))


def variable(example: Example, at: int, meant: str) -> bool:
    """Whether a name that is used at a byte of a function can stand for another variable of the function."""
    scopes = _SCOPES.get(example.language)
    if scopes is None:
        return True
    tree = example.tree
    nodes = Nodes(tree, by_name(example.language))
    leaf = int(np.flatnonzero((tree.start <= at) & (at < tree.end))[-1])  # in preorder the innermost is last
    inside = _above(nodes, leaf)
    if any(nodes.name(node) == "type" for node in inside) or _is_own_default(nodes, inside):
        return False
    return any(_visible(nodes, binding, at, inside, scopes) for binding in bindings(tree, example.language, meant))


def possible(example: Example, kind: int, spans: Sequence[int], meant: str) -> bool:
    """Whether a finding at a slot of a kind of `represent.bug_slots` is to be reported; `spans` are the bytes of the
    slot, of its left and of its right operand, as start and end, and `meant` what the network would have there."""
    here, left, right = (_text(example, *spans[i : i + 2]) for i in (0, 2, 4))
    if kind == VARIABLE:
        return variable(example, spans[0], meant)
    if kind == OPERATOR:
        return operator(here, meant, left, right)
    return kind != OPERANDS or operands(here, left)


def _text(example: Example, start: int, end: int) -> str:
    return " ".join(example.tree.source[start:end].decode("utf-8", "replace").split())


def _above(nodes: Nodes, node: int) -> list[int]:
    """A node and those that it lies in, up to the root."""
    found = [node]
    while (node := nodes.parent[node]) >= 0:
        found.append(node)
    return found


def _is_own_default(nodes: Nodes, inside: Sequence[int]) -> bool:
    """Whether the nodes, the innermost first, lead through a parameter's default to the outermost function."""
    functions = [i for i, node in enumerate(inside) if nodes.name(node) in _DEFERRED]
    below = inside[functions[-2] + 1 if len(functions) > 1 else 0 :]
    return any(nodes.name(node) in _DEFAULTS and nodes.field_name_is(child, "value") for child, node in pairwise(below))


def _visible(nodes: Nodes, binding: int, at: int, inside: Sequence[int], scopes: frozenset[str]) -> bool:
    """Whether what is bound at a node can be read at a byte, which lies in the nodes `inside`."""
    above = _above(nodes, binding)
    scope = next((node for node in above if nodes.name(node) in scopes), above[-1])
    if scope not in inside:
        return False
    if nodes.name(scope) in _COMPREHENSIONS:
        return True  # what is built stands before what it is built from
    for node in inside[: inside.index(scope)]:
        if nodes.name(node) in _DEFERRED or (node in above and _is_repeated(nodes, node, at)):
            return True  # evaluated later, or once more
    return _readable_from(nodes, above, scope) <= at


def _is_repeated(nodes: Nodes, node: int, at: int) -> bool:
    """Whether a node is a loop that evaluates what is at a byte in each round: all but what it iterates over."""
    if nodes.name(node) not in _LOOPS:
        return False
    over = max(nodes.child(node, "right"), nodes.child(node, "value"))
    return over < 0 or not nodes.start[over] <= at < nodes.end[over]


def _readable_from(nodes: Nodes, above: Sequence[int], scope: int) -> int:
    """The byte from which a binding, the first of `above`, can be read: behind the assignment, in the loop's body."""
    for child, node in pairwise(above):
        if nodes.name(node) in _ASSIGNMENTS:
            return int(nodes.end[node])
        if nodes.name(node) in _LOOPS and (body := nodes.child(node, "body")) not in (-1, child):
            return int(nodes.start[body])
        if node == scope:
            break
    return int(nodes.end[above[0]])
