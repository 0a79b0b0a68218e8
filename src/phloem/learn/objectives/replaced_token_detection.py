"""Replaced token detection: some units are replaced by plausible others, and the model says of every unit whether it
is the original.

Clark et al., "ELECTRA" (2020); for text and code with two fixed generators, Feng et al., "CodeBERT" (2020, equations 4
to 8). With the chosen places m_w of the text and m_c of the code, the corrupted sequence x has samples of the text's
generator at m_w and of the code's at m_c. The target is d(i) = 1 where x_i is the unit that stood there, also where a
generator happened to draw it, and the loss is the binary cross-entropy over all real places,

    L = -mean_i [ d(i) log p(i) + (1 - d(i)) log(1 - p(i)) ]

As no text is needed, code alone is of use.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.masked_lm import SHARE, choose
from phloem.nn.models.text_encoder import TextPairs


class Generator(Protocol):
    """Draws a unit for each chosen place, in row-major order, from the `own` units around it."""

    def sample(
        self,
        tokens: Int[np.ndarray, "batch time"],
        chosen: Bool[np.ndarray, "batch time"],
        own: Bool[np.ndarray, "batch time"],
        rng: np.random.Generator,
    ) -> Int64[np.ndarray, " chosen"]: ...


class Corrupted(NamedTuple):
    tokens: Int64[Tensor, "batch time"]
    original: Bool[Tensor, "batch time"]  # d; padding is True


class ReplacedTokenDetection:
    """The objective of a `TextEncoder` on `TextPairs`."""

    def __init__(self, text_generator: Generator, code_generator: Generator, *, share: float = SHARE) -> None:
        self.generators = (text_generator, code_generator)
        self.share = share

    def corrupt(self, batch: TextPairs) -> Corrupted:
        """Samples put in; what is drawn follows torch's generator."""
        rng = np.random.default_rng(int(torch.randint(1 << 62, ())))
        tokens = batch.tokens.cpu().numpy()
        corrupted = tokens.copy()
        for generator, own in zip(self.generators, (batch.text, batch.code), strict=True):
            chosen = choose(own, self.share).cpu().numpy()
            corrupted[chosen] = generator.sample(tokens, chosen, own.cpu().numpy(), rng)
        replaced = torch.from_numpy(corrupted).to(batch.tokens.device)
        return Corrupted(replaced, replaced == batch.tokens)

    def __call__(self, model: Any, batch: TextPairs) -> Loss:
        corrupted = self.corrupt(batch)
        logits = model.original(model(corrupted.tokens, batch.lengths))
        real = batch.real()
        target = corrupted.original[real]
        value = binary_cross_entropy_with_logits(logits[real], target.to(logits.dtype))
        return Loss(value, {"replaced": float((~target).sum())})
