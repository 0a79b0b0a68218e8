"""Many natural languages around code: catalogues, pivot data, sampling, translation, and exact units."""

from __future__ import annotations

import struct
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phloem.corpora.examples import examples_of
from phloem.corpora.gettext_parallel import Message, catalogues, read_mo, read_po, same
from phloem.languages import by_name
from phloem.learn.language_sampling import smoothed
from phloem.learn.objectives.span_corruption import Pair, restore
from phloem.learn.objectives.token_cross_entropy import TokenCrossEntropy
from phloem.learn.objectives.translation_lm import damaged_both, prefix, translation
from phloem.learn.pretraining_mixture import Listed, Mixture, Task, paired
from phloem.measure.language_identification import UNKNOWN, LanguageIdentifier, script
from phloem.represent.byte_pairs import BytePairs
from phloem.tasks.crosslingual import Held, cleaned, leaks, pivot_sets

SENTENCES = {
    "en": ["the file could not be opened because it was not found", "return whether there is a name with this value"],
    "de": ["die Datei konnte nicht gefunden werden, weil sie nicht da ist", "ob es einen Namen mit diesem Wert gibt"],
    "fr": ["le fichier ne peut pas être ouvert parce qu'il est absent", "indique si un nom avec cette valeur existe"],
}
IDENTIFIER = LanguageIdentifier.fit(SENTENCES)


PIECES = ["def f():", "\n", "\r\n", "\t", "    ", " ", "x = 1", "  ", "\u00a0", "\x0c"]
PIECES += ["# 全角ＡＢＣ１２", "'日本語'", "ﬁ", "é"]


@pytest.fixture(scope="module")
def units() -> BytePairs:
    return BytePairs.fit(["def f(x):\n    return x  # done\n"] * 4, 500, sentinels=30)


@pytest.mark.row("S186", 1)
@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_blanks_and_wide_letters_come_back_byte_for_byte(units: BytePairs, source: str) -> None:
    assert units.decode(units.encode(source)).encode() == source.encode()


@pytest.mark.row("S186", 1)
def test_a_normalising_tokeniser_would_fail(units: BytePairs) -> None:
    source = "if x:\r\n\ty = 'ＡＢＣ' \n        # 全角１２ﾊﾝｶｸ  \n"
    assert units.decode(units.encode(source)) == source
    normal = unicodedata.normalize("NFKC", source)
    assert units.decode(units.encode(normal)) != source


SOURCE = """
def load(path):
    '''Read the file that has this name and return it.'''
    # die Datei wird hier zuerst geöffnet und dann gelesen
    # the file is opened before it is read
    return open(path)

def greet():
    '''Say hello to the person who has asked for it.'''
    return "die Datei konnte leider nicht gefunden werden"

def japanese():
    '''Return the greeting.'''
    return "こんにちは"

def kept(a):
    '''Gibt den Wert zurück, der mit diesem Namen da ist.'''
    return a + 1

def tested(a):
    '''Return whether there is a name with this value.'''
    return a - 1
"""
MESSAGES = [
    Message("The file was not found", "Die Datei wurde nicht gefunden", "de", "p"),
    Message("The file was not found", "Le fichier est introuvable", "fr", "p"),
    Message("OK", "OK", "de", "p"),
    Message("Held out message of the test", "Eine Nachricht der Prüfung", "de", "p"),
    Message("Another message", "Eine andere Nachricht", "de", "testpackage"),
]


@pytest.mark.row("S186", 2)
def test_no_example_holds_a_code_and_a_text_that_is_not_english() -> None:
    functions = examples_of(SOURCE.encode(), by_name("python"), project="p")
    functions += examples_of(b"def held():\n    return 1\n", by_name("python"), project="testpackage")
    held = Held(
        frozenset({"return whether there is a name with this value.", "held out message of the test"}),
        frozenset({"testpackage"}),
    )
    sets = pivot_sets(functions, MESSAGES, IDENTIFIER, held)
    assert not any(leaks(item, IDENTIFIER) for item in sets.items())
    names = [item.sides[0].text.split("(")[0] for item in sets.codes]
    assert names == ["def load", "def kept", "def tested"], "strings in other languages drop the function"
    load = sets.codes[0].sides[0].text
    assert "Datei" not in load
    assert "opened" in load
    assert "Read the file" not in load, "a pair's documentation is not in its code"
    assert [item.sides[0].text[:8] for item in sets.code_pairs] == ["Read the"], "English only, none of the test's"
    assert len(sets.text_pairs) == 2
    assert all(item.package != "testpackage" for item in sets.items())
    assert {side.language for item in sets.text_pairs for side in item.sides} == {"en", "de", "fr"}


@pytest.mark.row("S186", 2)
def test_leaks_are_seen_by_tag_and_by_text() -> None:
    functions = examples_of(SOURCE.encode(), by_name("python"), project="p")
    raw = functions[0].tree.source.decode()
    sets = pivot_sets(functions[:1], [], IDENTIFIER, Held(frozenset(), frozenset()))
    (item,) = sets.code_pairs
    assert not leaks(item, IDENTIFIER)
    text, code = item.sides
    assert leaks(item._replace(sides=(text._replace(language="de"), code)), IDENTIFIER)
    assert leaks(item._replace(sides=(text, code._replace(text=raw))), IDENTIFIER)
    assert leaks(item._replace(sides=(code._replace(text="x = 'こんにちは'"),)), IDENTIFIER)
    assert cleaned(functions[2], IDENTIFIER) is None


@pytest.mark.row("S186", 3)
def test_smoothed_sampling_is_the_formula() -> None:
    q = smoothed([1000, 100, 10], 0.3)
    np.testing.assert_allclose(q, [0.5707, 0.2860, 0.1433], atol=5e-5)
    drawn = np.random.default_rng(0).choice(3, 100_000, p=q)
    np.testing.assert_allclose(np.bincount(drawn) / 100_000, [0.5707, 0.2860, 0.1433], atol=0.01)
    np.testing.assert_allclose(smoothed([1000, 100, 10], 1), np.array([1000, 100, 10]) / 1110)
    np.testing.assert_allclose(smoothed([1000, 100, 10], 0), [1 / 3] * 3)


@pytest.mark.row("S186", 3)
def test_each_batch_has_one_kind_of_task() -> None:
    def make(kind: int):  # type: ignore[no-untyped-def]
        return lambda items, _: paired([Pair(np.array([kind, 9]), np.array([kind])) for _ in items], source=4, target=4)

    tasks = [Task(f"kind {kind}", make(kind), TokenCrossEntropy(), rate) for kind, rate in ((5, 1.0), (6, 3.0))]
    mixture = Mixture(Listed(list(range(50)), lambda _: 1), tasks)
    kinds = []
    for number in range(400):
        drawn = mixture.batch(np.arange(8), np.random.default_rng(number))
        (kind,) = set(drawn.batch.tokens[:, 0].tolist())
        assert kind == 5 + drawn.task
        kinds.append(kind)
    assert abs(kinds.count(6) / 400 - 0.75) < 0.07


@pytest.mark.row("S186", 4)
def test_translation_pairs_are_exact(units: BytePairs) -> None:
    front = np.array(units.encode(prefix("Japanese", "Python")))
    x, y = (np.array(units.encode(text)) for text in ("値を返す", "return x"))
    pair = translation(front, x, y)
    assert np.array_equal(pair.source[-len(x) :], x)
    assert units.decode(pair.source.tolist()).startswith("translate Japanese to Python: \n")
    batch = paired([pair], source=200, target=50)
    assert batch.target[0].tolist() == [*y.tolist(), 0], "y and the closing unit"
    assert not same("Open &File", "Datei öffnen")
    assert same("Open &File", "open  file")
    assert same("x", "  ")


@pytest.mark.row("S186", 4)
def test_both_sides_lose_spans_and_come_back() -> None:
    rng = np.random.default_rng(0)
    left = right = 0
    for _ in range(1000):
        x = np.arange(1000, 1000 + int(rng.integers(3, 40)))
        y = np.arange(2000, 2000 + int(rng.integers(3, 40)))
        pair = damaged_both(x, y, 777, rng, lambda number: number)
        whole = restore(pair.source, pair.target, lambda unit: unit < 500)
        assert np.array_equal(whole, np.concatenate([x, [777], y]))
        hidden = pair.target[pair.target >= 500]
        left += bool(((hidden >= 1000) & (hidden < 2000)).any())
        right += bool((hidden >= 2000).any())
        assert 777 not in hidden
    assert (left, right) == (1000, 1000)


PO = """
msgid ""
msgstr ""
"Language: de_AT\\n"

#: a.py:3
msgid "Save "
"file"
msgstr "Datei \\"sichern\\"\\n"

#, fuzzy
msgid "No"
msgstr "Vielleicht"

#~ msgid "Old"
#~ msgstr "Alt"

msgctxt "menu"
msgid "one item"
msgid_plural "%d items"
msgstr[0] "ein Ding"
msgstr[1] "%d Dinge"

msgid "Same"
msgstr "same"

msgid "Empty"
msgstr ""
"""


def compiled(messages: dict[str, str], order: str = "<") -> bytes:
    """A .mo file as the manual describes it."""
    keys = sorted(messages)
    sides = [[each.encode() for each in column] for column in (keys, [messages[key] for key in keys])]
    start = 28 + 16 * len(keys)
    tables, texts = b"", b""
    for side in sides:
        for text in side:
            tables += struct.pack(f"{order}2I", len(text), start + len(texts))
            texts += text + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0)
    return head + tables + texts


def test_catalogues(tmp_path: Path) -> None:
    assert read_po(PO)["Save file"] == 'Datei "sichern"\n'
    messages = {"": "Language: fr\n", "Quit": "Quitter", "menu\x04Close": "Fermer"}
    for order in "<>":
        assert read_mo(compiled(messages, order)) == {"": "Language: fr\n", "Quit": "Quitter", "Close": "Fermer"}
    assert read_mo(b"no catalogue") == {}
    assert read_mo(compiled(messages)[:60]) != messages
    (tmp_path / "pack" / "it" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "pack" / "x.po").write_text(PO)
    (tmp_path / "pack" / "it" / "LC_MESSAGES" / "x.mo").write_bytes(compiled({"Quit": "Esci"}))
    found = list(catalogues(tmp_path))
    assert Message("Quit", "Esci", "it", "pack") in found
    assert Message("one item", "ein Ding", "de", "pack") in found
    assert {each.source for each in found} == {"Quit", "one item", "Save file"}


def test_languages_are_told_apart() -> None:
    assert IDENTIFIER.identify("the name was not found in this file") == "en"
    assert IDENTIFIER.identify("der Name wurde in dieser Datei nicht gefunden") == "de"
    assert IDENTIFIER.identify("ce nom n'existe pas dans le fichier") == "fr"
    assert IDENTIFIER.identify("x + y") == UNKNOWN
    assert script("これ") == "HIRAGANA"
    assert IDENTIFIER.identify("ф") == "CYRILLIC"
