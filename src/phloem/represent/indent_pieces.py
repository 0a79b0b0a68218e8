"""Subword pieces of lexical tokens, none of which is of two tokens.

The vocabulary of CuBERT (Kanade et al. 2020, section 2.2) splits each token for itself; what has no words of its own,
punctuation and layout, is a symbol here. Ids are those of `represent.subwords`, symbols come behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Self

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.represent.indent_tokens import LAYOUT, indent_tokens, texts
from phloem.represent.subwords import Subwords

UNKNOWN = "<UNKNOWN>"
STRING = "<STRING>"  # before the words of a string literal


def function_words(example: Example) -> list[str]:
    """The tokens of a function, its documentation left out."""
    tokens = indent_tokens(example.tree, by_name(example.language), doc_span=example.doc_span)
    return texts(tokens, example.tree.source)


class IndentPieces:
    """Tokens to ids. `most` symbols are kept, the most frequent ones."""

    def __init__(self, subwords: Subwords | None = None, symbols: Sequence[str] = ()) -> None:
        self.subwords = subwords
        self.symbols = {word: i for i, word in enumerate(symbols)}
        self._known: dict[str, tuple[int, ...]] = {}

    @property
    def size(self) -> int:
        assert self.subwords is not None, "fit the pieces first"
        return self.subwords.size + len(self.symbols)

    def fit(self, functions: Iterable[Sequence[str]], *, size: int = 4096, most: int = 200) -> Self:
        """Learn units and symbols from the tokens of functions."""
        functions = list(functions)
        self.subwords = Subwords.fit((" ".join(words) for words in functions), size)
        counts = Counter(word for word in chain.from_iterable(functions) if not self.subwords.units(word, 1))
        symbols = dict.fromkeys([UNKNOWN, STRING, *LAYOUT.values()])
        symbols |= dict.fromkeys(word for word, _ in counts.most_common(most) if word not in symbols)
        self.symbols = {word: i for i, word in enumerate(symbols)}
        self._known.clear()
        return self

    def of(self, word: str) -> tuple[int, ...]:
        """The pieces of one token, at least one."""
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = self._split(word)
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        assert self.subwords is not None, "fit the pieces first"
        first = self.subwords.size
        if word in self.symbols:
            return (first + self.symbols[word],)
        units = tuple(self.subwords.units(word[:400]))
        if '"' in word or "'" in word:
            return (first + self.symbols[STRING], *units)
        return units or (first + self.symbols[UNKNOWN],)

    def rows(self, words: Sequence[str], most: int) -> tuple[list[int], list[int]]:
        """The pieces of a sequence, at most so many, and the place of each token's first; tokens are not cut."""
        flat: list[int] = []
        starts: list[int] = []
        for word in words:
            pieces = self.of(word)
            if len(flat) + len(pieces) > most:
                break
            starts.append(len(flat))
            flat += pieces
        return flat, starts

    def state(self) -> dict[str, Any]:
        return {"subwords": self.subwords.state() if self.subwords else None, "symbols": list(self.symbols)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        return cls(Subwords.from_state(state["subwords"]) if state["subwords"] else None, state["symbols"])
