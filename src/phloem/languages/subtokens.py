"""Names as words: the splitting of code2seq (Alon et al., ICLR 2019) and its published extractors.

`getHTTPResponse2_code` is get, http, response, code: cut between a lower-case and an upper-case letter, before the
last capital of a run that a lower-case letter follows, at underscores, digits and white space; lower-cased; letters
only. The extractors know ASCII letters, here every script's letters are letters; on ASCII the two are the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

_ASCII = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_0-9]|\s+")
_NO_LETTER = re.compile(r"[^a-z]+")


def split(text: str) -> list[str]:
    """The subtokens of a name or of a string's text, at least one unless `text` is empty.

    A text without letters is kept whole: `split("==")` is `["=="]`, `split("_1")` is `["_1"]`.
    """
    return list(_split(text))


@lru_cache(maxsize=1 << 16)
def _split(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    if text.isascii():
        pieces = [_NO_LETTER.sub("", piece.lower()) for piece in _ASCII.split(text)]
    else:
        pieces = ["".join(filter(str.isalpha, piece)).lower() for piece in _cut(text).split()]
    return tuple(filter(None, pieces)) or (text.lower(),)


def _cut(text: str) -> str:
    """The rules of `_ASCII` for any script: `text` with a space at every boundary."""
    characters: list[str] = []
    for i, character in enumerate(text):
        before, after = text[i - 1 : i], text[i + 1 : i + 2]
        if character == "_" or character.isdigit():
            character = " "
        elif character.isupper() and (before.islower() or (before.isupper() and after.islower())):
            character = " " + character
        characters.append(character)
    return "".join(characters)
