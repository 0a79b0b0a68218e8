"""Code for vocabularies that cannot write it: symbols as words, and back without loss.

T5's vocabulary of prose has no "{" and reads a line's end as a blank. CoTexT (Phan et al., NLP4Prog 2021) writes such
symbols as words, SMALLER_TOKEN for "<" and so on, and undoes that in the predictions before they are scored. As
published that is not injective: code may contain such a word. Here words that stand in the code are marked by QUOTED_
before them, and QUOTED_ itself likewise; line ends, tabs and runs of blanks are words, too:

    escape("if a[0] < 1:\\n    OPEN_SQUARE_TOKEN")
    = "if aOPEN_SQUARE_TOKEN0CLOSE_SQUARE_TOKEN SMALLER_TOKEN 1:LINE_TOKENBLANKS_4_TOKENQUOTED_OPEN_SQUARE_TOKEN"

No word ends as another one begins, so what is read from left to right is read as it was written.
"""

from __future__ import annotations

import re

WORDS = {
    "<": "SMALLER_TOKEN",
    ">": "GREATER_TOKEN",
    "[": "OPEN_SQUARE_TOKEN",
    "]": "CLOSE_SQUARE_TOKEN",
    "{": "OPEN_CURLY_TOKEN",
    "}": "CLOSE_CURLY_TOKEN",
    "^": "EXPONENTIAL_TOKEN",
    "#": "SHARP_TOKEN",
    "$": "DOLLAR_TOKEN",
    "`": "UNK_TOKEN",
    "\n": "LINE_TOKEN",
    "\r": "RETURN_TOKEN",
    "\t": "TAB_TOKEN",
}
QUOTED = "QUOTED_"
_SYMBOLS = {word: symbol for symbol, word in WORDS.items()}
_WORD = f"(?:{'|'.join(_SYMBOLS)}|BLANKS_[0-9]+_TOKEN)"
_ESCAPED = re.compile(rf"{QUOTED}|{_WORD}|[{re.escape(''.join(WORDS))}]| {{2,100000}}", re.ASCII)
_UNESCAPED = re.compile(rf"{QUOTED}(?:{QUOTED}|{_WORD})|{_WORD}", re.ASCII)
_BLANKS = re.compile(" {2,100000}")
_COUNTED = re.compile("BLANKS_[0-9]+_TOKEN")
_TABLE = str.maketrans(WORDS)
LONGEST = 100_000  # blanks that one word may stand for: a model writes any number


def escape(text: str) -> str:
    """The text without the symbols of WORDS, tabs, line ends and runs of blanks."""
    if "TOKEN" not in text and QUOTED not in text:  # no word to mark: nearly all code
        return _BLANKS.sub(_escaped, text).translate(_TABLE)
    return _ESCAPED.sub(_escaped, text)


def unescape(text: str) -> str:
    """The inverse of `escape`; of other texts the words are replaced that there are."""
    if QUOTED in text:
        return _UNESCAPED.sub(_unescaped, text)
    for word, symbol in _SYMBOLS.items():
        text = text.replace(word, symbol)
    return _COUNTED.sub(_unescaped, text)


def _escaped(match: re.Match[str]) -> str:
    found: str = match[0]
    if found in WORDS:
        return WORDS[found]
    return f"BLANKS_{len(found)}_TOKEN" if found[0] == " " else QUOTED + found


def _unescaped(match: re.Match[str]) -> str:
    found: str = match[0]
    if found.startswith(QUOTED):
        return found.removeprefix(QUOTED)
    return _SYMBOLS.get(found) or " " * min(int(found.split("_")[1]), LONGEST)
