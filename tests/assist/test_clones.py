"""Clones: each sort is found, nothing else is, and the clustering finds what comparing all finds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phloem.assist.search import clones as cloning
from phloem.assist.search.clones import NEAR, Pairs, clones, fingerprints, near_pairs, semantic_pairs
from phloem.assist.search.index import Wish
from phloem.assist.search.search import Filters, open_index
from phloem.errors import PhloemError
from tests.assist.bags import Bags

ORIGINAL = """
def normalize(values, low, high):
    '''Scale values into a range.'''
    smallest = min(values)
    largest = max(values)
    span = largest - smallest or 1
    scaled = [(value - smallest) / span for value in values]
    return [low + each * (high - low) for each in scaled]
"""
OTHER = """
def send(message, host, port):
    connection = socket.create_connection((host, port))
    try:
        connection.sendall(message.encode())
        return connection.recv(1024)
    finally:
        connection.close()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    root.mkdir()
    (root / "a.py").write_text(ORIGINAL + OTHER)
    (root / "b.py").write_text("class Scaler:\n" + ORIGINAL.replace("\n", "\n    ").replace("Scale", "Rescale"))
    (root / "c.py").write_text(ORIGINAL.replace("in scaled]", "in scaled or values]"))
    (root / "d.py").write_text("def tiny(x):\n    return x\n" * 2)
    return root


def test_groups_of_copies(tree: Path, tmp_path: Path) -> None:
    opened = open_index(tree, wish=Wish(embedder=Bags(), out=tmp_path / "index"))
    (group,) = clones(opened)
    assert {(member.path.rpartition("/")[2], member.name) for member in group.members} == {
        ("a.py", "normalize"),
        ("b.py", "normalize"),
        ("c.py", "normalize"),
    }
    assert group.kind == "near"
    assert group.lines == 14
    assert all(NEAR <= member.similarity <= 1 for member in group.members)
    exact = [member for member in group.members if member.similarity == 1.0]
    assert {member.path.rpartition("/")[2] for member in exact} >= {"a.py", "b.py"}  # documentation does not count


def test_sorts_and_filters(tree: Path, tmp_path: Path) -> None:
    opened = open_index(tree, wish=Wish(embedder=Bags(), out=tmp_path / "index"))
    assert [group.kind for group in clones(opened, kinds=("semantic",))] == ["semantic"]
    assert clones(opened, filters=Filters(path="d.py")) == []
    assert clones(opened, least_lines=9) == []
    assert len(clones(opened, kinds=("near",), least_lines=1)) == 2
    for wrong in (0.0, 1.5, -1.0):
        with pytest.raises(PhloemError, match="--threshold"):
            clones(opened, threshold=wrong)


def test_a_function_and_one_inside_it_are_no_clones(tmp_path: Path) -> None:
    root = tmp_path / "code"
    root.mkdir()
    inner = ORIGINAL.strip().replace("\n", "\n    ")
    (root / "a.py").write_text(f"def outer():\n    {inner}\n    return normalize\n")
    opened = open_index(root, wish=Wish(embedder=Bags(), out=tmp_path / "index"))
    assert clones(opened, threshold=0.5) == []


def jaccard(a: str, b: str) -> float:
    """Of the sets of five consecutive tokens."""
    import re

    def shingles(code: str) -> set[tuple[str, ...]]:
        tokens = re.findall(r"\w+|[^\w\s]", code)
        return {tuple(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))}

    first, second = shingles(a), shingles(b)
    return len(first & second) / len(first | second)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12))
def test_near_pairs_are_those_of_exact_jaccard(edits: list[int]) -> None:
    """Away from the threshold by three standard errors of the estimate; strings and comments aside."""
    base = "def f(a, b):\n" + "\n".join(f"    x{i} = a{i} + call{i}(b, {i})" for i in range(12))
    codes = []
    for number, count in enumerate(edits):
        code = base
        for edit in range(count):
            code = code.replace(f"x{3 * edit} =", f"y{number}_{edit} =")
        codes.append(code)
    pairs = near_pairs(fingerprints([(code, "python") for code in codes])[0])
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    for i in range(len(codes)):
        for j in range(i + 1, len(codes)):
            alike = jaccard(codes[i], codes[j])
            if alike == 1.0:
                assert (i, j) in found
            if alike < NEAR - 0.2:
                assert (i, j) not in found


RENAMED = {
    "python": (
        "def total(items, tax):\n    s = 0\n    for item in items:\n        s += item.price * tax\n    return s\n",
        "def summe(waren, satz):\n    n = 0\n    for w in waren:\n        n += w.price * satz\n    return n\n",
        "def other(items, tax):\n    s = 0\n    for item in items:\n        s += item.weight * tax\n    return s\n",
    ),
    "go": (
        "func Sum(xs []int) int {\n\tt := 0\n\tfor _, x := range xs {\n\t\tt += x\n\t}\n\treturn t\n}\n",
        "func Add(ys []int) int {\n\ts := 0\n\tfor _, y := range ys {\n\t\ts += y\n\t}\n\treturn s\n}\n",
        "func Mul(xs []int) int {\n\tt := 1\n\tfor _, x := range xs {\n\t\tt *= x\n\t}\n\treturn t * t\n}\n",
    ),
    "java": (
        "int sum(int[] xs) { int t = 0; for (int x : xs) { if (x > 0) { t += x; } } return t; }",
        "int add(int[] ys) { int s = 0; for (int y : ys) { if (y > 0) { s += y; } } return s; }",
        "int sum(int[] xs) { int t = 0; for (int x : xs) { if (x > 0) { xs += t; } } return x; }",
    ),
}


@pytest.mark.parametrize("language", RENAMED)
def test_a_copy_with_other_names_is_a_near_clone(language: str) -> None:
    """The third does something else: with other attributes, operators, or its names in other places."""
    _, renamed = fingerprints([(code, language) for code in RENAMED[language]])
    pairs = near_pairs(renamed)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1)]
    assert renamed.exact[0] == renamed.exact[1] != renamed.exact[2]


def test_semantic_pairs_are_those_of_all_products(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((60, 32))
    vectors = np.repeat(centres, 20, axis=0) + 0.15 * rng.standard_normal((1200, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    product = vectors @ vectors.T
    expected = {(int(i), int(j)) for i, j in np.argwhere(product >= 0.97) if i < j}
    monkeypatch.setattr(cloning, "BLOCK", 97)
    exact = semantic_pairs(vectors, 0.97)
    assert set(zip(exact.first.tolist(), exact.second.tolist(), strict=True)) == expected
    monkeypatch.setattr(cloning, "EXACT", 100)
    listed = semantic_pairs(vectors, 0.97)
    found = set(zip(listed.first.tolist(), listed.second.tolist(), strict=True))
    assert found <= expected
    assert len(found) >= 0.98 * len(expected)
    assert np.allclose(listed.similarity, product[listed.first, listed.second], atol=1e-5)


def test_pairs_are_in_order_and_once() -> None:
    alike = np.ones(4, np.float32)
    pairs = Pairs.collected([(np.array([2, 1, 1, 3]), np.array([1, 2, 1, 0]), alike)])
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 3), (1, 2)]
