"""RobustFill's language for real columns: the same operators with a wider alphabet.

Every character that is neither letter nor digit may be a delimiter (hyphen, underscore, line break and more among
them), letters are those of Unicode, `ToCase(Title)` capitalises each word, `SubStr` may be one character, and `Char`
is any character. A program may use several inputs, an input as it is, and constants of several characters. `Part`s are
the words of a name such as `homePhone`, and there are functions for numbers, months, and joining what is found
(cell_functions.py).
"""

from __future__ import annotations

import unicodedata

from phloem.synthesis.languages.robustfill import CASES, DELIMITERS, Dialect, RobustFill

_LETTERS = [chr(code) for code in range(0x530) if unicodedata.category(chr(code))[0] == "L"]
UPPER = "".join(letter for letter in _LETTERS if letter.isupper())
LOWER = "".join(letter for letter in _LETTERS if letter.islower())
_MARK = "[\u0300-\u036f\u200d\ufe0f\U0001f3fb-\U0001f3ff]"

CLASSES = {
    "Number": "[0-9]+",
    "Word": f"(?:[^\\W\\d_]{_MARK}*)+",
    "Alphanum": f"(?:[^\\W_]{_MARK}*)+",
    "AllCaps": f"[{UPPER}]+",
    "PropCase": f"[{UPPER}][{LOWER}]+",
    "Lower": f"[{LOWER}]+",
    "Digit": "[0-9]",
    "Char": f"(?:[^\\W_]|.){_MARK}*",
    "Decimal": r"[0-9]+(?:[.,][0-9]+)*",
    "NonSpace": r"\S+",
    "Part": f"[{UPPER}]+(?![{LOWER}])|[{UPPER}]?[{LOWER}]+|[0-9]+",
    "Symbol": r"[^\w\s]|_",
}
MORE = "-_\n\t+*=<>|~^\\`·–—“”‘’«»£€¥°©®™§•…\u00a0"

PLUS = Dialect("robustfill-plus", CLASSES, DELIMITERS + MORE, (*CASES, "Title"), single=True, removes=True, cells=True)
language = RobustFill(PLUS)
name, operators = language.name, language.operators
grammar, parse, print, sample = language.grammar, language.parse, language.print, language.sample
