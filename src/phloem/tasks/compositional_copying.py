"""Pairs of token sequences for a writer that copies: words that are rare have ids of their own in each source.

See, Liu and Manning (ACL 2017, section 2.2). The vocabularies have the words that training holds often enough; the k-th
distinct other word of a source is written as id V + k, for as many as `extra` allows. With `extra` 0 nothing can be
copied, and rare words are unknown on both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Int, Int64

from phloem.decode.base import Search
from phloem.nn.models.copying_seq2seq import CopyBatch
from phloem.represent.base import PAD, START, UNK
from phloem.represent.text_pairs import Pair

FIRST = START + 1
RARE = 5  # a word of fewer occurrences is not of the vocabulary
AT_ONCE = 64


class CopyingPairs:
    """Pairs as batches (a `Dataset`); vocabularies are those of `words`, learned once from training."""

    def __init__(self, pairs: Sequence[Pair], extra: int, words: tuple[dict[str, int], dict[str, int]] | None = None):
        self.pairs, self.extra = [(source.split(), target.split()) for source, target in pairs], extra
        self.words = words or (vocabulary(p[0] for p in self.pairs), vocabulary(p[1] for p in self.pairs))

    @property
    def vocabularies(self) -> tuple[int, int]:
        """The sizes of the source's and of the target's."""
        source, target = self.words
        return FIRST + len(source), FIRST + len(target)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def sizes(self) -> Int64[np.ndarray, " pairs"]:
        """Words of both sides."""
        return np.array([len(source) + len(target) for source, target in self.pairs])

    def batch(self, index: Int[np.ndarray, " batch"], rng: np.random.Generator | None) -> CopyBatch:
        chosen = [self.pairs[i] for i in index]
        known, written = self.words
        size = self.vocabularies[1]
        sources, targets, copied = [], [], []
        for source, target in chosen:
            own = {**written, **{word: size + k - FIRST for k, word in enumerate(self.beyond(source))}}
            sources.append([known.get(word, UNK - FIRST) + FIRST for word in source])
            copied.append([own.get(word, UNK - FIRST) + FIRST for word in source])
            targets.append([own.get(word, UNK - FIRST) + FIRST for word in target] + [PAD])
        lengths = torch.tensor([len(source) for source in sources])
        return CopyBatch(_padded(sources), lengths, _padded(targets), _padded(copied))

    def beyond(self, source: Sequence[str]) -> list[str]:
        """The source's words that no vocabulary has, as many as may be copied."""
        return [word for word in dict.fromkeys(source) if word not in self.words[1]][: self.extra]

    def texts(self, ids: Iterable[int], source: Sequence[str]) -> str:
        """What ids say for a source, up to the end."""
        inverse = {number + FIRST: word for word, number in self.words[1].items()}
        inverse |= {self.vocabularies[1] + k: word for k, word in enumerate(self.beyond(source))}
        found = []
        for number in ids:
            if number == PAD:
                break
            found.append(inverse.get(number, "<unknown>"))
        return " ".join(found)

    def answers(self, model: torch.nn.Module, search: Search, longest: int) -> list[str]:
        """What the model writes for each source."""
        training = model.training
        model.eval()
        found: list[str] = []
        for start in range(0, len(self), AT_ONCE):
            index = np.arange(start, min(start + AT_ONCE, len(self)))
            best = search(model, self.batch(index, None), length=longest)  # type: ignore[arg-type]
            found += [self.texts(each[0].value, self.pairs[i][0]) for i, each in zip(index, best, strict=True)]
        model.train(training)
        return found


def vocabulary(texts: Iterable[Sequence[str]]) -> dict[str, int]:
    """Words that are not rare, numbered in alphabetical order from 0."""
    counts = Counter(word for text in texts for word in text)
    return {word: number for number, word in enumerate(sorted(w for w, count in counts.items() if count >= RARE))}


def _padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *([PAD] * (width - len(row)))] for row in rows])
