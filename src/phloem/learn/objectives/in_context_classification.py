"""In-context classification: are all snippets of a window from one repository?

Gurioli et al. (2025): windows are filled with whole snippets, of one repository or of several, and the pooled state
says which, by cross-entropy over the two. What a long context holds together has to be understood for that.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from phloem.nn.models.multi_exit_encoder import MultiExitEncoder
from phloem.represent.repository_windows import WindowBatch


def repository_loss(
    model: MultiExitEncoder, states: Float[Tensor, "batch time width"], batch: WindowBatch, number: int
) -> Float[Tensor, ""]:
    """The loss of exit `number`, whose states are given."""
    return cross_entropy(model.same_repository(states, batch.real, number), batch.one_repository.long())
