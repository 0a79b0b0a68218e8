"""Fingerprints and the search for duplicates, against sets of shingles counted one by one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora import duplicates
from phloem.corpora.duplicates import SHINGLE, Fingerprints, Index, fingerprint
from phloem.corpora.examples import examples_of
from phloem.languages import by_name
from phloem.languages.example import Example
from tests.corpora.samples import WORDS, module


def python(source: str) -> list[Example]:
    return examples_of(source.encode(), by_name("python"))


def tokens(example: Example) -> list[bytes]:
    """The leaves' texts without comments and documentation, one by one."""
    tree, comments = example.tree, by_name(example.language).comment_kinds
    kinds = by_name(example.language).kinds
    inner = set(tree.parent.tolist())
    first, last = example.doc_span or (0, 0)
    return [
        tree.source[tree.start[i] : tree.end[i]]
        for i in range(len(tree.kind))
        if i not in inner
        and tree.end[i] > tree.start[i]
        and kinds[tree.kind[i]] not in comments
        and not (first <= tree.start[i] and tree.end[i] <= last)
    ]


def jaccard(a: list[bytes], b: list[bytes]) -> float:
    def shingles(words: list[bytes]) -> set[tuple[bytes, ...]]:
        return {tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}

    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def function(names: list[str]) -> str:
    body = "".join(f"    {name} = call_{name}({name}, 1)\n" for name in names)
    return f"def f(x):\n{body}    return x\n"


names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(names, min_size=2, max_size=6))
def test_exact_keys_are_equal_where_token_sequences_are(bodies: list[list[str]]) -> None:
    examples = [python(function(body))[0] for body in bodies]
    keys = fingerprint(examples).exact
    for i, a in enumerate(examples):
        for j, b in enumerate(examples):
            assert (keys[i] == keys[j]) == (tokens(a) == tokens(b))


def test_layout_comments_and_docstring_do_not_count_but_the_name_does() -> None:
    plain = python("def f(a):\n    return a + 1\n")[0]
    dressed = python('def f(a):\n    """Says it."""\n\n    # why\n    return  a+1  # there\n')[0]
    renamed = python("def g(a):\n    return a + 1\n")[0]
    exact = fingerprint([plain, dressed, renamed]).exact
    assert exact[0] == exact[1] != exact[2]


def test_the_same_text_in_another_language_is_another_function() -> None:
    source = b"function f(a) { return a; }"
    both = [examples_of(source, by_name(name))[0] for name in ("javascript", "typescript")]
    assert len(set(fingerprint(both).exact)) == 2


@settings(max_examples=20, deadline=None)
@given(st.lists(names, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_fingerprints_depend_on_the_function_alone(bodies: list[list[str]], order: object) -> None:
    examples = [python(function(body))[0] for body in bodies]
    together = fingerprint(examples)
    for i, example in enumerate(examples):
        alone = fingerprint([example])
        assert all(np.array_equal(a[i], b[0]) for a, b in zip(together, alone, strict=True))


def test_estimated_similarity_is_that_of_the_sets() -> None:
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(150):
        body = [str(word) for word in rng.choice(list("abcdefghijklmnop"), 14)]
        other = [word if rng.random() < 0.9 else "z" for word in body]
        pair = [python(function(each))[0] for each in (body, other)]
        prints = fingerprint(pair)
        errors.append(duplicates.similarity(*prints.minima) - jaccard(*map(tokens, pair)))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.09  # sqrt(0.25 / 64) = 0.0625 at worst, and more than that would be a bug


def test_the_index_finds_exact_and_near_copies_and_keeps_the_rest() -> None:
    rng = np.random.default_rng(5)
    bodies = [[str(word) for word in rng.choice(list("abcdefghijklmnopqrst"), 30)] for _ in range(40)]
    originals, copies = ([python(function(body))[0] for body in bodies] for _ in range(2))
    likes = [python("2".join(function(body).rsplit("1", 1)))[0] for body in bodies]  # the last number differs
    assert min(jaccard(tokens(a), tokens(b)) for a, b in zip(originals, likes, strict=True)) > 0.9
    index = Index()
    exact, alike = index.add(fingerprint(originals))
    assert not exact.any()
    assert not alike.any()
    exact, alike = index.add(fingerprint(copies))
    assert exact.all()
    exact, alike = index.add(fingerprint(likes))
    assert not exact.any()
    assert alike.mean() >= 0.95
    assert len(index) == 40 + (~alike).sum()


def test_copies_within_one_batch_leave_the_first() -> None:
    body = [str(word) for word in np.random.default_rng(1).choice(list("abcdefghijkl"), 40)]
    like = "2".join(function(body).rsplit("1", 1))
    batch = [python(source)[0] for source in (function(["q", "r"]), function(body), function(body), like)]
    exact, near = Index().add(fingerprint(batch))
    assert exact.tolist() == [False, False, True, False]
    assert near.tolist() == [False, False, False, True]


def test_small_unlike_functions_are_not_near() -> None:
    getters = python("".join(f"def get_{word}(self):\n    return self.{word}\n\n" for word in WORDS))
    exact, near = Index().add(fingerprint(getters))
    assert not (exact | near).any()


def test_short_functions_are_dropped_only_when_they_are_equal() -> None:
    java = by_name("java")
    short = [examples_of(f"class A {{ {name}(){{}} int {name}(){{}} }}".encode(), java)[0] for name in "abca"]
    exact, near = Index().add(fingerprint(short))
    assert exact.tolist() == [False, False, False, True]
    assert not near.any()


def test_a_restored_index_knows_what_was_kept(tmp_path: Path) -> None:
    kept = fingerprint(python(module(WORDS, 1)))
    duplicates.save(tmp_path / "chunk.npz", kept)
    index = Index()
    index.restore(duplicates.load(tmp_path / "chunk.npz"))
    assert len(index) == len(WORDS)
    exact, _ = index.add(kept)
    assert exact.all()
    assert [file.name for file in tmp_path.iterdir()] == ["chunk.npz"]


def test_nothing_has_no_fingerprints() -> None:
    assert fingerprint([]).minima.shape == (0, duplicates.HASHES)
    exact, near = Index().add(fingerprint([]))
    assert (len(exact), len(near)) == (0, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_index_in_one_batch_and_in_many_agree_on_exact_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.integers(0, 60, 200, dtype=np.uint64)
    minima = rng.integers(0, 256, (200, duplicates.HASHES), dtype=np.uint8)
    bands = rng.integers(0, 2**32, (200, duplicates.BANDS), dtype=np.uint32)
    whole, _ = Index().add(Fingerprints(exact, minima, bands))
    index, parts = Index(), []
    for first in range(0, 200, 30):
        rows = slice(first, first + 30)
        parts.append(index.add(Fingerprints(exact[rows], minima[rows], bands[rows]))[0])
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert (~whole).sum() == len(np.unique(exact))
