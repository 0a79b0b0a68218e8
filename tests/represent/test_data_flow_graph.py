"""Data flow graphs: the published example, the released oddities, and the careful reading for people."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.data_flow_graph import data_flow

MAX = """def max(a, b):
    x = 0
    if b > a:
        x = b
    else:
        x = a
    return x
"""


def whole(source: str, language: str = "python") -> Example:
    return Example(language, "", "", "", "", by_name(language).parse(source.encode()), name_node=-1)


def numbered(source: str, language: str = "python", careful: bool = False) -> set[tuple[int, int]]:
    """Edges as pairs of token numbers."""
    graph = data_flow(whole(source, language), careful=careful)
    return {(int(graph.nodes[i]), int(graph.nodes[j])) for i, j in graph.edges}


def told(source: str, language: str = "python") -> set[str]:
    """Edges of the careful reading as text with lines, e.g. "x2 <- y1"."""
    example = whole(source, language)
    graph = data_flow(example, careful=True)
    nodes = graph.tokens[graph.nodes]
    lines = [source.encode()[: example.tree.start[node]].count(b"\n") + 1 for node in nodes]
    names = [f"{example.tree.text(node)}{line}" for node, line in zip(nodes, lines, strict=True)]
    return {f"{names[i]} <- {names[j]}" for i, j in graph.edges}


@pytest.mark.row("S070", 1)
def test_the_published_example():
    graph = data_flow(whole(MAX))
    assert len(graph.tokens) == 26
    assert graph.nodes.tolist() == [3, 5, 8, 10, 12, 14, 16, 18, 21, 23, 25]
    want = {(8, 10), (12, 5), (14, 3), (16, 18), (18, 5), (21, 23), (23, 3), (25, 16), (25, 21)}
    assert numbered(MAX) == want
    assert {(int(graph.nodes[i]), int(graph.nodes[j])) for i, j in graph.edges[graph.computed]} == {
        (8, 10),
        (16, 18),
        (21, 23),
    }
    assert numbered(MAX, careful=True) == want


@pytest.mark.parametrize(
    ("language", "source", "want"),
    [
        # read with the released extractor; numbers are tokens
        ("python", "x = 1\nx += y\nz = x\n", {(0, 2), (3, 5), (6, 8), (8, 3)}),
        ("python", "a.b = c.d\n", {(0, 4), (2, 6)}),
        ("python", "a, b = b, a\n", {(0, 4), (2, 6)}),
        ("python", "for i in x:\n    y = y + i\n", {(1, 3), (3, 3), (5, 7), (5, 9), (7, 5), (9, 1)}),
        ("python", "y = [q for q in z]\n", {(0, 3), (0, 5), (0, 7), (3, 5), (5, 7)}),
        ("java", "class A { void f() { int i = 0; i++; } }", {(9, 11), (13, 13)}),
    ],
)
def test_oddities_of_the_release_are_kept(language, source, want):
    assert numbered(source, language) == want


def test_careful_python():
    found = told(
        "def f(a, b=1):\n"
        "    total = 0\n"
        "    for x in a:\n"
        "        total += x * b\n"
        "        if x:\n"
        "            return f'{total}'\n"
        "    try:\n"
        "        y = g(total)\n"
        "    except E as e:\n"
        "        y = e\n"
        "    while (n := y.size):\n"
        "        y = y.next(size=n)\n"
        "    a.y[0] = y\n"
        "    return a\n"
    )
    assert {"total4 <- total4", "total4 <- total2", "total4 <- x4", "total4 <- b4", "total6 <- total4"} <= found
    assert {"total8 <- total2", "total8 <- total4", "y11 <- y8", "y11 <- y10", "y11 <- y12"} <= found
    assert {"n11 <- y11", "n12 <- n11", "y12 <- n12", "a13 <- a1", "a13 <- y13", "a14 <- a13"} <= found
    assert not any(edge.startswith(("g", "size", "next", "f1")) or "size" in edge for edge in found)


def test_careful_java_and_c():
    java = told(
        "class A { int f(int a) {\n"
        "int t;\n"
        "if (a > 1) t = 1; else if (a > 2) t = 2; else throw new E(a);\n"
        "for (int j = 0; j < a; j++) { t += j; }\n"
        "this.size = t;\n"
        "return t; } }",
        "java",
    )
    assert {"t4 <- t3", "t4 <- j4", "j4 <- j4", "t5 <- t4", "t6 <- t3", "t6 <- t4", "t3 <- 13", "t3 <- 23"} <= java
    assert not {"t4 <- t2", "t6 <- t2"} & java, "each branch assigns or leaves"
    c = told(
        "int f(struct s *p, int n) {\n"
        "int i, *q = &n;\n"
        "for (i = 0; i < n; ++i) p->x[i] = *q;\n"
        "do { n--; } while (n > 0);\n"
        "return g(p, n); }",
        "c",
    )
    assert {"p3 <- p1", "p3 <- q3", "q2 <- n2", "n4 <- n4", "p5 <- p3", "p5 <- p1", "n5 <- n4", "i3 <- i3"} <= c
    assert "n5 <- n1" not in c, "the body of do … while runs"


def test_what_is_inside_a_function_stays_there():
    found = told("x = 1\ndef f(x):\n    y = x\n    return y\nz = [x for x in w]\nprint(x, y)\n")
    assert "x3 <- x2" in found
    assert "x3 <- x1" not in found
    assert "x6 <- x1" in found
    assert not any(edge.startswith("y6") for edge in found)


def test_other_languages_are_refused():
    with pytest.raises(PhloemError, match="python, java, c, not in go"):
        data_flow(whole("package a", "go"))


@pytest.mark.parametrize("careful", [False, True])
def test_hostile_nesting_takes_neither_the_stack_nor_for_ever(careful):
    deep = "".join(f"{' ' * i}while x{i}:\n" for i in range(40)) + " " * 40 + "x0 = x1\n"
    assert len(data_flow(whole(deep), careful=careful).edges) > 0
    brackets = "x = " + "(" * 3000 + "y" + ")" * 3000 + "\n"
    assert len(data_flow(whole(brackets), careful=careful).edges) == 1
    many = "if a:\n    x = a\n" * 3000 + "y = x\n"
    graph = data_flow(whole(many), careful=careful)
    assert (np.bincount(graph.edges[:, 0]) <= 64).all(), "so many definitions of a name are remembered"


@given(
    st.lists(
        st.sampled_from(["a = b", "b = a", "c = a + b", "if c:", "while a:", "d = [c]", "a, b = c, d"]), max_size=12
    )
)
def test_every_edge_begins_at_a_variable_and_nodes_are_in_order(lines):
    source, depth = "", 0
    for line in lines:
        source += "    " * depth + line + "\n"
        depth += line.endswith(":")
    source += "    " * depth + "e = d\n"
    for careful in (False, True):
        example = whole(source)
        graph = data_flow(example, careful=careful)
        texts = [example.tree.text(graph.tokens[node]) for node in graph.nodes]
        assert np.array_equal(graph.nodes, np.unique(graph.nodes))
        assert set(texts) <= set("abcde")
        assert set(np.unique(graph.edges).tolist()) == set(range(len(graph.nodes)))
        for (reader, source_), computed in zip(graph.edges.tolist(), graph.computed.tolist(), strict=True):
            assert computed or texts[reader] == texts[source_]
