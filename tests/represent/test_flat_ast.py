"""UniXcoder's flattened tree, and its inverse."""

from __future__ import annotations

import pytest
import tree_sitter

from phloem.errors import PhloemError
from phloem.languages import by_name
from phloem.represent.flat_ast import Branch, Marker, Symbol, flat_ast, unflatten, without_markers
from tests.represent.stdlib_functions import stdlib_functions

PYTHON = by_name("python")
GOLDEN = (
    "<module,left> <function_definition,left> def f <parameters,left> ( a ) <parameters,right> : <block,left> "
    "<return_statement,left> return <binary_operator,left> a + 1 <binary_operator,right> <return_statement,right> "
    "<block,right> <function_definition,right> <module,right>"
)


def nested(node: tree_sitter.Node) -> Branch | str:
    """The tree by recursion over tree-sitter's own nodes."""
    assert node.text is not None
    covered = b"".join(b"".join((child.text or b"").split()) for child in node.children)
    if not node.children or covered != b"".join(node.text.split()):
        return node.text.decode()
    return Branch(node.type, tuple(nested(child) for child in node.children))


def leaves(tree: Branch | str) -> list[str]:
    return [tree] if isinstance(tree, str) else [text for child in tree.children for text in leaves(child)]


@pytest.mark.row("S037", 1)
def test_the_module_of_one_function_is_22_symbols() -> None:
    symbols = flat_ast(PYTHON.parse(b"def f(a): return a + 1"), PYTHON)
    assert len(symbols) == 22
    assert " ".join(map(str, symbols)) == GOLDEN
    assert unflatten(symbols) == nested(PYTHON.parser.parse(b"def f(a): return a + 1").root_node)
    assert without_markers(symbols) == ["def", "f", "(", "a", ")", ":", "return", "a", "+", "1"]


@pytest.mark.row("S037", 1)
def test_the_tree_comes_back_for_a_thousand_functions() -> None:
    functions = stdlib_functions()
    escapes = formatted = 0
    for example in functions:
        source = example.tree.source
        whole = PYTHON.parse(source)
        symbols = flat_ast(whole, PYTHON)
        wanted = nested(PYTHON.parser.parse(source).root_node)
        assert unflatten(symbols) == wanted
        text = "".join(without_markers(symbols))
        assert "".join(text.split()) == "".join(source.decode().split()), "a character is lost"
        kinds = {PYTHON.kinds[kind] for kind in whole.kind.tolist() if kind < len(PYTHON.kinds)}
        escapes += "escape_sequence" in kinds
        formatted += "interpolation" in kinds
    assert len(functions) == 1000
    assert escapes >= 50
    assert formatted >= 50


@pytest.mark.row("S037", 1)
def test_text_between_children_is_kept() -> None:
    source = rb"x = 'a\nb'"
    assert r"a\nb" in flat_ast(PYTHON.parse(source), PYTHON)
    plain = leaves_of_parser(source)
    assert "a" not in "".join(plain).replace(r"\n", ""), "reading plain leaves loses the letters"


def leaves_of_parser(source: bytes) -> list[str]:
    tree = PYTHON.parse(source)
    inner = set(tree.parent.tolist())
    return [tree.text(node) for node in range(len(tree.kind)) if node not in inner]


@pytest.mark.parametrize(
    "name", ["java", "javascript", "c", "go", "rust", "ruby", "php", "cpp", "csharp", "typescript"]
)
def test_no_character_is_lost_in_any_language(name: str) -> None:
    source = b"<?php\n" if name == "php" else b""
    source += b'int f(int a) { /* why */ if (a > 1) { return g("x\\n y", a); } return `q` + 0x1F; } // end\n'
    language = by_name(name)
    text = "".join(without_markers(flat_ast(language.parse(source), language)))
    assert "".join(text.split()) == "".join(source.decode().split())


def test_leaves_that_look_like_markers_are_leaves() -> None:
    symbols: list[Symbol] = [Marker("t", "left"), "<t,right>", Marker("t", "right")]
    assert unflatten(symbols) == Branch("t", ("<t,right>",))


@pytest.mark.parametrize(
    "symbols",
    [
        [],
        ["a", "b"],
        [Marker("t", "left")],
        [Marker("t", "right")],
        [Marker("t", "left"), Marker("u", "right")],
    ],
)
def test_what_is_no_tree_is_refused(symbols: list[Symbol]) -> None:
    with pytest.raises(PhloemError):
        unflatten(symbols)
