"""GenCodeSearchNet: items, a matching set whose format does not tell the label, and ranks among distractors."""

import json

import numpy as np
import pytest

from phloem.corpora import datasets
from phloem.errors import PhloemError
from phloem.systems.understanding.gecs import DROP, by_bm25, by_tf_idf
from phloem.tasks.gen_code_search_net import Item, matching, published, ranks, read, text_of

WORDS = ("value", "index", "list", "read", "file", "sum", "node", "tree", "path", "x", "i", "n")


def items(count: int, seed: int = 0) -> list[Item]:
    """Comments and tokenised codes of random words, some of one character."""
    rng = np.random.default_rng(seed)

    def text(length: int) -> str:
        return " ".join(rng.choice(WORDS, length))

    return [Item(text(rng.integers(3, 9)), f"def {text(1)} ( {text(2)} ) : {text(rng.integers(4, 30))} #{n}")
            for n in range(count)]  # fmt: skip


@pytest.mark.row("S066", 1)
@pytest.mark.parametrize(
    ("name", "split", "comment", "code", "count"),
    [("statcodesearch", "test", "Comment", "Code", None), ("cosqa", "codebase", None, "code", None)],
)
def test_published_items_split_into_two_parts(name, split, comment, code, count):
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA is not set")
    rows = list(datasets.load(name, split))
    texts = [text_of(Item(row[comment] if comment else "a comment", row[code])) for row in rows]
    found = read(texts)
    assert len(found.items) == len(rows) > 500
    assert found.skipped == 0
    assert [item.code for item in found.items] == [row[code] for row in rows]


@pytest.mark.row("S066", 1)
def test_two_marks_and_special_symbols_are_counted_and_skipped():
    found = read(["a [CODESPLIT] b", "a [CODESPLIT] b [CODESPLIT] c", "a b", "a[CODESPLIT]b", "a [CODESPLIT] b <s>"],
                 special=("<s>", "</s>"))  # fmt: skip
    assert found.items == [Item("a", "b")]
    assert found.skipped == 4


@pytest.mark.row("S066", 4)
def test_half_of_the_pairs_match_and_no_negative_has_its_own_code():
    made = items(500)
    pairs = matching("go", made)
    assert sum(pair.label for pair in pairs) == len(made) == len(pairs) / 2
    own = {(item.comment, item.code) for item in made}
    assert all(((pair.comment, pair.code) in own) == bool(pair.label) for pair in pairs)
    assert pairs == matching("go", made)
    assert pairs != matching("java", made)
    with pytest.raises(ValueError, match="no two items differ"):
        matching("go", [Item("a", "x"), Item("b", "x")])


def short_words(code: str) -> float:
    words = code.split()
    return sum(len(word) == 1 for word in words) / len(words)


def blanks(code: str) -> float:
    return code.count(" ") / len(code)


def fitted_accuracy(values: np.ndarray, labels: np.ndarray) -> float:
    """The best threshold, either way, on the first half; its accuracy on the second."""
    half = len(values) // 2
    tried = [(((values[:half] > cut) == up) == labels[:half], cut, up) for cut in np.unique(values[:half])
             for up in (True, False)]  # fmt: skip
    _, cut, up = max(tried, key=lambda one: one[0].mean())
    return float((((values[half:] > cut) == up) == labels[half:]).mean())


@pytest.mark.row("S066", 4)
@pytest.mark.parametrize("of", [short_words, blanks])
def test_the_format_does_not_tell_the_label(of):
    pairs = matching("go", items(1000))
    order = np.random.default_rng(0).permutation(len(pairs))
    labels = np.array([bool(pairs[i].label) for i in order])
    ours = np.array([of(pairs[i].code) for i in order])
    assert abs(fitted_accuracy(ours, labels) - 0.5) <= 0.06
    leaking = np.array([of(pairs[i].code if pairs[i].label else " ".join(pairs[i].code)) for i in order])
    assert fitted_accuracy(leaking, labels) > 0.95


def random_vectors(count: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(2, count, 32))


@pytest.mark.row("S066", 2)
def test_distractors_are_other_places_and_depend_on_seed_and_set_alone():
    seen = {}

    def note(query, candidates):
        seen[query] = candidates
        return -np.arange(len(candidates))

    ranks("go", 300, note)
    assert all(own[0] == query and len(set(own.tolist())) == 100 for query, own in seen.items())
    first = {query: own.copy() for query, own in seen.items()}
    ranks("java", 300, note)
    assert any((first[query] != seen[query]).any() for query in seen)
    ranks("go", 300, note, queries=20)
    assert all((first[query] == seen[query]).all() for query in range(20))
    ranks("go", 300, note, seed=1)
    assert any((first[query] != seen[query]).any() for query in seen)


@pytest.mark.row("S066", 2)
@pytest.mark.parametrize(("count", "margin"), [(1070, 0.011), (10_293, 0.0035)])
def test_random_vectors_have_the_mean_reciprocal_rank_of_chance(count, margin):
    asked, codes = random_vectors(count)
    found = ranks("any", count, lambda query, candidates: codes[candidates] @ asked[query])
    chance = sum(1 / rank for rank in range(1, 101)) / 100
    assert chance == pytest.approx(0.0519, abs=5e-5)
    assert abs(float((1 / found).mean()) - chance) < margin


@pytest.mark.row("S066", 3)
@pytest.mark.parametrize("copied", [False, True])
def test_oracles_and_constant_scores(copied):
    made = items(400)
    if copied:  # the second half has the codes of the first
        made = made[:200] + [Item(f"{one.comment} again", one.code) for one in made[:200]]
    by_place = ranks("any", 400, lambda query, candidates: (candidates == query).astype(float))
    assert (by_place == 1).all()
    codes = np.array([one.code for one in made])
    drawn = {}

    def same_text(query, candidates):
        drawn[query] = bool((codes[candidates[1:]] == codes[query]).any())
        return (codes[candidates] == codes[query]).astype(float)

    by_text = ranks("any", 400, same_text)
    assert [rank > 1 for rank in by_text] == [drawn[query] for query in range(400)]
    assert any(drawn.values()) == copied
    constant = ranks("any", 400, lambda query, candidates: np.zeros(len(candidates)))
    assert (1 / constant).mean() == pytest.approx(0.01)


@pytest.mark.row("S066", 1)
@pytest.mark.parametrize(("name", "count"), [("statcodesearch", 1070), ("cosqa", 10_293)])
def test_released_ranking_sets(name, count):
    place = datasets.folder()
    if place is None or not (place / "gecs").is_dir():
        pytest.skip("PHLOEM_DATA has no gecs")
    found = published(name)
    assert len(found.items) == count
    assert found.skipped == 0


@pytest.mark.row("S066", 1)
def test_a_released_file_is_read(tmp_path):
    (tmp_path / "gecs").mkdir()
    file = tmp_path / "gecs" / "test_cosqa_mrr.jsonl"
    lines = ["a [CODESPLIT] b", "c <s> [CODESPLIT] d", "e [CODESPLIT] f [CODESPLIT] g"]
    file.write_text("".join(json.dumps({"input": line, "target": 1}) + "\n" for line in lines))
    assert published("cosqa", special=("<s>",), data=tmp_path) == ([Item("a", "b")], 2)
    file.write_text("{}\n")
    with pytest.raises(PhloemError, match="no ranking set"):
        published("cosqa", data=tmp_path)
    file.unlink()
    with pytest.raises(PhloemError, match="drndr/gencodesearchnet"):
        published("cosqa", data=tmp_path)


def test_drop_and_words_as_in_the_system():
    made = items(150)
    perfect = [Item(one.code.replace("#", ""), one.code) for one in made]
    for scorer in (by_bm25, by_tf_idf):
        assert (1 / ranks("any", 150, scorer(perfect))).mean() > 0.9
    rows = np.array([[0.5, 1, 0, 0], [1.0, 1, 0, 0], [0, 0, 0.25, 1]])
    assert DROP.of(rows.sum(axis=0)) == pytest.approx(0.5)
