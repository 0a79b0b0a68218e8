"""DreamCoder's text editing: strings are lists of characters, edited by the list primitives (Ellis et al. 2020).

The set is the basic list primitives without arithmetic extras, the equality of characters, and the separators that
real columns use. `STRING` is the unknown constant of the original: a program holds at most two of them, and they are
bound to a substring that all outputs of the task share (`with_constant`).
"""

from __future__ import annotations

from collections.abc import Sequence

from phloem.synthesis.languages.lambda_calculus import Primitive
from phloem.synthesis.languages.list_functions import BASIC, by_name
from phloem.synthesis.polymorphic_types import BOOL, CHAR, arrow, list_of

STRING = list_of(CHAR)
SEPARATORS = {".": ".", ",": ",", "SPACE": " ", "LPAREN": "(", "RPAREN": ")", "-": "-", ":": ":"}
SAME_CHARACTER = Primitive("char-eq?", arrow(CHAR, CHAR, BOOL), lambda x, y: x == y)
MOST_CONSTANTS = 2

# The name "-" is both a subtraction and a character in the original, told apart by type; a name means one thing here.
_NAMES = {"-": "DASH", ".": "DOT", ",": "COMMA", ":": "COLON"}
TEXT = by_name(
    *BASIC,
    SAME_CHARACTER,
    *(Primitive(_NAMES.get(name, name), CHAR, character) for name, character in SEPARATORS.items()),
)


def string(text: str) -> tuple[str, ...]:
    """The value that stands for a text."""
    return tuple(text)


def shared_substrings(outputs: Sequence[str], shortest: int = 2) -> list[str]:
    """Substrings of all outputs that no longer such substring contains, longest first: candidates for STRING."""
    if not outputs:
        return []
    first = min(outputs, key=len)
    found: list[str] = []
    for length in range(len(first), shortest - 1, -1):
        for start in range(len(first) - length + 1):
            piece = first[start : start + length]
            if all(piece in output for output in outputs) and not any(piece in longer for longer in found):
                found.append(piece)
    return found


def with_constants(outputs: Sequence[str]) -> dict[str, Primitive]:
    """The text primitives and STRING, bound to the longest substrings that all outputs share (MOST_CONSTANTS)."""
    constants = shared_substrings(outputs)[:MOST_CONSTANTS]
    names = ("STRING", "STRING2")
    return TEXT | by_name(*(Primitive(n, STRING, string(c)) for n, c in zip(names, constants, strict=False)))
