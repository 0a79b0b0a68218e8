"""Pairs of texts whose units are whole words: what training never showed cannot be written at all.

A translator of a formal language gains nothing from pieces of its symbols, and the released neural SPARQL machines
(Soru et al. 2017) have one unit a word. `text_pairs` is the same view with learned pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordLevelTrainer

from phloem.represent.base import UNK
from phloem.represent.text_pairs import Pair, PairView
from phloem.represent.vocabulary import OUTPUTS


def learn_words(texts: Iterable[str], size: int) -> Tokenizer:
    """The `size` most frequent words that white space separates; ids 0 to 2 are PAD, UNK and START."""
    tokenizer = Tokenizer(WordLevel(unk_token=OUTPUTS[UNK]))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = WordLevelTrainer(vocab_size=size, special_tokens=list(OUTPUTS), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class WordPairs(PairView):
    """Pairs of texts as words of two vocabularies of at most `size` each (a view of `TokenBatch`es)."""

    def __init__(self, size: int = 50_000, source: Tokenizer | None = None, target: Tokenizer | None = None) -> None:
        super().__init__(size, source, target)

    def fit(self, pairs: Sequence[Pair]) -> Self:
        self._source = learn_words((source for source, _ in pairs), self.size)
        self._target = learn_words((target for _, target in pairs), self.size)
        return self

    def longest(self, pairs: Sequence[Pair]) -> int:
        """Words of the longest target."""
        return max((len(target.split()) for _, target in pairs), default=1)
