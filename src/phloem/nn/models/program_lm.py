"""A language model of programs: a text of examples is read, then the program is written, one word a token.

Jin and Rinard ("Evidence of Meaning in Language Models Trained on Programs", ICML 2024) train a CodeGen-like decoder on
such texts. Here the blocks are GPT-2's. What is probed is the mean over the layers of the vector at a token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.models.gpt2 import Gpt2, Gpt2Config, PastState
from phloem.represent.base import PAD

Allowed = Callable[[Sequence[tuple[int, ...]]], Bool[Tensor, "rows vocabulary"]]
"""Of words written so far, a row each: which tokens may follow. PAD ends a row."""


class ProgramText(NamedTuple):
    """Texts, padded on the right; `prompt` tokens of each are given, what follows is predicted, the end mark (PAD)
    too. `target` is what follows, so that searches can count the rows."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, "batch steps"]
    prompt: int


class ProgramLM(nn.Module):
    """A `Decodable` over prompts; `causal` is for losses of the next unit."""

    def __init__(self, vocabulary: int, *, width: int, layers: int, heads: int, places: int) -> None:
        super().__init__()
        self.inner = Gpt2(
            Gpt2Config(vocabulary, width, layers, heads, 4 * width, places, begin=PAD, end=PAD),
        )

    def causal(
        self, batch: ProgramText
    ) -> tuple[Int64[Tensor, "batch time"], Int64[Tensor, " batch"], Float[Tensor, "batch time vocabulary"], int]:
        """Units, lengths, the logits of the unit after each, and the first place of the program."""
        return batch.tokens, batch.lengths, self.inner.logits(self.inner(batch.tokens)), batch.prompt

    @torch.inference_mode()
    def features(self, batch: ProgramText) -> Float[Tensor, "batch time width"]:
        """The mean over the blocks of each token's vector."""
        return torch.stack(self.inner.states(batch.tokens)[1:]).mean(0)

    def start(self, source: ProgramText) -> PastState:
        return self.inner.start(source)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: PastState
    ) -> tuple[Float[Tensor, "rows vocabulary"], PastState]:
        return self.inner.next(tokens, state)

    def reorder(self, state: PastState, index: Int64[Tensor, " rows"]) -> PastState:
        return self.inner.reorder(state, index)

    def trace(self, state: PastState) -> None:
        return None


class ConstrainedState(NamedTuple):
    inner: Any
    words: tuple[tuple[int, ...], ...]
    begun: bool


class Constrained:
    """A `Decodable` whose tokens are those that `allowed` allows; the others get the log probability -∞."""

    def __init__(self, model: Any, allowed: Allowed) -> None:
        self.model, self.allowed = model, allowed

    def start(self, source: Any) -> ConstrainedState:
        return ConstrainedState(self.model.start(source), ((),) * len(source.target), False)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: ConstrainedState
    ) -> tuple[Float[Tensor, "rows vocabulary"], ConstrainedState]:
        words = state.words
        if state.begun:
            words = tuple((*row, token) for row, token in zip(words, tokens.tolist(), strict=True))
        logits, inner = self.model.next(tokens, state.inner)
        masked = logits.masked_fill(~self.allowed(words).to(logits.device), -torch.inf)
        return masked, ConstrainedState(inner, words, True)

    def reorder(self, state: ConstrainedState, index: Int64[Tensor, " rows"]) -> ConstrainedState:
        inner = self.model.reorder(state.inner, index)
        return ConstrainedState(inner, tuple(state.words[i] for i in index.tolist()), state.begun)

    def trace(self, state: ConstrainedState) -> Any:
        return self.model.trace(state.inner)
