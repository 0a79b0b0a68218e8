"""AST-Probe: trees to distances and back, the losses' golden values, and a probe that finds what is there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phloem.analysis.ast_probe import AstProbe, Labels, Probed, ProbedPrograms, ProbeObjective, task_loss, tree_scores
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import cut, subtree_stops
from phloem.learn.objectives.orthogonality import orthogonality
from phloem.learn.objectives.rank_loss import rank_loss
from phloem.measure.constituent_f1 import constituent_f1
from phloem.represent.syntactic_distance import (
    BAD_ROOT,
    Distances,
    SyntaxNode,
    syntax_tree,
    to_distances,
    to_tree,
)
from phloem.systems.understanding.tiny_encoders import standard_functions

MODULES = (
    *(
        "argparse",
        "ast",
        "calendar",
        "codecs",
        "configparser",
        "datetime",
        "difflib",
        "doctest",
        "fractions",
        "inspect",
    ),
    *("mailbox", "pathlib", "pdb", "pickle", "statistics", "subprocess", "tarfile", "typing", "zipfile", "threading"),
)


def tree_of(source: str, kind: str = "") -> SyntaxNode:
    """The tree of a program, or of its last node of a kind."""
    language = by_name("python")
    tree = language.parse(source.encode())
    node = 0
    if kind:
        node = [i for i, one in enumerate(tree.kind) if language.kinds[one] == kind][-1]
    part = cut(tree, node, int(subtree_stops(tree.parent)[node]))
    found = syntax_tree(Example("python", "", "", "", "", part, -1))
    assert found is not None
    return found


def bare(node: SyntaxNode) -> SyntaxNode:
    """Without the labels of tokens, which are not recovered."""
    return node._replace(label=node.label if node.children else "", children=tuple(map(bare, node.children)))


@pytest.mark.row("S182", 1)
def test_the_papers_example():
    block = tree_of("if a:\n    pass\nelse:\n    selected = element\n    break\n", "block")
    assert to_distances(block) == Distances(
        (2, 1, 3), ("expression_statement+assignment", "", "block"), ("", "", "", "break_statement")
    )


@pytest.mark.row("S182", 2)
def test_there_and_back_for_functions_of_the_standard_library():
    trees = [tree for example in standard_functions(1200, MODULES) if (tree := syntax_tree(example)) is not None][:1000]
    assert len(trees) == 1000
    rng = np.random.default_rng(0)
    for number, tree in enumerate(trees):
        distances = to_distances(tree)
        assert to_tree(distances) == bare(tree)
        if number % 10 == 0:
            steps = np.cumsum(rng.random(int(max(distances.heights)) + 1) + 0.1) - 3
            stretched = tuple(float(steps[int(height)]) for height in distances.heights)
            assert to_tree(distances._replace(heights=stretched)) == bare(tree)
            first, second = sorted(set(distances.heights))[:-3:-1]
            one, other = distances.heights.index(first), distances.heights.index(second)
            swapped = list(distances.heights)
            swapped[one], swapped[other] = second, first
            assert to_tree(distances._replace(heights=tuple(swapped))) != bare(tree)


def test_what_cannot_be_a_tree_and_what_is_hardly_one():
    broken = Example("python", "", "", "", "", by_name("python").parse(b"def f(:\n"), -1)
    assert syntax_tree(broken) is None
    empty = Example("python", "", "", "", "", by_name("python").parse(b"# nothing\n"), -1)
    assert syntax_tree(empty) is None
    assert to_distances(tree_of("x\n")) == Distances((), (), ("module+expression_statement",))
    assert to_tree(Distances((), (), ("a+b",))) == SyntaxNode("a", (SyntaxNode("b", (SyntaxNode("", (), 0),)),))
    assert to_tree(Distances((1,), ("",), ("", ""))).label == BAD_ROOT
    assert tree_of("'a' 'b'\n").children, "a string is one token"
    deep = to_tree(Distances(tuple(range(3000, 0, -1)), ("x",) * 3000, ("",) * 3001))
    assert deep.label == "x"


@pytest.mark.row("S182", 3)
def test_the_penalty():
    assert 5 * float(orthogonality(torch.tensor([[2.0, 0, 0], [0, 2.0, 0]]))) == 90
    rows, _ = torch.linalg.qr(torch.randn(6, 3, dtype=torch.float64))
    basis = rows.T
    assert float(orthogonality(basis)) < 1e-20
    projection = basis.T @ basis
    assert torch.allclose(projection @ projection, projection, atol=1e-6)


@pytest.mark.row("S182", 4)
def test_scores_of_the_papers_example():
    true = [("if", 0, 5), ("test", 1, 2), ("block", 3, 5), ("call", 4, 5)]
    found = constituent_f1([("if", 0, 5), ("block", 3, 5), ("call", 3, 4)], true)
    assert (found.precision, found.recall, found.f1) == pytest.approx((2 / 3, 2 / 4, 4 / 7))
    twice = [("a", 0, 1), ("a", 0, 1)]
    assert constituent_f1(twice, [("a", 0, 1)]).precision == 0.5
    assert constituent_f1(twice, [("a", 0, 1)], clipped=False).precision == 1.0
    assert constituent_f1([], []).f1 == 1.0
    assert constituent_f1([], true).f1 == 0.0


@pytest.mark.row("S182", 5)
@given(st.integers(0, 1000))
def test_the_rank_loss(seed):
    real = torch.ones(1, 3, dtype=torch.bool)
    loss = rank_loss(torch.tensor([[1.0, 0.5, 1.2]]), torch.tensor([[2.0, 1.0, 3.0]]), real)
    assert float(loss) == pytest.approx(1.6 / 3)
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, 2).tolist()
    sequences = [(rng.random(size), rng.integers(1, 4, size).astype(float)) for size in lengths]
    pairs = [
        (said[i], said[j])
        for said, true in sequences
        for i in range(len(true))
        for j in range(len(true))
        if true[i] > true[j]
    ]
    wanted = sum(max(0.0, 1 - (one - other)) for one, other in pairs) / max(1, len(pairs))
    for longest in (max(lengths), max(lengths) + 3):
        said, true = (torch.full((2, longest), 99.0, dtype=torch.float64) for _ in range(2))
        real = torch.zeros(2, longest, dtype=torch.bool)
        for row, (values, heights) in enumerate(sequences):
            said[row, : len(values)], true[row, : len(values)] = torch.tensor(values), torch.tensor(heights)
            real[row, : len(values)] = True
        assert float(rank_loss(said, true, real)) == pytest.approx(wanted)


def test_a_probe_finds_a_tree_that_is_in_the_vectors():
    sources = ["if a:\n    b = c\nelse:\n    d = e(f)\n", "while a:\n    b(c, d)\n", "x = y[z]\nreturn_ = x\n"]
    trees = [to_distances(tree_of(source)) for source in sources]
    labels = Labels.of(trees)
    rng = np.random.default_rng(0)
    programs = []
    for tree in trees:  # steps between vectors spell height and label, vectors the unary label
        count = len(tree.unary)
        vectors = np.zeros((count, 40), np.float32)
        for gap, (height, label) in enumerate(zip(tree.heights, tree.labels, strict=True)):
            step = np.zeros(40)
            step[labels.gaps.index(label)] = np.sqrt(height) * (-1) ** gap
            vectors[gap + 1] = vectors[gap] + step
        for place, label in enumerate(tree.unary):
            vectors[place, 20 + labels.tokens.index(label)] += 0.5
        programs.append(Probed(vectors + rng.normal(0, 0.01, vectors.shape).astype(np.float32), tree))
    data = ProbedPrograms(programs, labels)
    torch.manual_seed(0)
    probe = AstProbe(40, 32, labels)
    before = tree_scores(probe, data).mean()
    objective, batch = ProbeObjective(), data.batch(np.arange(3), None)
    optimizer = torch.optim.Adam(probe.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        objective(probe, batch).value.backward()
        optimizer.step()
    assert tree_scores(probe, data).mean() > max(0.6, 2 * before)
    assert probe.skew() < 0.1
    with torch.no_grad():
        assert float(task_loss(probe, batch)) < float(objective(probe, batch).value)
    with pytest.raises(ValueError, match="does not fit"):
        AstProbe(8, 9, labels)
