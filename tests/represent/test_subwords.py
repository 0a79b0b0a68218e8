"""Words and units: identifiers and prose meet in one vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.errors import PhloemError
from phloem.represent.bags import BUCKETS, bags, buckets
from phloem.represent.subwords import CLS, FEW, MASK, PAD, SEP, TOGETHER, Subwords, words

TEXTS = [
    "def parse_http_date(text): return text",
    "Parse an HTTP date.",
    "int parseHTTPDate(String s) { s += 1; }",
] * 20


LEARNED = Subwords.fit(TEXTS, 400)


@pytest.fixture
def subwords() -> Subwords:
    return LEARNED


def test_an_identifier_and_a_phrase_are_the_same_words() -> None:
    assert words("parseHTTPDate") == words("parse_http_date") == words("Parse HTTP date") == ["parse", "http", "date"]


def test_operators_are_words_and_separators_are_not() -> None:
    assert words("a->b[i] == (c << 2); //") == ["a", "b", "i", "==", "c", "<<", "2", "//"]
    assert words("---- ****") == []


def test_letters_beyond_ascii_stay_in_their_word() -> None:
    assert words("Größe_naïve 时间") == ["größe", "naïve", "时间"]


def test_special_units_have_the_first_ids(subwords: Subwords) -> None:
    assert subwords.text([PAD, MASK, CLS, SEP]) == ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=5))
def test_units_spell_the_words_and_no_text_has_special_units(texts: list[str]) -> None:
    subwords = LEARNED
    rows = subwords.encode([*texts, "[MASK]"])
    assert not (rows.ids < 4).any()
    for text, start, end in zip(texts, rows.offsets[:-1], rows.offsets[1:], strict=False):
        ids = rows.ids[start:end].tolist()
        assert subwords.units(text) == ids
        decoded = subwords.tokenizer.decode(ids).split()
        assert "".join(decoded) == "".join(" ".join(words(text)).split())


PIECES = st.text(st.sampled_from("aAbBzZ019_+-=/<é \n(."), max_size=60) | st.text(max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=FEW, max_size=30), st.sampled_from([None, 1, 3, 50]))
def test_many_texts_have_the_units_of_each_alone(texts: list[str], most: int | None) -> None:
    rows = LEARNED.encode(texts, most)
    assert rows.ids.dtype == np.int32
    alone = [rows.ids[start:end].tolist() for start, end in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]
    assert alone == [LEARNED.units(text, most) for text in texts]


def test_many_texts_are_more_than_are_encoded_together() -> None:
    texts = [f"{TEXTS[i % 3]} x{i} {'W' * (i % 80)} {'é' * (i % 7 == 0)}" for i in range(2 * TOGETHER + 3)]
    rows = LEARNED.encode(texts, 12)
    assert rows.ids.tolist() == [unit for text in texts for unit in LEARNED.units(text, 12)]


def test_the_first_units_are_kept_and_words_are_remembered(subwords: Subwords) -> None:
    text = TEXTS[0]
    whole = subwords.units(text)
    assert subwords.units(text, 3) == whole[:3]
    assert subwords.units(text) == whole
    assert len(subwords.units("x" * 10_000)) <= 33  # the space before a word counts


def test_a_saved_vocabulary_gives_the_same_units(subwords: Subwords) -> None:
    again = Subwords.from_state(subwords.state())
    assert (again.encode(TEXTS).ids == subwords.encode(TEXTS).ids).all()
    with pytest.raises(PhloemError, match="not readable"):
        Subwords.from_state({"format": 1, "tokenizer": "{"})
    with pytest.raises(PhloemError, match="format"):
        Subwords.from_state({"format": 99, "tokenizer": ""})


def test_rows_can_be_chosen_in_any_order(subwords: Subwords) -> None:
    rows = subwords.encode(TEXTS[:3])
    chosen = rows.rows(np.array([2, 0]))
    assert chosen.ids.tolist() == [*subwords.units(TEXTS[2]), *subwords.units(TEXTS[0])]
    assert chosen.lengths().tolist() == [len(subwords.units(TEXTS[2])), len(subwords.units(TEXTS[0]))]


def test_bags_count_units_and_know_their_first_place(subwords: Subwords) -> None:
    rows = subwords.encode([*TEXTS[:3], "", "date text date date"])
    found = bags(rows)
    for row, (start, end) in enumerate(zip(rows.offsets[:-1], rows.offsets[1:], strict=True)):
        units = rows.ids[start:end].tolist()
        mine = slice(found.offsets[row], found.offsets[row + 1])
        assert found.ids[mine].tolist() == sorted(set(units))
        for unit, damped, place in zip(found.ids[mine], found.damped[mine], found.place[mine], strict=True):
            assert damped == pytest.approx(np.log2(1 + units.count(unit)))
            assert place == buckets(np.array([units.index(unit)]))[0]


def test_places_fall_into_doubling_buckets() -> None:
    places = np.arange(2000)
    found = buckets(places)
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == BUCKETS - 1
    assert [int((found == bucket).sum()) for bucket in range(1, BUCKETS - 1)] == [4, 8, 16, 32, 64, 128]
