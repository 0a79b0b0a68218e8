"""What is found in a file: the same things in all languages, with the names of what holds them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.search.outline import CLASSES, HOLDERS, Definition, outline, sections
from phloem.assist.search.skeleton import skeleton
from phloem.languages import LANGUAGES, by_name, for_path, name_for_path

SHAPES = {
    "python": ("class Circle:\n    '''Round.'''\n    def area(self):\n        return 1\n", "Circle.area"),
    "java": ("/** Round. */\npublic class Circle {\n  int area() { return 1; }\n}\n", "Circle.area"),
    "csharp": (
        "namespace N {\n/// <summary>Round.</summary>\nclass Circle { int Area() { return 1; } }\n}\n",
        "N.Circle.Area",
    ),
    "javascript": ("/** Round. */\nexport class Circle {\n  area() { return 1; }\n}\n", "Circle.area"),
    "typescript": (
        "/** Round. */\nexport abstract class Circle<T> {\n  area(): number { return 1; }\n}\n",
        "Circle.area",
    ),
    "tsx": ("/** Round. */\nclass Circle {\n  area() { return <b/>; }\n}\n", "Circle.area"),
    "go": (
        "package p\n\n// Round.\ntype Circle struct { r int }\n\nfunc (c *Circle) Area() int { return 1 }\n",
        "Circle.Area",
    ),
    "cpp": ("namespace n {\n// Round.\nclass Circle { public: int area() { return 1; } };\n}\n", "n.Circle.area"),
    "rust": ("/// Round.\nstruct Circle { r: u8 }\nimpl Circle { fn area(&self) -> u8 { 1 } }\n", "Circle.area"),
    "ruby": ("# Round.\nclass Circle\n  def area\n    1\n  end\nend\n", "Circle.area"),
    "php": ("<?php\n/** Round. */\nclass Circle { function area() { return 1; } }\n", "Circle.area"),
}

FIXTURES = sorted(
    file for file in (Path(__file__).parents[1] / "languages" / "fixtures").iterdir() if name_for_path(file) is not None
)


def found(source: str, language: str, path: str = "a/b.x") -> list[Definition]:
    known = by_name(language)
    definitions = outline(known.parse(source.encode()), known, path)
    assert outline(skeleton(source.encode(), known, HOLDERS[language]), known, path) == definitions
    return definitions


@pytest.mark.parametrize("language", SHAPES)
def test_a_class_and_its_method(language: str) -> None:
    source, qualified = SHAPES[language]
    definitions = found(source, language)
    of_class = [each for each in definitions if each.kind == "class"]
    methods = [each for each in definitions if each.kind == "method"]
    assert [each.name for each in of_class] == ["Circle"]
    assert of_class[0].doc == "Round."
    assert "Circle" in of_class[0].signature
    assert [each.qualified for each in methods] == [qualified]
    method = methods[0]
    assert source.encode()[method.start : method.end].decode().splitlines()[0] in source.splitlines()[method.line - 1]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.name)
def test_a_skeleton_has_the_outline_of_the_whole_tree_and_fewer_nodes(file: Path) -> None:
    source, language = file.read_bytes(), for_path(file)
    assert language is not None
    whole, pruned = language.parse(source), skeleton(source, language, HOLDERS[language.name])
    assert outline(pruned, language, file.name) == outline(whole, language, file.name)
    assert len(pruned.kind) < len(whole.kind)


def test_of_a_body_without_definitions_only_its_docstring_is_copied() -> None:
    def nodes(statements: int) -> int:
        body = "    # first\n    'Says.'\n" + "    x = f(x)  # so\n" * statements
        return len(skeleton(f"def f(x):\n{body}".encode(), by_name("python"), HOLDERS["python"]).kind)

    assert nodes(50) == nodes(1)
    (only,) = found("def f(x):\n    # first\n    ('Says.')  # so\n    x = 1\n", "python")
    assert only.doc == "Says."
    outer = "def f():\n    x = 1\n    # of g\n    def g():\n        'Inner.'\n        y = 2\n    return g\n"
    assert [(each.qualified, each.doc) for each in found(outer, "python")] == [("f", ""), ("f.g", "Inner.")]


def test_c_has_structs_and_functions() -> None:
    definitions = found("struct point { int x; };\nstruct point origin(void) { struct point p; return p; }\n", "c")
    assert [(each.kind, each.qualified) for each in definitions] == [("class", "point"), ("function", "origin")]


def test_cpp_methods_defined_outside_their_class() -> None:
    (only,) = found("int n::Circle::area() { return 1; }\n", "cpp")
    assert (only.kind, only.qualified.endswith("Circle.area") or only.qualified) == ("method", True)


def test_nested_functions_carry_the_names_around_them() -> None:
    source = "class A:\n    def f(self):\n        def g():\n            pass\n        return g\n"
    assert [(each.kind, each.qualified) for each in found(source, "python")] == [
        ("class", "A"),
        ("method", "A.f"),
        ("function", "A.f.g"),
    ]


def test_module_documentation_is_found_and_licences_are_not() -> None:
    (module,) = found('"""Shapes and areas."""\n', "python", "geometry/shapes.py")
    assert (module.kind, module.name, module.qualified) == ("module", "shapes", "geometry.shapes")
    (package,) = found('"""All of geometry."""\n', "python", "geometry/__init__.py")
    assert package.name == "geometry"
    assert found("// Copyright 2020 Someone. Licensed under MIT.\nlet a = 1;\n", "javascript") == []
    (header,) = found("/* Reads tables. */\n#include <a.h>\n", "c", "table.c")
    assert header.doc == "Reads tables."


def test_every_language_has_a_table() -> None:
    assert set(CLASSES) == set(LANGUAGES)


def test_sections_of_a_document() -> None:
    text = "# Tool\nIt helps.\n\n## Use\n```sh\n# not a heading\n```\n### Deep\n\n## Empty\n## Last\nEnd.\n"
    parts = sections(text.encode(), "docs/guide.md")
    assert [(each.name, each.qualified, each.line) for each in parts] == [
        ("Tool", "guide › Tool", 1),
        ("Use", "guide › Tool › Use", 4),
        ("Last", "guide › Tool › Last", 11),
    ]
    assert "# not a heading" in parts[1].doc


@given(st.text(max_size=200))
def test_no_document_breaks_the_sections(text: str) -> None:
    source = text.encode("utf-8", "replace")
    previous = 0
    for each in sections(source, "x.md"):
        assert previous <= each.start <= each.end <= len(source)
        previous = each.end


@pytest.mark.parametrize("language", SHAPES)
@given(cut=st.integers(0, 120), dirt=st.text(alphabet="{}()<>:;=\"'#/*\\ \n\tclass def", max_size=20))
def test_no_broken_code_breaks_the_outline(language: str, cut: int, dirt: str) -> None:
    source = SHAPES[language][0]
    broken = source[:cut] + dirt + source[cut:]
    for each in found(broken, language):
        assert 0 <= each.start < each.end <= len(broken.encode())
        assert 1 <= each.line <= each.end_line
