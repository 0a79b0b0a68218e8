"""Input that nobody would call source code: nothing raises, nothing recurses, what parses is found."""

from __future__ import annotations

import numpy as np
import pytest

from phloem.languages import LANGUAGES, by_name
from phloem.languages.base import Language
from phloem.languages.tree import depths, error_count

DEEP = 10_000
FUNCTIONS = {  # a function of one line, named f, with one parameter x
    "python": b"def f(x): return x\n",
    "java": b"class A { int f(int x) { return x; } }\n",
    "csharp": b"class A { int f(int x) { return x; } }\n",
    "javascript": b"function f(x) { return x; }\n",
    "typescript": b"function f(x: number) { return x; }\n",
    "tsx": b"function f(x: number) { return x; }\n",
    "go": b"func f(x int) int { return x }\n",
    "c": b"int f(int x) { return x; }\n",
    "cpp": b"int f(int x) { return x; }\n",
    "rust": b"fn f(x: u8) -> u8 { x }\n",
    "ruby": b"def f(x) x end\n",
    "php": b"<?php function f($x) { return $x; }\n",
}


@pytest.fixture(params=list(LANGUAGES))
def language(request: pytest.FixtureRequest) -> Language:
    return by_name(request.param)


def names(language: Language, source: bytes) -> list[str]:
    return [function.name for function in language.functions(language.parse(source))]


@pytest.mark.parametrize(
    "source", [b"", b"\n", b"\x00", b"\xef\xbb\xbf", bytes(range(256)) * 20, b"\xff\xfe" + b"d\0e\0f\0"]
)
def test_no_source(language: Language, source: bytes) -> None:
    tree = language.parse(source)
    assert tree.source == source
    assert len(tree.kind) >= 1
    assert language.functions(tree) == []


def test_one_function(language: Language) -> None:
    (function,) = language.functions(language.parse(FUNCTIONS[language.name]))
    assert (function.name, function.parameters, function.line, function.end_line) == ("f", ("x",), 1, 1)


def test_bytes_that_are_no_text_in_comments_and_strings(language: Language) -> None:
    mark = b"#" if language.name in ("python", "ruby") else b"//"
    source = FUNCTIONS[language.name] + mark + b" \xff\xfe\x80 latin-1 \xe9\n"
    assert names(language, source) == ["f"]


@pytest.mark.parametrize("pattern", [b"(", b"((", b"[", b"{", b"f(", b"a.", b"-", b"if (", b"<a>", b"class A {"])
def test_deep_nesting_never_closed(language: Language, pattern: bytes) -> None:
    tree = language.parse(FUNCTIONS[language.name] + pattern * DEEP)
    assert depths(tree.parent).max() >= 1
    assert isinstance(language.functions(tree), list)


def test_deep_nesting_of_parentheses(language: Language) -> None:
    start = b"<?php " if language.name == "php" else b""
    tree = language.parse(start + b"x = " + b"(" * DEEP + b"1" + b")" * DEEP + b";\n")
    assert depths(tree.parent).max() >= DEEP
    assert error_count(tree) <= 1


def test_ten_thousand_functions_in_each_other() -> None:
    language = by_name("javascript")
    tree = language.parse(b"function f(x) {" * DEEP + b"}" * DEEP)
    functions = language.functions(tree)
    assert len(functions) == DEEP
    assert np.array_equal(np.diff([function.stop for function in functions]) <= 0, np.ones(DEEP - 1, bool))


def test_a_long_chain_of_operators(language: Language) -> None:
    start = b"<?php " if language.name == "php" else b""
    tree = language.parse(start + b"x = " + b"1 + " * DEEP + b"1;\n")
    assert depths(tree.parent).max() > 1


def test_many_comments_before_a_function() -> None:
    language = by_name("c")
    (function,) = language.functions(language.parse(b"// word\n" * 50_000 + b"int f(void) { return 1; }"))
    assert function.doc.count("word") == 50_000


def test_far_away_comments_are_not_read_for_every_function() -> None:
    source = b"/** Far away. */" + b" " * 100_000 + b"function f() {}\n" + b"function g() {}\n" * 1000
    found = by_name("javascript").functions(by_name("javascript").parse(source))
    assert {function.doc for function in found} == {""}
