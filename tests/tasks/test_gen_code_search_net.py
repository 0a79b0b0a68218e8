"""GenCodeSearchNet: items, and a matching set whose format does not tell the label."""

import numpy as np
import pytest

from phloem.corpora import datasets
from phloem.tasks.gen_code_search_net import Item, matching, read, text_of

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
