import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.docstrings import insert
from phloem.assist.findings import replace_file
from phloem.errors import PhloemError
from phloem.languages import by_name


def everywhere(source: bytes, language: str = "python", text: str = "Does it.") -> bytes:
    """The source with `text` for every function."""
    known = by_name(language)
    tree = known.parse(source)
    return insert(source, language, {int(tree.start[each.node]): text for each in known.functions(tree)}).source


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"def f():\n    return 1\n", b'def f():\n    """Does it."""\n    return 1\n'),
        (b"def f(): pass\n", b'def f():\n    """Does it."""\n    pass\n'),
        (b"def f(): \\\n  return 1\n", b'def f():\n    """Does it."""\n    return 1\n'),
        (b"def f(): return 1; x = 2  # why", b'def f():\n    """Does it."""\n    return 1; x = 2  # why'),
        (b"class A:\n\tdef f(self): pass\n", b'class A:\n\tdef f(self):\n\t\t"""Does it."""\n\t\tpass\n'),
        (b"def f():\r\n  return 1\r\n", b'def f():\r\n  """Does it."""\r\n  return 1\r\n'),
        (b"\xef\xbb\xbfdef f(): pass", b'\xef\xbb\xbfdef f():\n    """Does it."""\n    pass'),
        (b"\xef\xbb\xbfdef f():\n  pass\n", b'\xef\xbb\xbfdef f():\n  """Does it."""\n  pass\n'),
        (
            b"@a\n@b(1)\nasync def f(x: int = {1: 2}[1],\n  *y) -> int:  # note\n\n    # first\n    return x\n",
            b"@a\n@b(1)\nasync def f(x: int = {1: 2}[1],\n  *y) -> int:  # note\n\n    # first\n"
            b'    """Does it."""\n    return x\n',
        ),
        (b"def f(x): return {\n 1: 2}\n", b'def f(x):\n    """Does it."""\n    return {\n 1: 2}\n'),
        (b'def f():\n    "Is there."\n    return 1\n', b'def f():\n    "Is there."\n    return 1\n'),
    ],
)
def test_python(before: bytes, after: bytes) -> None:
    assert everywhere(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"class A {\n\t@Override\n\tpublic int f() { return 1; }\n}\n",
            b"class A {\n\t/** Does it. */\n\t@Override\n\tpublic int f() { return 1; }\n}\n",
        ),
        (b"class A { int f() { return 1; } }", b"class A { /** Does it. */ int f() { return 1; } }"),
        (b"class A {\r\n  int f() {}\r\n}\r\n", b"class A {\r\n  /** Does it. */\r\n  int f() {}\r\n}\r\n"),
        (b"class A {\n /** Is there. */\n int f() {} }", b"class A {\n /** Is there. */\n int f() {} }"),
    ],
)
def test_java(before: bytes, after: bytes) -> None:
    assert everywhere(before, "java") == after


def test_nested_functions_each_get_theirs() -> None:
    done = everywhere(b"def f():\n    def g(): return 1\n    class A:\n        def h(self):\n            return g\n")
    documented = {
        node.name: ast.get_docstring(node) for node in ast.walk(ast.parse(done)) if isinstance(node, ast.FunctionDef)
    }
    assert documented == {"f": "Does it.", "g": "Does it.", "h": "Does it."}


def test_a_source_that_would_change_is_refused() -> None:
    with pytest.raises(PhloemError, match="left as it is"):
        everywhere(b"def f(): \\\n  return 1\nx = f\\\n()\n", text="*/ \n  x")
    with pytest.raises(PhloemError, match="not for ruby"):
        insert(b"def f; end", "ruby", {0: "x"})


def test_a_text_that_cannot_be_written_does_not_keep_other_functions_from_theirs() -> None:
    source = b"def f():\n    return 1\n\ndef g():\n    return 2\n\ndef h():\n    return 3\n"
    done = insert(source, "python", {0: "Does it.", source.index(b"def g"): " \n x", source.index(b"def h"): "Too."})
    assert done.source == source.replace(b"    return 1", b'    """Does it."""\n    return 1').replace(
        b"    return 3", b'    """Too."""\n    return 3'
    )
    assert (sorted(done.starts), done.refused) == ([0, source.index(b"def h")], 1)


def test_an_empty_docstring_is_one() -> None:
    source = b'def f():\n    ""\n    return 1\n\ndef g():\n    return 2\n'
    assert everywhere(source) == source.replace(b"    return 2", b'    """Does it."""\n    return 2')


BODIES = st.sampled_from(
    [
        "pass",
        "return [\n1]",
        "x = '''\na\n'''",
        "if x:\n    return 1\nelse:\n    return 2",
        "def inner(): pass",
        "yield",
    ]
)


@given(
    bodies=st.lists(BODIES, min_size=1, max_size=4),
    indent=st.sampled_from(["  ", "    ", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    text=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
)
def test_any_text_in_any_layout_keeps_the_program(bodies: list[str], indent: str, newline: str, text: str) -> None:
    functions = []
    for number, body in enumerate(bodies):
        lines = [indent + line if not line.startswith(("a", "'''", "1]")) else line for line in body.split("\n")]
        functions.append(f"def f{number}(a, b=(1, 2)):\n" + "\n".join(lines).replace("    ", indent))
    source = ("\n\n".join(functions) + "\n").replace("\n", newline).encode()
    done = everywhere(source, text=text)
    documented = [ast.get_docstring(node) for node in ast.parse(done).body if isinstance(node, ast.FunctionDef)]
    assert documented == [text] * len(bodies)
    lines_before, lines_after = source.split(b"\n"), done.split(b"\n")
    remaining = iter(lines_after)
    if b"def inner(): pass" not in source:
        assert all(line in remaining for line in lines_before), "every line of before is there, in order"


def test_replacing_keeps_the_mode_and_the_link(tmp_path: Path) -> None:
    real = tmp_path / "real.py"
    real.write_bytes(b"old")
    real.chmod(0o750)
    (tmp_path / "link.py").symlink_to(real)
    replace_file(tmp_path / "link.py", b"new")
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "link.py").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "real.py"]


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PhloemError, match="No space left"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
