"""The arrays of a tree against the parser's own objects and against slow, plain definitions."""

from __future__ import annotations

import ast
import textwrap

import numpy as np
import pytest
import tree_sitter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phloem.languages import LANGUAGES, by_name
from phloem.languages.tree import ERROR, MISSING, NAMED, Tree, cut, depths, error_count, subtree_stops

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = (
    "def class function fn func int return if else lambda end f x é 名 1 'a' \"b\" ( ) { } [ ] , : ; = + # // /* */ =>"
    " @ . -> < > ? ! <?php ` \\"
)
FRAGMENTS = st.sampled_from([*WORDS.split(), "\n", "\t"])
SOURCES = st.one_of(
    st.lists(FRAGMENTS, max_size=60).map(lambda parts: " ".join(parts).encode()),
    st.binary(max_size=200),
)
NAMES = st.sampled_from(list(LANGUAGES))


def in_preorder(root: tree_sitter.Node) -> list[tuple[tree_sitter.Node, int, str]]:
    """Every node with its parent's index and its field, by the parser's own children."""
    found: list[tuple[tree_sitter.Node, int, str]] = []
    waiting = [(root, -1, "")]
    while waiting:
        node, parent, field = waiting.pop()
        children = [
            (child, len(found), node.field_name_for_child(place) or "") for place, child in enumerate(node.children)
        ]
        found.append((node, parent, field))
        waiting.extend(reversed(children))
    return found


@UNTIMED
@given(NAMES, SOURCES)
def test_arrays_are_the_parsers_nodes_in_preorder(name: str, source: bytes) -> None:
    language = by_name(name)
    tree = language.parse(source)
    nodes = in_preorder(language.parser.parse(source).root_node)
    assert tree.parent.tolist() == [parent for _, parent, _ in nodes]
    assert tree.kind.tolist() == [node.kind_id for node, _, _ in nodes]
    assert list(zip(tree.start.tolist(), tree.end.tolist(), strict=True)) == [
        (node.start_byte, node.end_byte) for node, _, _ in nodes
    ]
    assert tree.flags.tolist() == [
        node.is_named * NAMED + node.is_error * ERROR + node.is_missing * MISSING for node, _, _ in nodes
    ]
    assert error_count(tree) == sum(node.is_error or node.is_missing for node, _, _ in nodes)
    assert [language.fields[field] for field in tree.field] == [field for _, _, field in nodes]


@UNTIMED
@given(st.integers(1, 80).flatmap(lambda n: st.tuples(*[st.integers(0, i) for i in range(n)])))
def test_stops_and_depths_are_what_they_say(choices: tuple[int, ...]) -> None:
    parents = [-1]
    for choice in choices:  # preorder: the next parent is the last node or one of its ancestors
        node = len(parents) - 1
        for _ in range(choice):
            node = parents[node] if parents[node] >= 0 else node
        parents.append(node)
    parent = np.array(parents, np.int32)
    descendants = [set() for _ in parents]
    depth = []
    for node in range(len(parents)):
        above, steps = parents[node], 0
        descendants[node].add(node)
        while above >= 0:
            descendants[above].add(node)
            above, steps = parents[above], steps + 1
        depth.append(steps)
    assert [set(range(node, stop)) for node, stop in enumerate(subtree_stops(parent).tolist())] == descendants
    assert depths(parent).tolist() == depth


@settings(UNTIMED, max_examples=50)
@given(NAMES, SOURCES)
def test_a_cut_is_the_subtree(name: str, source: bytes) -> None:
    tree = by_name(name).parse(source)
    stops = subtree_stops(tree.parent)
    for node in range(0, len(tree.kind), 7):
        part = cut(tree, node, int(stops[node]))
        assert part.source == source[tree.start[node] : tree.end[node]]
        assert part.parent[0] == -1
        assert part.field[0] == 0
        assert (part.start >= 0).all()
        assert (part.end <= len(part.source)).all()
        assert (part.parent[1:] < np.arange(1, len(part.parent))).all()
        for inner in range(len(part.kind)):
            assert part.text(inner) == tree.text(node + inner)
            assert part.kind[inner] == tree.kind[node + inner]


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "'a'", "f(x)", "x.y", "(lambda q: q)", "[i for i in x]"]),
    lambda inner: st.builds("({} + {})".format, inner, inner),
    max_leaves=5,
)
STATEMENTS = st.builds("{} = {}".format, st.sampled_from(["a", "b.c", "d[0]"]), EXPRESSIONS)


@st.composite
def python_functions(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(st.sampled_from(["get_name", "f", "__eq__", "größe", "AddAll"]))
    parameters = draw(st.sampled_from(["", "self", "a, b=1", "*args, **kwargs", "a: int, /, b, *, c: str = 'x'"]))
    prefix = draw(st.sampled_from(["", "async "]))
    body = draw(st.lists(STATEMENTS, min_size=1, max_size=3))
    if draw(st.booleans()):
        body.insert(
            0, draw(st.sampled_from(['"""Do it.\n\n    And more.\n    """', "'one'", "r'raw \\n'", "'esc \\n\\x41'"]))
        )
    if depth < 2 and draw(st.booleans()):
        body.append(draw(python_functions(depth + 1)))
    if depth < 2 and draw(st.booleans()):
        body.append("@decorated\n" + draw(python_functions(depth + 1)))
    return f"{prefix}def {name}({parameters}):\n" + textwrap.indent("\n".join(body), "    ")


@settings(UNTIMED, max_examples=30)
@given(st.lists(python_functions(), min_size=1, max_size=3).map("\n\n".join))
def test_python_functions_are_those_of_the_interpreter(text: str) -> None:
    language = by_name("python")
    tree = language.parse(text.encode())
    functions = language.functions(tree)
    defined = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    defined.sort(key=lambda node: node.lineno)
    assert [(f.name, f.line, f.end_line) for f in functions] == [(n.name, n.lineno, n.end_lineno) for n in defined]
    assert [f.doc for f in functions] == [(ast.get_docstring(n) or "").strip() for n in defined]
    for function, node in zip(functions, defined, strict=True):
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
        assert list(function.parameters) == [argument.arg for argument in named if argument is not None]


@settings(UNTIMED, max_examples=30)
@given(python_functions())
def test_the_source_of_a_cut_parses_to_the_same_tree(text: str) -> None:
    language = by_name("python")
    tree = language.parse(("class A:\n" + textwrap.indent(text, "    ")).encode())
    for function in language.functions(tree):
        part = cut(tree, function.node, function.stop)
        again = language.parse(part.source)  # a module around it
        assert again.kind[1:].tolist() == part.kind.tolist()
        assert again.start[1:].tolist() == part.start.tolist()


def test_fields_and_kinds_have_names() -> None:
    language = by_name("java")
    tree = language.parse(b"class A { int f() { return 1; } }")
    node = [language.kinds[kind] for kind in tree.kind].index("method_declaration")
    fields = {language.fields[tree.field[child]] for child in np.flatnonzero(tree.parent == node)}
    assert fields == {"type", "name", "parameters", "body"}


def test_a_mask_tells_a_kind_from_a_keyword() -> None:
    language = by_name("ruby")
    tree = language.parse(b"class A\nend\n")
    named = language.kind_mask(frozenset({"class"}))[tree.kind]
    assert named.sum() == 1
    assert sum(language.kinds[kind] == "class" for kind in tree.kind) == 2


@pytest.mark.parametrize("source", [b"x = 1\n", b"x = = 1\n", b"def f(:\n  pass\n"])
def test_errors_are_counted(source: bytes) -> None:
    tree: Tree = by_name("python").parse(source)
    assert (error_count(tree) > 0) == by_name("python").parser.parse(source).root_node.has_error
