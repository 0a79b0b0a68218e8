"""A comment and its code as numbers: words, pieces of words, and how much the comment says beyond the code.

TF-IDF (Salton and Buckley 1988) with idf(t) = ln((1 + n) / (1 + n_t)) + 1 and rows of length 1, over the words of the
comment, its character 3- to 5-grams and the subtokens of the code (each kind by itself); of each kind the terms of most
documents are kept. Then figures of the pair: words, the share of them that the code has, the share of characters that
are neither letters nor blanks, whether it looks like code. Everything is fitted on training pairs alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import numpy as np
from jaxtyping import Float

from phloem.languages.subtokens import split as subtokens

_WORD = re.compile(r"[A-Za-z]+")
Text = tuple[str, str]  # a comment, and its code


def words(pair: Text) -> list[str]:
    return [word.lower() for word in _WORD.findall(pair[0])]


def grams(pair: Text) -> list[str]:
    """Runs of 3 to 5 characters of the comment, blanks as one."""
    text = " ".join(pair[0].lower().split())
    return [text[at : at + size] for size in (3, 4, 5) for at in range(len(text) - size + 1)]


def code_words(pair: Text) -> list[str]:
    return [part for name in _WORD.findall(pair[1]) for part in subtokens(name)]


KINDS: dict[str, Callable[[Text], list[str]]] = {"word": words, "gram": grams, "code": code_words}


def figures(pair: Text) -> list[float]:
    """What a pair is like as a whole, each roughly between 0 and 1."""
    said, known = words(pair), set(code_words(pair))
    text = pair[0]
    signs = sum(not (each.isalpha() or each.isspace()) for each in text)
    return [
        min(1.0, len(said) / 20),
        sum(word in known for word in said) / max(1, len(said)),
        min(1.0, len({word for word in said if word not in known}) / 10),
        signs / max(1, len(text)),
        float(bool(re.search(r"[;{}=]|\w\(", text))),
        float("\n" in text),
    ]


class CommentFeatures:
    """Fitted on training pairs; `kept` terms of each kind."""

    def __init__(self, kept: int = 300) -> None:
        self.kept = kept
        self.terms: dict[str, dict[str, int]] = {}
        self.idf: dict[str, Float[np.ndarray, " terms"]] = {}

    def fit(self, pairs: Sequence[Text]) -> Self:
        for kind, read in KINDS.items():
            counts = Counter(term for pair in pairs for term in set(read(pair)))
            common = sorted(counts, key=lambda term: (-counts[term], term))[: self.kept]
            self.terms[kind] = {term: number for number, term in enumerate(common)}
            self.idf[kind] = np.array([math.log((1 + len(pairs)) / (1 + counts[term])) + 1 for term in common])
        return self

    def encode(self, pairs: Iterable[Text]) -> Float[np.ndarray, "pairs features"]:
        rows = [np.concatenate([*(self._tf_idf(kind, pair) for kind in KINDS), figures(pair)]) for pair in pairs]
        return np.stack(rows).astype(np.float32)

    def _tf_idf(self, kind: str, pair: Text) -> Float[np.ndarray, " terms"]:
        terms = self.terms[kind]
        row = np.zeros(len(terms))
        for term in KINDS[kind](pair):
            if term in terms:
                row[terms[term]] += 1
        row *= self.idf[kind]
        length = float(np.linalg.norm(row))
        return row / length if length else row
