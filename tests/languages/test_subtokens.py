"""Splitting names, against the published rules written a second time, character by character."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phloem.languages.subtokens import split

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("getName", "get name"),
        ("get_name", "get name"),
        ("getHTTPResponse2_code", "get http response code"),
        ("HTMLParser", "html parser"),
        ("parseHTML", "parse html"),
        ("XMLHttpRequest", "xml http request"),
        ("ABTest", "ab test"),
        ("__init__", "init"),
        ("MAX_VALUE", "max value"),
        ("toURLs", "to ur ls"),
        ("a1B2c3", "a b c"),
        ("base64Encode", "base encode"),
        ("x", "x"),
        ("empty?", "empty"),
        ("size=", "size"),
        ("#secret", "secret"),
        ("hello, World!\n", "hello world"),
        ("größeÄndern", "größe ändern"),
        ("名前", "名前"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert split(text) == words.split()


@pytest.mark.parametrize("text", ["==", "_", "_1", "42", "[]", "__", " "])
def test_without_letters_the_text_stays_whole(text: str) -> None:
    assert split(text) == [text]


def test_nothing_has_no_words() -> None:
    assert split("") == []


def by_character(text: str) -> list[str]:
    """The rules, one character at a time."""
    words, word = [], ""
    for i, character in enumerate(text):
        before = text[i - 1] if i else ""
        after = text[i + 1] if i + 1 < len(text) else ""
        lower_to_upper = before in string.ascii_lowercase and character in string.ascii_uppercase
        last_capital = (
            before in string.ascii_uppercase
            and character in string.ascii_uppercase
            and after in string.ascii_lowercase
            and after != ""
        )
        if before and (lower_to_upper or last_capital):
            words, word = [*words, word], ""
        if character == "_" or character in string.digits or character.isspace():
            words, word = [*words, word], ""
        elif character in string.ascii_letters:
            word += character.lower()
    words = [word for word in [*words, word] if word]
    return words or [text.lower()]


@UNTIMED
@given(st.text(st.sampled_from("abzABZ_09 .-\n\t"), min_size=1, max_size=30))
def test_ascii_as_the_rules_say(text: str) -> None:
    assert split(text) == by_character(text)


@UNTIMED
@given(st.text(min_size=1))
def test_words_are_lower_case_letters_or_the_whole_text(text: str) -> None:
    words = split(text)
    assert words
    assert words == [text.lower()] or all(word == word.lower() and word for word in words)


@UNTIMED
@given(st.lists(st.text(st.sampled_from(string.ascii_lowercase), min_size=2, max_size=8), min_size=1, max_size=6))
def test_splitting_undoes_joining(words: list[str]) -> None:
    assert split("_".join(words)) == words
    assert split(words[0] + "".join(word.capitalize() for word in words[1:])) == words
    assert split("_".join(words).upper()) == words


@UNTIMED
@given(st.text(st.sampled_from("äöüÄÖÜéÉ_1 a"), min_size=1, max_size=12))
def test_other_scripts_split_as_ascii_does(text: str) -> None:
    to_ascii = str.maketrans("äöüÄÖÜéÉ", "bcdBCDeE")
    assert [word.translate(to_ascii) for word in split(text)] == split(text.translate(to_ascii))
