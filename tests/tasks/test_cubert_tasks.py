"""The tasks of CuBERT made from functions, and the networks that read them."""

import numpy as np
import pytest
import torch

from phloem.corpora.duplicates import fingerprint
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.learn.objectives.next_sentence import MaskedLinePairs
from phloem.learn.objectives.skip_gram import SkipGram
from phloem.represent.indent_pieces import IndentPieces, function_words
from phloem.represent.indent_tokens import LAYOUT, NEWLINE
from phloem.systems.claims import scale_of
from phloem.systems.understanding.cubert import (
    CONTENDERS,
    Bench,
    above_word_vectors,
    efficiency,
    pointed,
    pretraining_gain,
)
from phloem.systems.understanding.cubert_networks import (
    CubertEncoder,
    LineRows,
    MisusePointer,
    PointingRows,
    UnitRows,
    WordVectorLSTM,
)
from phloem.tasks.cubert_tasks import TASKS, labelled, line_pairs, made_functions, misused, without_copies


def function(source: str) -> Example:
    (example,) = examples_of(source.encode(), by_name("python"))
    return example


@pytest.mark.row("S093", 4)
def test_no_function_of_the_test_split_has_the_hash_of_one_that_is_trained_on() -> None:
    train = [function("def f(a):\n    return a + 1"), function("def g(a):\n    return a")]
    test = [
        function("def f(a):  # the same but for layout\n\n      return a  + 1"),
        function('def g(a):\n    """Other documentation."""\n    return a'),
        function("def f(b):\n    return b + 1"),
    ]
    kept = without_copies(test, train)
    assert kept == test[2:]
    assert not np.isin(fingerprint(kept).exact, fingerprint(train).exact).any()


@pytest.mark.row("S093", 4)
def test_the_claims_own_splits_share_no_function() -> None:
    bench = Bench(scale_of("smoke"))
    known = fingerprint(made_functions(bench.sizes.functions, seed=len("train"))).exact
    assert len(bench.test) > 50
    assert not np.isin(fingerprint(bench.test).exact, known).any()
    assert set(map(tuple, bench.functions)).isdisjoint(tuple(function_words(example)) for example in bench.test)


@pytest.mark.parametrize("task", TASKS)
def test_each_function_gives_the_original_and_a_twin(task: str) -> None:
    functions = made_functions(20, seed=1)
    found = list(labelled(task, functions))
    if task == "exception":
        assert len(found) == 20
        assert all("__HOLE__" in one.words for one in found)
        assert {one.label for one in found} == {0, 1}  # ValueError and KeyError
        return
    assert [one.label for one in found] == [0, 1] * (len(found) // 2)
    for right, wrong in zip(found[::2], found[1::2], strict=True):
        assert (right.words != wrong.words) == (task != "docstring")
        assert (right.doc != wrong.doc) == (task == "docstring")


def test_misused_variables_are_pointed_at() -> None:
    for one in misused(made_functions(20, seed=2)):
        assert one.error == -1 or one.error in one.candidates
        assert set(one.targets) <= set(one.candidates) - {one.error}
        assert bool(one.targets) == (one.error >= 0)
        names = {one.words[i] for i in one.targets}
        assert len(names) <= 1
        if one.error >= 0:
            assert one.words[one.error] not in names


def test_lines_stay_whole() -> None:
    words, other = (function_words(example) for example in made_functions(2, seed=0))
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        first, second, follows = line_pairs(words, other, rng)
        assert first[-1] == LAYOUT[NEWLINE]
        whole = words if follows else other
        assert second == whole[len(whole) - len(second) :]
        assert "def" not in second, "the first word would tell whose lines they are"
        assert len(first) + len(second) == len(words) or not follows
        seen.add(follows)
    assert seen == {True, False}


def test_a_variable_behind_the_cut_is_no_candidate() -> None:
    functions = made_functions(30, seed=5)
    pieces = IndentPieces().fit([function_words(example) for example in functions], size=400)
    for most in range(20, 60):  # somewhere the cut falls right before a variable
        rows = PointingRows(pieces, misused(functions), most)
        if len(rows):
            batch = rows.batch(np.arange(len(rows)), None)
            assert not (batch.candidates & ~batch.pairs.code).any()
            assert not (batch.target & ~batch.candidates).any()


def test_networks_learn() -> None:
    torch.manual_seed(0)
    functions = made_functions(32, seed=4)
    words = [function_words(example) for example in functions]
    pieces = IndentPieces().fit(words, size=400)
    encoder = CubertEncoder(pieces.size, width=16, layers=1, most=160)
    for model, rows, objective in (
        (encoder, LineRows(pieces, words, 160), MaskedLinePairs(pieces.size)),
        (WordVectorLSTM(pieces.size, width=16), UnitRows(pieces, words, 160), SkipGram()),
    ):
        optimizer = torch.optim.Adam(model.parameters(), 0.03)
        losses = []
        for step in range(12):
            loss = objective(model, rows.batch(np.arange(12), np.random.default_rng(step))).value
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.97 * losses[0]
    figures = pointed(MisusePointer(encoder), PointingRows(pieces, misused(functions), 160))
    assert 0 < figures["joint_by_chance"] < 0.2


def test_the_clauses_figures_by_hand() -> None:
    # accuracies of each contender on five tasks of 10 examples
    table = np.array([[9, 8, 5, 7, 5], [9, 5, 6, 7, 5], [8, 7, 9, 6, 5], [9, 6, 5, 8, 5], [5, 6, 6, 5, 5]], float)
    sums = np.concatenate([table, np.full((5, 1), 10.0)], axis=1).ravel()
    assert len(CONTENDERS) == 5
    assert pretraining_gain(sums) == pytest.approx(0.1)  # gains 1 4 1 3 -1: at least 0.1 on four of five
    assert above_word_vectors(sums) == pytest.approx(-0.1)  # min of both less word vectors: 3 -1 -2 1 -1
    assert efficiency(sums) == pytest.approx(np.mean([1, -2, 0, 0, 1]) / 10)
    assert pretraining_gain(np.stack([sums, sums])).shape == (2,)
