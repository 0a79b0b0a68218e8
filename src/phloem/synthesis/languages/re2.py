"""LILO's string editing language over regular expressions (Grand et al., ICLR 2024; the domain is Andreas et al. 2018).

Two kinds of strings: a `substr` is a pattern or a piece, a `fullstr` is what is edited. An edit splits the string at a
pattern, the matches among the pieces, maps or drops pieces, and flattens: replacing each "an" by "u" is

    (lambda (_rflatten (map (lambda (if (_rmatch (_rconcat _a _n) $0) _u $0)) (_rsplit (_rconcat _a _n) $0))))

There is no repetition, so that matching takes time linear in the string for each pattern; patterns are short.
`_rvowel` and `_rconsonant` exist but belong to the set only where asked for: LILO has to learn them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

from phloem.synthesis.languages.lambda_calculus import Primitive
from phloem.synthesis.languages.lambda_machine import Undefined
from phloem.synthesis.languages.list_functions import CAR, CDR, CONS, IF, MAP, by_name
from phloem.synthesis.polymorphic_types import BOOL, TypeConstructor, arrow, list_of

SUBSTRING, FULL_STRING = TypeConstructor("tsubstr"), TypeConstructor("tfullstr")
LONGEST_PATTERN = 200
LONGEST_TEXT = 2_000


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def _short(text: str, most: int = LONGEST_PATTERN) -> str:
    if len(text) > most:
        raise Undefined
    return text


def match(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text; False where it is no regular expression."""
    compiled = _compiled(pattern)
    return compiled is not None and compiled.fullmatch(text) is not None


def split(pattern: str, text: str) -> tuple[str, ...]:
    """The pieces at the matches, the matches included and empty pieces left out; one piece for a bad pattern."""
    compiled = _compiled(pattern or ".")
    if compiled is None:
        return (text,)
    pieces, end = [], 0
    for found in compiled.finditer(text):
        pieces += [text[end : found.start()], found[0]]
        end = found.end()
    return tuple(piece for piece in (*pieces, text[end:]) if piece)


def flatten(pieces: tuple[str, ...]) -> str:
    return _short("".join(pieces), LONGEST_TEXT)


def _last(pieces: tuple[str, ...]) -> str:
    if not pieces:
        raise Undefined
    return pieces[-1]


def _without_last(pieces: tuple[str, ...]) -> tuple[str, ...]:
    if not pieces:
        raise Undefined
    return pieces[:-1]


def _pattern(name: str, arity: int, make: Callable[..., Any]) -> Primitive:
    return Primitive(name, arrow(*[SUBSTRING] * (arity + 1)), make)


_PIECES = list_of(SUBSTRING)
VOWEL = Primitive("_rvowel", SUBSTRING, "(a|e|i|o|u)")
CONSONANT = Primitive("_rconsonant", SUBSTRING, "[^aeiou]")
RE2 = by_name(
    *(Primitive(f"_{letter}", SUBSTRING, letter) for letter in ascii_lowercase),
    Primitive("_rempty", SUBSTRING, ""),
    Primitive("_rdot", SUBSTRING, "."),
    _pattern("_rnot", 1, lambda s: _short(f"[^{s}]")),
    _pattern("_ror", 2, lambda s, t: _short(f"(({s})|({t}))")),
    _pattern("_rconcat", 2, lambda s, t: _short(s + t)),
    Primitive("_rmatch", arrow(SUBSTRING, SUBSTRING, BOOL), match),
    Primitive("_rsplit", arrow(SUBSTRING, FULL_STRING, _PIECES), split),
    Primitive("_rflatten", arrow(_PIECES, FULL_STRING), flatten),
    Primitive("_rtail", arrow(_PIECES, SUBSTRING), _last),
    Primitive("_rappend", arrow(SUBSTRING, _PIECES, _PIECES), lambda piece, pieces: (*pieces, piece)),
    Primitive("_rrevcdr", arrow(_PIECES, _PIECES), _without_last),
    MAP,
    IF,
    CONS,
    CAR,
    CDR,
)
"""What LILO starts from."""
EDIT = arrow(FULL_STRING, FULL_STRING)
