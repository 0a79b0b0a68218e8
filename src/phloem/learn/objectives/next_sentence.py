"""Does the second text follow the first? (Devlin et al., "BERT", 2019, section 3.1; on lines of code: Kanade et al.,
"Learning and Evaluating Contextual Embedding of Source Code", 2020, section 2.3, a logical line being a sentence.)

Half of the pairs are neighbours, in the other half the second text is of somewhere else; a logistic regression over the
state of [CLS] tells them apart:  loss = -log sigma(± w · h_0)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from phloem.learn.objectives.base import Loss
from phloem.learn.objectives.masked_lm import SHARE, choose, hidden
from phloem.nn.models.text_encoder import TextPairs


class LinePairs(NamedTuple):
    """Pairs of runs of lines; `follows` marks those that are neighbours."""

    pairs: TextPairs
    follows: Bool[Tensor, " batch"]


def next_sentence_loss(logits: Float[Tensor, " batch"], follows: Bool[Tensor, " batch"]) -> Float[Tensor, ""]:
    """The mean cross-entropy."""
    return binary_cross_entropy_with_logits(logits, follows.to(logits.dtype))


class MaskedLinePairs:
    """BERT's objective: masked units and next sentence, from one pass over the corrupted pairs.

    The model has `encode(tokens, lengths)`, `words(states)` and `follows(states)`."""

    def __init__(self, units: int, share: float = SHARE) -> None:
        self.units, self.share = units, share

    def __call__(self, model: Any, batch: LinePairs) -> Loss:
        pairs = batch.pairs
        chosen = choose(pairs.text | pairs.code, self.share)
        states = model.encode(hidden(pairs.tokens, chosen, self.units), pairs.lengths)
        following = next_sentence_loss(model.follows(states), batch.follows)
        if not chosen.any():
            return Loss(following, {"next": float(following.detach())})
        masked = cross_entropy(model.words(states[chosen]), pairs.tokens[chosen])
        return Loss(masked + following, {"masked": float(masked.detach()), "next": float(following.detach())})
