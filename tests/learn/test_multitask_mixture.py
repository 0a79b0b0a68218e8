"""Symbols as words, mixed tasks behind their prefixes, and damage on both sides of a separator: CoTexT."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.learn.multitask_mixture import MultitaskMixture, PrefixedTask, bimodal
from phloem.learn.objectives.span_corruption import Pair, restore
from phloem.represent.symbol_escapes import QUOTED, WORDS, escape, unescape

PIECES = [
    *WORDS,
    *WORDS.values(),
    QUOTED,
    "  ",
    " ",
    "BLANKS_3_TOKEN",
    "BLANKS_",
    "_TOKEN",
    "TOKE",
    "N",
    "x",
    "QUOTE",
    "D_",
]


@pytest.mark.row("S164", 1)
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_escape_words_in_the_code_come_back(text: str) -> None:
    written = escape(text)
    assert unescape(written) == text
    assert not set(written) & set(WORDS)
    assert "  " not in written


@pytest.mark.row("S164", 1)
def test_ten_megabytes_of_source_come_back() -> None:
    read = 0
    for file in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        text = file.read_bytes().decode("utf-8", "replace")
        assert unescape(escape(text)) == text
        read += len(text)
        if read > 10_000_000:
            return
    raise AssertionError(f"only {read} characters were found")


@pytest.mark.row("S164", 1)
def test_without_escapes_a_vocabulary_of_prose_loses_symbols() -> None:
    known = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_()=+;:.,'\"")

    def through(text: str) -> str:
        """What such a vocabulary keeps: known characters, and one blank for any white space."""
        return " ".join("".join(each for each in word if each in known) for word in text.split())

    source = "if (a < b) {\n\treturn c;  }\n"
    assert through(source) != source
    assert not set("{}<\n") & set(through(source))
    assert unescape(through(escape(source))) == source


def tasks() -> list[PrefixedTask]:
    return [
        PrefixedTask(name, np.array([100 + number]), [Pair(np.array([number, 9]), np.array([5]))] * count)
        for number, (name, count) in enumerate((("python", 1000), ("java", 300), ("javascript", 20)))
    ]


@pytest.mark.row("S164", 2)
@pytest.mark.parametrize(("cap", "wanted"), [(None, [1 / 3] * 3), (100, [100 / 220, 100 / 220, 20 / 220])])
def test_rates_of_tasks(cap: int | None, wanted: list[float]) -> None:
    mixture = MultitaskMixture(tasks(), source=8, target=8, cap=cap)
    drawn = mixture.draw(100_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(drawn) / 100_000, wanted, atol=0.01)


@pytest.mark.row("S164", 2)
def test_every_example_has_its_own_prefix_and_batches_are_mixed() -> None:
    mixture = MultitaskMixture(tasks(), source=8, target=8)
    assert len(mixture) == 1320
    kinds = []
    for number in range(20):
        batch = mixture.batch(np.arange(16), np.random.default_rng(number))
        assert (batch.tokens[:, 0] - 100 == batch.tokens[:, 1]).all()
        kinds.append(len(set(batch.tokens[:, 0].tolist())))
    assert max(kinds) == 3
    fixed = mixture.batch(np.arange(4), None)
    assert (fixed.tokens[:, 0] == 100).all()


@pytest.mark.row("S164", 3)
def test_damage_falls_on_both_sides_and_spares_the_separator() -> None:
    rng = np.random.default_rng(0)
    separator = 77
    left = right = 0
    for _ in range(1000):
        text = np.arange(1000, 1000 + int(rng.integers(4, 30)))
        code = np.arange(2000, 2000 + int(rng.integers(10, 90)))
        pair = bimodal(text, code, separator, rng, lambda number: number)
        assert (pair.source == separator).sum() == 1
        assert separator not in pair.target
        hidden = pair.target[pair.target >= 1000]
        assert abs(len(hidden) - 0.15 * (len(text) + 1 + len(code))) <= 1
        left += bool((hidden < 2000).any())
        right += bool((hidden >= 2000).any())
        marks = [unit for unit in pair.source.tolist() if unit < separator]
        assert marks == list(range(len(marks)))
        whole = restore(pair.source, pair.target, lambda unit: unit < separator)
        assert np.array_equal(whole, np.concatenate([text, [separator], code]))
    assert left > 500
    assert right > 900
