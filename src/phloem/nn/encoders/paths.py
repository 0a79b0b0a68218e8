"""The encoder of code2seq: a bag of path contexts becomes a bag of vectors.

Alon, Brody, Levy and Yahav, "code2seq: Generating Sequences from Structured Representations of Code", ICLR 2019,
section 3.2. A context is (left value a, node labels n_1 … n_l, right value b). With s the subtokens of a value,

    tok(w)  = Σ_s E_sub[s]                                           one table for both ends
    path    = [h→_l ; h←_1]        h→, h← an LSTM's states over E_node[n_1] … E_node[n_l], forward and backward
    z       = tanh(W_in [tok(a) ; path ; tok(b)])                    no bias

A batch says each thing once (`PathBatch`): distinct values are summed once, distinct prefixes of paths (read
forward) and of reversed paths are nodes of two tries and pass the LSTM once (`trie_lstm`), and as W_in [tok(a);
path; tok(b)] = W_a tok(a) + W_p path + W_b tok(b), the products are made on distinct values and paths and then
gathered and added. All of this is exact. `encode_naive` is the equations as they stand.

Dropout stands on [tok(a); path; tok(b)]. The release draws it for each context, which forces the product for each
context. `shared_dropout` draws it for each distinct value (once as a left, once as a right end) and each distinct
path of a batch: an element is dropped with the same probability, but all contexts of the batch that share the path
drop the same elements of it.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from phloem.nn.dropout import dropout
from phloem.nn.encoders.trie_lstm import sum_by_row, tanh_backward, trie_lstm
from phloem.represent.path_batch import PathBatch


class PathEncoder(nn.Module):
    """Contexts to vectors; `width` is that of subtokens, `nodes` of node labels, `path` of each LSTM direction."""

    def __init__(
        self,
        subtokens: int,
        labels: int,
        *,
        width: int = 128,
        nodes: int = 128,
        path: int = 128,
        out: int = 320,
        drop: float = 0.25,
        shared_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.subtokens = nn.EmbeddingBag(subtokens, width, mode="sum")
        self.nodes = nn.Embedding(labels, nodes)
        self.lstm = nn.LSTM(nodes, path, bidirectional=True, batch_first=True)
        self.combine = nn.Linear(2 * width + 2 * path, out, bias=False)
        self.drop = drop
        self.shared_dropout = shared_dropout
        for table in (self.subtokens.weight, self.nodes.weight):
            fan_out_uniform_(table)
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias"):  # the release's cell adds 1 to the forget gate
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):
                    nn.init.ones_(parameter[path : 2 * path])
            else:
                nn.init.xavier_uniform_(parameter)
        nn.init.xavier_uniform_(self.combine.weight)

    def forward(self, batch: PathBatch) -> Float[Tensor, "contexts out"]:
        values = self.subtokens(batch.bag_ids, batch.bag_offsets)
        paths = self.encode_paths(batch)
        if self.drop and self.training and not self.shared_dropout:
            ends = gather(values, batch.left), gather(values, batch.right)
            context = torch.cat([ends[0], gather(paths, batch.path), ends[1]], dim=1)
            return tanh(self.combine(dropout(context, self.drop)))
        drop = self.drop if self.training else 0.0
        width = values.shape[1]
        to_left, to_path, to_right = self.combine.weight.split([width, paths.shape[1], width], dim=1)
        left = functional.linear(dropout(values, drop), to_left)
        right = functional.linear(dropout(values, drop), to_right)
        path = functional.linear(dropout(paths, drop), to_path)
        return tanh(add_parts((left, path, right), (batch.left, batch.path, batch.right)))

    def encode_paths(self, batch: PathBatch) -> Float[Tensor, "paths 2*path"]:
        """The last states of both directions for the distinct paths of a batch, through their tries."""
        ends = []
        for trie, side in ((batch.prefixes, ""), (batch.suffixes, "_reverse")):
            into, recurrent, bias, more = (
                getattr(self.lstm, f"{name}_l0{side}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            table = functional.linear(self.nodes.weight, into, bias + more)
            ends.append(gather(trie_lstm(trie, table, recurrent), trie.ends))
        return torch.cat(ends, dim=1)

    def encode_paths_naive(
        self, paths: Int64[Tensor, "paths nodes"], lengths: Int64[Tensor, " paths"]
    ) -> Float[Tensor, "paths 2*path"]:
        """The same, path by path through `torch.nn.LSTM`."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.nodes(paths), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)
        return rearrange(last, "direction paths width -> paths (direction width)")

    def encode_naive(self, batch: PathBatch) -> Float[Tensor, "contexts out"]:
        """The equations context by context, without dropout: what `forward` must equal in evaluation."""
        values = self.subtokens(batch.bag_ids, batch.bag_offsets)
        paths = self.encode_paths_naive(batch.paths[batch.path], batch.path_lengths[batch.path])
        return torch.tanh(self.combine(torch.cat([values[batch.left], paths, values[batch.right]], dim=1)))


def fan_out_uniform_(table: Tensor) -> Tensor:
    """Variance scaling by fan-out, uniform (the release's embeddings): ±sqrt(3 / width)."""
    bound = (3 / table.shape[1]) ** 0.5
    return nn.init.uniform_(table, -bound, bound)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = len(table)
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, " None"]:
        (index,) = ctx.saved_tensors
        return sum_by_row(upstream[0].contiguous(), index, ctx.rows), None


def gather(table: Float[Tensor, "rows width"], index: Int64[Tensor, " items"]) -> Float[Tensor, "items width"]:
    """`table[index]`, with the gradient's rows summed sorted instead of one by one."""
    return _Gather.apply(table, index)


class _GatherSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = len(table)
        return functional.embedding_bag(index, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        order = index.view(-1).argsort(stable=True)
        rows = torch.arange(ctx.rows, device=index.device)
        offsets = torch.searchsorted(index.view(-1)[order], rows)
        return functional.embedding_bag(order // index.shape[1], upstream[0], offsets, mode="sum"), None


def add_parts(
    tables: tuple[Float[Tensor, "_rows width"], ...], indices: tuple[Int64[Tensor, " items"], ...]
) -> Float[Tensor, "items width"]:
    """Σ_k tables[k][indices[k]], the tables laid one below the other so that each item is read and written once."""
    starts = accumulate((len(table) for table in tables[:-1]), initial=0)
    index = torch.stack([part + start for part, start in zip(indices, starts, strict=True)], dim=1)
    return _GatherSum.apply(torch.cat(tables), index)


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.sigmoid(2 * x).mul_(2).sub_(1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return tanh_backward(upstream[0], y)


def tanh(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """tanh as 2 σ(2x) − 1: equal to a rounding (absolute), several times as fast on CPUs."""
    return _Tanh.apply(x)
