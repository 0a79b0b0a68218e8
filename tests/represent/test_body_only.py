"""A function's body without signature and returns."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.represent.body_only import body_only

PYTHON = by_name("python")


def body(source: str) -> str:
    one = examples_of(source.encode(), PYTHON)[0]
    return body_only(one.tree, without=one.doc_span)


@pytest.mark.row("S017", 4)
def test_the_signature_and_the_return_are_gone() -> None:
    assert body("def f(x): y=x+1; return y\n") == "y=x+1"
    assert body("def f(x):\n    y = x + 1\n    return y\n") == "y = x + 1"


@pytest.mark.row("S017", 4)
def test_nested_returns_are_gone_and_the_rest_parses() -> None:
    found = body(
        "def f(x):\n    if x:\n        return 1\n    elif x > 2:\n        y = 2\n        return (\n"
        "            y\n        )\n"
        "    else:\n        return\n    for z in x:\n        if z: return z\n        print(z)\n"
    )
    expected = "if x:\n    pass\nelif x > 2:\n    y = 2\nelse:\n    pass\nfor z in x:\n    if z: pass\n    print(z)"
    assert ast.dump(ast.parse(found)) == ast.dump(ast.parse(expected))
    assert "return" not in found


@pytest.mark.row("S017", 4)
def test_a_body_left_empty_is_pass() -> None:
    assert body("def f(x): return x\n") == "pass"
    assert body('def f(x):\n    """Say it."""\n    return x\n').strip() in ("pass", '"""Say it."""\npass')
    assert "Say it" not in body('def f(x):\n    """Say it."""\n    y = 1\n    return x\n')


STATEMENTS = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["y = 1", "return", "return x + 1", "print(x)", "a = 1; return a", "return x; b = 2"]),
        st.tuples(st.sampled_from(["if x:", "for q in x:", "while x:", "with x as w:", "def inner(z):"]), BLOCK),
        st.tuples(st.just("try:"), BLOCK, BLOCK),
    )
)
BLOCK = st.lists(STATEMENTS, min_size=1, max_size=3)


def written(block: list, indent: str) -> str:  # type: ignore[type-arg]
    lines = []
    for one in block:
        if isinstance(one, str):
            lines.append(f"{indent}{one}\n")
        else:
            lines.append(f"{indent}{one[0]}\n{written(one[1], indent + '    ')}")
            if len(one) == 3:
                lines.append(f"{indent}finally:\n{written(one[2], indent + '    ')}")
    return "".join(lines)


@pytest.mark.row("S017", 4)
@settings(max_examples=60, deadline=None)
@given(BLOCK)
def test_what_is_left_is_the_function_without_its_returns(block: list) -> None:  # type: ignore[type-arg]
    source = "def f(x):\n" + written(block, "    ")

    class Without(ast.NodeTransformer):
        def visit_Return(self, node: ast.Return) -> None:
            return None

        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            for name in ("body", "orelse", "finalbody"):
                if before.get((id(node), name)) and not getattr(node, name):
                    setattr(node, name, [ast.Pass()])
            return node

    tree = ast.parse(source)
    before = {
        (id(node), name): bool(getattr(node, name, None))
        for node in ast.walk(tree)
        for name in ("body", "orelse", "finalbody")
    }
    function = Without().visit(tree).body[0]
    expected = ast.Module(function.body, [])
    assert ast.dump(ast.parse(body(source))) == ast.dump(expected)
