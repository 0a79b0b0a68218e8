"""Which natural language a text is in, by its letters.

Cavnar and Trenkle, "N-Gram-Based Text Categorization" (1994), with the probabilities of naive Bayes: for each language
the relative frequencies of the 1- to 3-grams of the letters of words, smoothed; the likeliest language, all being alike
before. A text in another script than Latin is told by the script alone. Short texts are not decided.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

UNKNOWN = "unknown"
SHORTEST = 12  # letters that are needed
_WORD = re.compile(r"[^\W\d_]+")


def script(text: str) -> str:
    """The script of most letters beyond ASCII's, "LATIN" without any."""
    counts = Counter(
        unicodedata.name(letter, "LATIN").partition(" ")[0] for letter in text if letter.isalpha() and ord(letter) > 127
    )
    foreign = {name: count for name, count in counts.items() if name != "LATIN"}
    return max(foreign, key=foreign.__getitem__) if foreign else "LATIN"


class LanguageIdentifier:
    """Knows the languages that it was fitted on."""

    def __init__(self, counts: Mapping[str, Counter[str]]) -> None:
        grams = {gram for counter in counts.values() for gram in counter}
        self._log: dict[str, dict[str, float]] = {}
        self._rest: dict[str, float] = {}
        for language, counter in counts.items():
            total = counter.total() + len(grams) + 1
            self._log[language] = {gram: math.log((counter[gram] + 1) / total) for gram in counter}
            self._rest[language] = math.log(1 / total)

    @classmethod
    def fit(cls, texts: Mapping[str, Iterable[str]]) -> Self:
        """Learn from texts of each language."""
        return cls(
            {language: Counter(gram for text in own for gram in _grams(text)) for language, own in texts.items()}
        )

    def identify(self, text: str) -> str:
        """The language's name, the script's for one that is not Latin, or UNKNOWN."""
        if (found := script(text)) != "LATIN":
            return found
        if sum(map(len, _WORD.findall(text))) < SHORTEST:
            return UNKNOWN
        grams = Counter(_grams(text))

        def score(language: str) -> float:
            log, rest = self._log[language], self._rest[language]
            return sum(count * log.get(gram, rest) for gram, count in grams.items())

        return max(self._log, key=score)


def _grams(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        padded = f" {word} "
        for order in (1, 2, 3):
            for at in range(len(padded) - order + 1):
                yield padded[at : at + order]
