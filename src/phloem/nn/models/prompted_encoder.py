"""Classification as filling a mask, with learned prompts in the input.

Cui et al. (2024), after Liu et al., "GPT Understands, Too" (2021). m vectors, read by a bidirectional LSTM of two
layers and a net of two layers (or by such a net alone), stand in place of the unit vectors at the slots of a sequence;
places are added by the model as everywhere. The word head at <mask> answers: of its logits those of the answer words
count, and a label with several words has their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phloem.nn.models.roberta import Roberta
from phloem.represent.byte_pairs import MASK, BytePairs
from phloem.represent.prompt_template import PromptBatch


class PromptEncoder(nn.Module):
    """`slots` vectors of a model's width."""

    def __init__(self, slots: int, width: int, *, recurrent: bool = True) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(slots, width) * 0.02)
        self.lstm = nn.LSTM(width, width, num_layers=2, bidirectional=True, batch_first=True) if recurrent else None
        self.up = nn.Linear(2 * width if recurrent else width, width)
        self.out = nn.Linear(width, width)

    def forward(self) -> Float[Tensor, "slots width"]:
        x = self.vectors
        if self.lstm is not None and len(x):
            x = self.lstm(x[None])[0][0]
        elif self.lstm is not None:
            return self.vectors
        return cast(Tensor, self.out(torch.relu(self.up(x))))


class PromptedEncoder(nn.Module):
    """Logits of labels. With `frozen` the prompts alone are trained."""

    def __init__(
        self,
        roberta: Roberta,
        slots: int,
        verbalizer: Sequence[Sequence[int]],
        *,
        recurrent: bool = True,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.roberta = roberta
        self.prompts = PromptEncoder(slots, roberta.width, recurrent=recurrent)
        self.verbalizer = [list(words) for words in verbalizer]
        if frozen:
            roberta.requires_grad_(False)

    def embed(self, batch: PromptBatch) -> Float[Tensor, "batch time width"]:
        """Unit vectors with prompts at the slots."""
        x = self.roberta.embed(batch.tokens)
        if not len(self.prompts.vectors):
            return x
        prompts = self.prompts()[batch.slots.clamp(min=0)]
        return torch.where((batch.slots >= 0)[:, :, None], prompts, x)

    def forward(self, batch: PromptBatch) -> Float[Tensor, "batch labels"]:
        states = self.roberta(None, None, batch.lengths, self.embed(batch))
        logits = self.roberta.logits(states[batch.tokens == MASK])
        return torch.stack([logits[:, words].mean(dim=1) for words in self.verbalizer], dim=1)


def verbalized(units: BytePairs, words: Sequence[Sequence[str]]) -> list[list[int]]:
    """The units of answer words, label by label. Raises ValueError for a word that is more than one unit."""
    found = [[units.encode(" " + word) for word in own] for own in words]
    for own, many in zip(words, found, strict=True):
        for word, unit in zip(own, many, strict=True):
            if len(unit) != 1:
                raise ValueError(f"the answer word {word!r} is {len(unit)} units, it must be one")
    return [[unit[0] for unit in many] for many in found]
