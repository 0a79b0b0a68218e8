"""What the systems of code search are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phloem.corpora.listing import MineSettings
from phloem.corpora.mine import mine
from phloem.errors import PhloemError
from phloem.represent.subwords import Subwords
from phloem.systems.claims import scale_of
from phloem.systems.understanding import search_pairs
from phloem.systems.understanding.codebert import ABOVE_CHANCE, pretraining_data
from phloem.systems.understanding.codesage import World as TwoStages
from phloem.tasks.accessors import accessors

DOCUMENTED = '''
def read_{0}_first(path):
    """Read the {0} lines of a file first."""
    with open(path) as file:
        return file.readlines()[:{1}]

def again_{0}(path):
    """Read the {0} lines of a file first."""
    return read_{0}_first(path)

def bare_{0}(values, other):
    return sum(value * {1} for value in values) + other

def brief_{0}(x):
    """Brief."""
    return [x, x, x, {1}, x, x, x, x]
'''


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mined")
    for number in range(12):
        folder = root / "source" / f"project{number}"
        folder.mkdir(parents=True)
        (folder / "setup.py").write_text("")
        text = "".join(DOCUMENTED.format(f"number{number}x{each}", each) for each in range(10))
        (folder / "module.py").write_text(text)
    mine([str(root / "source")], root / "shards", settings=MineSettings())
    return root / "shards"


def test_mined_functions_are_documented_and_say_different_things(corpus: Path) -> None:
    scale = scale_of("laptop", data=corpus)
    whole = {split: search_pairs.functions(scale, split, 1000) for split in ("train", "validation", "test")}
    assert len(whole["train"]) > 3
    for some in whole.values():
        said = [search_pairs.sentence(one) for one in some]
        assert len(set(said)) == len(said)
        assert all(text.startswith("Read the") for text in said)
        assert search_pairs.functions(scale, "train", 3) == whole["train"][:3]
    for one in whole["train"][:5]:
        assert one.name not in search_pairs.code(one)
        assert one.name in search_pairs.code(one, named=True)
        assert search_pairs.sentence(one) not in search_pairs.code(one)
    alone = search_pairs.undocumented(scale, "train", 1000)
    assert alone
    assert all(not one.doc and one.name.startswith("bare") for one in alone)
    with pytest.raises(PhloemError, match="needs --data"):
        search_pairs.functions(scale_of("laptop"), "train", 3)


def test_reciprocal_ranks_are_among_distractors() -> None:
    def score(query: int, candidates: np.ndarray) -> np.ndarray:
        assert candidates[0] == query
        assert len(set(candidates.tolist())) == 10
        return np.where(candidates == query, 1.0, 0.0) if query % 2 else np.zeros(10)

    found = search_pairs.reciprocal_ranks(score, 30, queries=6, distractors=9)
    assert found.tolist() == [[0.1, 1], [1, 1]] * 3


def test_words_find_what_shares_rare_ones() -> None:
    texts = [f"the port {word}" for word in ("alpha", "beta", "gamma", "delta")]
    codes = [f"port = {word} + port" for word in ("alpha", "beta", "gamma", "delta")]
    for rank in (search_pairs.bm25_text_ranks, search_pairs.tf_idf_ranks):
        assert rank(texts, codes, queries=4, distractors=3)[:, 0].tolist() == [1, 1, 1, 1]
        assert rank(["port"] * 4, codes, queries=4, distractors=3)[:, 0].tolist() == [0.25] * 4


def test_generated_sentences_do_not_say_the_name() -> None:
    some = search_pairs.generated("test")
    assert len(some) == len(accessors("test"))
    for one in some:
        assert one.name.partition("_")[0] not in search_pairs.sentence(one).lower().split()
        assert one.name not in search_pairs.code(one)


def test_code_alone_is_read_without_text() -> None:
    scale = scale_of("smoke")
    pairs = search_pairs.functions(scale, "train", 30)
    units = Subwords.fit(map(search_pairs.code, pairs), 400)
    data = pretraining_data(scale, units, pairs)
    batch = data.batch(np.array([0, 35]), None)
    assert batch.text.any(dim=1).tolist() == [True, False]
    assert batch.code.any(dim=1).tolist() == [True, True]
    assert float(ABOVE_CHANCE.of(np.array([3.0, 1.0, 4.0]))) == 0.5


def test_bodies_of_two_stages_say_something() -> None:
    world = TwoStages(scale_of("smoke"))
    assert {one.name.partition("_")[0] for one in world.train} == {"set", "clear", "add"}
    corruptions = world.corruptions(full=True)
    batch = corruptions.batch(np.arange(40), np.random.default_rng(0))
    again = corruptions.batch(np.arange(40), np.random.default_rng(0))
    assert (batch.tokens == again.tokens).all()
    assert (batch.tokens[batch.chosen] == 4).all()
    assert (batch.tokens[~batch.chosen] == batch.original[~batch.chosen]).all()
    partly = world.corruptions(full=False).batch(np.arange(40), np.random.default_rng(0))
    assert (partly.chosen == batch.chosen).all()
    assert (partly.tokens[partly.chosen] != 4).any()
