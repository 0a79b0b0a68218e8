"""What models see of a code block in an answer: the block beside its text and title, as numbers.

Two forms. Sequences, for networks that read block by block (Yao et al., "StaQC", WWW 2018, section 4): the text before,
the code, the text behind and the title, each cut to a length. And a bag of n-grams, for linear models: every word and
every pair of neighbouring words of a field, marked with the field, and where in the answer the block stands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from phloem.corpora.staqc import Block

PAD, UNKNOWN = 0, 1
MOST_TEXT, MOST_CODE, MOST_TITLE = 100, 302, 34  # words, tokens, words: the released data's longest
LEAST = 2  # times that a word or an n-gram occurs in training, or it is not told apart
MOST_PLACES = 6  # of a block in its answer that are told apart
Gram = tuple[Any, ...]


class SnippetBatch(NamedTuple):
    """Blocks padded to the longest of each field; a length of 0 stands for an empty field. `blocks` is 2 where no text
    follows the code, else 3; `target` is 1 where the code stands alone."""

    before: Int64[Tensor, "batch words"]
    before_length: Int64[Tensor, " batch"]
    after: Int64[Tensor, "batch words"]
    after_length: Int64[Tensor, " batch"]
    code: Int64[Tensor, "batch tokens"]
    code_length: Int64[Tensor, " batch"]
    title: Int64[Tensor, "batch words"]
    title_length: Int64[Tensor, " batch"]
    blocks: Int64[Tensor, " batch"]
    target: Int64[Tensor, " batch"]


class Words:
    """New numbers for the numbers that training blocks hold twice or more, in the order of these; all others are
    UNKNOWN, which training meets, too, so that its vector is learned."""

    def __init__(self, numbers: Iterable[int]) -> None:
        kept = sorted(number for number, count in Counter(numbers).items() if count >= LEAST)
        self.places = {number: place for place, number in enumerate(kept, UNKNOWN + 1)}

    def __len__(self) -> int:
        return len(self.places) + UNKNOWN + 1

    def __call__(self, numbers: Iterable[int]) -> list[int]:
        return [self.places.get(number, UNKNOWN) for number in numbers]


class SnippetView:
    """Blocks as sequences. Texts and titles share their words; `text` and `code` count from 0 to their lengths."""

    def __init__(self, train: Sequence[Block]) -> None:
        self.text = Words(
            word for block in train for part in (block.before, block.after or (), block.title) for word in part
        )
        self.code = Words(token for block in train for token in block.code)

    def collate(self, blocks: Sequence[Block]) -> SnippetBatch:
        before = _padded([self.text(block.before[:MOST_TEXT]) for block in blocks])
        after = _padded([self.text((block.after or ())[:MOST_TEXT]) for block in blocks])
        code = _padded([self.code(block.code[:MOST_CODE]) for block in blocks])
        title = _padded([self.text(block.title[:MOST_TITLE]) for block in blocks])
        count = torch.tensor([2 if block.after is None else 3 for block in blocks])
        return SnippetBatch(*before, *after, *code, *title, count, torch.tensor([block.label for block in blocks]))


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    longest = max(1, *map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows]), torch.tensor([len(row) for row in rows])


class SnippetRows:
    """Blocks in memory (a `Dataset`)."""

    def __init__(self, view: SnippetView, blocks: Sequence[Block]) -> None:
        self.view, self.blocks = view, blocks

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def sizes(self) -> Int64[np.ndarray, " blocks"]:
        return np.array([len(block.code) for block in self.blocks])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None) -> SnippetBatch:
        """These blocks; nothing is sampled."""
        return self.view.collate([self.blocks[int(place)] for place in index])


def grams(block: Block, *, code: bool = True, text: bool = True) -> Counter[Gram]:
    """Words and neighbouring pairs of the fields that are looked at, and, with the text, where the block stands."""
    fields: dict[str, Sequence[int]] = {}
    if text:
        fields |= {"before": block.before, "after": block.after or ()}
    if code:
        fields |= {"code": block.code, "title": block.title}
    found: Counter[Gram] = Counter()
    for name, words in fields.items():
        found.update((name, word) for word in words)
        found.update((name, *pair) for pair in pairwise(words))
    if text:
        found["place", min(block.place, MOST_PLACES)] += 1
        found["last", block.after is None] += 1
    return found


class GramBatch(NamedTuple):
    """Rows of weighted n-grams one after the other, as an EmbeddingBag reads them."""

    ids: Int64[Tensor, " grams"]
    offsets: Int64[Tensor, " rows"]
    weights: Tensor  # as many as ids


class TfIdf:
    """Weights of n-grams, rows of length 1: (1 + log count) · (1 + log((1 + N) / (1 + d))) for d of N training rows.

    N-grams that fewer than `least` training rows have are left out."""

    def __init__(self, train: Sequence[Counter[Gram]], least: int = LEAST) -> None:
        having = Counter(gram for row in train for gram in row)
        kept = sorted((gram for gram, count in having.items() if count >= least), key=repr)
        self.places = {gram: place for place, gram in enumerate(kept)}
        self.rarity = np.array([1 + math.log((1 + len(train)) / (1 + having[gram])) for gram in kept])

    def __len__(self) -> int:
        return len(self.places)

    def __call__(self, rows: Sequence[Counter[Gram]]) -> GramBatch:
        ids: list[np.ndarray] = []
        weights: list[np.ndarray] = []
        for row in rows:
            known = [(self.places[gram], count) for gram, count in row.items() if gram in self.places]
            own = np.array([place for place, _ in known], np.int64)
            values = np.array([1 + math.log(count) for _, count in known]) * self.rarity[own]
            ids.append(own)
            weights.append(values / (np.linalg.norm(values) or 1.0))
        offsets = np.cumsum([0, *map(len, ids)])[:-1]
        return GramBatch(
            torch.from_numpy(np.concatenate(ids)), torch.from_numpy(offsets), torch.from_numpy(np.concatenate(weights))
        )
