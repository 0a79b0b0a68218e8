"""Findings that nobody can have meant are left out: what stands where, in which scope, behind which assignment."""

import pytest

from phloem.assist.review.plausible import operator, possible, variable
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.bug_slots import OPERANDS, OPERATOR, slots_of


def function(source: str, language: str = "python") -> Example:
    return examples_of(source.encode(), by_name(language))[0]


@pytest.mark.parametrize(
    ("source", "meant", "can_be"),
    [
        ("def f(a, b):\n    return ?a + 1\n", "b", True),
        ("def f(a, b=1, c=?b):\n    return a\n", "a", False),  # a default is evaluated outside
        ("def f(a, b: ?a.B):\n    return a + b\n", "b", False),
        ("def f(a):\n    return ?a + sum(x for x in a)\n", "x", False),
        ("def f(a):\n    return [?a for x in a]\n", "x", True),
        ("def f(a):\n    b = g(?a)\n    return b\n", "b", False),  # not yet assigned
        ("def f(a):\n    b = 1\n    b = g(?a)\n    return b\n", "b", True),
        ("def f(a):\n    while a:\n        g(?a)\n        b = a\n    return b\n", "b", True),  # of the last round
        ("def f(a):\n    g(?a)\n    b = a\n    return b\n", "b", False),
        ("def f(a):\n    h = lambda: ?a\n    b = h\n    return b\n", "b", True),  # called later
        ("def f(a):\n    for b in ?a:\n        g(b)\n", "b", False),
        ("def f(a):\n    for b in a:\n        g(?a)\n", "b", True),
        ("def f(a):\n    h = lambda x: x\n    return h(?a)\n", "x", False),
        ("def f(a, b):\n    def g(x, y=?a):\n        return x\n    return g\n", "b", True),
        ("def f(a):\n    with g(a) as b:\n        return ?a\n", "b", True),
    ],
)
def test_a_variable_is_meant_where_it_can_be_read(source: str, meant: str, can_be: bool) -> None:
    at = source.index("?")
    assert variable(function(source.replace("?", "")), at, meant) is can_be


@pytest.mark.parametrize(
    ("body", "meant", "can_be"),
    [
        ("int b = 1; return ?a + b;", "b", True),
        ("if (a > 0) { int b = 1; } return ?a;", "b", False),
        ("for (int i = 0; i < ?a; i++) { g(i); } return a;", "i", True),
        ("for (int i = 0; i < a; i++) { g(i); } return ?a;", "i", False),
        ("int b = ?a; return b;", "b", False),
        ("for (int x : ?a) { g(x); } return a;", "x", False),
        ("for (int x : a) { g(?a); } return a;", "x", True),
        ("g(x -> x + 1); return ?a;", "x", False),
    ],
)
def test_scopes_of_java(body: str, meant: str, can_be: bool) -> None:
    source = f"int f(int a) {{ {body} }}"
    assert variable(function(source.replace("?", ""), "java"), source.index("?"), meant) is can_be


def judged(source: str, kind: int, meant: str, language: str = "python") -> bool:
    """Of the first slot of a kind."""
    example = function(source, language)
    [slot, *_] = [each for each in slots_of(example.tree, language).slots if each.kind == kind]
    tree = example.tree
    spans = [int(each[node]) for node in (slot.node, slot.left, slot.right) for each in (tree.start, tree.end)]
    return possible(example, kind, spans, meant)


@pytest.mark.parametrize(
    ("condition", "meant", "can_be"),
    [
        ("a < b", "<=", True),
        ("a <= b", "==", False),
        ("a % 2", "*", False),
        ("a + b", "-", True),
        ("a is b", "==", False),
        ("a is 'x'", "==", True),
        ("a is not b", "is", True),
        ("a is None or a.done", "and", False),
        ("a is None and a.done", "or", True),
        ("not a or a.done", "and", False),
        ("a and a[0]", "or", False),
        ("a or b", "and", True),
    ],
)
def test_operators_are_mistaken_for_their_neighbours(condition: str, meant: str, can_be: bool) -> None:
    assert judged(f"def f(a, b):\n    return {condition}\n", OPERATOR, meant) is can_be


def test_the_last_of_several_conditions_guards_the_next() -> None:
    assert not operator("and", "or", "b and a is not None", "a.done")
    assert not operator("&&", "||", "b && a != null", "a.done()")
    assert operator("&&", "||", "a != null && b", "a.done()")


@pytest.mark.parametrize(
    ("expression", "can_be"), [("a - b", True), ("1 << a", False), ("'x' in a", False), ("(a, b) in c", False)]
)
def test_operands_that_nobody_swaps(expression: str, can_be: bool) -> None:
    assert judged(f"def f(a, b, c):\n    return {expression}\n", OPERANDS, "") is can_be
