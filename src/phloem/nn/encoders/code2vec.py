"""Code2vec: a bag of path contexts becomes one vector.

Alon, Zilberstein, Levy and Yahav, "code2vec: Learning Distributed Representations of Code", POPL 2019, section 4.
Values and whole paths are atoms with a vector each; with a context (a, p, b)

    c_i = tanh(W [E_value[a] ; E_path[p] ; E_value[b]])
    α_i = softmax_i(c_i · v)        code = Σ_i α_i c_i

The product with W is split by its three parts and made on distinct values and paths, as in the encoder of code2seq.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from phloem.nn.dropout import dropout
from phloem.nn.encoders.paths import add_parts, fan_out_uniform_, tanh
from phloem.nn.mixers.cross_attention import attend, memory_of
from phloem.represent.path_batch import PathBatch


class Code2VecEncoder(nn.Module):
    """A vector an example, of width `out`. Dropout stands on the vectors of distinct values and paths of a batch."""

    def __init__(self, values: int, paths: int, *, width: int = 128, out: int = 384, drop: float = 0.25) -> None:
        super().__init__()
        self.values = nn.EmbeddingBag(values, width, mode="sum")
        self.paths = nn.EmbeddingBag(paths, width, mode="sum")
        self.combine = nn.Linear(3 * width, out, bias=False)
        self.attention = nn.Parameter(fan_out_uniform_(torch.empty(1, out)).squeeze(0))
        self.drop = drop
        for table in (self.values.weight, self.paths.weight):
            fan_out_uniform_(table)
        nn.init.xavier_uniform_(self.combine.weight)

    def forward(self, batch: PathBatch) -> tuple[Float[Tensor, "batch out"], Float[Tensor, "batch positions"]]:
        """Vectors, and the attention over each example's contexts (padded with zeros)."""
        to_left, to_path, to_right = self.combine.weight.chunk(3, dim=1)
        values = self.values(batch.bag_ids, batch.bag_offsets)
        paths = self.paths(batch.paths[:, 0], torch.arange(len(batch.paths), device=batch.paths.device))
        drop = self.drop if self.training else 0.0
        left, right = (functional.linear(dropout(values, drop), side) for side in (to_left, to_right))
        path = functional.linear(dropout(paths, drop), to_path)
        contexts = tanh(add_parts((left, path, right), (batch.left, batch.path, batch.right)))
        memory = memory_of(contexts, batch.offsets)
        rows = torch.arange(len(memory.vectors), device=contexts.device)
        attention, code = attend(self.attention.expand(len(rows), -1), memory, rows)
        return code, attention
