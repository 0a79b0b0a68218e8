"""What a function's source offers to a writer that copies: its distinct subtokens, and how copies are numbered.

See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator Networks", ACL 2017, section 2.2: a
writer with V words of its own writes, for one source, out of its vocabulary and the words of that source. A subtoken
that is a word of the vocabulary has that word's id; the k-th of the others has the id V + k, which means something for
this source alone, so that a copy is resolved from the example that it was made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int64

from phloem.represent.base import PAD, UNK
from phloem.represent.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Copies(NamedTuple):
    """The subtokens that each example of a batch offers, PAD behind.

    `words[b, i]` is what copying place i writes; at places that offer nothing it is one past the last id. `beyond` are
    the subtokens that no word of the vocabulary has: the k-th of them is written as id V + k.
    """

    subtokens: Int64[Tensor, "batch places"]
    occurrences: Float32[Tensor, "batch places"]  # log(1 + how many ends of contexts have it)
    words: Int64[Tensor, "batch places"]
    beyond: Int64[Tensor, "batch extra"]

    def to(self, device: torch.device | str) -> Copies:
        """The same on another device."""
        return Copies._make(part.to(device) for part in self)


class Copying:
    """Numbers the copies of a view: `values` is read, `words` is written."""

    def __init__(self, values: Vocabulary, words: Vocabulary) -> None:
        self.values, self.words = values, words
        self.size = len(words)
        # Of each subtoken: the word that it is, `size` if no word is it, UNK where it isn't one that texts have.
        self._word = np.array(
            [(words.id(text) if text in words else self.size) if _is_word(text) else UNK for text in values.words],
            np.int64,
        )

    def offered(
        self,
        offsets: Int[np.ndarray, batch + 1],
        ends: Int[np.ndarray, "contexts 2"],
        bags: Int[np.ndarray, " subtokens"],
        bag_offsets: Int[np.ndarray, " bags"],
    ) -> Any:
        """The `Copies` of a batch, of arrays: contexts by example, the bags of their ends, the bags' subtokens."""
        examples, count = len(offsets) - 1, len(bag_offsets)
        row = np.repeat(np.arange(examples), np.diff(offsets))
        pairs, times = np.unique((row[:, None] * count + ends).ravel(), return_counts=True)
        sizes = np.diff(np.append(bag_offsets, len(bags)))[pairs % count] if len(pairs) else np.empty(0, np.int64)
        first = bag_offsets[pairs % count] - (np.cumsum(sizes) - sizes)
        found = bags[np.arange(sizes.sum()) + np.repeat(first, sizes)]
        key = np.repeat(pairs // max(count, 1), sizes) * len(self._word) + found
        distinct, place = np.unique(key[self._word[found] != UNK], return_inverse=True)
        total = np.bincount(place, np.repeat(times, sizes)[self._word[found] != UNK], len(distinct))
        owner, subtoken = np.divmod(distinct, len(self._word))
        word = self._word[subtoken]
        new = word == self.size
        beyond = _rows(subtoken[new], owner[new], examples, PAD)
        word[new] += _ranks(owner[new])
        made: Any = Copies
        return made(
            _rows(subtoken, owner, examples, PAD),
            _rows(np.log1p(total).astype(np.float32), owner, examples, 0),
            _rows(word, owner, examples, self.size + beyond.shape[1]),
            beyond,
        )

    def targets(
        self,
        target: Int[np.ndarray, "batch time"],
        spelled: Int[np.ndarray, "batch time"],
        beyond: Int[np.ndarray, "batch extra"],
    ) -> Int64[np.ndarray, "batch time"]:
        """Targets in which unknown words that the source offers have their copy's id; `spelled` are subtokens."""
        target = target.astype(np.int64)
        if beyond.shape[1]:
            same = (beyond[:, None, :] == spelled[:, :, None]) & ((target == UNK) & (spelled != UNK))[:, :, None]
            target = np.where(same.any(axis=2), self.size + same.argmax(axis=2), target)
        return target

    def spelled(self, words: list[list[str]], time: int) -> Int64[np.ndarray, "batch time"]:
        """The subtokens that the words of targets are, UNK where they are none."""
        rows = np.full((len(words), time), UNK, np.int64)
        for row, each in zip(rows, words, strict=True):
            ids = self.values.ids(each[: time - 1])
            row[: len(ids)] = ids
        return rows

    def text(self, number: int, beyond: Int[np.ndarray, " extra"]) -> str:
        """What the id `number` ≥ V says of a source with these subtokens beyond the vocabulary; "" for none."""
        place = number - self.size
        known = place < len(beyond) and int(beyond[place]) != PAD
        return self.values.words[int(beyond[place])] if known else ""


def _is_word(text: str) -> bool:
    """Whether prose can have it: lower-case letters only, so no number and no mark such as METHOD_NAME."""
    return text.isalpha() and text.islower()


def _ranks(owner: Int[np.ndarray, " items"]) -> Int64[np.ndarray, " items"]:
    """The number of each item among those of its owner; owners ascend."""
    return np.arange(len(owner)) - np.searchsorted(owner, owner)


def _rows(items: np.ndarray, owner: Int[np.ndarray, " items"], rows: int, empty: int) -> np.ndarray:
    """Items as rows by owner, `empty` behind."""
    place = _ranks(owner)
    table = np.full((rows, int(place.max(initial=-1)) + 1), empty, items.dtype)
    table[owner, place] = items
    return table
