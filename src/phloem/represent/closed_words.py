"""The operators and exception types of a language that stand for each other, numbered.

A detector of bugs chooses among them where it does not choose a variable. What may stand for a word depends on the
language (`is not` for `!=` in Python alone), so a vocabulary is that of one language, or of a family that shares its
table of `represent.bug_slots`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from phloem.represent.bug_slots import RULES, alternatives


def closed_words(language: str) -> list[str]:
    """The words: those that stand for each other in closed classes, then those whose operands have an order."""
    rules = RULES[language]
    return list(dict.fromkeys((*rules.class_of, *sorted(rules.ordered))))


class ClosedWords:
    """Words of a language with their numbers."""

    def __init__(self, language: str, words: Sequence[str] | None = None) -> None:
        """`words` are those that a saved view knows."""
        self.rules = RULES[language]
        self.words = list(closed_words(language) if words is None else words)
        self.number = {word: number for number, word in enumerate(self.words)}
        self.ordered: Bool[np.ndarray, " words"] = np.array([word in self.rules.ordered for word in self.words], bool)
        self._choices: dict[tuple[int, bool], Int64[np.ndarray, " some"]] = {}

    def __len__(self) -> int:
        return len(self.words)

    def choices(self, value: int, tight: bool) -> Int64[np.ndarray, " some"]:
        """What the word of a number could be replaced by."""
        found = self._choices.get((value, tight))
        if found is None:
            words = alternatives(self.rules, self.words[value], tight)
            found = np.array([self.number[word] for word in words if word in self.number], np.int64)
            self._choices[value, tight] = found
        return found

    def classes(self) -> Bool[np.ndarray, "words words"]:
        """Which of the words stand for each other; none for itself."""
        table = np.zeros((len(self), len(self)), bool)
        for number in range(len(self)):
            table[number, self.choices(number, tight=False)] = True
        return table
