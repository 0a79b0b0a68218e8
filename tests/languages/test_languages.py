"""The list of languages: names, extensions, laziness, pickling."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from phloem.errors import PhloemError
from phloem.languages import LANGUAGES, by_name, extensions, for_path, for_source, name_for_path


def test_languages_know_their_own_names_and_extensions() -> None:
    assert len(LANGUAGES) == 12
    for name, language in LANGUAGES.items():
        assert language.name == name
        assert language.extensions == extensions()[name]
        assert language.version.count(".") >= 1
        kinds = set(language.kinds)
        assert language.comment_kinds <= kinds
        assert language.identifier_kinds <= kinds
        assert language.string_kinds <= kinds


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.py", "python"),
        ("A.JAVA", "java"),
        ("x.h", "c"),
        ("x.hpp", "cpp"),
        ("x.tsx", "tsx"),
        ("x.d.ts", "typescript"),
        ("x.cs", "csharp"),
        ("x.mjs", "javascript"),
        ("README.md", None),
        ("py", None),
        ("", None),
    ],
)
def test_a_path_has_a_language(path: str, name: str | None) -> None:
    language = for_path(path)
    assert (language.name if language else None) == name
    assert name_for_path(path) == name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (b"int f(void);\n", "c"),
        (b"/* class of things\n namespace of names */\nint f(void);\n", "c"),
        (b'#ifdef __cplusplus\nextern "C" {\n#endif\n', "c"),
        (b"namespace a {\n}\n", "cpp"),
        (b"template <typename T> T f(T x);\n", "cpp"),
        (b"class A : public B {\n};\n", "cpp"),
        (b"struct A {\n public:\n  int x;\n};\n", "cpp"),
    ],
)
def test_a_header_that_can_only_be_cpp_is_cpp(source: bytes, name: str) -> None:
    language = for_source("a.h", source)
    assert language is not None
    assert language.name == name


def test_other_files_go_by_their_extension() -> None:
    language = for_source("a.c", b"namespace a {\n}\n")
    assert language is not None
    assert language.name == "c"
    assert for_source("a.txt", b"") is None


@pytest.mark.parametrize(
    ("spoken", "name"), [("C#", "csharp"), ("js", "javascript"), ("C++", "cpp"), (" Python ", "python")]
)
def test_names_as_people_write_them(spoken: str, name: str) -> None:
    assert by_name(spoken).name == name


def test_an_unknown_language_is_named_with_the_known_ones() -> None:
    with pytest.raises(PhloemError, match=r"unknown language 'cobol'; known: python, java"):
        by_name("cobol")
    with pytest.raises(KeyError):
        LANGUAGES["cobol"]


def test_listing_languages_imports_no_grammar() -> None:
    code = (
        "import sys, phloem.languages as l; list(l.LANGUAGES); l.name_for_path('a.py');"
        "assert not [m for m in sys.modules if m.startswith('tree_sitter') or m == 'numpy']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_language_travels_to_other_processes() -> None:
    language = by_name("go")
    language.parse(b"package a")
    assert pickle.loads(pickle.dumps(language)) is language
