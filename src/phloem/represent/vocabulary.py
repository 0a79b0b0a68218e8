"""Words and their ids: the most frequent words of the training data, after a few reserved ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from phloem.represent.base import UNK

INPUTS = ("<PAD>", "<UNK>")  # reserved ids of what is read, PAD = 0 and UNK = 1
OUTPUTS = ("<PAD>", "<UNK>", "<START>")  # and of what is written, START = 2


class Vocabulary:
    """An ordered list of distinct words; a word that is not in it has the id UNK."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: number for number, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            raise ValueError("the words of a vocabulary must differ")

    @classmethod
    def most_frequent(
        cls, counts: Mapping[str, int], reserved: tuple[str, ...], limit: int = 0, least: int = 1
    ) -> Self:
        """Words that occur at least `least` times, at most `limit` of them (0: all), the most frequent first.

        Words of equal count are in alphabetical order, so that the same data give the same ids.
        """
        ranked = sorted((-count, word) for word, count in counts.items() if count >= least and word not in reserved)
        return cls((*reserved, *(word for _, word in (ranked[:limit] if limit else ranked))))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def id(self, word: str) -> int:
        return self._ids.get(word, UNK)

    def ids(self, words: Iterable[str]) -> list[int]:
        find = self._ids.get
        return [find(word, UNK) for word in words]
