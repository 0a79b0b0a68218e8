import pytest

from phloem.assist.conventions import is_override, is_protocol_name, is_stub, written
from phloem.corpora.examples import examples_of
from phloem.languages import by_name


@pytest.mark.parametrize(
    ("language", "present", "expected"),
    [
        ("python", "f", "get_file_name"),
        ("python", "__f", "__get_file_name"),
        ("rust", "f", "get_file_name"),
        ("ruby", "f", "get_file_name"),
        ("c", "fooBar", "get_file_name"),
        ("java", "f", "getFileName"),
        ("javascript", "f", "getFileName"),
        ("typescript", "_f", "_getFileName"),
        ("tsx", "f", "getFileName"),
        ("php", "f", "getFileName"),
        ("csharp", "f", "GetFileName"),
        ("go", "Do", "GetFileName"),
        ("go", "do", "getFileName"),
        ("cpp", "do_it", "get_file_name"),
        ("cpp", "doIt", "getFileName"),
        ("cpp", "DoIt", "GetFileName"),
    ],
)
def test_names_are_written_as_the_language_does(language: str, present: str, expected: str) -> None:
    assert written(["get", "file", "name"], language, present) == expected


@pytest.mark.parametrize(
    ("language", "name", "is_one"),
    [
        ("python", "__init__", True),
        ("python", "setUp", True),
        ("python", "test_x", True),
        ("python", "visit_Name", True),
        ("python", "_", True),
        ("python", "load", False),
        ("python", "main_loop", False),
        ("java", "toString", True),
        ("java", "testIt", True),
        ("java", "testimony", False),
        ("go", "TestX", True),
        ("klingon", "load", False),
    ],
)
def test_names_that_are_called_by_their_spelling(language: str, name: str, is_one: bool) -> None:
    assert is_protocol_name(language, name) is is_one


def test_overrides_and_tests_are_told_by_their_heads() -> None:
    assert is_override(b"@Override public void f(")
    assert is_override(b"@typing.override\ndef f(")
    assert is_override(b"@Test void f(")
    assert is_override(b"public override int F(")
    assert not is_override(b"def overridden(")


@pytest.mark.parametrize(
    ("language", "source", "stub"),
    [
        ("python", "def f(x=lambda: 3): ...", True),
        ("python", "def f(x):\n    'Doc.'\n    # not yet\n    raise NotImplementedError('f')\n", True),
        ("python", "def f(x):\n    'Doc.'\n", True),
        ("python", "def f(x):\n    'Doc.'\n    return x\n", False),
        ("python", "def f(x):\n    raise ValueError(x)\n", False),
        ("java", "class A { void f() { /* none */ } }", True),
        ("java", 'class A { int f() { throw new UnsupportedOperationException("f"); } }', True),
        ("java", "class A { int f() { return 0; } }", False),
        ("rust", "fn f() -> u8 { todo!() }", True),
    ],
)
def test_a_body_that_does_nothing_is_a_stub(language: str, source: str, stub: bool) -> None:
    (example,) = examples_of(source.encode(), by_name(language))
    assert is_stub(example) is stub
