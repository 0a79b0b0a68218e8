"""An encoder of RoBERTa's shape with the two heads that it is pretrained by.

The word head is RoBERTa's own; the originality head says whether the unit at a place is the original (Clark et al.,
"ELECTRA", 2020; Feng et al., "CodeBERT", 2020). The hub's layout holds the encoder without the second head.
"""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from phloem.nn.models.roberta import Roberta, RobertaConfig


class CodeEncoder(nn.Module):
    """Units to vectors; `words` and `original` are the heads over these."""

    def __init__(self, config: RobertaConfig) -> None:
        super().__init__()
        self.encoder = Roberta(config)
        self.original_dense = nn.Linear(config.width, config.width)
        self.original_out = nn.Linear(config.width, 1)

    def forward(
        self, tokens: Int64[Tensor, "batch time"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch time width"]:
        """The last block's vectors; those of padding mean nothing."""
        return self.encoder(tokens, lengths=lengths)

    def words(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places units"]:
        """Logits of the unit at each place."""
        return self.encoder.logits(states)

    def original(self, states: Float[Tensor, "*places width"]) -> Float[Tensor, "*places"]:
        """Logits that the unit at each place is the original."""
        return self.original_out(gelu(self.original_dense(states)))[..., 0]
