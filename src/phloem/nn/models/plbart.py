"""PLBART: BART's shape with languages as marks.

Ahmad et al., "Unified Pre-training for Program Understanding and Generation" (NAACL 2021, section 2). Unit vectors are
scaled by √width; the paper speaks of one more norm on top of each stack (`final_norm`), which the released weights do
not have: the norm behind a block's last sum is one already.

The mark of a sequence's language closes the source and begins the decoder's input; the target is the decoder's input
shifted left by one:

    source  x_1 … x_n <java>         decoder  <java> y_1 … y_m         target  y_1 … y_m end
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from phloem.nn.models.bart import Bart, BartConfig
from phloem.nn.models.encoder_decoder import DecoderState, EncoderDecoder


@dataclass(frozen=True)
class PlbartConfig(BartConfig):
    """BART's sizes, and whether each stack has one norm more."""

    final_norm: bool = False


class Plbart(Bart):
    """Bart with the flag of `PlbartConfig`."""

    def __init__(self, config: PlbartConfig) -> None:
        super().__init__(config)
        self.final_norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(2)) if config.final_norm else None

    def states(
        self,
        tokens: Int64[Tensor, "batch time"] | None,
        lengths: Int64[Tensor, " batch"] | None = None,
        mask: Bool[Tensor, "batch time time"] | None = None,
        *,
        embeddings: Float[Tensor, "batch time width"] | None = None,
        bias: Float[Tensor, "#batch #heads time time"] | None = None,
    ) -> list[Float[Tensor, "batch time width"]]:
        found = super().states(tokens, lengths, mask, embeddings=embeddings, bias=bias)
        return found if self.final_norms is None else [*found[:-1], self.final_norms[0](found[-1])]

    def decoded(self, x: Float[Tensor, "rows steps width"]) -> Float[Tensor, "rows steps width"]:
        return x if self.final_norms is None else self.final_norms[1](x)


class LanguageBatch(NamedTuple):
    """Sources that their language's mark closes, targets that end with PAD, and the mark that each target begins
    with."""

    tokens: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    target: Int64[Tensor, "batch steps"]
    language: Int64[Tensor, " batch"]


class LanguageState(NamedTuple):
    """The body's state; before the first step the marks to begin with."""

    inner: DecoderState
    language: Int64[Tensor, " rows"] | None


class LanguageEncoderDecoder(nn.Module):
    """A `Decodable` over `LanguageBatch`es: each row begins with its own mark."""

    def __init__(self, body: EncoderDecoder) -> None:
        super().__init__()
        self.body = body

    def forward(self, batch: LanguageBatch) -> Float[Tensor, "batch steps vocabulary"]:
        """Teacher-forced logits of the targets."""
        memory = self.body.encode(batch.tokens, batch.lengths)
        inputs = language_shifted(batch.target, batch.language)
        return self.body.logits(self.body.decode(inputs, memory, batch.lengths))

    def start(self, source: Any) -> LanguageState:
        return LanguageState(self.body.start(source), source.language)

    def next(
        self, tokens: Int64[Tensor, " rows"], state: LanguageState
    ) -> tuple[Float[Tensor, "rows vocabulary"], LanguageState]:
        logits, inner = self.body.next(tokens if state.language is None else state.language, state.inner)
        return logits, LanguageState(inner, None)

    def reorder(self, state: LanguageState, index: Int64[Tensor, " rows"]) -> LanguageState:
        language = None if state.language is None else state.language[index]
        return LanguageState(self.body.reorder(state.inner, index), language)

    def trace(self, state: LanguageState) -> None:
        """Nothing: attention is spread over heads and blocks."""
        return None


def language_shifted(
    target: Int64[Tensor, "batch steps"], language: Int64[Tensor, " batch"]
) -> Int64[Tensor, "batch steps"]:
    """What the decoder reads: the language's mark, then the target without its last position."""
    return torch.cat([language[:, None], target[:, :-1]], dim=1)
