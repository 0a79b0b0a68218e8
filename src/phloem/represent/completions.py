"""Prompts and their completions as units of a closed alphabet, for models that only decode.

A row is `prompt completion <end>`; only the completion and its end are learned. Rows of a batch are padded on the
right. The alphabet is known in advance (digits, operators, words of a trace), so nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from phloem.errors import PhloemError
from phloem.represent.base import PAD
from phloem.represent.token_view import TokenBatch, padded, token_batch

MARKS = ("<end>", "<unknown>", "<start>")  # the ids PAD, UNK and START

Pair = tuple[list[int], list[int]]  # a prompt and a completion, without the end


class Symbols:
    """A closed alphabet behind the three marks."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = (*MARKS, *dict.fromkeys(symbols))
        self.ids = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, symbols: Iterable[str]) -> list[int]:
        """The ids of symbols; of a text, of its characters. Raises PhloemError for a symbol out of the alphabet."""
        try:
            return [self.ids[symbol] for symbol in symbols]
        except KeyError as unknown:
            raise PhloemError(f"the symbol {unknown} is not in the alphabet") from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        return [self.symbols[number] for number in ids]


class Completions(NamedTuple):
    """Padded rows; `learned` says which units are targets (the unit itself, not the place that predicts it)."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    learned: Bool[Tensor, "batch time"]

    def to(self, device: torch.device | str) -> Completions:
        """The batch on another device."""
        return Completions(*(part.to(device) for part in self))


def completions(pairs: Sequence[Pair]) -> Completions:
    """A batch of prompts with their completions, each ended by PAD; PAD behind is not learned."""
    rows = [np.array([*prompt, *completion, PAD], np.int64) for prompt, completion in pairs]
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = padded(np.concatenate(rows), lengths.cumsum() - lengths, lengths)
    place = np.arange(tokens.shape[1])
    prompts = np.array([len(prompt) for prompt, _ in pairs])
    learned = (place >= prompts[:, None]) & (place < lengths[:, None])
    return Completions(torch.from_numpy(tokens), torch.from_numpy(lengths), torch.from_numpy(learned))


def prompts(units: Sequence[Sequence[int]]) -> TokenBatch:
    """A batch that decoding goes on from. Raises ValueError for an empty prompt."""
    if not all(units):
        raise ValueError("an empty prompt has no last unit to go on from")
    lengths = np.array([len(row) for row in units], np.int64)
    flat = np.concatenate([np.asarray(row, np.int64) for row in units])
    nothing = np.zeros((len(units), 1), np.int64)
    return token_batch(padded(flat, lengths.cumsum() - lengths, lengths), lengths, nothing)


@dataclass(frozen=True)
class Drawn:
    """A `Dataset` of `count` examples an epoch that are always drawn afresh."""

    count: int
    draw: Callable[[np.random.Generator], Pair]

    def __len__(self) -> int:
        return self.count

    @property
    def sizes(self) -> Int[np.ndarray, "examples"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> Completions:
        """As many examples as `index` has: new ones from `rng`, or always the same."""
        source = np.random.default_rng(0) if rng is None else rng
        return completions([self.draw(source) for _ in index])
