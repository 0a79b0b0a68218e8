"""Is a value a part of a solution? A multi-layer perceptron over property signatures.

    p = sigmoid(w · relu(B relu(A x + a) + b) + c)        x: one-hot, 206 features of 5 categories

BUSTLE (Odena et al., ICLR 2021, section 3): the signature of the examples and that of the value, one-hot, two hidden
layers, one logit. A one-hot vector times a matrix is a sum of its rows, so the first layer is a table that is looked
up. `synthesis.guides.LearnedCost` computes the same without torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8, Int64
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CATEGORIES = 206, 5
HIDDEN = (128, 64)


class SignatureBatch(NamedTuple):
    """Signatures, and 1 for useful values."""

    signatures: Int64[Tensor, "batch 206"]
    target: Float[Tensor, "batch"]


class SignatureDataset:
    """Labelled signatures as a `Dataset`."""

    def __init__(self, signatures: Int8[np.ndarray, "values 206"], useful: Bool[np.ndarray, "values"]) -> None:
        self.signatures, self.useful = signatures, useful

    def __len__(self) -> int:
        return len(self.useful)

    @property
    def sizes(self) -> Int[np.ndarray, "values"]:
        return np.ones(len(self), np.int64)

    def batch(self, index: Int[np.ndarray, "batch"], rng: np.random.Generator | None) -> SignatureBatch:
        return SignatureBatch(
            torch.from_numpy(self.signatures[index].astype(np.int64)),
            torch.from_numpy(self.useful[index].astype(np.float32)),
        )


class ValueClassifier(nn.Module):
    """Logits of values being useful."""

    places: Tensor

    def __init__(self, hidden: tuple[int, int] = HIDDEN, *, features: int = FEATURES, dropout: float = 0.0) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(features * CATEGORIES, hidden[0], mode="sum")
        nn.init.normal_(self.table.weight, std=features**-0.5)
        self.bias = nn.Parameter(torch.zeros(hidden[0]))
        self.second = nn.Linear(*hidden)
        self.last = nn.Linear(hidden[1], 1)
        self.dropout = dropout
        self.register_buffer("places", torch.arange(features) * CATEGORIES, persistent=False)

    def forward(self, batch: SignatureBatch) -> Float[Tensor, "batch"]:
        """The logits of a batch's values."""
        first = F.relu(self.table(batch.signatures + self.places) + self.bias)
        second = F.relu(self.second(F.dropout(first, self.dropout, self.training)))
        return self.last(F.dropout(second, self.dropout, self.training))[:, 0]

    def weights(self) -> dict[str, Float[np.ndarray, "..."]]:
        """The weights as arrays, as `LearnedCost` takes them."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}


@torch.no_grad()
def accuracy(model: nn.Module, dataset: SignatureDataset) -> dict[str, float]:
    """The share of values that are judged right, and the mean cross-entropy."""
    batch = dataset.batch(np.arange(len(dataset)), None)
    logits = model(batch)
    right = ((logits > 0) == (batch.target > 0.5)).double().mean()
    return {"accuracy": float(right), "loss": float(F.binary_cross_entropy_with_logits(logits, batch.target))}


def judged_right(
    probabilities: Float[np.ndarray, "values"], useful: Bool[np.ndarray, "values"]
) -> Float[np.ndarray, "values"]:
    """1 for each value whose probability lies on the right side of a half."""
    return ((np.asarray(probabilities) > 0.5) == useful).astype(float)
