"""Copying: the target is the source, a random string. What a model that keeps only a state must squeeze through it.

The distance between a source word and its copy is the same for all words if the source is read forward; reversal makes
it one for the first word, three for the second, and so on: the same on average, but the first words are close, and
what is learned of them helps with the next ones (Sutskever et al. 2014, section 3.3).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import nn

from phloem.represent.base import START, fixed_batches
from phloem.represent.token_view import TokenBatch, token_batch

FIRST_SYMBOL = START + 1
EVALUATED_AT_ONCE = 64


class Copying:
    """Random strings as a `Dataset`: drawn afresh in training, fixed ones in evaluation."""

    def __init__(self, *, length: int = 20, symbols: int = 10, examples: int = 256, seed: int = 0) -> None:
        """Strings of `length` symbols out of `symbols`; `examples` of them make an epoch."""
        self.length, self.symbols = length, symbols
        self.fixed = self._strings(np.random.default_rng(seed), examples)

    def _strings(self, rng: np.random.Generator, count: int) -> Int64[np.ndarray, "count length"]:
        return rng.integers(FIRST_SYMBOL, self.vocabulary, (count, self.length))

    @property
    def vocabulary(self) -> int:
        return FIRST_SYMBOL + self.symbols

    def __len__(self) -> int:
        return len(self.fixed)

    @property
    def sizes(self) -> Int64[np.ndarray, examples]:
        return np.full(len(self), self.length)

    def batch(self, index: Int[np.ndarray, batch], rng: np.random.Generator | None) -> TokenBatch:
        """As many strings as `index` has, as sources and as targets: new ones from `rng`, or the fixed ones."""
        strings = self.fixed[index] if rng is None else self._strings(rng, len(index))
        lengths = np.full(len(index), self.length)
        return token_batch(strings, lengths, np.pad(strings, ((0, 0), (0, 1))))


@torch.no_grad()
def hits(model: nn.Module, dataset: Copying) -> Float[np.ndarray, "examples 2"]:
    """For each fixed string (symbols and end mark found under teacher forcing, how many there are)."""
    training = model.training
    model.eval()
    right = [
        (model(batch).argmax(dim=2) == batch.target).sum(dim=1).double().numpy()
        for batch in fixed_batches(dataset, EVALUATED_AT_ONCE)
    ]
    model.train(training)
    found = np.concatenate(right)
    return np.stack([found, np.full_like(found, dataset.length + 1)], axis=1)
