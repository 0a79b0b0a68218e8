"""BM25: which documents hold a query's words, rare words first.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009, equation 3.15). With f the times
that a word stands in a document of length l, L the mean length and n the documents of N that have the word,

    score = Σ_words log(1 + (N - n + ½) / (n + ½)) · f (k + 1) / (f + k (1 - b + b l / L))
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


class BM25:
    """Over documents that are sequences of words."""

    def __init__(self, documents: Sequence[Sequence[str]], k: float = 1.5, b: float = 0.75) -> None:
        self.count = len(documents)
        lengths = np.array([len(document) for document in documents], np.float64)
        norm = k * (1 - b + b * lengths / max(lengths.mean(), 1e-9)) if self.count else lengths
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, document in enumerate(documents):
            for word, times in Counter(document).items():
                found[word].append((number, times))
        self._word = {}
        for word, places in found.items():
            index = np.array([place for place, _ in places])
            often = np.array([many for _, many in places], np.float64)
            rarity = math.log(1 + (self.count - len(places) + 0.5) / (len(places) + 0.5))
            self._word[word] = index, rarity * often * (k + 1) / (often + norm[index])

    def scores(self, query: Sequence[str]) -> Float[np.ndarray, " documents"]:
        """Of every document; a word that a query repeats counts as often."""
        total = np.zeros(self.count)
        for word, times in Counter(query).items():
            if word in self._word:
                index, weight = self._word[word]
                total[index] += times * weight
        return total
